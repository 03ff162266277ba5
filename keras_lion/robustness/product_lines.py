"""How a score changes with lr·λ, and how it changes while lr·λ stays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness._jackknife import jackknife_interval
from keras_lion.robustness._runs import arrange
from keras_lion.robustness.diagonals import (
    decades,
    has_lines,
    product_index,
    with_decay,
)
from keras_lion.robustness.interpolation import SAME
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class IsoProduct:
    """Scores by lr·λ, and which of them are numbers.

    Attributes:
        landscape: The scores, without the row of no decay.
        floors: Floor of each run, shape (m, n, seeds); NaN for missing runs.
        reached: Which runs ended above their floor, same shape. The others diverged, or
            did not reach the target within their steps: their score is only a bound.
        fitted: Cells that the slopes are fitted to, shape (m, n).
        slope_over_product: d score / d log₁₀(lr·λ), with its interval over seeds.
        slope_along_lines: d score / d log₁₀ lr at one lr·λ, likewise: 0 if lr·λ alone
            counts. NaN where no line of equal lr·λ has two fitted cells.
    """

    landscape: Landscape
    floors: Array
    reached: NDArray[np.bool_]
    fitted: NDArray[np.bool_]
    slope_over_product: Interval
    slope_along_lines: Interval

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Cells whose runs all ended above the floor, shape (m, n)."""
        return _measured(self.landscape, self.reached)

    @property
    def means(self) -> Array:
        """Mean scores of the cells in `measured`, shape (m, n); NaN elsewhere."""
        return np.where(self.measured, self.landscape.means, np.nan)


def iso_product(
    frame: pd.DataFrame,
    *,
    optimizer: str,
    task: str | None = None,
    batch_size: int | None = None,
    value: Value = "score",
    fit_between: tuple[float, float] = (0.0, math.inf),
    confidence: float = 0.95,
) -> IsoProduct:
    """Scores of run records by lr·λ, with the slopes across and along its lines.

    Both slopes are least squares over cell means, every cell with equal weight:

        score = a + slope_over_product · log₁₀(lr·λ)
        score = a_line + slope_along_lines · log₁₀ lr

    with one a_line for each value of lr·λ. A cell takes part if all of its runs ended
    above the floor: the mean of the runs that happen to reach a target in time is
    better than the cell is. Where whole cells are left out, the slopes describe the
    others. Intervals leave out one seed at a time; they say nothing of how well a
    straight line fits.

    Args:
        frame: Run records, one a row, with `floor`.
        optimizer: Optimizer whose runs are taken.
        task: Task whose runs are taken; needed if there are several.
        batch_size: Batch size whose runs are taken; needed if there are several.
        value: `"score"` or `"final_loss"` (validation, negated).
        fit_between: Least and largest lr·λ of the cells that are fitted, declared
            before the scores were seen: where a score saturates, it is level.
        confidence: Share of such intervals that hold the true slope, in (0, 1).

    Returns:
        Scores and slopes. A slope is NaN where fewer than two values of its variable
        are left.

    Raises:
        ValueError: If no weight decay is positive, floors are missing, or as
            `Landscape.from_runs`.

    Example:

    ```python
    found = iso_product(load_runs("results/product_law"), optimizer="lion")
    print(found.slope_along_lines)  # 0 if lr·λ alone counts
    ```
    """
    arrays = arrange(frame, optimizer, task, batch_size, value)
    if value == "score" and ("floor" not in frame or _without_floor(frame, optimizer)):
        raise ValueError(
            "To tell a target that was not reached from one that was, every run needs "
            f"a finite `floor`. Received runs of {optimizer} without: add the column."
        )
    whole = Landscape(**arrays)
    landscape = with_decay(whole)
    floors = arrays["floor"][whole.weight_decay > 0]
    reached = (landscape.scores > floors) & ~landscape.diverged
    rate, decay = decades(landscape)
    # A product at an end of the range belongs to it, however it was rounded.
    low, high = (np.log10(end) if end > 0 else -math.inf for end in fit_between)
    inside = (rate + decay >= low - SAME) & (rate + decay <= high + SAME)
    usable = _measured(landscape, reached) & inside
    scores = np.where(usable[..., None], landscape.scores, np.nan)
    lines = product_index(usable.shape) if has_lines(landscape) else None
    return IsoProduct(
        landscape=landscape,
        floors=floors,
        reached=reached,
        fitted=usable,
        slope_over_product=jackknife_interval(
            lambda means: _slope(rate + decay, means, np.zeros(usable.shape, int)),
            scores,
            confidence,
        ),
        slope_along_lines=jackknife_interval(
            lambda means: math.nan if lines is None else _slope(rate, means, lines),
            scores,
            confidence,
        ),
    )


def _without_floor(frame: pd.DataFrame, optimizer: str) -> bool:
    runs = frame[(frame["optimizer"] == optimizer) & (frame["status"] != "failed")]
    return not np.isfinite(runs["floor"].to_numpy(float)).all()


def _measured(landscape: Landscape, reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    bounded = np.isfinite(landscape.scores) & ~reached
    return np.asarray((landscape.num_seeds > 0) & ~bounded.any(axis=2))


def _slope(x: Array, y: Array, groups: NDArray[np.int64]) -> float:
    """Least-squares slope with one intercept for each group; NaN where there is none.

    Groups of one cell say nothing of the slope.
    """
    covariance = variance = 0.0
    for group in np.unique(groups):
        chosen = (groups == group) & np.isfinite(y)
        if chosen.any():
            offsets = x[chosen] - x[chosen].mean()
            covariance += float(offsets @ y[chosen])
            variance += float(offsets @ offsets)
    return covariance / variance if variance > 1e-18 else math.nan
