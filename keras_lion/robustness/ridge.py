"""The ridge of a landscape: the best weight decay at each learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness._jackknife import jackknife_interval
from keras_lion.robustness.diagonals import with_decay
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.optimum import interior_peak
from keras_lion.statistics import Interval

FEWEST_COLUMNS = 3


@dataclass(frozen=True)
class Ridge:
    """How the best weight decay follows the learning rate.

    Attributes:
        interval: The slope d log λ* / d log lr with its interval over seeds: −1 if lr·λ
            alone counts, 0 if the best weight decay does not depend on the learning
            rate, 1 if lr/λ alone counts. NaN with fewer than three columns.
        learning_rate: Learning rates of the columns in use, shape (k,).
        weight_decay: λ* at each of them, shape (k,).
        num_trained: Number of learning rates at which something trains.
    """

    interval: Interval
    learning_rate: tuple[float, ...]
    weight_decay: tuple[float, ...]
    num_trained: int

    @property
    def holds_product(self) -> bool:
        """Whether the interval of the slope contains −1; False without an interval."""
        return self.interval.low <= -1 <= self.interval.high


def ridge(landscape: Landscape, confidence: float = 0.95) -> Ridge:
    """Slope of the ridge: best weight decay against learning rate, on log axes.

    λ*(lr) is the vertex of the parabola through the best cell of a column and its two
    neighbours, on log λ. Under the product law columns of a grid with equal ratios see
    the same scores, one cell apart, so that the slope is −1 whatever the shape of the
    score. Least squares through (log lr, log λ*).

    A column counts if its best cell lies inside the grid and neither it nor its
    neighbours have a diverged run: elsewhere λ* is only a bound, which would pull the
    slope towards 0. The row of no decay is left out.

    Args:
        landscape: Scores on a grid.
        confidence: Share of such intervals that hold the true slope, in (0, 1).

    Returns:
        The ridge, with a jackknife interval over seeds.

    Raises:
        ValueError: If no weight decay is positive.

    Example:

    ```python
    import numpy as np

    x = np.arange(5.0)
    scores = -((x + x[:, None] - 4) ** 2)  # best where lr·λ = 1e-4
    ridge(Landscape(10 ** (x - 4), 10 ** (x - 4), scores)).interval.estimate  # -1.0
    ```
    """
    landscape = with_decay(landscape)
    stable = landscape.num_diverged == 0
    x, y = np.log10(landscape.learning_rate), np.log10(landscape.weight_decay)

    def best_decays(means: Array) -> Array:
        columns = zip(means.T, stable.T, strict=True)
        return np.array(
            [interior_peak(y, scores, usable) for scores, usable in columns]
        )

    def slope(means: Array) -> float:
        best = best_decays(means)
        inside = np.isfinite(best)
        if inside.sum() < FEWEST_COLUMNS:
            return math.nan
        offsets = x[inside] - x[inside].mean()
        return float(offsets @ best[inside] / (offsets @ offsets))

    best = best_decays(landscape.means)
    inside = np.isfinite(best)
    return Ridge(
        interval=jackknife_interval(slope, landscape.scores, confidence),
        learning_rate=tuple(landscape.learning_rate[inside].tolist()),
        weight_decay=tuple((10 ** best[inside]).tolist()),
        num_trained=num_trained_columns(landscape),
    )


def num_trained_columns(landscape: Landscape) -> int:
    """Learning rates at which a cell with decay has scores and no diverged run."""
    landscape = with_decay(landscape)
    trained = (landscape.num_seeds > 0) & (landscape.num_diverged == 0)
    return int(trained.any(axis=0).sum())
