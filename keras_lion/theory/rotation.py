"""How fast weights turn once they have settled under pure gradient noise."""

from __future__ import annotations

import math

from keras_lion.theory._checks import shrinkage
from keras_lion.theory.equilibrium import (
    adamw_equilibrium_rms,
    adamw_update_rms,
    lion_equilibrium_rms,
)


def lion_rotation(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9, beta_2: float = 0.99
) -> float:
    """Angle between the weights before and after a step of Lion, at equilibrium.

        2 arcsin(½ √((η² / w² − η²λ²) / a)),   a = 1 − ηλ

    with w the RMS `lion_equilibrium_rms`. It follows from E[w²] being the same before
    and after a step, without a further assumption, and depends on ηλ alone. It is the
    angle of many weights (a neuron of n inputs turns by about 1/n of it differently),
    and where a layer is normalized it is what a step changes.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        The angle in radians.

    Raises:
        ValueError: If ηλ is not in (0, 1), or a beta not in [0, 1).

    Example:

    ```python
    from keras_lion import theory

    theory.lion_rotation(1e-2, 1.0)  # 0.0275
    ```

    References:
        [Kosson et al., 2023](https://arxiv.org/abs/2305.17212).
    """
    a = shrinkage(learning_rate, weight_decay, below=1)
    rms = lion_equilibrium_rms(learning_rate, weight_decay, beta_1, beta_2)
    return _angle(learning_rate / rms, learning_rate * weight_decay, a)


def adamw_rotation(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9
) -> float:
    """Angle between the weights before and after a step of AdamW, at equilibrium.

        2 arcsin(½ √((η² u² / w² − η²λ²) / a)),   a = 1 − ηλ

    with u the RMS `adamw_update_rms` and w the RMS `adamw_equilibrium_rms`; see
    `lion_rotation`.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0, multiplied by the learning rate, as in Keras.
        beta_1: β₁ in [0, 1).

    Returns:
        The angle in radians.

    Raises:
        ValueError: If ηλ is not in (0, 1), or β₁ not in [0, 1).

    Example:

    ```python
    from keras_lion import theory

    theory.adamw_rotation(1e-2, 0.1)  # 0.01031
    ```

    References:
        [Kosson et al., 2023](https://arxiv.org/abs/2305.17212).
    """
    a = shrinkage(learning_rate, weight_decay, below=1)
    rms = adamw_equilibrium_rms(learning_rate, weight_decay, beta_1)
    step = learning_rate * adamw_update_rms(beta_1)
    return _angle(step / rms, learning_rate * weight_decay, a)


def _angle(relative_step: float, product: float, a: float) -> float:
    # 1 − cos θ = 2 sin²(θ/2): no difference of numbers near 1.
    return 2 * math.asin(0.5 * math.sqrt((relative_step**2 - product**2) / a))
