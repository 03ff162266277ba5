"""Iso-lr·λ lines of a grid: its anti-diagonals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import Landscape

# 1, 3, 10, 30 counts as geometric: 3 is 0.046 of a step away from √10.
TOLERATED_STEP = 0.05


def with_decay(landscape: Landscape) -> Landscape:
    """The landscape without its row of no decay: lr·λ is 0 there at every rate.

    Raises:
        ValueError: If no weight decay is positive.
    """
    decayed = landscape.weight_decay > 0
    if not decayed.any():
        raise ValueError(
            "The product lr·λ needs a positive weight decay. "
            f"Received: weight_decay={landscape.weight_decay.tolist()}."
        )
    return Landscape(
        landscape.learning_rate,
        landscape.weight_decay[decayed],
        landscape.scores[decayed],
        diverged=landscape.diverged[decayed],
    )


def without_diverged(landscape: Landscape) -> Landscape:
    """The landscape with every cell missing in which a run diverged.

    A divergence edge that follows the learning rate alone breaks the product law; what
    is left says whether the law holds among the cells that train.
    """
    stable = landscape.num_diverged[..., None] == 0
    return Landscape(
        landscape.learning_rate,
        landscape.weight_decay,
        np.where(stable, landscape.scores, np.nan),
    )


def steps(landscape: Landscape) -> tuple[float, float]:
    """Decades between neighbours on the axes of learning rate and weight decay.

    The mean step of each axis (its row of no decay left out); NaN on an axis of one
    value, or whose values are further than 0.05 steps from a geometric series.
    """
    return (
        _step(landscape.learning_rate),
        _step(landscape.weight_decay[landscape.weight_decay > 0]),
    )


def has_lines(landscape: Landscape) -> bool:
    """Whether anti-diagonals are lines of equal lr·λ: equal geometric ratios.

    The steps of the axes may differ by so little that the ends of the longest line are
    within 0.05 steps of each other.
    """
    rate, decay = steps(landscape)
    decays = int((landscape.weight_decay > 0).sum())
    longest = min(len(landscape.learning_rate), decays)
    apart = (longest - 1) * abs(rate - decay)
    return bool(apart <= TOLERATED_STEP * max(rate, decay))


def product_index(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number of the iso-lr·λ line of each cell, 0 to m + n − 2, shape (m, n)."""
    rows, columns = np.indices(shape[:2])
    return np.asarray(rows + columns)


def ratio_index(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Number of the iso-lr/λ line of each cell, 1 − m to n − 1, shape (m, n)."""
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
