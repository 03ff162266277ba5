"""Scores over lr × λ: slopes, the predicted curve, the other parametrization."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.effective_decay.description import (
    check_lines,
    groupings,
    product_quadratic,
    trained_cells,
)
from keras_lion.robustness.frames.conditions import Settings, runs_where
from keras_lion.robustness.frames.runs import FINISHED, arrange
from keras_lion.robustness.grid import (
    SAME,
    decades,
    has_lines,
    product_index,
    steps,
    with_decay,
)
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import Array, Landscape, Value
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class IsoProduct:
    """Scores by lr × λ, and which of them are numbers.

    Attributes:
        landscape: The scores, without the row of no decay.
        floors: Floor of each run, shape (m, n, seeds); NaN for missing runs.
        reached: Which runs ended above their floor, same shape. The others diverged, or
            did not reach the target within their steps: their score is only a bound.
        fitted: Cells that the slopes are fitted to, shape (m, n).
        slope_over_product: d score / d log₁₀(lr × λ), with its interval over seeds.
        slope_along_lines: d score / d log₁₀ lr at one lr × λ, likewise: 0 if lr × λ
            alone counts. NaN where no line of equal lr × λ has two fitted cells.
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
    where: Settings | None = None,
    fit_between: tuple[float, float] = (0.0, math.inf),
) -> IsoProduct:
    """Scores of run records by lr × λ, with the slopes across and along its lines.

    Both slopes are least squares over cell means, every cell with equal weight:

        score = a + slope_over_product · log₁₀(lr × λ)
        score = a_line + slope_along_lines · log₁₀ lr

    with one a_line for each value of lr × λ. A cell takes part if all of its runs ended
    above the floor: the mean of the runs that happen to reach a target in time is
    better than the cell is. Where whole cells are left out, the slopes describe the
    others. Intervals leave out one seed at a time; they do not show how well a
    straight line fits.

    Args:
        frame: Run records, one per row, with `floor`.
        optimizer: Optimizer whose runs are taken.
        task: Task whose runs are taken; needed if there are several.
        batch_size: Batch size whose runs are taken; needed if there are several.
        value: `"score"` or `"final_loss"` (validation, negated).
        where: Other settings of the runs that are taken, as in `Landscape.from_runs`.
        fit_between: Least and largest lr × λ of the cells that are fitted, declared
            before the scores were seen: where a score saturates, it is level.

    Returns:
        Scores and slopes. A slope is NaN where fewer than two values of its variable
        are left.

    Raises:
        ValueError: If no weight decay is positive, floors are missing, or as
            `Landscape.from_runs`.

    Example:

    ```python
    found = iso_product(load_runs("results/product_law"), optimizer="lion")
    print(found.slope_along_lines)  # 0 if lr × λ alone counts
    ```
    """
    frame = runs_where(frame, where)
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
        ),
        slope_along_lines=jackknife_interval(
            lambda means: math.nan if lines is None else _slope(rate, means, lines),
            scores,
        ),
    )


def _without_floor(frame: pd.DataFrame, optimizer: str) -> bool:
    runs = frame[(frame["optimizer"] == optimizer) & frame["status"].isin(FINISHED)]
    return not np.isfinite(runs["floor"].to_numpy(float)).all()


def _measured(landscape: Landscape, reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    bounded = np.isfinite(landscape.scores) & ~reached
    return np.asarray((landscape.num_seeds > 0) & ~bounded.any(axis=2))


def _slope(x: Array, y: Array, groups: NDArray[np.int64]) -> float:
    """Least-squares slope with one intercept for each group; NaN where there is none.

    Groups of one cell do not count.
    """
    covariance = variance = 0.0
    for group in np.unique(groups):
        chosen = (groups == group) & np.isfinite(y)
        if chosen.any():
            offsets = x[chosen] - x[chosen].mean()
            covariance += float(offsets @ y[chosen])
            variance += float(offsets @ offsets)
    return covariance / variance if variance > 1e-18 else math.nan


Prediction = Literal["mean", "parabola"]
PARABOLA_POINTS = 60  # of a parabola


@dataclass(frozen=True)
class ProductCurve:
    """Cells by lr × λ and lr / λ, and the scores that lr × λ alone predicts.

    Attributes:
        landscape: The scores, without the row of no decay.
        product: lr × λ of each cell, shape (m, n).
        ratio: lr / λ of each cell, shape (m, n).
        prediction: `"mean"` of the cells of equal lr × λ, or where the axes have no
            such lines the `"parabola"` in log(lr × λ) of least squares.
        at: lr × λ of the predicted scores, ascending, shape (k,).
        predicted: The predicted scores, shape (k,).
        r2: Share of the variance between cells that the prediction explains.
        r2_additive: The same of one effect for each lr and one for each λ, which has as
            many parameters as the means; NaN with a parabola.
        num_left_out: Cells with a score and no decay, for which lr × λ is 0.
        num_diverged: Cells with a diverged seed, which neither the prediction nor the
            R² reads.
    """

    landscape: Landscape = field(compare=False, repr=False)
    product: Array = field(compare=False, repr=False)
    ratio: Array = field(compare=False, repr=False)
    prediction: Prediction
    at: Array = field(compare=False)
    predicted: Array = field(compare=False)
    r2: float
    r2_additive: float
    num_left_out: int
    num_diverged: int


def product_curve(landscape: Landscape) -> ProductCurve:
    """The scores that lr × λ alone predicts, next to those of the cells.

    Cells with a diverged seed are a class of their own, as in `explained`.
    """
    decayed = with_decay(landscape)
    x, y = decades(decayed)
    totals = x + y
    known = trained_cells(decayed)
    prediction: Prediction = "mean" if has_lines(decayed) else "parabola"
    r2 = r2_additive = math.nan
    at = predicted = np.empty(0)
    if prediction == "mean":
        index = product_index(totals.shape)
        lines = [known & (index == line) for line in np.unique(index[known])]
        at = np.array([totals[line].mean() for line in lines])
        predicted = np.array([decayed.means[line].mean() for line in lines])
        groups = groupings(decayed)
        r2, r2_additive = groups.product, groups.additive
    elif known.any():
        at, predicted = _parabola(totals[known], decayed.means[known])
        r2 = product_quadratic(decayed)
    without = landscape.weight_decay == 0
    return ProductCurve(
        landscape=decayed,
        product=10**totals,
        ratio=10 ** (x - y),
        prediction=prediction,
        at=10**at,
        predicted=predicted,
        r2=r2,
        r2_additive=r2_additive,
        num_left_out=int((landscape.num_seeds[without] > 0).sum()),
        num_diverged=int((decayed.num_diverged > 0).sum()),
    )


def _parabola(totals: Array, values: Array) -> tuple[Array, Array]:
    """Least-squares parabola over log₁₀(lr × λ), of a lower degree on few points."""
    center = totals.mean()
    degree = min(2, len(np.unique(totals.round(9))) - 1)
    fitted = np.polynomial.Polynomial.fit(totals - center, values, degree)
    at = np.linspace(totals.min(), totals.max(), PARABOLA_POINTS if degree else 1)
    return at, np.asarray(fitted(at - center))


@dataclass(frozen=True)
class Parametrizations:
    """Learning-rate sensitivity with λ fixed, and with lr × λ fixed.

    Attributes:
        fixed_weight_decay: Mean loss of score along rows: only the rate changes.
        fixed_product: Mean loss of score along lines of equal lr × λ: as the rate
            grows, λ shrinks with it. 0 under the product law.
        difference: `fixed_weight_decay − fixed_product`, with its interval over seeds:
            positive where lr × λ is the better second hyperparameter.
        decades: Length of the stretches of learning rate, in powers of ten.
    """

    fixed_weight_decay: float
    fixed_product: float
    difference: Interval
    decades: float


def compare_parametrizations(
    landscape: Landscape, columns: int = 3
) -> Parametrizations:
    """Learning-rate sensitivity in the coordinates (lr, λ) and (lr, lr × λ).

    Sensitivity along k cells is the mean of (best of the k − score). It is taken in
    every block of k × k neighboring cells: along each row of the block (λ fixed), and
    along its anti-diagonal (lr × λ fixed). Both cross the same learning rates; means
    over all rows and blocks. This is one set of cells, read along two directions, as
    with a weight decay that is multiplied by the learning rate and one that is not. The
    row of no decay is left out, and so are stretches with a missing cell.

    Returns:
        Both sensitivities, in the unit of the scores, and their difference with a
        jackknife interval over seeds. Noise adds alike to both sensitivities. NaN where
        every stretch lacks a cell.

    References:
        Wortsman et al. (2023). Small-scale proxies for large-scale transformer training
        instabilities (independent weight decay).
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    if not 2 <= columns <= min(landscape.means.shape):
        raise ValueError(
            "`columns` must be at least 2, and at most the smaller number of values of "
            f"the two axes, {min(landscape.means.shape)}. Received: {columns}."
        )

    def difference(means: Array) -> float:
        rows, lines = _sensitivities(means, columns)
        return rows - lines

    rows, lines = _sensitivities(landscape.means, columns)
    return Parametrizations(
        fixed_weight_decay=rows,
        fixed_product=lines,
        difference=jackknife_interval(difference, landscape.scores),
        decades=(columns - 1) * steps(landscape)[0],
    )


def _sensitivities(means: Array, k: int) -> tuple[float, float]:
    blocks = np.lib.stride_tricks.sliding_window_view(means, (k, k)).reshape(-1, k, k)
    lines = np.diagonal(blocks[:, ::-1], axis1=1, axis2=2)
    return _sensitivity(blocks.reshape(-1, k)), _sensitivity(lines)


def _sensitivity(stretches: Array) -> float:
    """Mean of best − score over stretches without a missing cell."""
    whole = stretches[np.isfinite(stretches).all(axis=1)]
    if not len(whole):
        return float("nan")
    return float((whole.max(axis=1, keepdims=True) - whole).mean())
