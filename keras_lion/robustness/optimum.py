"""Where between the cells a score is best."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array


def interior_peak(x: Array, y: Array, usable: NDArray[np.bool_]) -> float:
    """Position of a maximum: vertex of the parabola around the best score.

    Args:
        x: Ascending positions, shape (n,).
        y: Scores there, NaN where missing.
        usable: Where the parabola may pass: a score at the floor says how a run failed,
            not where the peak is.

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
    # of the right one, and 0 in between. Equal neighbours on one side put the peak at
    # the middle of that interval, so that it never leaves the outer two.
    middle_left, middle_right = (x0 + x1) / 2, (x1 + x2) / 2
    share = left / (left - right)
    return float(middle_left + share * (middle_right - middle_left))
