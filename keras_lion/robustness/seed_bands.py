"""Intervals over seeds of a curve that is computed from a landscape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.comparison import jackknife_values
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.pairing import with_seeds, without_seed
from keras_lion.statistics import Interval, t_interval


def intervals_over_seeds(
    landscape: Landscape,
    curve: Callable[[Landscape], Array],
    confidence: float = 0.95,
) -> tuple[Interval, ...]:
    """A curve with an interval over seeds at each of its points.

    The estimate is the curve of the means over all S seeds; the interval of a point is
    the t interval of the jackknife values of that point, from leaving one seed out at a
    time (see `compare`). Points are taken one by one: a band of them covers the whole
    curve less often than `confidence`.

    Args:
        landscape: Scores on a grid. Seeds without any score are left out.
        curve: Landscape → k numbers, as many for every subset of the seeds; NaN where
            undefined.
        confidence: Share of such intervals that hold the true value of one point.

    Returns:
        k intervals. Their ends are NaN with one seed, or where the curve is undefined
        without one of the seeds.

    Example:

    ```python
    intervals_over_seeds(landscape, lambda each: each.profile_over("learning_rate"))
    ```

    References:
        Miller (1974). The jackknife: a review. Biometrika 61.
    """
    present = np.asarray(np.isfinite(landscape.scores).any(axis=(0, 1)))
    landscape = with_seeds(landscape, present)
    seeds = int(present.sum())
    whole = curve(landscape)
    if seeds < 2:
        return tuple(Interval(float(y), math.nan, math.nan, seeds) for y in whole)
    without = np.stack(
        [curve(without_seed(landscape, seed)) for seed in range(seeds)], axis=-1
    )
    return tuple(
        t_interval(values, confidence)
        if np.isfinite(values).all()
        else Interval(float(estimate), math.nan, math.nan, seeds)
        for estimate, values in zip(
            whole, jackknife_values(whole, without), strict=True
        )
    )
