"""An optimizer's step under a `tf.distribute` strategy of several replicas.

Gradients are added up over the replicas before anything else happens to them. Every
replica then computes the whole step from the same gradients and its own copy of the
weights, and only assignments cross replicas. So clipping, the check for non-finite
gradients and accumulation see what one device with the whole batch would see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

Tensor = Any


class ReplicatedStep:
    """The assignments of an optimizer that steps on every replica."""

    update_step: Callable[..., None]

    def assign(self, variable: Any, value: Tensor) -> None:
        """Assign a value that is the same on every replica."""
        if not in_replicas():
            super().assign(variable, value)  # type: ignore[misc]
            return
        import tensorflow as tf

        variable = native(variable)
        tf.distribute.get_replica_context().merge_call(
            _assign_everywhere, args=(variable, tf.cast(value, variable.dtype))
        )

    def _backend_update_step(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Any],
        learning_rate: Any,
    ) -> None:
        """The step of every variable; gradients are added up already."""
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)


def _assign_everywhere(strategy: Any, variable: Any, value: Tensor) -> None:
    strategy.extended.update(
        variable, lambda copy, new: copy.assign(new), args=(value,), group=False
    )


def native(variable: Any) -> Any:
    """The variable of the backend."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def replica_count() -> int:
    """Replicas of the active `tf.distribute` strategy; 1 on other backends."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def in_replicas() -> bool:
    """Whether this code runs once per replica, of which there are several."""
    if replica_count() == 1:
        return False
    import tensorflow as tf

    return not tf.distribute.in_cross_replica_context()


def sum_over_replicas(gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients, each added up over the replicas; None where there is none."""
    if not in_replicas():
        return list(gradients)
    import tensorflow as tf

    present = [gradient for gradient in gradients if gradient is not None]
    if not present:
        return list(gradients)
    context = tf.distribute.get_replica_context()
    summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if gradient is None else next(summed) for gradient in gradients]
