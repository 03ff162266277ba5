"""Regret: how much worse than the best a cell is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_lion.robustness.grid import Weights, mean_over_cells
from keras_lion.robustness.intervals import reference_of
from keras_lion.robustness.landscape import RESOLUTION, Array, Landscape, common_best
from keras_lion.robustness.tolerance import tolerance_fraction
from keras_lion.statistics import Interval, t_interval


def regrets(
    landscape: Landscape, reference: float | None = None, *, cross_fit: bool = True
) -> NDArray[np.float64]:
    """Regret of every cell: reference − mean score."""
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
        cross_fit: Whether the own best is cross-fitted over seeds: chosen on all but
            one and scored on that one. Raw, 25 equal cells with S seeds of standard
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


DECADES = 3  # of ε that `regret_range` spans at most


def regret_profiles(
    landscapes: Mapping[str, Landscape],
    epsilons: ArrayLike,
) -> dict[str, tuple[Interval, ...]]:
    """Share of the cells within each ε of the common best, with a band over seeds.

    The estimate is `tolerance_fraction(landscape, ε, common best)`. A share of cells
    moves in steps when a seed is left out, so that its interval is read off the cells:
    with rₛ = score on seed s of the commonly best cell − score on seed s of a cell, the
    ends are the shares of cells whose t interval of rₛ ends above, or begins above, ε.
    They are the profiles if every cell were as bad, or as good, as its seeds allow:
    wider than an interval of the share.

    Returns:
        Optimizer → k intervals; `n` is the number of seeds. Their ends are NaN where a
        cell has one seed only and where all runs diverged. Optimizers without a score
        are left out.

    References:
        Dolan and Moré (2002). Benchmarking optimization software with performance
        profiles. Mathematical Programming 91.
    """
    known = {name: each for name, each in landscapes.items() if not each.empty}
    if not known:
        return {}
    reference = common_best(known.values())
    leader = max(known.values(), key=lambda each: each.best.value)
    levels = leader.scores[leader.best.cell]
    tolerated = np.atleast_1d(np.asarray(epsilons, dtype=float))
    profiles = {}
    for name, landscape in known.items():
        seeds = landscape.scores.shape[2]
        paired = seeds == len(levels) and bool(np.isfinite(levels).all())
        ends = _ends((levels if paired else reference) - landscape.scores, landscape)
        intervals = []
        for epsilon in tolerated:
            share = tolerance_fraction(landscape, float(epsilon), reference)
            # Rounding alone must not put a cell beyond ε, as in `tolerance_fraction`.
            low, high = (
                float((end <= epsilon + RESOLUTION).mean()) for end in ends[::-1]
            )
            if landscape.all_diverged or np.isnan(ends).any():
                low = high = math.nan
            # A cell without one of the seeds has another mean than its regrets.
            interval = (min(low, share), max(high, share))
            intervals.append(Interval(share, *interval, seeds))
        profiles[name] = tuple(intervals)
    return profiles


def regret_range(landscapes: Mapping[str, Landscape]) -> tuple[float, float]:
    """Smallest and largest regret to the common best, for a logarithmic axis."""
    known = [each for each in landscapes.values() if not each.empty]
    if not known:
        return 0.1, 1.0
    reference = common_best(known)
    found = np.concatenate([regrets(each, reference).ravel() for each in known])
    found = found[found > RESOLUTION]
    if not len(found):
        return 0.1, 1.0
    largest = float(found.max())
    return max(float(found.min()), largest / 10**DECADES), largest


def _ends(differences: Array, landscape: Landscape) -> tuple[Array, Array]:
    """Lower and upper ends of the regret of each cell with a score, NaN if unknown."""
    intervals = [
        t_interval(values[np.isfinite(values)])
        for values in differences[landscape.num_seeds > 0]
    ]
    return (
        np.array([each.low for each in intervals]),
        np.array([each.high for each in intervals]),
    )
