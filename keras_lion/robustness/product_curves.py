"""What the product law predicts: one score for each lr·λ."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.diagonals import (
    decades,
    has_lines,
    product_index,
    with_decay,
)
from keras_lion.robustness.groupings import groupings, product_quadratic
from keras_lion.robustness.landscape import Landscape

Prediction = Literal["mean", "parabola"]
POINTS = 60  # of a parabola


@dataclass(frozen=True)
class ProductCurve:
    """Cells by lr·λ and lr/λ, and the scores that lr·λ alone predicts.

    Attributes:
        landscape: The scores, without the row of no decay.
        product: lr·λ of each cell, shape (m, n).
        ratio: lr/λ of each cell, shape (m, n).
        prediction: `"mean"` of the cells of equal lr·λ, or where the axes have no such
            lines the `"parabola"` in log(lr·λ) of least squares.
        at: lr·λ of the predicted scores, ascending, shape (k,).
        predicted: The predicted scores, shape (k,).
        r2: Share of the variance between cells that the prediction explains.
        r2_additive: The same of one effect for each lr and one for each λ, which has as
            many parameters as the means; NaN with a parabola.
        num_left_out: Cells with a score and no decay, for which lr·λ is 0.
    """

    landscape: Landscape = field(compare=False, repr=False)
    product: Array = field(compare=False, repr=False)
    ratio: Array = field(compare=False, repr=False)
    prediction: Prediction
    at: Array = field(compare=False)
    predicted: Array = field(compare=False)
    r2: float
    r2_additive: float
    num_left_out: int


def product_curve(landscape: Landscape) -> ProductCurve:
    """The scores that lr·λ alone predicts, beside those of the cells.

    Args:
        landscape: Scores on a grid.

    Returns:
        Cells and prediction; none is predicted if no cell with decay has a score.

    Raises:
        ValueError: If no weight decay is positive.

    Example:

    ```python
    scores = [[0, 1, 4], [1, 4, 9], [4, 9, 16]]
    product_curve(Landscape([1, 2, 4], [1, 2, 4], scores)).predicted  # 0, 1, 4, 9, 16
    ```
    """
    decayed = with_decay(landscape)
    x, y = decades(decayed)
    totals = x + y
    known = np.isfinite(decayed.means)
    prediction: Prediction = "mean" if has_lines(decayed) else "parabola"
    r2 = r2_additive = math.nan
    at = predicted = np.empty(0)
    if prediction == "mean":
        index = product_index(totals.shape)
        lines = [known & (index == line) for line in np.unique(index[known])]
        at = np.array([totals[line].mean() for line in lines])
        predicted = np.array([decayed.means[line].mean() for line in lines])
        groups = groupings(decayed)
        r2, r2_additive = groups.product, groups.additive
    elif known.any():
        at, predicted = _parabola(totals[known], decayed.means[known])
        r2 = product_quadratic(decayed)[0]
    without = landscape.weight_decay == 0
    return ProductCurve(
        landscape=decayed,
        product=10**totals,
        ratio=10 ** (x - y),
        prediction=prediction,
        at=10**at,
        predicted=predicted,
        r2=r2,
        r2_additive=r2_additive,
        num_left_out=int((landscape.num_seeds[without] > 0).sum()),
    )


def _parabola(totals: Array, values: Array) -> tuple[Array, Array]:
    """Least-squares parabola over log₁₀(lr·λ), of a lower degree on few points."""
    centre = totals.mean()
    degree = min(2, len(np.unique(totals.round(9))) - 1)
    fitted = np.polynomial.Polynomial.fit(totals - centre, values, degree)
    at = np.linspace(totals.min(), totals.max(), POINTS if degree else 1)
    return at, np.asarray(fitted(at - centre))
