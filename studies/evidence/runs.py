"""The public table, and what all claims ask of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from keras_lion.robustness import Landscape, study_findings
from keras_lion.robustness.landscape import Value
from keras_lion.tuning.runs_table import load_table
from keras_lion.tuning.study import Study
from keras_lion.tuning.study_file import load_study_file

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


def runs_of(study: str, task: str, preset: str = "full") -> pd.DataFrame:
    """The runs that a preset of one task declares, of the backend that has most."""
    frame = all_runs()
    frame = frame[(frame["study"] == study) & (frame["task"] == task)]
    found = [frame.iloc[:0]]
    for backend in sorted(frame["backend"].unique()):
        # By key: a run that two presets share is recorded once, under either of them.
        keys = {run.key for run in declared(study).runs(task, preset, str(backend))}
        found.append(frame[frame["key"].isin(keys)])
    return max(found, key=len).dropna(axis=1, how="all")


def is_complete(study: str, task: str, preset: str = "full") -> bool:
    """Whether every declared run of the preset is in the table."""
    frame = runs_of(study, task, preset)
    if frame.empty:
        return False
    backend = str(frame["backend"].iloc[0])
    keys = {run.key for run in declared(study).runs(task, preset, backend)}
    return keys <= set(frame.loc[frame["status"] != "failed", "key"])


def landscapes(frame: pd.DataFrame, value: Value = "score") -> dict[str, Landscape]:
    """Optimizer → its landscape, of runs of one task and condition."""
    return {
        str(name): Landscape.from_runs(frame, optimizer=str(name), value=value)
        for name in sorted(frame["optimizer"].unique())
    }


@cache
def width_errors() -> str:
    """How often the verdict on tolerance widths errs, as calibrated."""
    rates = study_findings.error_rates()
    false = rates[rates["event"] == "one is better"]
    found = rates[
        (rates["control"] == "planted gap of 0.75 decades")
        & (rates["event"] == "supported")
    ].iloc[0]
    return (
        f"names a difference that is not there in {false['rate'].max():.1%}, misses "
        f"one of 0.75 decades in {1 - found['rate']:.1%}"
    )


@cache
def law_errors() -> str:
    """How often the verdict on the product law errs, as calibrated."""
    rates = study_findings.error_rates()
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
    return f"its 95 % interval covers {shares.min():.1%} at n={nearest}"


def jackknife_errors(n: int) -> str:
    """What is known of a jackknife interval whose own coverage was not simulated."""
    return (
        "a jackknife over seeds, not calibrated for this measure; for the tolerance "
        f"width {coverage('tolerance width', n)}"
    )


def best_cell_errors(n: int) -> str:
    """Of a t interval at cells that were chosen on the same seeds."""
    return (
        "a t interval at the cells that are best on all seeds, which is too narrow: "
        f"for a best score {coverage('best score', n, 't, at the best cell')}"
    )
