"""How much of a landscape lr·λ explains, beside lr/λ and lr and λ apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.diagonals import (
    decades,
    has_lines,
    product_index,
    ratio_index,
    with_decay,
)
from keras_lion.robustness.landscape import Landscape


@dataclass(frozen=True)
class Groupings:
    """R² of three descriptions of the cell means.

    Attributes:
        product: R² of one mean for each value of lr·λ.
        ratio: R² of one mean for each value of lr/λ.
        additive: R² of one effect for each lr plus one for each λ.
        num_parameters: Of the three, in this order. All are m + n − 1 on a complete
            grid, so that the R² compare as they are.
    """

    product: float
    ratio: float
    additive: float
    num_parameters: tuple[int, int, int]


def groupings(landscape: Landscape) -> Groupings:
    """R² of the groupings by lr·λ, by lr/λ, and of lr and λ apart.

    R² = 1 − Σ (mean − fitted)² / Σ (mean − grand mean)², every cell with equal weight.
    On axes with one geometric ratio the lines of equal lr·λ are the anti-diagonals of
    the grid, those of equal lr/λ its diagonals: m + n − 1 groups each, and the additive
    description has as many free parameters. The row of no decay and missing cells are
    left out.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.

    Returns:
        The three R²; NaN where all means are equal.

    Raises:
        ValueError: If the axes do not have equal geometric ratios, or no weight decay
            is positive.

    Example:

    ```python
    scores = [[0, 1, 4], [1, 4, 9], [4, 9, 16]]
    groupings(Landscape([1, 2, 4], [1, 2, 4], scores)).product  # 1.0
    ```
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    means = landscape.means
    present = np.isfinite(means)
    rows, columns = np.nonzero(present)
    apart = np.hstack([_dummies(rows), _dummies(columns)])
    designs = (
        _dummies(product_index(means.shape)[present]),
        _dummies(ratio_index(means.shape)[present]),
        apart,
    )
    product, ratio, additive = (r_squared(each, means[present]) for each in designs)
    ranks = [_rank(design) for design in designs]
    return Groupings(product, ratio, additive, (ranks[0], ranks[1], ranks[2]))


def product_quadratic(landscape: Landscape) -> tuple[float, float]:
    """R² of a parabola in log(lr·λ), fitted and predicted.

    The second number leaves each cell out of the fit that predicts it:
    1 − Σ (e / (1 − h))² / Σ (mean − grand mean)², with e the residual and h the
    leverage of a cell. It may be negative. On any grid.

    Returns:
        (R², leave-one-out R²). NaN where all means are equal; the second one also where
        a cell alone determines the parabola.
    """
    landscape = with_decay(landscape)
    present = np.isfinite(landscape.means)
    values = landscape.means[present]
    total = variation(values)
    if math.isnan(total):
        return math.nan, math.nan
    x, y = decades(landscape)
    product = (x + y)[present]
    product = product - product.mean()
    design = np.stack([np.ones_like(product), product, product**2], axis=1)
    hat = design @ np.linalg.pinv(design)
    residuals = values - hat @ values
    spare = 1 - np.diag(hat)
    r2 = 1 - float(residuals @ residuals) / total
    if spare.min() < 1e-9:
        return r2, math.nan
    return r2, 1 - float(np.sum((residuals / spare) ** 2)) / total


def isoline_slope(landscape: Landscape) -> float:
    """Slope d log λ / d log lr of the lines of equal score of a fitted plane.

    score ≈ a + b log lr + c log λ has the lines −b / c: −1 if lr·λ alone counts, 0 if λ
    alone does, ±∞ if lr alone does. On any grid.

    Returns:
        The slope; NaN where the plane is level or an axis has one value.
    """
    landscape = with_decay(landscape)
    present = np.isfinite(landscape.means)
    values = landscape.means[present]
    x, y = (axis[present] for axis in decades(landscape))
    if math.isnan(variation(values)) or not (np.ptp(x) and np.ptp(y)):
        return math.nan
    design = np.stack([np.ones_like(x), x - x.mean(), y - y.mean()], axis=1)
    _, b, c = np.linalg.lstsq(design, values - values.mean(), rcond=None)[0]
    level = 1e-12 * np.ptp(values)
    if abs(c) > level:
        return float(-b / c)
    return math.nan if abs(b) <= level else math.copysign(math.inf, -b)


def misfit_shares(landscape: Landscape) -> Array:
    """Share of the product grouping's misfit that is due to each cell.

    Leaving a cell out of a line of k cells lowers the sum of squared residuals by
    e² k / (k − 1), which is divided by that sum. A cell alone on its line fits whatever
    it is: 0. Shares of cells on one line overlap: they may add up to more than 1.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.

    Returns:
        Shape (m, n): NaN for missing cells and the row of no decay, 0 everywhere else
        if the product explains all.

    Raises:
        ValueError: If the axes do not have equal geometric ratios, or no weight decay
            is positive.
    """
    shares = np.full(landscape.means.shape, math.nan)
    inner = with_decay(landscape)
    check_lines(inner)
    means, product = inner.means, product_index(inner.means.shape)
    removed = np.where(np.isfinite(means), 0.0, math.nan)
    misfit = 0.0
    for number in np.unique(product):
        cells = (product == number) & np.isfinite(means)
        count = int(cells.sum())
        if count > 1:
            squares = (means[cells] - means[cells].mean()) ** 2
            removed[cells] = squares * count / (count - 1)
            misfit += float(squares.sum())
    values = means[np.isfinite(means)]
    if len(values) == 0 or misfit <= _rounding(values):
        removed[np.isfinite(removed)] = 0.0
    else:
        removed /= misfit
    shares[landscape.weight_decay > 0] = removed
    return shares


def check_lines(landscape: Landscape) -> None:
    """Raise a ValueError unless anti-diagonals are lines of equal lr·λ."""
    if not has_lines(landscape):
        raise ValueError(
            "Lines of equal lr·λ need two or more values on each axis, with one "
            "geometric ratio on both. Received: "
            f"learning_rate={landscape.learning_rate.tolist()}, "
            f"weight_decay={landscape.weight_decay.tolist()}. `single_index`, "
            "`product_quadratic` and `isoline_slope` take any grid."
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


def _rank(design: Array) -> int:
    return int(np.linalg.matrix_rank(design)) if design.size else 0
