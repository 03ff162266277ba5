"""What a search of k configurations finds."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.cross_fitting import RESOLUTION, folds
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.weights import Weights, cell_weights

Estimator = Literal["u", "v"]


def expected_best_of(
    landscape: Landscape,
    k: int,
    estimator: Estimator = "u",
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Expected score of the best of k cells that are drawn at random.

    With Y₁ ≤ … ≤ Yₙ the mean scores of the cells, it is Σ Yᵢ pᵢ, where pᵢ is the
    probability that the i-th is the best one drawn:

        "u", drawn without replacement:  pᵢ = C(i − 1, k − 1) / C(n, k)
        "v", drawn with replacement:     pᵢ = Wᵢᵏ − Wᵢ₋₁ᵏ,  Wᵢ = w₁ + … + wᵢ

    and wᵢ = 1/n with uniform weights. "u" is a random order of this grid; "v" a search
    that may try a cell twice. Tied cells share their probabilities. Diverged runs count
    with their floor, missing cells are never drawn; no decay is a row as any other.

    Args:
        landscape: Scores on a grid.
        k: Number of cells drawn, 1 or more; for "u" at most the number with a score.
        estimator: `"u"` or `"v"`.
        weights: `"uniform"`, or with "v" also `"trapezoid"` (drawn by area in log lr
            and log λ, never without decay).
        cross_fit: Whether cells are ranked on some seeds and scored on another, each
            seed left out once; cells of one seed then are left out.

    Returns:
        The expected score; cross-fitted: of the cell that looks the best.

    Raises:
        ValueError: If every cell is missing, `k` is out of its range, or an option is
            not one of those.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.3, 0.9, 0.6]])
    expected_best_of(landscape, k=2)  # 0.8: one of the three pairs lacks the best
    ```

    References:
        - Dodge et al. (2019). Show your work: improved reporting of experimental
          results. EMNLP. ("v")
        - Tang et al. (2020). Showing your work doesn't always work. ACL. ("u")
    """
    if estimator not in get_args(Estimator):
        raise ValueError(
            f"`estimator` must be 'u' or 'v'. Received: estimator={estimator!r}."
        )
    if estimator == "u" and weights != "uniform":
        raise ValueError(
            "`weights` must be 'uniform' for cells drawn without replacement. "
            f"Received: weights={weights!r}; use estimator='v'."
        )
    parts = folds(landscape, cross_fit)
    fewest = min(int(np.isfinite(chosen).sum()) for chosen, _ in parts)
    whole = math.isfinite(k) and k == int(k) and k >= 1
    if not whole or (estimator == "u" and k > fewest):
        most = f" and at most {fewest}, the cells to draw from," if k >= 1 else ""
        raise ValueError(
            f"`k` must be a whole number, 1 or more{most}. Received: k={k}."
            + (" Use estimator='v' to draw with replacement." if k > fewest else "")
        )
    drawn = cell_weights(landscape, weights)
    found = []
    for chosen, scored in parts:
        known = np.isfinite(chosen) & (drawn > 0)
        if not known.any():
            raise ValueError(
                "Cross-fitting needs cells of two seeds that have a weight. Received "
                f"none with weights={weights!r}: use 'uniform', or cross_fit=False."
            )
        share = drawn[known] / drawn[known].sum()
        best = _probabilities(chosen[known], share, int(k), estimator)
        found.append(float(best @ scored[known]))
    return float(np.mean(found))


def _probabilities(
    values: Array, weights: Array, k: int, estimator: Estimator
) -> Array:
    """The probability of each cell that it is the best one drawn."""
    n = len(values)
    order = np.argsort(values, kind="stable")
    if estimator == "u":
        total = math.comb(n, k)
        each = np.array([math.comb(i, k - 1) / total for i in range(n)])
    else:
        reached = np.minimum(np.cumsum(weights[order]), 1.0)
        reached[-1] = 1.0
        each = np.diff(reached**k, prepend=0.0)
    # Of tied cells each is the one taken in proportion to how often it is drawn.
    group = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > RESOLUTION)
    shared = np.bincount(group, each) / np.bincount(group, weights[order])
    probabilities = np.empty(n)
    probabilities[order] = shared[group] * weights[order]
    return probabilities
