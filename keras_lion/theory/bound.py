"""How large a weight can become: bounds that hold for every gradient."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.theory._checks import Array, checked_schedule


def sup_norm_bound(
    initial: float, learning_rate: ArrayLike, weight_decay: ArrayLike
) -> Array:
    """Largest absolute value that a weight of Lion can have, step by step.

        B_0 = |w_0|,   B ← |1 − η_t λ_t| B + η_t

    as no update of a weight exceeds 1. It assumes nothing of the gradients, and some
    gradients attain it. For a constant λ and η_t λ ≤ 1 it is

        B_t = D_t |w_0| + (1 − D_t) / λ,   D_t = Π_{s<t} (1 − η_s λ)

    so that weights end up within 1 / λ. A weight beyond it is an error in the
    optimizer. In gradient noise weights stay far inside: at
    λ · `lion_equilibrium_rms`, 0.14 of the bound at ηλ = 1e-3.

    Args:
        initial: Largest absolute value of the initial weights, ≥ 0.
        learning_rate: η_t of every step, shape (steps,).
        weight_decay: λ of all steps, or λ_t of every step, shape (steps,); 0 without
            decay, where the bound grows with Σ η_t.

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
        [Chen, Liu et al., 2023](https://arxiv.org/abs/2310.05898): Lion minimizes the
        loss within |w| ≤ 1 / λ.
    """
    rates, decays = checked_schedule(learning_rate, weight_decay)
    if not 0 <= initial < math.inf:
        raise ValueError(
            f"`initial` must be finite and not negative. Received: initial={initial!r}."
        )
    bounds = np.empty(len(rates) + 1)
    bounds[0] = initial
    for step, kept in enumerate(np.abs(1 - rates * decays)):
        bounds[step + 1] = kept * bounds[step] + rates[step]
    return bounds
