"""Update rules of the sweep engine: the pure updates, ready for any weight tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_lion.optimizers.updates import Betas, adamw_update, lion_update

Tensor = Any


@dataclass(frozen=True)
class UpdateRule:
    """One optimizer, as the engine sees it.

    Attributes:
        num_slots: State tensors per weight tensor.
        update: `(weight, slots, gradient, step, learning_rate, weight_decay, betas)` to
            `(weight, slots)`.
    """

    num_slots: int
    update: Callable[..., tuple[Tensor, list[Tensor]]]


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


RULES = {
    "adamw": UpdateRule(num_slots=2, update=_adamw),
    "lion": UpdateRule(num_slots=1, update=_lion),
}


def get_rule(optimizer: str) -> UpdateRule:
    """The update rule of that name."""
    if optimizer not in RULES:
        raise ValueError(
            f"Unknown optimizer '{optimizer}'. Known: {', '.join(sorted(RULES))}."
        )
    return RULES[optimizer]


def hyperparameter_vector(
    weight_decay: float, beta_1: float, beta_2: float
) -> np.ndarray:
    """A configuration as one float32 input of the compiled program, shape `(5,)`."""
    return np.asarray([weight_decay, *Betas.of(beta_1, beta_2)], dtype="float32")


def apply_rule(
    rule: UpdateRule,
    weights: list[Tensor],
    slots: list[list[Tensor]],
    gradients: list[Tensor],
    *,
    step: Tensor,
    learning_rate: Tensor,
    hyperparameters: Tensor,
) -> tuple[list[Tensor], list[list[Tensor]]]:
    """One step of every weight tensor.

    Weight decay acts on tensors of two or more dimensions: not on biases, nor on the
    scales and offsets of normalisation layers, whatever the optimizer.
    """
    betas = Betas(*(hyperparameters[k] for k in range(1, 5)))
    updated = [
        rule.update(
            weight,
            slot,
            gradient,
            step,
            learning_rate=learning_rate,
            weight_decay=hyperparameters[0] if len(weight.shape) >= 2 else 0.0,
            betas=betas,
        )
        for weight, slot, gradient in zip(weights, slots, gradients, strict=True)
    ]
    return [weight for weight, _ in updated], [slot for _, slot in updated]


def initial_slots(rule: UpdateRule, weights: list[Tensor]) -> list[list[Tensor]]:
    """Zeros for every state tensor."""
    return [[ops.zeros_like(w) for _ in range(rule.num_slots)] for w in weights]
