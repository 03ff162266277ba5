"""How much each cell of a grid counts."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import Landscape

Weights = Literal["uniform", "trapezoid"]


def axis_weights(values: ArrayLike, weights: Weights = "uniform") -> Array:
    """How much each value of an axis counts, before missing ones are left out.

    `"uniform"`: 1 each. `"trapezoid"`: half the distance between its neighbours in
    powers of ten, so that sums over an uneven grid are integrals over log₁₀(axis); a
    value at an end has one neighbour, and half the weight of an inner one on an even
    grid. 0 has no place on that scale and counts as 0, unless no other value is there.

    Args:
        values: Values of the axis, ascending, shape (n,); the first may be 0.
        weights: `"uniform"` or `"trapezoid"`.

    Returns:
        Shape (n,): in decades with `"trapezoid"`, and 1 for a single value.

    Raises:
        ValueError: If `weights` is neither.

    Example:

    ```python
    axis_weights([0, 1e-3, 1e-2, 1e-1], "trapezoid")  # [0, 0.5, 1, 0.5]
    ```
    """
    if weights not in get_args(Weights):
        raise ValueError(
            f"`weights` must be one of {', '.join(get_args(Weights))}. "
            f"Received: weights={weights!r}."
        )
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

    Args:
        landscape: Scores on a grid.
        weights: `"uniform"` (every cell alike, the row of no decay included) or
            `"trapezoid"` (by its area in log₁₀(lr) and log₁₀(λ), the row of no decay
            left out).

    Returns:
        Shape (m, n); the sum is 1.

    Raises:
        ValueError: If no cell with a score has a weight.

    Example:

    ```python
    cell_weights(Landscape([1, 10, 100], [1], [[3, 4, 5]]), "trapezoid")
    # [[0.25, 0.5, 0.25]]
    ```
    """
    present = _areas(landscape, weights)
    return np.asarray(present / present.sum())


def mean_over_cells(
    landscape: Landscape, values: Array, weights: Weights = "uniform"
) -> float:
    """Weighted mean of one value a cell, missing cells left out.

    Args:
        landscape: Scores on a grid.
        values: Shape (m, n); not read where the landscape has no score.
        weights: As in `cell_weights`.

    Returns:
        The mean, in the unit of `values`.

    Raises:
        ValueError: If no cell with a score has a weight.
    """
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
