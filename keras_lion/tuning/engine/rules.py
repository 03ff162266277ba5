"""Update rules of the sweep engine: the pure updates, ready for any weight tensor.

The arguments of an update that have a default are the rule's options: a study may name
them as axes or fixed values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np
from keras import ops

from keras_lion.optimizers.updates import Betas, adamw_update, lion_update
from keras_lion.optimizers.weight_decay import COUPLINGS

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
    """Whether weight decay acts on a weight, unless a task says otherwise.

    On two or more dimensions: not on biases, nor on the scales and offsets of
    normalization layers, whatever the optimizer.
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
        options: Further arguments of `update`, by name, with their defaults. They are
            constants of the compiled program.
        decayed: Which weight tensors weight decay acts on. None: those of two or more
            dimensions.
    """

    num_slots: int
    update: Callable[..., tuple[Tensor, list[Tensor]]]
    options: Mapping[str, Any] = field(default_factory=dict)
    vectorizes: bool = True
    decayed: Sequence[bool] | None = None

    def with_options(self, values: Mapping[str, Any]) -> TensorRule:
        """The rule with other values of some options.

        Raises:
            ValueError: If a value is not one that the option takes.
        """
        chosen = {
            name: _option(name, value, self.options[name])
            for name, value in values.items()
        }
        return replace(self, update=partial(self.update, **chosen))

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
        decayed = self.decayed or [decays(weight) for weight in weights]
        updated = [
            self.update(
                weight,
                slot,
                gradient,
                step,
                learning_rate=learning_rate,
                weight_decay=hyperparameters[0] if is_decayed else 0.0,
                betas=betas,
            )
            for weight, slot, gradient, is_decayed in zip(
                weights, slots, gradients, decayed, strict=True
            )
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


def _options_of(update: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of an update that have a default, with it.

    Not `in_place`, which changes how an update is computed and not what it is.
    """
    parameters = inspect.signature(update).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    found.pop("in_place", None)
    return found


def _option(name: str, value: Any, default: Any) -> Any:
    """The value of an option, as the type of its default."""
    if not isinstance(default, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"`{name}` must be a number. Received: {value!r}."
            ) from None
    if value not in (0, 1):
        raise ValueError(
            f"`{name}` must be True or False (1 or 0). Received: {value!r}."
        )
    return bool(value)


_LION_OPTIONS = _options_of(lion_update)

RULES = {
    "adamw": TensorRule(num_slots=2, update=_adamw, options=_options_of(adamw_update)),
    "cautious_lion": TensorRule(
        num_slots=1,
        update=partial(_lion, cautious=True),
        options={k: v for k, v in _LION_OPTIONS.items() if k != "cautious"},
    ),
    "lion": TensorRule(num_slots=1, update=_lion, options=_LION_OPTIONS),
    "signum": TensorRule(num_slots=1, update=_signum, options=_LION_OPTIONS),
}

COUPLING = "weight_decay_coupling"  # an option of every optimizer


def coupled_weight_decay(
    weight_decay: float, learning_rate: float, coupling: Any
) -> float:
    """What every step's learning rate multiplies, so that decay is coupled as named.

    Args:
        weight_decay: λ.
        learning_rate: The peak of the schedule.
        coupling: As `Lion(weight_decay_coupling=...)`: `"learning_rate"` for a decay of
            η_t λ at each step, `"schedule"` for η_t λ / (peak of η).

    Raises:
        ValueError: If there is no such coupling, or no peak to divide by.
    """
    if coupling not in COUPLINGS:
        raise ValueError(
            f"`{COUPLING}` must be one of {', '.join(COUPLINGS)}. "
            f"Received: {coupling!r}."
        )
    if coupling == "learning_rate":
        return weight_decay
    if not learning_rate > 0:
        raise ValueError(
            f"{COUPLING}='schedule' needs a positive learning rate. "
            f"Received: learning_rate={learning_rate}."
        )
    return weight_decay / learning_rate


def hyperparameter_vector(
    weight_decay: float, beta_1: float | None, beta_2: float | None
) -> np.ndarray:
    """A configuration as one float32 input of the compiled program, shape `(5,)`.

    Without β₂ it is β₁, and without β₁ both are 0.
    """
    beta_1 = 0.0 if beta_1 is None else beta_1
    beta_2 = beta_1 if beta_2 is None else beta_2
    return np.asarray([weight_decay, *Betas.of(beta_1, beta_2)], dtype="float32")
