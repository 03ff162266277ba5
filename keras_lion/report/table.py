"""The summary of a study as a table of numbers and as a table of texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from keras_lion.report.elements.style import (
    Quantity,
    number,
    optimizer_color,
    optimizer_label,
)
from keras_lion.robustness.summary import OptimizerSummary
from keras_lion.robustness.tolerance import ToleranceWidth
from keras_lion.robustness.verdict import Verdict
from keras_lion.statistics import Interval


def summary_frame(
    rows: Iterable[tuple[OptimizerSummary, float, str]],
) -> pd.DataFrame:
    """One row for each section and optimizer, in the units of the records.

    What differs between the conditions of the study has columns next to the optimizer:
    `batch_size`, `activation`; `condition_epsilon` where the table has a column of that
    name. They are empty where a condition is without a value.
    """
    rows = list(rows)
    names = dict.fromkeys(name for row, *_ in rows for name in row.condition)
    return pd.DataFrame([_numbers(*row, list(names)) for row in rows])


def headings(score: Quantity, measured: Quantity) -> list[str]:
    """Headings of `cells`."""
    return [
        "optimizer",
        f"best {score.label}",
        "learning_rate",
        "weight_decay",
        "width around the common best (decades)",
        "width around its own best (decades)",
        f"mean regret ({measured.unit})" if measured.unit else "mean regret",
        "diverged",
        score.tested.label,
    ]


def cells(row: OptimizerSummary, score: Quantity, measured: Quantity) -> dict[str, Any]:
    """One row of the table for readers: color, label and the texts of its cells."""
    regret = Quantity("", "", abs(measured.factor), measured.digits)
    widths = [
        str(width).removesuffix(" decades") for width in (row.width, row.own_width)
    ]
    best = [
        score.interval(row.score),
        number(row.learning_rate),
        number(row.weight_decay),
    ]
    if row.num_runs and not row.trained:  # the floor is no result
        best, widths = ["none trained", "–", "–"], ["–", "–"]
    return {
        "label": optimizer_label(row.optimizer),
        "color": optimizer_color(row.optimizer),
        "texts": [
            *best,
            *widths,
            regret.text(row.mean_regret),
            f"{row.num_diverged} of {row.num_runs}" if row.num_runs else "–",
            score.tested.interval(row.test_score) if row.test_score.n else "–",
        ],
    }


def verdict_texts(verdict: Verdict) -> dict[str, Any]:
    """A verdict for readers: claim, outcome, sentence, numbers and reasons."""
    # Only a sign-flip test has a smallest p; the other is that of equivalence.
    test = "p of equivalence" if math.isnan(verdict.smallest_p) else "sign-flip p"
    numbers = {
        test: verdict.p,
        "smallest p with so many seeds": verdict.smallest_p,
        "minimum detectable difference (90 % power)": verdict.detectable_gap,
        "share of windows with the same sign": verdict.window_share,
    }
    known = [
        f"{name} {value:.2g}" for name, value in numbers.items() if math.isfinite(value)
    ]
    return {
        "claim": _labeled(verdict.claim),
        "outcome": verdict.outcome,
        "sentence": _labeled(verdict.sentence),
        "numbers": "; ".join(known),
        "reasons": [
            each for each in verdict.reasons if each.rstrip(".") not in verdict.sentence
        ],
    }


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON values."""
    return {
        "claim": verdict.claim,
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        **_interval("estimate", verdict.estimate),
        "p": verdict.p,
        "smallest_p": verdict.smallest_p,
        "detectable_gap": verdict.detectable_gap,
        "window_share": verdict.window_share,
        "reasons": list(verdict.reasons),
    }


def error_table(rates: pd.DataFrame) -> pd.DataFrame:
    """Error rates as texts, one row a control."""
    shares = [
        f"{row.rate:.3f} [{row.low:.3f}, {row.high:.3f}] (n={row.n})"
        for row in rates.itertuples()
    ]
    return pd.DataFrame(
        {
            "control": rates["control"],
            "verdict": rates["event"],
            "share of the studies": shares,
            "expected": rates["limit"],
            # Up to the error of so many studies: as the interval does not exclude it.
            "within its interval": np.where(rates["passed"], "yes", "no"),
        }
    )


def _numbers(
    row: OptimizerSummary, epsilon: float, title: str, names: Sequence[str]
) -> dict[str, Any]:
    place = {"section": title, "task": row.task, "optimizer": row.optimizer}
    numbers = {
        **_interval("score", row.score),
        "learning_rate": row.learning_rate,
        "weight_decay": row.weight_decay,
        "value": row.value,
        "epsilon": epsilon,
        "best_value": row.best_value,
        "common_best": row.common_best,
        **_width("width", row.width),
        # Where no setting is within ε of the common best there is no width.
        "width_decades": math.nan if row.width.none else row.width.decades,
        **_width("own_width", row.own_width),
        "mean_regret": row.mean_regret,
        "num_runs": row.num_runs,
        "num_diverged": row.num_diverged,
        "diverged_share": row.diverged_share,
        "num_failed": row.num_failed,
        **_interval("test_score", row.test_score),
    }
    taken = {*place, *numbers}
    condition = {
        f"condition_{name}" if name in taken else name: row.condition.get(name)
        for name in names
    }
    return {**place, **condition, **numbers}


def _width(name: str, width: ToleranceWidth) -> dict[str, Any]:
    return {
        f"{name}_decades": width.decades,
        f"{name}_censored": width.censored,
        f"{name}_low": width.low,
        f"{name}_high": width.high,
    }


def _labeled(sentence: str) -> str:
    """A sentence with names of optimizers as they are printed; a capital first."""
    named = re.sub(r"\b[a-z]+\b", lambda word: optimizer_label(word[0]), sentence)
    # The symbols lr × λ stay lower case.
    return named if named.startswith("lr ") else f"{named[:1].upper()}{named[1:]}"


def _interval(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: interval.estimate,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
        f"{name}_n": interval.n,
    }
