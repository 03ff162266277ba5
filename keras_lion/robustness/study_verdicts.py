"""The verdicts of a study on one task."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd

from keras_lion.robustness.effective_decay.law import product_verdict
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.summary import task_optimizers
from keras_lion.robustness.verdict import Verdict, tolerance_verdict
from keras_lion.statistics import Interval

HEADLINE = ("lion", "adamw")  # the first tolerates a wider range than the second
LEAST_SEEDS = 3  # the intervals are known to cover from here on


def findings(
    frame: pd.DataFrame,
    *,
    task: str,
    epsilon: float,
    value: Value = "final_loss",
    seed: int = 0,
) -> list[Verdict]:
    """The headline verdict, and what each optimizer says of the product law.

    The headline is declared for all studies alike: Lion tolerates a wider range of
    learning rates than AdamW, by the tolerance width of `value` within `epsilon` of the
    common best. It is left out where one of the two has no runs. The verdicts on the
    product law follow, one an optimizer.

    Args:
        frame: Run records of one condition, one a row.
        task: Task whose runs are read.
        epsilon: Tolerated loss of `value`, in its unit.
        value: `"final_loss"` (validation, negated) or `"score"`.
        seed: Of the permutation and sign-flip tests on large grids or many seeds.

    Returns:
        The verdicts. Where an analysis cannot be made, its verdict is `"untestable"`
        and says why.

    Example:

    ```python
    for verdict in findings(load_runs("results/lr_wd"), task="digits", epsilon=0.05):
        print(verdict)
    ```
    """
    names = task_optimizers(frame, task)
    landscapes = {
        name: Landscape.from_runs(frame, optimizer=name, task=task, value=value)
        for name in names
    }
    found = []
    if set(HEADLINE) <= set(names):
        first, second = HEADLINE
        claim = f"{first} tolerates a wider range of learning_rate than {second}."
        try:
            verdict = tolerance_verdict(
                landscapes[first],
                landscapes[second],
                epsilon,
                names=HEADLINE,
                generator=np.random.default_rng(seed),
            )
        except ValueError as error:
            verdict = _untestable(claim, error)
        found.append(_with_few_seeds(verdict, frame))
    for name, landscape in landscapes.items():
        try:
            verdict = product_verdict(
                landscape, epsilon, name=name, generator=np.random.default_rng(seed)
            )
        except ValueError as error:
            claim = f"lr·λ alone explains the score of {name}."
            verdict = _untestable(claim, error)
        found.append(_with_few_seeds(verdict, frame[frame["optimizer"] == name]))
    return found


def _with_few_seeds(verdict: Verdict, runs: pd.DataFrame) -> Verdict:
    """The verdict; provisional if it was reached with too few seeds."""
    seeds = runs.loc[runs["status"] != "failed", "seed"].nunique()
    if seeds >= LEAST_SEEDS or verdict.outcome not in ("supported", "not supported"):
        return verdict
    reason = (
        f"{seeds} seeds are too few for an interval: at least {LEAST_SEEDS} are needed."
    )
    return replace(verdict, outcome="provisional", reasons=(*verdict.reasons, reason))


def error_rates() -> pd.DataFrame:
    """How often the verdicts err on cases with known answers, as simulated.

    Returns:
        The table that `studies/calibration.py` writes: control, event, rate with low
        and high, n, limit, passed.
    """
    file = files("keras_lion.robustness") / "error_rates.csv"
    with file.open(encoding="utf-8") as table:
        return pd.read_csv(table)


def _untestable(claim: str, error: ValueError) -> Verdict:
    return Verdict(
        outcome="untestable",
        claim=claim,
        sentence=str(error),
        estimate=Interval(math.nan, math.nan, math.nan, 0),
        p=math.nan,
        smallest_p=math.nan,
        detectable_gap=math.nan,
        window_share=math.nan,
        direction=0,
        reasons=(str(error),),
    )
