"""Claims on where the optimum lies: Lion's best learning rate and λ next to AdamW's."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from keras_lion.robustness import Landscape
from keras_lion.robustness.cautions.edge_cautions import inert_decay_cautions
from keras_lion.robustness.grid import interior_peak
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import Array, AxisName, paired
from keras_lion.statistics import Interval
from studies.evidence.basis import basis_of
from studies.evidence.main_claims import MAIN_TASKS
from studies.evidence.measured import each_task, every_part, within
from studies.evidence.row import Outcome, Row
from studies.evidence.runs import MAIN, declared, jackknife_errors, landscapes

CLAIMED = (math.log10(3), 1.0)  # decades: 3 to 10 times


def lr_and_decay_shift() -> list[Row]:
    """The best learning rate is 3-10 times smaller, the best λ as many times larger."""
    return each_task(MAIN, _shift, *MAIN_TASKS)


def _shift(task: str, frame: pd.DataFrame) -> Row:
    found = landscapes(frame, "final_loss")
    lower = ratio_of_optima(found["adamw"], found["lion"], "learning_rate")
    higher = ratio_of_optima(found["lion"], found["adamw"], "weight_decay")
    outcomes = [_outcome(lower), _outcome(higher)]
    reasons = []
    epsilon = declared(MAIN).comparison.epsilon[task]
    inert = [
        f"{name} is"
        for name, each in found.items()
        if inert_decay_cautions(each, epsilon)
    ]
    if inert:
        outcomes[1] = "untestable"
        reasons.append(
            f"without weight decay {' and '.join(inert)} within ε of the best: the "
            "ratio of λ means nothing"
        )
    cells = {
        name: f"lr {each.best.learning_rate:.2g}, λ {each.best.weight_decay:.2g}"
        for name, each in found.items()
    }
    times = Interval(10**lower.estimate, 10**lower.low, 10**lower.high, lower.n)
    return Row(
        where=task,
        text=f"best lr, AdamW's / Lion's: {_factor(lower)}; best λ, Lion's / AdamW's: "
        f"{_factor(higher)}; best cells: Lion {cells['lion']}, AdamW {cells['adamw']}",
        shows=every_part(outcomes),
        interval=times,
        unit="times",
        windows=None,
        basis=basis_of(MAIN, frame, ("adamw", "lion"), value="final_loss"),
        coverage=f"{jackknife_errors(lower.n)}; optima are vertices of parabolas "
        "through cells half a decade apart, whose error is not in the interval",
        notes=reasons,
    )


def ratio_of_optima(first: Landscape, second: Landscape, axis: AxisName) -> Interval:
    """log₁₀ of the first optimum over the second, on one axis.

    The optimum is the vertex of the parabola through the best value of the axis and its
    neighbors, the other axis retuned at each; the interval is a jackknife over seeds.

    Returns:
        The interval; NaN where an optimum lies on the edge of its grid, with all seeds
        or without one of them.
    """
    first, second = paired(first, second)
    grids = (first, second)
    pooled = np.concatenate(
        [each.scores.reshape(1, -1, each.scores.shape[2]) for each in grids], axis=1
    )
    size = first.means.size

    def ratio(means: Array) -> float:
        parts = (means[0, :size], means[0, size:])
        one, other = (
            _optimum(grid, part.reshape(grid.means.shape), axis)
            for grid, part in zip(grids, parts, strict=True)
        )
        return one - other

    return jackknife_interval(ratio, pooled)


def _optimum(grid: Landscape, means: Array, axis: AxisName) -> float:
    """log₁₀ of the best value of an axis; no decay is no value of λ."""
    values = getattr(grid, axis)
    other = 0 if axis == "learning_rate" else 1
    filled = np.where(np.isfinite(means), means, -math.inf)
    profile = np.max(filled, axis=other)[values > 0]
    known = np.isfinite(profile)
    return interior_peak(
        np.log10(values[values > 0]), np.where(known, profile, np.nan), known
    )


def _outcome(ratio: Interval) -> Outcome:
    known = math.isfinite(ratio.low) and math.isfinite(ratio.high)
    return within(ratio, *CLAIMED) if known else "underpowered"


def _factor(ratio: Interval) -> str:
    """`4.9 [3.1, 7.7] times (n=6)`."""
    if math.isnan(ratio.estimate):
        return "unknown, an optimum lies on an edge"
    middle, low, high = (
        f"{10**each:.2g}" for each in (ratio.estimate, ratio.low, ratio.high)
    )
    if math.isnan(ratio.low):
        return f"{middle} (n={ratio.n}, without an interval)"
    return f"{middle} [{low}, {high}] (n={ratio.n})"
