"""Intervals of a number that is computed from the means over seeds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from keras_lion.robustness._checks import Array
from keras_lion.statistics import Interval


def jackknife_interval(
    statistic: Callable[[Array], float],
    scores: Array,
    confidence: float = 0.95,
    period: float = math.inf,
) -> Interval:
    """Interval of a function of the mean scores, from leaving one seed out at a time.

        θ ± t · √((S − 1)/S · Σ_s (θ₋ₛ − mean of θ₋ₛ)²)

    with θ₋ₛ the statistic of the means without seed s and t the quantile
    (1 + confidence) / 2 of Student's distribution with S − 1 degrees of freedom. For a
    mean it is the t interval. A bootstrap of a few seeds is too narrow: it draws from
    S values as if their spread were the true one.

    Args:
        statistic: Means, shape (m, n), NaN where missing → the number, or NaN where it
            is undefined.
        scores: Shape (m, n, S), NaN where missing.
        confidence: Share of such intervals that hold the true value, in (0, 1).
        period: The statistic is known up to multiples of this, as angles are.

    Returns:
        The interval; its ends are NaN with one seed, or where the statistic is
        undefined without one of the seeds.

    References:
        Tukey (1958). Bias and confidence in not quite large samples.
    """
    present = np.isfinite(scores).any(axis=(0, 1))
    scores = scores[..., present]
    count = scores.shape[-1]
    estimate = statistic(seed_means(scores))
    without = [
        statistic(seed_means(np.delete(scores, seed, axis=-1)))
        for seed in range(count if count > 1 else 0)
    ]
    if not without or not np.isfinite([estimate, *without]).all():
        return Interval(estimate, math.nan, math.nan, count)
    offsets = np.array(without) - estimate
    if math.isfinite(period):
        offsets = (offsets + period / 2) % period - period / 2
    error = math.sqrt((count - 1) / count * np.sum((offsets - offsets.mean()) ** 2))
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * error
    return Interval(estimate, estimate - half, estimate + half, count)


def seed_means(scores: NDArray[np.float64]) -> Array:
    """Means over the last axis; NaN where every seed is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of no seeds is NaN
        return np.asarray(np.nanmean(scores, axis=-1))
