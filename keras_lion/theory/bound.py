"""How large a weight can become: bounds that hold for every gradient."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.theory._checks import Array, check_beta, checked_schedule


def sup_norm_bound(
    initial: float,
    learning_rate: ArrayLike,
    weight_decay: ArrayLike,
    *,
    update_bound: float = 1.0,
) -> Array:
    """Largest absolute value that a weight can have, step by step.

        B_0 = |w_0|,   B ← |1 − η_t λ_t| B + η_t R

    with R the largest update of a step: Lion's is 1. It assumes nothing of the
    gradients, and some gradients attain it. For a constant λ and η_t λ ≤ 1 it is

        B_t = D_t |w_0| + (1 − D_t) R / λ,   D_t = Π_{s<t} (1 − η_s λ)

    so that Lion's weights end up within 1 / λ. A weight beyond it is an error in the
    optimizer. In gradient noise weights stay far inside: at
    λ · `lion_equilibrium_rms`, 0.14 of the bound at ηλ = 1e-3.

    Args:
        initial: Largest absolute value of the initial weights, ≥ 0.
        learning_rate: η_t of every step, shape (steps,).
        weight_decay: λ of all steps, or λ_t of every step, shape (steps,); 0 without
            decay, where the bound grows with Σ η_t.
        update_bound: R > 0; for AdamW `adamw_update_bound`.

    Returns:
        The bound before the first step and after each, shape (steps + 1,).

    Raises:
        ValueError: If shapes do not fit, or an argument is out of its range.

    Example:

    ```python
    import numpy as np
    from keras_lion import theory

    theory.sup_norm_bound(5.0, np.full(100, 0.1), 1.0)[-1]  # 1.0001
    ```

    References:
        [Chen, Liu et al., 2023](https://arxiv.org/abs/2310.05898): Lion minimises the
        loss within |w| ≤ 1 / λ.
    """
    rates, decays = checked_schedule(learning_rate, weight_decay)
    if not 0 <= initial < math.inf or not 0 < update_bound < math.inf:
        raise ValueError(
            "`initial` must be finite and not negative, and `update_bound` positive "
            f"and finite. Received: initial={initial!r}, "
            f"update_bound={update_bound!r}."
        )
    bounds = np.empty(len(rates) + 1)
    bounds[0] = initial
    for step, kept in enumerate(np.abs(1 - rates * decays)):
        bounds[step + 1] = kept * bounds[step] + rates[step] * update_bound
    return bounds


def adamw_update_bound(beta_1: float = 0.9, beta_2: float = 0.999) -> float:
    """Largest update of a weight that AdamW can make, in units of the learning rate.

        (1 − β₁) / √((1 − β₂) (1 − β₁² / β₂))

    by Cauchy and Schwarz, Σ w_j g_j ≤ √(Σ w_j² / x_j) · √(Σ x_j g_j²), with w_j and x_j
    the weights that the two moments give the gradient of j steps ago. Gradients that
    shrink like (β₁ / β₂)^j back in time attain it after long training, and ones with
    the corrections of the first steps stay below it. Ordinary gradients stay at about
    1 or less.

    Args:
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1), above β₁²: otherwise there is no bound.

    Returns:
        The bound: 7.27 for (0.9, 0.999); never less than 1.

    Raises:
        ValueError: If a beta is out of its range.

    References:
        [Xie and Li, 2024](https://arxiv.org/abs/2404.04454): after long training
        without noise AdamW's weights, too, lie within 1 / λ.
    """
    check_beta("beta_1", beta_1)
    check_beta("beta_2", beta_2)
    if beta_1**2 >= beta_2:
        raise ValueError(
            "AdamW's update is bounded where beta_1² < beta_2. Received: "
            f"beta_1={beta_1!r}, beta_2={beta_2!r}."
        )
    return (1 - beta_1) / math.sqrt((1 - beta_2) * (1 - beta_1**2 / beta_2))
