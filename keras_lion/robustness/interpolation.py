"""Scores between the cells of a grid."""

from __future__ import annotations

import math

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import Landscape

# Values of a grid closer than this, in powers of ten, are one.
SAME = 1e-9


def interpolated(
    landscape: Landscape, values: Array, learning_rate: float, weight_decay: float
) -> float:
    """Value at a point of the window: bilinear in log lr and log λ.

    Nothing is extrapolated. No decay has no place on a log axis: it is a line by
    itself, where the value is linear in log lr, and no neighbour of any weight decay.

    Args:
        landscape: The grid.
        values: Values of its cells, shape (m, n): `landscape.means`, say. NaN is
            missing.
        learning_rate: Positive.
        weight_decay: 0 or more.

    Returns:
        The value; NaN outside the window and where a cell that it needs is missing.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-1], [0.1], [[0.8, 0.9]])
    interpolated(landscape, landscape.means, 1e-2, 0.1)  # 0.85
    ```
    """
    rows = _neighbours(landscape.weight_decay, weight_decay)
    columns = _neighbours(landscape.learning_rate, learning_rate)
    if not rows or not columns:
        return math.nan
    return float(
        sum(
            part * share * values[row, column]
            for row, part in rows
            for column, share in columns
        )
    )


def _neighbours(axis: Array, value: float) -> list[tuple[int, float]]:
    """Indices beside a value, with their parts; none outside the window."""
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
