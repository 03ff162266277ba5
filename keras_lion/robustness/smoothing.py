"""A smooth surface through scattered scores, only where they carry one."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BANDWIDTHS = np.geomspace(0.08, 0.8, 8)  # of the range of an axis
LEAST_POINTS = 8  # of which a surface is made
CARRIED = 1.5  # points on the spot whose weight a place of the surface needs


def smooth_scores(
    points: ArrayLike,
    values: ArrayLike,
    at: ArrayLike,
    *,
    without: ArrayLike = (),
) -> Array:
    """Kernel-weighted means of scattered values, NaN where too few points are near.

    The Gaussian kernel has a bandwidth per axis, those with the smallest leave-one-out
    error. Where even they predict a point no better than the mean of all others does,
    the values depend on something else or on chance, and there is no surface at all.

    Args:
        points: Where the values were measured, shape (n, d), all axes scaled to 0–1.
        values: Shape (n,).
        at: Where the surface is wanted, shape (k, d).
        without: Points without a value, such as diverged trials, shape (b, d): no
            surface where one of them is the nearest.

    Returns:
        Shape (k,).

    Raises:
        ValueError: If there are not as many values as points.
    """
    points, at = np.asarray(points, float), np.asarray(at, float)
    values, without = np.asarray(values, float), np.asarray(without, float)
    if points.ndim != 2 or len(points) != len(values):
        raise ValueError(
            "`points` must have shape (n, d) and `values` shape (n,). Received: "
            f"{points.shape} and {values.shape}."
        )
    surface = np.full(len(at), np.nan)
    bandwidths = _bandwidths(points, values)
    if bandwidths is None:
        return surface
    distances = _squared_distances(at / bandwidths, points / bandwidths)
    weights = np.exp(-distances / 2)
    carried = weights.sum(axis=1) >= CARRIED
    if len(without):
        apart = _squared_distances(at, without).min(axis=1)
        carried &= _squared_distances(at, points).min(axis=1) <= apart
    surface[carried] = (weights @ values)[carried] / weights.sum(axis=1)[carried]
    return surface


def _bandwidths(points: Array, values: Array) -> Array | None:
    """Those of the smallest leave-one-out error; None if the mean does as well."""
    if len(values) < LEAST_POINTS:
        return None
    others = ~np.eye(len(values), dtype=bool)
    plain = _error(others.astype(float), values)
    best, least = None, plain
    for each in itertools.product(BANDWIDTHS, repeat=points.shape[1]):
        bandwidths = np.array(each)
        distances = _squared_distances(points / bandwidths, points / bandwidths)
        # Shifted by the smallest distance: a point far from all has its neighbor's.
        nearest = np.where(others, distances, np.inf).min(axis=1, keepdims=True)
        error = _error(np.exp(-(distances - nearest) / 2) * others, values)
        if error < least:
            best, least = bandwidths, error
    return best


def _error(weights: Array, values: Array) -> float:
    predicted = weights @ values / weights.sum(axis=1)
    return float(np.mean((values - predicted) ** 2))


def _squared_distances(one: Array, other: Array) -> Array:
    return np.asarray(((one[:, None] - other[None]) ** 2).sum(axis=-1))
