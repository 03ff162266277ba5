"""Places on a grid: lines of equal lr × λ, the interior optimum, edges, weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_lion.robustness.grid_extension import values_beyond
from keras_lion.robustness.intervals import first_best
from keras_lion.robustness.landscape import (
    Array,
    AxisName,
    Landscape,
    Side,
    check_choice,
    check_trained,
)

# 1, 3, 10, 30 counts as geometric: 3 is 0.046 of a step away from √10.
TOLERATED_STEP = 0.05


def with_decay(landscape: Landscape) -> Landscape:
    """The landscape without its row of no decay: lr × λ is 0 there at every rate.

    Raises:
        ValueError: If no weight decay is positive.
    """
    decayed = landscape.weight_decay > 0
    if not decayed.any():
        raise ValueError(
            "The product lr × λ needs a positive weight decay. "
            f"Received: weight_decay={landscape.weight_decay.tolist()}."
        )
    return landscape.select(weight_decay=decayed)


def steps(landscape: Landscape) -> tuple[float, float]:
    """Decades between neighbors on the axes of learning rate and weight decay.

    The mean step of each axis (its row of no decay left out); NaN on an axis of one
    value, or whose values are further than 0.05 steps from a geometric series.
    """
    return (
        _step(landscape.learning_rate),
        _step(landscape.weight_decay[landscape.weight_decay > 0]),
    )


def has_lines(landscape: Landscape) -> bool:
    """Whether anti-diagonals are lines of equal lr × λ: equal geometric ratios.

    The steps of the axes may differ by so little that the ends of the longest line are
    within 0.05 steps of each other.
    """
    rate, decay = steps(landscape)
    decays = int((landscape.weight_decay > 0).sum())
    longest = min(len(landscape.learning_rate), decays)
    apart = (longest - 1) * abs(rate - decay)
    return bool(apart <= TOLERATED_STEP * max(rate, decay))


def product_index(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number of the iso-lr × λ line of each cell, 0 to m + n − 2, shape (m, n)."""
    rows, columns = np.indices(shape[:2])
    return np.asarray(rows + columns)


def ratio_index(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number of the iso-lr / λ line of each cell, 1 − m to n − 1, shape (m, n)."""
    rows, columns = np.indices(shape[:2])
    return np.asarray(columns - rows)


def decades(landscape: Landscape) -> tuple[Array, Array]:
    """log₁₀ of learning rate and of weight decay of each cell, shape (m, n) each."""
    y, x = np.meshgrid(
        np.log10(landscape.weight_decay),
        np.log10(landscape.learning_rate),
        indexing="ij",
    )
    return x, y


def _step(values: Array) -> float:
    logs = np.log10(values)
    if len(logs) < 2:
        return float("nan")
    even = np.linspace(logs[0], logs[-1], len(logs))
    step = float(even[1] - even[0])
    close = np.abs(logs - even).max() <= TOLERATED_STEP * step
    return step if close else float("nan")


def interior_peak(x: Array, y: Array, usable: NDArray[np.bool_]) -> float:
    """Position of a maximum: vertex of the parabola around the best score.

    Returns:
        The vertex, between the outer two of the three positions. NaN where the best is
        the first or last score, one of the three is not usable, or all three are
        equally high: then the data only bound the peak, or there is none.
    """
    present = np.isfinite(y)
    x, y, usable = x[present], y[present], usable[present]
    if len(y) < 3:
        return math.nan
    at = int(y.argmax())
    if at in (0, len(y) - 1) or not usable[at - 1 : at + 2].all():
        return math.nan
    (x0, x1, x2), (y0, y1, y2) = x[at - 1 : at + 2], y[at - 1 : at + 2]
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if left == right:
        return math.nan
    # The parabola's slope is `left` at the middle of the left interval, `right` at that
    # of the right one, and 0 in between. Equal neighbors on one side put the peak at
    # the middle of that interval, so that it never leaves the outer two.
    middle_left, middle_right = (x0 + x1) / 2, (x1 + x2) / 2
    share = left / (left - right)
    return float(middle_left + share * (middle_right - middle_left))


# Values of a grid closer than this, in powers of ten, are one.
SAME = 1e-9


def interpolated(
    landscape: Landscape, values: Array, learning_rate: float, weight_decay: float
) -> float:
    """Value at a point of the window: bilinear in log lr and log λ.

    Nothing is extrapolated. No decay has no place on a log axis: it is a line by
    itself, where the value is linear in log lr, and no neighbor of any weight decay.
    """
    rows = _neighbors(landscape.weight_decay, weight_decay)
    columns = _neighbors(landscape.learning_rate, learning_rate)
    if not rows or not columns:
        return math.nan
    return float(
        sum(
            part * share * values[row, column]
            for row, part in rows
            for column, share in columns
        )
    )


def _neighbors(axis: Array, value: float) -> list[tuple[int, float]]:
    """Indices next to a value, with their parts; none outside the window."""
    if value == 0:
        return [(0, 1.0)] if axis[0] == 0 else []
    first = int(axis[0] == 0)
    x = np.log10(axis[first:])
    at = math.log10(value)
    near = np.flatnonzero(np.abs(x - at) <= SAME)
    if len(near):
        return [(first + int(near[0]), 1.0)]
    right = int(np.searchsorted(x, at))
    if right in (0, len(x)):
        return []
    part = float((at - x[right - 1]) / (x[right] - x[right - 1]))
    return [(first + right - 1, 1 - part), (first + right, part)]


Limit = Literal["range", "stability"]


@dataclass(frozen=True)
class BoundaryOptimum:
    """A side of the grid on which the best cell lies.

    Attributes:
        axis: Name of the axis.
        side: `"low"` or `"high"` end of it.
        limit: `"range"` (the optimum may lie beyond the grid: verdicts are provisional)
            or `"stability"` (training breaks down there, so that it does not).
        next_values: Two values that continue the grid on that side, the nearer first.
    """

    axis: AxisName
    side: Side
    limit: Limit
    next_values: tuple[float, float]


def boundary_optimum(landscape: Landscape) -> tuple[BoundaryOptimum, ...]:
    """On which sides of the grid the best cell lies, and why.

    A side is stability-limited if training breaks down towards it: the best cell has at
    least half of its seeds diverged, or one next to it along that edge has and the one
    a step further inside has not. What lies further out is then likely to break down,
    too. Otherwise it is range-limited: cells that diverge further inside as well do so
    for another reason, as at a high learning rate with every weight decay.
    No decay is not an edge, the lowest weight decay above it has a score on both sides,
    and an axis of one positive value has no edge. The next values
    continue with the grid's own ratio, or with that of the last two on that side.

    Args:
        landscape: Scores on a grid.

    Returns:
        None to two sides, learning rate first; empty where the optimum is within the
        grid. Of equally good cells the first counts, as in `landscape.best`.

    Raises:
        ValueError: If every cell is missing, or every run diverged.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.7, 0.8, 0.9]])
    (side,) = boundary_optimum(landscape)
    side.limit, side.next_values  # ('range', (1.0, 10.0))
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (search space boundaries).
    """
    row, column = landscape.best.cell
    check_trained(landscape)
    unstable = 2 * landscape.num_diverged >= landscape.num_seeds.clip(1)
    found = []
    for axis, side in landscape.edge:
        inwards = 1 if side == "low" else -1
        if axis == "learning_rate":
            at, on_edge, inside = (
                row,
                unstable[:, column],
                unstable[:, column + inwards],
            )
        else:
            at, on_edge, inside = column, unstable[row], unstable[row + inwards]
        breaking = on_edge & ~inside
        breaking[at] = on_edge[at]
        near = slice(max(at - 1, 0), at + 2)
        limit: Limit = "stability" if breaking[near].any() else "range"
        found.append(BoundaryOptimum(axis, side, limit, _beyond(landscape, axis, side)))
    return tuple(found)


def _beyond(landscape: Landscape, axis: AxisName, side: Side) -> tuple[float, float]:
    values = getattr(landscape, axis)
    if side == "low":
        positive = values_beyond(axis, values[values > 0], down=2)
        return positive[1], positive[0]
    longer = values_beyond(axis, values, up=2)
    return longer[-2], longer[-1]


Weights = Literal["uniform", "trapezoid"]


def axis_weights(values: ArrayLike, weights: Weights = "uniform") -> Array:
    """How much each value of an axis counts, before missing ones are left out.

    `"uniform"`: 1 each. `"trapezoid"`: half the distance between its neighbors in
    powers of ten, so that sums over an uneven grid are integrals over log₁₀(axis); a
    value at an end has one neighbor, and half the weight of an inner one on an even
    grid. 0 has no place on that scale and counts as 0, unless no other value is there.

    Returns:
        Shape (n,): in decades with `"trapezoid"`, and 1 for a single value.
    """
    check_choice("weights", weights, Weights)
    array = np.asarray(values, dtype=float)
    if weights == "uniform":
        return np.ones(len(array))
    positive = array > 0
    if positive.sum() < 2:
        return np.where(positive, 1.0, 0.0) if positive.any() else np.ones(len(array))
    gaps = np.diff(np.log10(array[positive])) / 2
    widths = np.zeros(len(array))
    widths[positive] = np.append(gaps, 0) + np.append(0, gaps)
    return widths


def cell_weights(landscape: Landscape, weights: Weights = "uniform") -> Array:
    """How much each cell of a landscape counts in a mean; missing cells not at all.

    The product of the weights of its learning rate and its weight decay, divided by
    their sum over the cells with a score.
    """
    present = _areas(landscape, weights)
    return np.asarray(present / present.sum())


def mean_over_cells(
    landscape: Landscape, values: Array, weights: Weights = "uniform"
) -> float:
    """Weighted mean of one value a cell, missing cells left out."""
    present = _areas(landscape, weights)
    return float(np.nansum(present * values) / present.sum())


def _areas(landscape: Landscape, weights: Weights) -> Array:
    """Weights of the cells before they are divided by their sum."""
    widths = np.multiply.outer(
        axis_weights(landscape.weight_decay, weights),
        axis_weights(landscape.learning_rate, weights),
    )
    present = widths * (landscape.num_seeds > 0)
    if not present.any():
        raise ValueError(
            "A mean over cells needs a cell with a score and a weight. Received: "
            f"weights={weights!r} and scores in {int((landscape.num_seeds > 0).sum())} "
            "cells (with 'trapezoid' the row of no decay does not count)."
        )
    return np.asarray(present)


def line_of_slope(x: ArrayLike, y: ArrayLike, slope: float, at: ArrayLike) -> Array:
    """Values of the least-squares line with a given slope.

    It passes through the mean of the points, whatever its slope is.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = np.isfinite(xs) & np.isfinite(ys)
    where = np.asarray(at, dtype=float)
    if not known.any():
        return np.full(where.shape, np.nan)
    return np.asarray(ys[known].mean() + slope * (where - xs[known].mean()))


Cell = tuple[int, int]


def cells_to_show(landscape: Landscape) -> dict[str, Cell]:
    """The best cell, the one in the middle of the grid, and the worst.

    Best and worst by mean score, diverged runs at their floor; of equal cells the one
    of least weight decay, then of least learning rate. The center is the cell with a
    score that is nearest to the middle of the grid, counted in cells, the row of no
    decay left out where there is another.
    """
    best = landscape.best.cell
    present = landscape.num_seeds > 0
    decayed = landscape.weight_decay > 0
    if present[decayed].any():
        present = present & decayed[:, None]
        middle_row = (decayed.argmax() + len(decayed) - 1) / 2
    else:
        middle_row = np.float64(0)
    middle_column = (len(landscape.learning_rate) - 1) / 2
    rows, columns = np.nonzero(present)
    distance = (rows - middle_row) ** 2 + (columns - middle_column) ** 2
    center = int(distance.argmin())
    return {
        "best": best,
        "center": (int(rows[center]), int(columns[center])),
        "worst": first_best(-landscape.means),
    }
