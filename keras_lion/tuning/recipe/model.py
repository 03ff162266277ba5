"""A Gaussian process over learning rate and weight decay, with a fitted prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_lion.tuning.recipe.prior import SearchPrior
from keras_lion.tuning.recipe.proposal import Offset

Array = NDArray[np.float64]

REACH = 1.0  # decades on both sides of the first trial
STEP = 0.25
LEVEL = 3.0  # standard deviation of the unknown level of all scores
CANDIDATES: tuple[Offset, ...] = tuple(
    (float(rate), float(decay))
    for rate in np.arange(-REACH, REACH + STEP / 2, STEP)
    for decay in np.arange(-REACH, REACH + STEP / 2, STEP)
)


def unit_of(scores: ArrayLike) -> float:
    """A scale for differences of scores: the median distance from the best.

    Args:
        scores: Finite scores, larger is better.
    """
    values = np.asarray(scores, dtype=float)
    gaps = (values.max() - values)[values < values.max()]
    return float(np.median(gaps)) if gaps.size else 1.0


def compressed(scores: ArrayLike, best: float, unit: float) -> Array:
    """−log(1 + distance from the best / unit): a far distance counts little more."""
    gaps = np.maximum(best - np.asarray(scores, dtype=float), 0.0)
    return np.asarray(-np.log1p(gaps / unit))


def pace_and_size(offsets: ArrayLike) -> Array:
    """Offsets of learning rate and weight decay, shape (n, 2), in the other frame."""
    values = np.asarray(offsets, dtype=float).reshape(-1, 2)
    return np.column_stack([values.sum(axis=1), values[:, 0] - values[:, 1]])


def prior_mean(prior: SearchPrior, points: Array) -> Array:
    """The mean before any trial, up to its level; `points` are (pace, size)."""
    pace, size = (points - np.array(prior.optimum)).T
    a, b, c = prior.curvature
    return np.asarray(-(a * pace**2 + b * size**2 + c * pace * size))


def kernel(prior: SearchPrior, first: Array, second: Array) -> Array:
    """Covariance of two sets of points, without noise and level."""
    lengths = np.array(prior.lengths)
    distance = (first[:, None] - second[None]) / lengths
    return np.asarray(prior.amplitude**2 * np.exp(-0.5 * (distance**2).sum(axis=2)))


@dataclass(frozen=True)
class Posterior:
    """Mean and standard deviation of the compressed score at some offsets."""

    mean: Array
    deviation: Array

    def expected_improvement(self, best: float) -> Array:
        """By how much each point is expected to exceed a value."""
        gain = self.mean - best
        z = gain / self.deviation
        density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
        below = 0.5 * (1 + _erf(z / math.sqrt(2)))
        return np.asarray(gain * below + self.deviation * density)


_erf = np.vectorize(math.erf, otypes=[float])


def posterior(
    prior: SearchPrior,
    tried: Sequence[Offset],
    values: ArrayLike,
    at: Sequence[Offset] = CANDIDATES,
) -> Posterior:
    """What the trials and the prior say of other offsets.

    Args:
        prior: Of the optimizer.
        tried: Offsets of the trials.
        values: Their compressed scores.
        at: Offsets to predict.
    """
    points, wanted = pace_and_size(tried), pace_and_size(at)
    covariance = kernel(prior, points, points) + LEVEL**2
    covariance[np.diag_indices_from(covariance)] += prior.noise**2
    across = kernel(prior, wanted, points) + LEVEL**2
    residuals = np.asarray(values, dtype=float) - prior_mean(prior, points)
    factor = np.linalg.cholesky(covariance)
    solved = np.linalg.solve(factor, np.column_stack([residuals, across.T]))
    mean = prior_mean(prior, wanted) + solved[:, 1:].T @ solved[:, 0]
    variance = prior.amplitude**2 + LEVEL**2 - (solved[:, 1:] ** 2).sum(axis=0)
    return Posterior(mean, np.sqrt(np.maximum(variance, 1e-9)))
