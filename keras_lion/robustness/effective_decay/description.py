"""What lr × λ, lr / λ, and lr and λ apart explain; the direction; the ridge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.grid import (
    decades,
    has_lines,
    interior_peak,
    product_index,
    ratio_index,
    with_decay,
)
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import Array, Landscape
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class Groupings:
    """R² of three descriptions of the cell means.

    All have m + n − 1 parameters on a complete grid, so that the R² compare as they
    are.

    Attributes:
        product: R² of one mean for each value of lr × λ.
        ratio: R² of one mean for each value of lr / λ.
        additive: R² of one effect for each lr plus one for each λ.
    """

    product: float
    ratio: float
    additive: float


def groupings(landscape: Landscape) -> Groupings:
    """R² of the groupings by lr × λ, by lr / λ, and of lr and λ apart.

    R² = 1 − Σ (mean − fitted)² / Σ (mean − grand mean)², every cell with equal weight.
    On axes with one geometric ratio the lines of equal lr × λ are the anti-diagonals of
    the grid, those of equal lr / λ its diagonals: m + n − 1 groups each, and the
    additive description has as many free parameters. The row of no decay, missing
    cells and those with a diverged seed are left out: one floor would decide all three.

    Returns:
        The three R²; NaN where all means are equal.
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    means = landscape.means
    present = trained_cells(landscape)
    rows, columns = np.nonzero(present)
    apart = np.hstack([_dummies(rows), _dummies(columns)])
    designs = (
        _dummies(product_index(means.shape)[present]),
        _dummies(ratio_index(means.shape)[present]),
        apart,
    )
    product, ratio, additive = (r_squared(each, means[present]) for each in designs)
    return Groupings(product, ratio, additive)


def product_quadratic(landscape: Landscape) -> float:
    """R² of a parabola in log(lr × λ), on any grid; NaN where all means are equal.

    Cells with a diverged seed are left out.
    """
    landscape = with_decay(landscape)
    present = trained_cells(landscape)
    if not present.any():
        return math.nan
    x, y = decades(landscape)
    product = (x + y)[present]
    product = product - product.mean()
    design = np.stack([np.ones_like(product), product, product**2], axis=1)
    return r_squared(design, landscape.means[present])


def trained_cells(landscape: Landscape) -> NDArray[np.bool_]:
    """Which cells have a score and no diverged seed, shape (m, n)."""
    return np.asarray(np.isfinite(landscape.means) & (landscape.num_diverged == 0))


def check_lines(landscape: Landscape) -> None:
    """Raise a ValueError unless anti-diagonals are lines of equal lr × λ."""
    if not has_lines(landscape):
        raise ValueError(
            "Lines of equal lr × λ need two or more values on each axis, with one "
            "geometric ratio on both. Received: "
            f"learning_rate={landscape.learning_rate.tolist()}, "
            f"weight_decay={landscape.weight_decay.tolist()}."
        )


def r_squared(design: Array, values: Array) -> float:
    """R² of a least-squares fit; NaN where all values are equal."""
    total = variation(values)
    if math.isnan(total):
        return math.nan
    weights = np.linalg.lstsq(design, values - values.mean(), rcond=None)[0]
    residuals = values - values.mean() - design @ weights
    return 1 - float(residuals @ residuals) / total


def variation(values: Array) -> float:
    """Σ (value − mean)²; NaN where there is none beyond rounding, or no value."""
    if len(values) == 0:
        return math.nan
    total = float(np.sum((values - values.mean()) ** 2))
    return total if total > _rounding(values) else math.nan


def _rounding(values: Array) -> float:
    return 1e-24 * max(1e-200, float(values @ values))


def _dummies(groups: NDArray[np.int64]) -> Array:
    return np.asarray(groups[:, None] == np.unique(groups), dtype=float)


ANGLE_STEP = 0.5
ANGLES = np.arange(-90 + ANGLE_STEP, 90 + ANGLE_STEP, ANGLE_STEP)
FEWEST_CELLS = 4


@dataclass(frozen=True)
class SingleIndex:
    """The one direction that explains a landscape best.

    Attributes:
        degrees: Direction on a grid of 0.5°, in (−90, 90]: 45 is lr × λ alone, 0 the
            learning rate alone, 90 the weight decay alone, −45 lr / λ alone. NaN where
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

    Returns:
        The direction, with a jackknife interval over seeds.

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
        # Without a scale of its own no angle is favored by rounding.
        index /= np.maximum(index.std(axis=1, keepdims=True), 1e-12)
        design = np.stack([np.ones_like(index), index, index**2], axis=-1)
        basis, sizes, _ = np.linalg.svd(design, full_matrices=False)
        # Two values of an axis give no curvature along it: one column less.
        self.basis = basis * (sizes > 1e-9 * sizes[:, :1])[:, None, :]

    def r2(self, values: Array) -> Array:
        """R² at every angle; NaN if the values are constant."""
        centered = values - values.mean()
        total = variation(values)
        if math.isnan(total):
            return np.full(len(ANGLES), math.nan)
        fitted = np.einsum("ack,c->ak", self.basis, centered)
        return np.asarray(np.einsum("ak,ak->a", fitted, fitted) / total)


def _peak(r2: Array) -> float:
    """The angle of the largest value, from the parabola through it and its neighbors.

    Steps of 0.5° would be coarse for the differences that one seed makes.
    """
    top = int(r2.argmax())
    before, at, after = r2[top - 1], r2[top], r2[(top + 1) % len(r2)]
    bend = 2 * at - before - after
    shift = (after - before) / (2 * bend) if bend > 0 else 0.0
    return float(ANGLES[top] + ANGLE_STEP * shift)


FEWEST_COLUMNS = 3


@dataclass(frozen=True)
class Ridge:
    """How the best weight decay follows the learning rate.

    Attributes:
        interval: The slope d log λ* / d log lr with its interval over seeds: −1 if lr ×
            λ alone counts, 0 if the best weight decay does not depend on the learning
            rate, 1 if lr / λ alone counts. NaN with fewer than three columns.
        learning_rate: Learning rates of the columns in use, shape (k,).
        weight_decay: λ* at each of them, shape (k,).
    """

    interval: Interval
    learning_rate: tuple[float, ...]
    weight_decay: tuple[float, ...]

    @property
    def holds_product(self) -> bool:
        """Whether the interval of the slope contains −1; False without an interval."""
        return self.interval.low <= -1 <= self.interval.high


def ridge(landscape: Landscape, confidence: float = 0.95) -> Ridge:
    """Slope of the ridge: best weight decay against learning rate, on log axes.

    λ*(lr) is the vertex of the parabola through the best cell of a column and its two
    neighbors, on log λ. Under the product law columns of a grid with equal ratios see
    the same scores, one cell apart, so that the slope is −1 whatever the shape of the
    score. Least squares through (log lr, log λ*).

    A column counts if its best cell lies inside the grid and neither it nor its
    neighbors have a diverged run: elsewhere λ* is only a bound, which would pull the
    slope towards 0. The row of no decay is left out.

    Returns:
        The ridge, with a jackknife interval over seeds.
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
    )


def num_trained_columns(landscape: Landscape) -> int:
    """Learning rates at which a cell with decay has scores and no diverged run."""
    landscape = with_decay(landscape)
    trained = (landscape.num_seeds > 0) & (landscape.num_diverged == 0)
    return int(trained.any(axis=0).sum())
