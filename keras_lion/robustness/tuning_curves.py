"""What a random search finds, over the number of configurations it tries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.cross_fitting import folds
from keras_lion.robustness.expected_best import expected_best_of
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.pairing import with_seeds, without_seed
from keras_lion.robustness.seed_bands import intervals_over_seeds
from keras_lion.statistics import Interval

POINTS = 24  # of a curve; neighbours differ by little


@dataclass(frozen=True)
class TuningCurve:
    """Expected best score over the number of configurations tried.

    Attributes:
        k: Numbers of configurations, ascending from 1, shape (points,).
        best: Expected score of the best of k, with its interval over seeds.
    """

    k: NDArray[np.int64]
    best: tuple[Interval, ...]


def tuning_curve(landscape: Landscape, confidence: float = 0.95) -> TuningCurve:
    """Expected score of the best of 1, 2, … configurations drawn from the grid.

    `expected_best_of(landscape, k)`: drawn without replacement, ranked on some seeds
    and scored on another. k ends at the number of cells that have a score without any
    one of the seeds, in equal ratios where there are many.

    Args:
        landscape: Scores on a grid.
        confidence: Share of such intervals that hold the true value of one k.

    Returns:
        The curve.

    Raises:
        ValueError: If every cell is missing.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.3, 0.9, 0.6]])
    [round(each.estimate, 2) for each in tuning_curve(landscape).best]  # 0.6, 0.8, 0.9
    ```

    References:
        Dodge et al. (2019). Show your work: improved reporting of experimental
        results. EMNLP.
    """
    most = _drawable(landscape)
    ks = np.unique(np.round(np.geomspace(1, most, POINTS)).astype(np.int64))

    def curve(part: Landscape) -> Array:
        return np.array([expected_best_of(part, int(k)) for k in ks])

    return TuningCurve(ks, intervals_over_seeds(landscape, curve, confidence))


def _drawable(landscape: Landscape) -> int:
    """Cells that every part of the jackknife can draw from."""
    present = np.asarray(np.isfinite(landscape.scores).any(axis=(0, 1)))
    parts = [landscape]
    if present.sum() > 1:
        used = with_seeds(landscape, present)
        parts += [without_seed(used, seed) for seed in range(int(present.sum()))]
    return min(
        int(np.isfinite(fold.chosen_on).sum()) for part in parts for fold in folds(part)
    )
