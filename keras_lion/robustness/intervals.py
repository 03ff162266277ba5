"""The best of many noisy cells, without the luck that made it the best.

The largest of 25 equally good cells, each a mean of S seeds with standard deviation σ,
lies about 2 σ/√S above their common score. So a cell is chosen on some seeds and scored
on another, and every seed is left out once. Measures that compare with the landscape's
own best do so by default; with one seed there is nothing to leave out, and they give
the raw value.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from keras_lion.robustness.landscape import (
    RESOLUTION,
    Array,
    AxisName,
    Landscape,
    check_scored,
    check_trained,
)
from keras_lion.statistics import Interval, t_interval


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


def jackknife_values(
    whole: NDArray[np.float64], without: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One value for each seed whose mean is the estimate: (…), (…, S) → (…, S)."""
    seeds = without.shape[-1]
    centered = without.mean(axis=-1, keepdims=True) - without
    return np.asarray(whole[..., None] + (seeds - 1) * centered)


def without_each_seed(landscape: Landscape) -> list[Landscape]:
    """The landscape without its first seed, without its second, and so on."""
    seeds = np.arange(landscape.scores.shape[2])
    return [landscape.select(seeds=np.delete(seeds, seed)) for seed in seeds]


def seed_means(scores: NDArray[np.float64]) -> Array:
    """Means over the last axis; NaN where every seed is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of no seeds is NaN
        return np.asarray(np.nanmean(scores, axis=-1))


class Fold(NamedTuple):
    """One way to part choosing from scoring; cells that lack either are NaN in both.

    Attributes:
        chosen_on: Mean scores to choose a cell by, shape (m, n).
        scored_on: Scores to read off at the chosen cell, shape (m, n).
    """

    chosen_on: Array
    scored_on: Array


def folds(landscape: Landscape, cross_fit: bool = True) -> list[Fold]:
    """One fold for each seed that is left out: chosen on the others, scored on it.

    A cell of one seed is in no fold. Where no cell has two seeds, and with
    `cross_fit=False`, there is one fold: chosen and scored on the means of all seeds.
    """
    check_scored(landscape)
    found = []
    present = np.isfinite(landscape.scores)
    filled = np.where(present, landscape.scores, 0.0)
    for seed in range(landscape.scores.shape[2] if cross_fit else 0):
        others = np.delete(present, seed, axis=2).sum(axis=2)
        usable = present[..., seed] & (others > 0)
        if usable.any():
            sums = np.delete(filled, seed, axis=2).sum(axis=2)
            means = np.where(usable, sums / np.maximum(others, 1), np.nan)
            scores = np.where(usable, landscape.scores[..., seed], np.nan)
            found.append(Fold(means, scores))
    return found or [Fold(landscape.means, landscape.means)]


def own_best(landscape: Landscape, cross_fit: bool = True) -> float:
    """Score of a landscape's best cell, cross-fitted over seeds.

    mean over seeds s of (score on s of the cell with the largest mean over the other
    seeds); of tied cells the mean. It estimates, without bias, what a choice among the
    cells with one seed fewer than there are is worth, and so does not exceed the score
    of the truly best cell on average.

    Returns:
        The score. Raw where no cell has two seeds.

    References:
        Stone (1974). Cross-validatory choice and assessment of statistical
        predictions. Journal of the Royal Statistical Society B 36.
    """
    if not cross_fit:
        return landscape.best.value
    return float(
        np.mean(
            [scored[ties(chosen)].mean() for chosen, scored in folds(landscape, True)]
        )
    )


def own_profile(landscape: Landscape, axis: AxisName, cross_fit: bool = True) -> Array:
    """Best score at each value of one axis, the other retuned there, cross-fitted.

    As `own_best`, for each value of the axis by itself.
    """
    raw = landscape.profile_over(axis)
    if not cross_fit:
        return raw
    totals, counts = np.zeros(len(raw)), np.zeros(len(raw))
    for chosen, scored in folds(landscape):
        lines = (chosen.T, scored.T) if axis == "learning_rate" else (chosen, scored)
        for at, (choices, scores) in enumerate(zip(*lines, strict=True)):
            if np.isfinite(choices).any():
                totals[at] += scores[ties(choices)].mean()
                counts[at] += 1
    return np.where(counts > 0, totals / np.maximum(counts, 1), raw)


def reference_of(
    landscape: Landscape, reference: float | None, cross_fit: bool
) -> float:
    """The score that regret is counted from: as given, or the landscape's own best."""
    if reference is None:
        return own_best(landscape, cross_fit)
    if not np.isfinite(reference):
        raise ValueError(
            "`reference` must be a finite score, or None for the landscape's own best. "
            f"Received: {reference}."
        )
    return reference


def ties(values: Array) -> NDArray[np.bool_]:
    """Where the largest of some values is, every tie included; never at NaN."""
    return np.asarray(values >= np.nanmax(values) - RESOLUTION)


def trained_folds(landscape: Landscape, cross_fit: bool) -> list[Fold]:
    """`folds` of a landscape that has an optimum."""
    check_trained(landscape)
    return folds(landscape, cross_fit)


def first_best(values: Array) -> tuple[int, int]:
    """The best cell; of ties the one of least weight decay, then learning rate."""
    row, column = np.unravel_index(np.argmax(ties(values)), values.shape)
    return int(row), int(column)


def intervals_over_seeds(
    landscape: Landscape,
    curve: Callable[[Landscape], Array],
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[Interval, ...]:
    """A curve with an interval over seeds at each of its points.

    The estimate is the curve of the means over all S seeds; the interval of a point is
    the t interval of the jackknife values of that point, from leaving one seed out at a
    time (see `compare`). Points are taken one by one: a band of them covers the whole
    curve less often than `confidence`. `bounds` are those of the curve's values, such
    as `landscape.bounds` where it is made of scores.

    Returns:
        k intervals. Their ends are NaN with one seed, or where the curve is undefined
        without one of the seeds.

    References:
        Miller (1974). The jackknife: a review. Biometrika 61.
    """
    present = np.asarray(np.isfinite(landscape.scores).any(axis=(0, 1)))
    landscape = landscape.select(seeds=present)
    seeds = int(present.sum())
    whole = curve(landscape)
    if seeds < 2:
        return tuple(Interval(float(y), math.nan, math.nan, seeds) for y in whole)
    without = np.stack([curve(each) for each in without_each_seed(landscape)], axis=-1)
    return tuple(
        t_interval(values, confidence).within(*bounds)
        if np.isfinite(values).all()
        else Interval(float(estimate), math.nan, math.nan, seeds)
        for estimate, values in zip(
            whole, jackknife_values(whole, without), strict=True
        )
    )
