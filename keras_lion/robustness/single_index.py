"""The direction of the (lr, λ) plane along which the score changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness._jackknife import jackknife_interval
from keras_lion.robustness.diagonals import decades, with_decay
from keras_lion.robustness.groupings import variation
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import Interval

ANGLE_STEP = 0.5
ANGLES = np.arange(-90 + ANGLE_STEP, 90 + ANGLE_STEP, ANGLE_STEP)
FEWEST_CELLS = 4


@dataclass(frozen=True)
class SingleIndex:
    """The one direction that explains a landscape best.

    Attributes:
        degrees: Direction on a grid of 0.5°, in (−90, 90]: 45 is lr·λ alone, 0 the
            learning rate alone, 90 the weight decay alone, −45 lr/λ alone. NaN where
            the score is constant, an axis has one value, or there are fewer than four
            cells.
        r2: Share of the variance between cells that the direction explains.
        interval: The angle between the grid's values, with its interval over seeds. Its
            ends may lie beyond ±90: angles 180° apart are the same direction.
    """

    degrees: float
    r2: float
    interval: Interval

    @property
    def holds_product(self) -> bool:
        """Whether the interval contains 45°; False without an interval."""
        low, high = self.interval.low, self.interval.high
        # The first direction of the product at or above the lower end.
        return bool(low + (45 - low) % 180 <= high)


def single_index(landscape: Landscape, confidence: float = 0.95) -> SingleIndex:
    """Fit score = g(cos θ · log lr + sin θ · log λ) with a parabola g.

    θ is the angle whose least-squares fit leaves least, of −89.5°, −89°, …, 90°, all
    cells with equal weight. The lines of equal score have the slope
    d log λ / d log lr = −cot θ. The row of no decay is left out.

    Args:
        landscape: Scores on a grid, of any spacing.
        confidence: Share of such intervals that hold the true angle, in (0, 1).

    Returns:
        The direction, with a jackknife interval over seeds.

    Raises:
        ValueError: If no weight decay is positive.

    Example:

    ```python
    scores = [[0, 1, 4], [1, 4, 9], [4, 9, 16]]  # a parabola in lr·λ
    single_index(Landscape([1, 2, 4], [1, 2, 4], scores)).degrees  # 45.0
    ```

    References:
        Ichimura (1993). Semiparametric least squares estimation of single-index models.
    """
    landscape = with_decay(landscape)
    present = np.isfinite(landscape.means)
    x, y = (axis[present] for axis in decades(landscape))
    enough = present.sum() >= FEWEST_CELLS and np.ptp(x) > 0 and np.ptp(y) > 0
    fits = _Fits(x, y) if enough else None

    def refined(means: Array) -> float:
        values = means[present]
        if fits is None or np.isnan(values).any():
            return math.nan
        return _peak(fits.r2(values))

    r2 = np.full(1, math.nan) if fits is None else fits.r2(landscape.means[present])
    known = bool(np.isfinite(r2).all())
    return SingleIndex(
        degrees=float(ANGLES[r2.argmax()]) if known else math.nan,
        r2=float(r2.max()),
        interval=jackknife_interval(refined, landscape.scores, confidence, period=180),
    )


class _Fits:
    """Least-squares parabolas along every angle, for many sets of scores."""

    def __init__(self, x: Array, y: Array) -> None:
        radians = np.radians(ANGLES)[:, None]
        index = np.cos(radians) * (x - x.mean()) + np.sin(radians) * (y - y.mean())
        # Without a scale of its own no angle is favoured by rounding.
        index /= np.maximum(index.std(axis=1, keepdims=True), 1e-12)
        design = np.stack([np.ones_like(index), index, index**2], axis=-1)
        basis, sizes, _ = np.linalg.svd(design, full_matrices=False)
        # Two values of an axis give no curvature along it: one column less.
        self.basis = basis * (sizes > 1e-9 * sizes[:, :1])[:, None, :]

    def r2(self, values: Array) -> Array:
        """R² at every angle; NaN if the values are constant."""
        centred = values - values.mean()
        total = variation(values)
        if math.isnan(total):
            return np.full(len(ANGLES), math.nan)
        fitted = np.einsum("ack,c->ak", self.basis, centred)
        return np.asarray(np.einsum("ak,ak->a", fitted, fitted) / total)


def _peak(r2: Array) -> float:
    """The angle of the largest value, from the parabola through it and its neighbours.

    Steps of 0.5° would be coarse for the differences that one seed makes.
    """
    top = int(r2.argmax())
    before, at, after = r2[top - 1], r2[top], r2[(top + 1) % len(r2)]
    bend = 2 * at - before - after
    shift = (after - before) / (2 * bend) if bend > 0 else 0.0
    return float(ANGLES[top] + ANGLE_STEP * shift)
