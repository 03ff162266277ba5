"""An optimizer's step under a `tf.distribute` strategy of several replicas.

Gradients are added up over the replicas before anything else happens to them. Every
replica then computes the whole step from the same gradients and its own copy of the
weights, and only assignments cross replicas. So clipping, the check for non-finite
gradients and accumulation see what one device with the whole batch would see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras_lion.optimizers.backend import assign_everywhere, in_replicas

Tensor = Any


class ReplicatedStep:
    """The assignments of an optimizer that steps on every replica."""

    update_step: Callable[..., None]

    def assign(self, variable: Any, value: Tensor) -> None:
        """Assign a value that is the same on every replica."""
        if not in_replicas():
            super().assign(variable, value)  # type: ignore[misc]
            return
        assign_everywhere(variable, value)

    def _backend_update_step(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Any],
        learning_rate: Any,
    ) -> None:
        """The step of every variable; gradients are added up already."""
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)
