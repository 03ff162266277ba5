"""The best score at each value of one hyperparameter, the other retuned there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.seed_bands import intervals_over_seeds
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class IsolationCurve:
    """Best scores over one hyperparameter.

    Attributes:
        axis: `"learning_rate"` or `"weight_decay"`.
        values: Values of the hyperparameter that have a score, ascending, shape (k,).
        best: Best score at each of them, with its interval over seeds.
        diverged: Whether a run of the best cell there diverged, shape (k,).
    """

    axis: AxisName
    values: Array
    best: tuple[Interval, ...]
    diverged: NDArray[np.bool_]

    @property
    def optimum(self) -> float:
        """The positive value of the best score, the first of ties; NaN without one."""
        scores = np.array([each.estimate for each in self.best])
        scores[self.values <= 0] = -np.inf
        if not np.isfinite(scores).any():
            return math.nan
        return float(self.values[scores.argmax()])

    @property
    def decades(self) -> Array:
        """Powers of ten from the optimum to each value, shape (k,); −∞ for 0."""
        with np.errstate(divide="ignore"):  # 0 is infinitely many decades away
            return np.asarray(np.log10(self.values) - np.log10(self.optimum))


def isolation_curve(
    landscape: Landscape, axis: AxisName = "learning_rate", confidence: float = 0.95
) -> IsolationCurve:
    """Best score at each value of one hyperparameter, the other retuned there.

    The scores are `landscape.profile_over(axis)`: raw bests, those whose distance from
    a common best `tolerance_width` measures. Diverged runs count with their floor.

    Args:
        landscape: Scores on a grid.
        axis: `"learning_rate"` (retuning over λ includes no decay) or `"weight_decay"`.
        confidence: Share of such intervals that hold the true score of one value.

    Returns:
        The curve, without the values that have no score; empty if no cell has one.

    Raises:
        ValueError: If `axis` is neither.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], [[0.6, 0.9], [0.8, 0.7]])
    isolation_curve(landscape).best[0].estimate  # 0.8
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (isolation plots).
    """
    profile = landscape.profile_over(axis)
    known = np.isfinite(profile)
    if not known.any():
        return IsolationCurve(axis, np.empty(0), (), np.empty(0, bool))
    bests = intervals_over_seeds(
        landscape, lambda each: each.profile_over(axis), confidence
    )
    lines = landscape.means.T if axis == "learning_rate" else landscape.means
    counts = landscape.num_diverged
    counts = counts.T if axis == "learning_rate" else counts
    diverged = ((lines == profile[:, None]) & (counts > 0)).any(axis=1)
    values: Array = getattr(landscape, axis)
    return IsolationCurve(
        axis=axis,
        values=values[known],
        best=tuple(each for each, keep in zip(bests, known, strict=True) if keep),
        diverged=diverged[known],
    )
