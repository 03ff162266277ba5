"""What a search of k configurations finds, and what a rule of thumb costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_lion.robustness.grid import Weights, cell_weights, interpolated
from keras_lion.robustness.intervals import (
    folds,
    intervals_over_seeds,
    own_best,
    without_each_seed,
)
from keras_lion.robustness.landscape import (
    RESOLUTION,
    Array,
    Landscape,
    check_choice,
    check_trained,
    rounded,
)
from keras_lion.statistics import Interval

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
    check_choice("estimator", estimator, Estimator)
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


CURVE_POINTS = 24  # of a curve; neighbors differ by little


@dataclass(frozen=True)
class TuningCurve:
    """Expected best score over the number of configurations tried.

    Attributes:
        k: Numbers of configurations, ascending from 1, shape (points,).
        best: Expected score of the best of k, with its interval over seeds.
    """

    k: NDArray[np.int64]
    best: tuple[Interval, ...]


def tuning_curve(landscape: Landscape) -> TuningCurve:
    """Expected score of the best of 1, 2, … configurations drawn from the grid.

    `expected_best_of(landscape, k)`: drawn without replacement, ranked on some seeds
    and scored on another. k ends at the number of cells that have a score without any
    one of the seeds, in equal ratios where there are many.

    Args:
        landscape: Scores on a grid.

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
    ks = np.unique(np.round(np.geomspace(1, most, CURVE_POINTS)).astype(np.int64))

    def curve(part: Landscape) -> Array:
        return np.array([expected_best_of(part, int(k)) for k in ks])

    return TuningCurve(
        ks, intervals_over_seeds(landscape, curve, bounds=landscape.bounds)
    )


def _drawable(landscape: Landscape) -> int:
    """Cells that every part of the jackknife can draw from."""
    present = np.asarray(np.isfinite(landscape.scores).any(axis=(0, 1)))
    parts = [landscape]
    if present.sum() > 1:
        parts += without_each_seed(landscape.select(seeds=present))
    return min(
        int(np.isfinite(fold.chosen_on).sum()) for part in parts for fold in folds(part)
    )


@dataclass(frozen=True)
class RuleOfThumb:
    """Regret of Lion at AdamW's optimum, moved by each of several factors.

    Attributes:
        factors: What the learning rate is divided by, shape (k,).
        weight_decay_factors: What the weight decay is multiplied by, shape (k,).
        regret: In the unit of the scores, shape (k,); NaN where not `inside`.
        inside: Whether the point lies in Lion's window, between cells with a score.
    """

    factors: Array
    weight_decay_factors: Array
    regret: Array
    inside: NDArray[np.bool_]

    @property
    def best_factor(self) -> float:
        """The factor of least regret; of ties the smallest.

        Raises:
            ValueError: If no point lies in Lion's window.
        """
        if not self.inside.any():
            raise ValueError(
                "No factor leads into Lion's window. Received factors "
                f"{self.factors.tolist()}: try others, or extend Lion's grid."
            )
        least = np.nanmin(self.regret)
        return float(self.factors[self.regret <= least + RESOLUTION].min())

    def factors_within(self, epsilon: float) -> list[float]:
        """The factors, in their order, whose regret is at most ε."""
        within = self.inside & (rounded(self.regret - epsilon) <= 0)
        return [float(factor) for factor in self.factors[within]]


def rule_of_thumb_regret(
    adamw: Landscape,
    lion: Landscape,
    factors: ArrayLike,
    *,
    weight_decay_factors: Sequence[float] | None = None,
    cross_fit: bool = True,
) -> RuleOfThumb:
    """Regret of Lion at (lr / k, λ · k), with (lr, λ) the best cell of AdamW.

    The advice to use a learning rate 3 to 10 times smaller and a weight decay as many
    times larger, as a curve over k: Lion's best − its score there, bilinear in log lr
    and log λ between its cells. Points outside Lion's window are flagged, not
    extrapolated. If AdamW is best without decay, so is the point: it is looked up in
    Lion's row of no decay, or is outside if Lion has none.

    Args:
        adamw: Scores of AdamW on a grid.
        lion: Scores of Lion on the same task.
        factors: k, positive, shape (k,).
        weight_decay_factors: What λ is multiplied by, if not by `factors` too.
        cross_fit: Whether Lion's best is cross-fitted over seeds.

    Returns:
        The regret at each factor.

    Raises:
        ValueError: If every cell of one is missing, every run of one diverged, or a
            factor is not positive.

    Example:

    ```python
    adamw = Landscape([1e-3, 1e-2], [0.1], [[0.7, 0.9]])
    lion = Landscape([1e-4, 1e-3], [1.0], [[0.7, 0.9]])
    rule_of_thumb_regret(adamw, lion, [3, 10]).regret  # [nan, 0.0]
    ```

    References:
        Chen et al. (2023). Symbolic discovery of optimization algorithms. NeurIPS.
    """
    for name, landscape in (("adamw", adamw), ("lion", lion)):
        check_trained(landscape, name)
    rates = _checked("factors", factors)
    decays = rates
    if weight_decay_factors is not None:
        decays = _checked("weight_decay_factors", weight_decay_factors)
    if decays.shape != rates.shape:
        raise ValueError(
            "`weight_decay_factors` must be as many as `factors`. "
            f"Received: {len(decays)} and {len(rates)}."
        )
    start, best = adamw.best, own_best(lion, cross_fit)
    scores = np.array(
        [
            interpolated(
                lion, lion.means, start.learning_rate / rate, start.weight_decay * decay
            )
            for rate, decay in zip(rates, decays, strict=True)
        ]
    )
    return RuleOfThumb(rates, decays, best - scores, np.isfinite(scores))


def _checked(name: str, values: ArrayLike) -> Array:
    array = np.array(values, dtype=float)
    if array.ndim != 1 or not all(math.isfinite(v) and v > 0 for v in array.tolist()):
        raise ValueError(
            f"`{name}` must be a list of positive numbers. Received: {values!r}."
        )
    return array
