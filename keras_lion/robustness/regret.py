"""Regret: how much worse than the best a cell is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.landscape import Landscape


def regrets(
    landscape: Landscape, reference: float | None = None
) -> NDArray[np.float64]:
    """Regret of every cell: reference − mean score.

    Args:
        landscape: Scores on a grid.
        reference: Score to compare with. None: the landscape's own best.

    Returns:
        Shape (m, n), in the unit of the scores; NaN for missing cells.

    Raises:
        ValueError: If every cell is missing and no reference is given.

    Example:

    ```python
    regrets(Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]]))  # [[0.1, 0.0]]
    ```
    """
    if reference is None:
        reference = landscape.best.value
    return np.asarray(reference - landscape.means)


def mean_regret(landscape: Landscape, reference: float | None = None) -> float:
    """Mean regret over the cells: what a blind choice on the grid costs.

    mean over cells of (reference − mean score), every cell with equal weight, diverged
    runs at their floor, missing cells left out.

    Args:
        landscape: Scores on a grid.
        reference: Score to compare with. None: the landscape's own best. Compare two
            optimizers against their common best: a uniformly bad one is flat.

    Returns:
        The mean, in the unit of the scores; NaN if every cell is missing.

    Example:

    ```python
    mean_regret(Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]]))  # 0.05
    ```
    """
    if landscape.empty:
        return float("nan")
    return float(np.nanmean(regrets(landscape, reference)))
