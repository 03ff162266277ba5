"""Taking AdamW's hyperparameters over to Lion by a factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.cross_fitting import RESOLUTION, own_best
from keras_lion.robustness.interpolation import interpolated
from keras_lion.robustness.landscape import Landscape


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
        within = self.inside & (np.round(self.regret - epsilon, 12) <= 0)
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
        cross_fit: Whether Lion's best is cross-fitted over seeds
            (`cross_fitting.own_best`).

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
        if landscape.all_diverged:
            raise ValueError(
                f"An optimum needs a run that trained. Received for `{name}` a "
                "landscape whose runs all diverged: move its grid."
            )
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
