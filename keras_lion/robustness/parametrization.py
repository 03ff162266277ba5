"""Which pair of hyperparameters is less sensitive: (lr, λ) or (lr, lr·λ)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness._jackknife import jackknife_interval
from keras_lion.robustness.diagonals import steps, with_decay
from keras_lion.robustness.groupings import check_lines
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class Parametrizations:
    """Learning-rate sensitivity with λ fixed, and with lr·λ fixed.

    Attributes:
        fixed_weight_decay: Mean loss of score along rows: only the rate changes.
        fixed_product: Mean loss of score along lines of equal lr·λ: as the rate grows,
            λ shrinks with it. 0 under the product law.
        difference: `fixed_weight_decay − fixed_product`, with its interval over seeds:
            positive where lr·λ is the better second hyperparameter.
        decades: Length of the stretches of learning rate, in powers of ten.
    """

    fixed_weight_decay: float
    fixed_product: float
    difference: Interval
    decades: float


def compare_parametrizations(
    landscape: Landscape, columns: int = 3, confidence: float = 0.95
) -> Parametrizations:
    """Learning-rate sensitivity in the coordinates (lr, λ) and (lr, lr·λ).

    Sensitivity along k cells is the mean of (best of the k − score). It is taken in
    every block of k × k neighbouring cells: along each row of the block (λ fixed), and
    along its anti-diagonal (lr·λ fixed). Both cross the same learning rates; means over
    all rows and blocks. This is one set of cells, read along two directions, as with a
    weight decay that is multiplied by the learning rate and one that is not. The row of
    no decay is left out, and so are stretches with a missing cell.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.
        columns: k, at least 2: number of learning rates in a stretch.
        confidence: Share of such intervals that hold the true difference, in (0, 1).

    Returns:
        Both sensitivities, in the unit of the scores, and their difference with a
        jackknife interval over seeds. Noise adds alike to both sensitivities. NaN where
        every stretch lacks a cell.

    Raises:
        ValueError: If the axes do not have equal geometric ratios, no weight decay is
            positive, or the grid has no block of that size.

    Example:

    ```python
    scores = [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
    found = compare_parametrizations(Landscape([1, 2, 4], [1, 2, 4], scores))
    found.fixed_weight_decay, found.fixed_product  # 1.0, 0.0
    ```

    References:
        Wortsman et al. (2023). Small-scale proxies for large-scale transformer training
        instabilities (independent weight decay).
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    if not 2 <= columns <= min(landscape.means.shape):
        raise ValueError(
            "`columns` must be at least 2, and at most the smaller number of values of "
            f"the two axes, {min(landscape.means.shape)}. Received: {columns}."
        )

    def difference(means: Array) -> float:
        rows, lines = _sensitivities(means, columns)
        return rows - lines

    rows, lines = _sensitivities(landscape.means, columns)
    return Parametrizations(
        fixed_weight_decay=rows,
        fixed_product=lines,
        difference=jackknife_interval(difference, landscape.scores, confidence),
        decades=(columns - 1) * steps(landscape)[0],
    )


def _sensitivities(means: Array, k: int) -> tuple[float, float]:
    blocks = np.lib.stride_tricks.sliding_window_view(means, (k, k)).reshape(-1, k, k)
    lines = np.diagonal(blocks[:, ::-1], axis1=1, axis2=2)
    return _sensitivity(blocks.reshape(-1, k)), _sensitivity(lines)


def _sensitivity(stretches: Array) -> float:
    """Mean of best − score over stretches without a missing cell."""
    whole = stretches[np.isfinite(stretches).all(axis=1)]
    if not len(whole):
        return float("nan")
    return float((whole.max(axis=1, keepdims=True) - whole).mean())
