"""Update rules of the sweep engine: the pure updates, ready for any weight tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np
from keras import ops

from keras_lion.optimizers.updates import Betas, adamw_update, lion_update

Tensor = Any


class UpdateRule(Protocol):
    """One optimizer, as the engine sees it."""

    @property
    def vectorizes(self) -> bool:
        """True if runs with it can train together."""

    def initial_slots(self, weights: list[Tensor]) -> list[list[Tensor]]:
        """The optimizer's state before the first step."""

    def apply(
        self,
        weights: list[Tensor],
        slots: list[list[Tensor]],
        gradients: list[Tensor],
        *,
        step: Tensor,
        learning_rate: Tensor,
        hyperparameters: Tensor,
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """One step of every weight tensor.

        Args:
            weights: θ of every trainable weight.
            slots: The optimizer's state.
            gradients: g of every trainable weight.
            step: Number of the step, 1 at the first, float32.
            learning_rate: η of the step.
            hyperparameters: As `hyperparameter_vector` gives them.
        """


def decays(weight: Tensor) -> bool:
    """Whether weight decay acts on a weight: on two or more dimensions.

    Not on biases, nor on the scales and offsets of normalisation layers, whatever the
    optimizer.
    """
    return len(weight.shape) >= 2


@lru_cache(maxsize=256)
def _zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
    """One tensor of zeros for all runs: tensors do not change."""
    return ops.zeros(shape, dtype)


@dataclass(frozen=True)
class TensorRule:
    """A rule that updates each weight tensor by itself, from a pure function.

    Args:
        num_slots: State tensors per weight tensor.
        update: `(weight, slots, gradient, step, learning_rate, weight_decay, betas)` to
            `(weight, slots)`.
    """

    num_slots: int
    update: Callable[..., tuple[Tensor, list[Tensor]]]
    vectorizes: bool = True

    def initial_slots(self, weights: list[Tensor]) -> list[list[Tensor]]:
        """Zeros for every state tensor."""
        return [[_zeros(tuple(w.shape), w.dtype)] * self.num_slots for w in weights]

    def apply(
        self,
        weights: list[Tensor],
        slots: list[list[Tensor]],
        gradients: list[Tensor],
        *,
        step: Tensor,
        learning_rate: Tensor,
        hyperparameters: Tensor,
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """One step of every weight tensor."""
        betas = Betas(*(hyperparameters[k] for k in range(1, 5)))
        updated = [
            self.update(
                weight,
                slot,
                gradient,
                step,
                learning_rate=learning_rate,
                weight_decay=hyperparameters[0] if decays(weight) else 0.0,
                betas=betas,
            )
            for weight, slot, gradient in zip(weights, slots, gradients, strict=True)
        ]
        return [weight for weight, _ in updated], [slot for _, slot in updated]


def _lion(
    weight: Tensor,
    slots: list[Tensor],
    gradient: Tensor,
    step: Tensor,
    **hyperparameters: Any,
) -> tuple[Tensor, list[Tensor]]:
    del step
    weight, momentum = lion_update(weight, slots[0], gradient, **hyperparameters)
    return weight, [momentum]


def _adamw(
    weight: Tensor,
    slots: list[Tensor],
    gradient: Tensor,
    step: Tensor,
    **hyperparameters: Any,
) -> tuple[Tensor, list[Tensor]]:
    first, second = slots
    weight, first, second = adamw_update(
        weight, first, second, gradient, step=step, **hyperparameters
    )
    return weight, [first, second]


def _signum(
    weight: Tensor,
    slots: list[Tensor],
    gradient: Tensor,
    step: Tensor,
    *,
    betas: Betas,
    **hyperparameters: Any,
) -> tuple[Tensor, list[Tensor]]:
    # Lion with one beta: the sign of the momentum after its update.
    betas = Betas(
        betas.beta_1, betas.beta_1, betas.one_minus_beta_1, betas.one_minus_beta_1
    )
    return _lion(weight, slots, gradient, step, betas=betas, **hyperparameters)


RULES = {
    "adamw": TensorRule(num_slots=2, update=_adamw),
    "cautious_lion": TensorRule(num_slots=1, update=partial(_lion, cautious=True)),
    "lion": TensorRule(num_slots=1, update=_lion),
    "signum": TensorRule(num_slots=1, update=_signum),
}


def hyperparameter_vector(
    weight_decay: float, beta_1: float | None, beta_2: float | None
) -> np.ndarray:
    """A configuration as one float32 input of the compiled program, shape `(5,)`.

    Without β₂ it is β₁, and without β₁ both are 0.
    """
    beta_1 = 0.0 if beta_1 is None else beta_1
    beta_2 = beta_1 if beta_2 is None else beta_2
    return np.asarray([weight_decay, *Betas.of(beta_1, beta_2)], dtype="float32")
