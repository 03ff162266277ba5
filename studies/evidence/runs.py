"""The public table, and what all claims ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.robustness import Landscape, study_verdicts
from keras_lion.robustness.calibration.controls import planted_gap
from keras_lion.robustness.landscape import Value
from keras_lion.robustness.verdict import DETECTED_GAP
from keras_lion.tuning import Study, complete_runs, load_study_file, load_table

STUDIES = Path(__file__).resolve().parents[1]
RESULTS = STUDIES / "results"
TABLE = RESULTS / "runs.csv.gz"
MAIN = "learning_rate_weight_decay"


@cache
def all_runs(table: Path = TABLE) -> pd.DataFrame:
    """Every run of the public table."""
    return load_table(table)


@cache
def declared(name: str) -> Study:
    """The study of that name."""
    return load_study_file(STUDIES / f"{name}.py")


def is_declared(study: str, task: str) -> bool:
    """Whether a study still has a task: runs of its earlier forms stay in the table."""
    return task in declared(study).plans


def is_complete(study: str, task: str, preset: str = "full") -> bool:
    """Whether every declared run of the preset is in the table."""
    return complete_runs(all_runs(), declared(study), task, preset) is not None


def runs_of(study: str, task: str, preset: str = "full") -> pd.DataFrame:
    """The runs that a preset of one task declares."""
    frame = complete_runs(all_runs(), declared(study), task, preset)
    if frame is None:
        raise ValueError(
            f"{TABLE.name} lacks runs of the study {study}, task {task}, preset "
            f"{preset}. Make them with `keras-lion run`, and collect them."
        )
    return frame


def landscapes(frame: pd.DataFrame, value: Value = "score") -> dict[str, Landscape]:
    """Optimizer → its landscape, of runs of one task and condition."""
    return {
        str(name): Landscape.from_runs(frame, optimizer=str(name), value=value)
        for name in sorted(frame["optimizer"].unique())
    }


@cache
def width_errors() -> str:
    """How often the verdict on tolerance widths errs, as calibrated."""
    rates = study_verdicts.error_rates()
    false = rates[rates["event"] == "one is better"]
    found = rates[(rates["control"] == planted_gap()) & (rates["event"] == "supported")]
    worst = false.sort_values("high").to_dict("records")[-1]
    planted = found.to_dict("records")[0]
    return (
        f"names a difference that is not there in {_of_studies(worst['rate'], worst)}, "
        f"misses one of {DETECTED_GAP:g} decade in "
        f"{_of_studies(1 - planted['rate'], planted, missed=True)}"
    )


def _of_studies(rate: float, row: Mapping[Any, Any], *, missed: bool = False) -> str:
    """`0 of 200 simulated studies (a rate of at most 1.9%)`: its upper 95 % limit."""
    count, most = int(row["n"]), 1 - row["low"] if missed else row["high"]
    return (
        f"{round(rate * count)} of {count} simulated studies (a rate of at most "
        f"{most:.1%})"
    )


@cache
def law_errors() -> str:
    """How often the verdict on the product law errs, as calibrated."""
    rates = study_verdicts.error_rates()
    rates = rates[rates["control"].str.startswith("product law")]
    rates = rates[rates["event"] == "supported"]
    product = rates["control"].str.endswith("planted product")
    return (
        f"finds a planted product law in {rates.loc[product, 'rate'].min():.0%}, and "
        f"one that is not there in {rates.loc[~product, 'rate'].max():.0%}"
    )


@cache
def coverage(quantity: str, n: int, interval: str | None = None) -> str:
    """How often an interval of a quantity holds the true value with n seeds.

    Args:
        quantity: `"best score"`, `"cell mean"` or `"tolerance width"`.
        n: Number of seeds.
        interval: Kind of interval; None: the one that reports use.
    """
    table = pd.read_csv(RESULTS / "calibration" / "coverage.csv")
    chosen = table["used"] if interval is None else table["interval"] == interval
    table = table[(table["quantity"] == quantity) & chosen]
    known = table["n"].unique()
    nearest = max((each for each in known if each <= n), default=min(known))
    shares = table.loc[table["n"] == nearest, "coverage"]
    here = "" if nearest == n else f", the nearest to n={n} that was simulated"
    return f"its 95 % interval covers {shares.min():.1%} at n={nearest}{here}"


def jackknife_errors(n: int) -> str:
    """What is known of a jackknife interval whose own coverage was not simulated."""
    return (
        "a jackknife over seeds, not calibrated for this measure; for the tolerance "
        f"width {coverage('tolerance width', n)}"
    )


def hull_errors(n: int) -> str:
    """Of what is linear in best scores: changes and means over conditions."""
    return (
        f"an interval made as that of a best score ({coverage('best score', n)}), not "
        "simulated for this measure"
    )
