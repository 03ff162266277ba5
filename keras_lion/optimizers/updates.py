"""The updates of Lion and AdamW as pure functions of tensors.

The Keras optimizer, the sweep engine and the tests share these. Hyperparameters may be
Python numbers or scalar tensors, so that one compiled program serves every value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any
Scalar = Any  # a Python float, or a tensor of shape ()


class Betas(NamedTuple):
    """β₁ and β₂ with their complements.

    The complements are taken in float64, before any cast: in float32, 1 − 0.999 is
    already wrong in its fifth digit.
    """

    beta_1: Scalar
    beta_2: Scalar
    one_minus_beta_1: Scalar
    one_minus_beta_2: Scalar

    @classmethod
    def of(cls, beta_1: float, beta_2: float) -> Betas:
        """From two Python numbers."""
        return cls(beta_1, beta_2, 1.0 - beta_1, 1.0 - beta_2)


def lion_update(
    weight: Tensor,
    momentum: Tensor,
    gradient: Tensor,
    *,
    learning_rate: Scalar,
    weight_decay: Scalar,
    betas: Betas,
) -> tuple[Tensor, Tensor]:
    """One step of Lion for one weight tensor.

    With θ the weight, m the momentum, g the gradient, η the learning rate and λ the
    weight decay,

        c = β₁ m + (1 − β₁) g
        θ ← θ − η (sign(c) + λ θ)
        m ← β₂ m + (1 − β₂) g

    The interpolation c reads the momentum *before* its update, decay reads the weight
    before the step, and sign(0) is 0.

    Args:
        weight: θ, any shape, float32 or float64.
        momentum: m, of the weight's shape and dtype.
        gradient: g, of the weight's shape and dtype.
        learning_rate: η.
        weight_decay: λ.
        betas: β₁ and β₂.

    Returns:
        The new weight and the new momentum.

    References:
        - [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Program 1 and
          Algorithm 2
    """
    interpolated = betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient
    update = ops.sign(interpolated) + weight_decay * weight
    # One rounded coefficient, where β₂ m + (1 − β₂) g has two that do not add up to 1:
    # a third of the error in float32.
    momentum = momentum + betas.one_minus_beta_2 * (gradient - momentum)
    return weight - learning_rate * update, momentum


def adamw_update(
    weight: Tensor,
    first_moment: Tensor,
    second_moment: Tensor,
    gradient: Tensor,
    *,
    step: Scalar,
    learning_rate: Scalar,
    weight_decay: Scalar,
    betas: Betas,
    epsilon: Scalar = 1e-7,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW for one weight tensor, in value that of `keras.optimizers`.

    With t the number of this step, counted from 1,

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        θ ← θ − η λ θ − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)

    As in Keras, ε is added to the uncorrected √v.

    Args:
        weight: θ, any shape, float32 or float64.
        first_moment: m, of the weight's shape and dtype.
        second_moment: v, of the weight's shape and dtype.
        gradient: g, of the weight's shape and dtype.
        step: t, 1 at the first step, in the weight's dtype.
        learning_rate: η.
        weight_decay: λ.
        betas: β₁ and β₂.
        epsilon: ε.

    Returns:
        The new weight and the new moments.

    References:
        - [Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)
    """
    first_moment = first_moment + betas.one_minus_beta_1 * (gradient - first_moment)
    second_moment = second_moment + betas.one_minus_beta_2 * (
        gradient * gradient - second_moment
    )
    correction = ops.sqrt(1.0 - betas.beta_2**step) / (1.0 - betas.beta_1**step)
    update = first_moment / (ops.sqrt(second_moment) + epsilon)
    weight = weight - learning_rate * weight_decay * weight
    return weight - learning_rate * correction * update, first_moment, second_moment
