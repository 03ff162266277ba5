"""Regret: how much worse than the best a cell is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.cross_fitting import reference_of
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.weights import Weights, mean_over_cells


def regrets(
    landscape: Landscape, reference: float | None = None, *, cross_fit: bool = True
) -> NDArray[np.float64]:
    """Regret of every cell: reference − mean score.

    Args:
        landscape: Scores on a grid.
        reference: Score to compare with. None: the landscape's own best.
        cross_fit: Whether the own best is cross-fitted over seeds
            (`cross_fitting.own_best`); a lucky cell then has a regret below 0.

    Returns:
        Shape (m, n), in the unit of the scores; NaN for missing cells.

    Raises:
        ValueError: If every cell is missing and no reference is given, or the reference
            is not finite.

    Example:

    ```python
    regrets(Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]]))  # [[0.1, 0.0]]
    ```
    """
    return np.asarray(reference_of(landscape, reference, cross_fit) - landscape.means)


def mean_regret(
    landscape: Landscape,
    reference: float | None = None,
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Mean regret over the cells: what a blind choice on the grid costs.

    Σ over cells of weight · (reference − mean score), diverged runs at their floor,
    missing cells left out. It depends on the window: a wider one, or one moved to where
    nothing trains, has another mean.

    Args:
        landscape: Scores on a grid.
        reference: Score to compare with. None: the landscape's own best. Compare two
            optimizers against their common best: a uniformly bad one is flat.
        weights: `"uniform"` (every cell alike, no decay included) or `"trapezoid"` (by
            area in log lr and log λ, no decay left out).
        cross_fit: Whether the own best is cross-fitted over seeds
            (`cross_fitting.own_best`). Raw, 25 equal cells with S seeds of standard
            deviation σ would seem to have a regret of about 2 σ/√S.

    Returns:
        The mean, in the unit of the scores; NaN if every cell is missing. 0 on average
        for equally good cells, so that it may come out below 0.

    Raises:
        ValueError: If the reference is not finite, or no cell with a score has a
            weight.

    Example:

    ```python
    mean_regret(Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]]))  # 0.05
    ```
    """
    if landscape.empty:
        return math.nan
    found = regrets(landscape, reference, cross_fit=cross_fit)
    return mean_over_cells(landscape, found, weights)


def regret_profile_area(
    landscape: Landscape,
    epsilon_max: float,
    reference: float | None = None,
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Share of the cells within ε of a reference, averaged over ε from 0 to a largest.

    (1 / ε_max) ∫₀^ε_max ρ(ε) dε = 1 − Σ weight · min(max(regret, 0), ε_max) / ε_max,
    where ρ(ε), the performance profile, is the `tolerance_fraction`. Unlike one
    tolerance, it does not hang on a choice of ε; unlike the mean regret, it does not
    hang on how bad the bad cells are.

    Args:
        landscape: Scores on a grid.
        epsilon_max: Regret beyond which cells are equally bad, in the unit of the
            scores; more than 0.
        reference: Score to compare with. None: the landscape's own best.
        weights: `"uniform"` or `"trapezoid"`, as in `mean_regret`.
        cross_fit: Whether the own best is cross-fitted over seeds.

    Returns:
        A share in [0, 1], larger is better.

    Raises:
        ValueError: If every cell is missing, or an argument is out of its range.

    Example:

    ```python
    regret_profile_area(Landscape([1e-3, 1e-2], [0.1], [[0.8, 0.9]]), 0.2)  # 0.75
    ```

    References:
        Dolan and Moré (2002). Benchmarking optimization software with performance
        profiles. Mathematical Programming 91.
    """
    if not (math.isfinite(epsilon_max) and epsilon_max > 0):
        raise ValueError(
            "`epsilon_max` must be a finite loss of score, more than 0. "
            f"Received: {epsilon_max}."
        )
    found = regrets(landscape, reference, cross_fit=cross_fit)
    clipped = np.clip(found, 0, epsilon_max) / epsilon_max
    return 1 - mean_over_cells(landscape, clipped, weights)
