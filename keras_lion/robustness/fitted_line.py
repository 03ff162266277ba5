"""The line that belongs to a fitted slope."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.robustness._checks import Array


def line_of_slope(x: ArrayLike, y: ArrayLike, slope: float, at: ArrayLike) -> Array:
    """Values of the least-squares line with a given slope.

    It passes through the mean of the points, whatever its slope is.

    Args:
        x: Positions of the points, shape (n,).
        y: Their values, shape (n,); points whose value is NaN are left out.
        slope: The slope.
        at: Where the line is wanted, shape (k,).

    Returns:
        Shape (k,); NaN if no point is known.

    Example:

    ```python
    line_of_slope([0, 2], [1, 3], slope=0.0, at=[5])  # [2.0]
    ```
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = np.isfinite(xs) & np.isfinite(ys)
    where = np.asarray(at, dtype=float)
    if not known.any():
        return np.full(where.shape, np.nan)
    return np.asarray(ys[known].mean() + slope * (where - xs[known].mean()))
