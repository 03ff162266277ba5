"""Which share of the configurations is good enough, over what counts as enough."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import Landscape, common_best
from keras_lion.robustness.regret import regrets
from keras_lion.robustness.tolerance import tolerance_fraction
from keras_lion.statistics import Interval, t_interval

DECADES = 3  # of ε that `regret_range` spans at most


def regret_profiles(
    landscapes: Mapping[str, Landscape],
    epsilons: ArrayLike,
    confidence: float = 0.95,
) -> dict[str, tuple[Interval, ...]]:
    """Share of the cells within each ε of the common best, with a band over seeds.

    The estimate is `tolerance_fraction(landscape, ε, common best)`. A share of cells
    moves in steps when a seed is left out, so that its interval is read off the cells:
    with rₛ = score on seed s of the commonly best cell − score on seed s of a cell, the
    ends are the shares of cells whose t interval of rₛ ends above, or begins above, ε.
    They are the profiles if every cell were as bad, or as good, as its seeds allow:
    wider than an interval of the share.

    Args:
        landscapes: Optimizer → its scores, of one task. Seeds are paired by position
            where two landscapes have equally many; elsewhere the common best counts as
            known.
        epsilons: Tolerated losses of score, in its unit, shape (k,); 0 or more.
        confidence: Of the t interval of each cell.

    Returns:
        Optimizer → k intervals; `n` is the number of seeds. Their ends are NaN where a
        cell has one seed only and where all runs diverged. Optimizers without a score
        are left out.

    Raises:
        ValueError: If an ε is negative or not finite.

    Example:

    ```python
    lion = Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]])
    regret_profiles({"lion": lion}, [0.05])["lion"][0].estimate  # 0.5
    ```

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
        ends = _ends(
            (levels if paired else reference) - landscape.scores, landscape, confidence
        )
        intervals = []
        for epsilon in tolerated:
            share = tolerance_fraction(landscape, float(epsilon), reference)
            # Rounding alone must not put a cell beyond ε, as in `tolerance_fraction`.
            low, high = (float((end <= epsilon + 1e-12).mean()) for end in ends[::-1])
            if landscape.all_diverged or np.isnan(ends).any():
                low = high = math.nan
            # A cell without one of the seeds has another mean than its regrets.
            interval = (min(low, share), max(high, share))
            intervals.append(Interval(share, *interval, seeds))
        profiles[name] = tuple(intervals)
    return profiles


def regret_range(landscapes: Mapping[str, Landscape]) -> tuple[float, float]:
    """Smallest and largest regret to the common best, for a logarithmic axis.

    Args:
        landscapes: Optimizer → its scores.

    Returns:
        The smallest regret above 0, but at most three decades below the largest, and
        the largest. (0.1, 1) where no cell is worse than the common best.

    Example:

    ```python
    lion = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.80, 0.90, 0.85]])
    regret_range({"lion": lion})  # (0.05, 0.1)
    ```
    """
    known = [each for each in landscapes.values() if not each.empty]
    if not known:
        return 0.1, 1.0
    reference = common_best(known)
    found = np.concatenate([regrets(each, reference).ravel() for each in known])
    found = found[found > 1e-12]
    if not len(found):
        return 0.1, 1.0
    largest = float(found.max())
    return max(float(found.min()), largest / 10**DECADES), largest


def _ends(
    differences: Array, landscape: Landscape, confidence: float
) -> tuple[Array, Array]:
    """Lower and upper ends of the regret of each cell with a score, NaN if unknown."""
    intervals = [
        t_interval(values[np.isfinite(values)], confidence)
        for values in differences[landscape.num_seeds > 0]
    ]
    return (
        np.array([each.low for each in intervals]),
        np.array([each.high for each in intervals]),
    )
