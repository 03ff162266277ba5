"""The updates of Lion and AdamW as pure functions of tensors.

The Keras optimizer, the sweep engine and the tests share these. Hyperparameters may be
Python numbers or scalar tensors, so that one compiled program serves every value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

Tensor = Any
Scalar = Any  # a Python float, or a tensor of shape ()

MAX_CAUTIOUS_SCALE = 10


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
    cautious: bool = False,
    cautious_weight_decay: bool = False,
    in_place: bool = False,
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
        cautious: Move only where the step descends by the gradient; see
            `cautious_direction`.
        cautious_weight_decay: Decay only where sign(c) θ ≥ 0: where decay agrees with
            the step, or the step is nothing.
        in_place: Compute c from the new momentum m' instead of m, as
            c = (β₁ / β₂) m' + (1 − β₁ / β₂) g, the same in exact arithmetic. A compiler
            can then write m' in place of m: one tensor less is read, and XLA on a CPU,
            which would have copied m, need not. For betas that `can_be_in_place`.

    Returns:
        The new weight and the new momentum.

    References:
        - [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Program 1 and
          Algorithm 2
        - [Chen et al., 2025, cautious weight decay](https://arxiv.org/abs/2510.12402)
    """
    new_momentum = updated_momentum(momentum, gradient, betas)
    if in_place:
        ratio = betas.beta_1 / betas.beta_2
        interpolated = gradient + ratio * (new_momentum - gradient)
    else:
        interpolated = betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient
    weight = signed_step(
        weight,
        interpolated,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        agreeing_with=gradient if cautious else None,
        cautious_weight_decay=cautious_weight_decay,
    )
    return weight, new_momentum


def can_be_in_place(betas: Betas) -> bool:
    """Whether c lies between the new momentum and the gradient: 0 ≤ β₁ ≤ β₂ > 0.

    Otherwise it is a difference of larger numbers, and not as exact.
    """
    return bool(betas.beta_1 <= betas.beta_2 and betas.beta_2 > 0)


def updated_momentum(momentum: Tensor, gradient: Tensor, betas: Betas) -> Tensor:
    """β₂ m + (1 − β₂) g, the momentum after a step."""
    # One rounded coefficient, where β₂ m + (1 − β₂) g has two that do not add up to 1:
    # a third of the error in float32.
    return momentum + betas.one_minus_beta_2 * (gradient - momentum)


def signed_step(
    weight: Tensor,
    interpolated: Tensor,
    *,
    learning_rate: Scalar,
    weight_decay: Scalar,
    agreeing_with: Tensor | None = None,
    cautious_weight_decay: bool = False,
) -> Tensor:
    """θ − η (sign(c) + λ θ), the weight after a step against the sign of c.

    Args:
        weight: θ.
        interpolated: c.
        learning_rate: η.
        weight_decay: λ.
        agreeing_with: The gradient that a cautious step must agree with, or None.
        cautious_weight_decay: Decay only where sign(c) θ ≥ 0.
    """
    direction = ops.sign(interpolated)
    decay = weight_decay * weight
    if cautious_weight_decay:
        decay = ops.where(direction * weight >= 0, decay, ops.zeros_like(decay))
    if agreeing_with is not None:
        direction = cautious_direction(direction, agreeing_with)
    return weight - learning_rate * (direction + decay)


def cautious_direction(direction: Tensor, gradient: Tensor) -> Tensor:
    """The direction where it agrees with the gradient, scaled up for what is left out.

        φ = 1 where direction · gradient > 0, else 0
        direction ← direction φ / max(mean(φ), 1 / 10)

    The mean is over the tensor. The scale keeps the size of the whole step; it is at
    most 10, and 1 for a tensor of one element that moves.

    References:
        - [Liang et al., 2024](https://arxiv.org/abs/2411.16085), Algorithm 2
    """
    agrees = ops.cast(direction * gradient > 0, direction.dtype)
    return direction * agrees / ops.maximum(ops.mean(agrees), 1 / MAX_CAUTIOUS_SCALE)


def accumulate_in_momentum(
    momentum: Tensor,
    gradient: Tensor,
    *,
    first: Tensor,
    steps: int,
    one_minus_beta: Scalar,
) -> Tensor:
    """Add one of k gradients to a momentum: after all k it is as after their mean.

    With β₁ = β₂ = β, a step of Lion reads only the momentum after its update, and that
    is linear in the gradients of a window: it can gather them itself, without a buffer.

        m ← (β if first of the window else 1) m + (1 − β) / k · g

    Args:
        momentum: m, float32 or float64.
        gradient: g of this micro-step.
        first: True at the first micro-step of a window, shape ().
        steps: k, the micro-steps of a window.
        one_minus_beta: 1 − β.
    """
    kept = ops.where(first, momentum - one_minus_beta * momentum, momentum)
    return kept + (one_minus_beta / steps) * gradient


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
