"""What the wrappers of another Keras optimizer have in common."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import keras

from keras_lion.optimizers.backend import path_of, replica_count
from keras_lion.optimizers.gradients import check_gradients
from keras_lion.optimizers.inner_optimizer import INNER, HandsOn
from keras_lion.optimizers.state.checkpoint import StateCheckpoints


class Wrapper(HandsOn, StateCheckpoints, keras.optimizers.Optimizer):
    """A Keras optimizer that changes the weights before or after each inner step.

    Learning rate, iterations and loss scale are those of the inner optimizer, which
    also saves its own state.
    """

    built: bool
    advice_on_other_state = ""

    def __init__(self, inner_optimizer: Any, name: str | None = None) -> None:
        self._check_inner(inner_optimizer)
        super().__init__(learning_rate=0.0, name=name)
        self._set_up_checkpoints()
        self.inner_optimizer = inner_optimizer

    def _check_inner(self, optimizer: Any) -> None:
        """Raise where the wrapped step is not well defined."""
        name = type(self).__name__
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                f"{name} takes the optimizer inside the loss scaling: use "
                f"LossScaleOptimizer({name}(...)). Received: {optimizer!r}."
            )
        if not isinstance(optimizer, keras.optimizers.Optimizer) or isinstance(
            optimizer, keras.optimizers.MultiOptimizer
        ):
            raise ValueError(
                f"{name} takes one Keras optimizer, for instance AdamW() or Lion(). "
                f"Received: {optimizer!r}."
            )

    def build(self, variables: list[Any]) -> None:
        """Build the inner optimizer, and what this one keeps."""
        if self.built:
            return
        if replica_count() > 1:
            raise ValueError(
                f"{type(self).__name__} cannot run under a tf.distribute strategy of "
                f"{replica_count()} replicas. Use one replica, or the JAX backend with "
                "keras.distribution."
            )
        super().build(variables)
        self.inner_optimizer.build(variables)
        self._build_slots(variables)
        self._restore_pending()

    def _build_slots(self, variables: list[Any]) -> None:
        """Make the variables that this optimizer keeps."""

    def _new_slot(self, variable: Any, name: str) -> Any:
        return self.add_variable(
            shape=variable.shape,
            dtype=variable.dtype,
            layout=getattr(variable, "_layout", None),
            name=f"{path_of(variable).replace('/', '_')}_{name}",
        )

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables."""
        gradients = list(grads)
        if not self.built:
            with keras.name_scope(self.name):
                self.build(list(trainable_variables))
        variables = list(trainable_variables or self._trainable_variables)
        check_gradients(gradients, variables)
        self._step(gradients, variables)

    def _step(self, gradients: list[Any], variables: list[Any]) -> None:
        """One step of the inner optimizer, and the change of the weights."""
        raise NotImplementedError

    @property
    def variables(self) -> list[Any]:  # type: ignore[override]
        """Variables of this optimizer and of the inner one."""
        own = [v for slot in self._slots().values() for v in slot if v is not None]
        return [*own, *self.inner_optimizer.variables]

    def _slots(self) -> dict[str, list[Any]]:
        return {}

    def _scalars(self) -> dict[str, Any]:
        return {}

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the state into a mapping, that of the inner optimizer with it.

        In a Keras file, the inner optimizer has an entry of its own.
        """
        super().save_own_variables(store)
        if isinstance(store, dict):
            inner: dict[str, Any] = {}
            self.inner_optimizer.save_own_variables(inner)
            store.update({f"{INNER}/{key}": value for key, value in inner.items()})

    def load_own_variables(
        self, store: Mapping[str, Any], strict: bool = False
    ) -> None:
        """Load a state that `save_own_variables` wrote."""
        if not isinstance(store, dict):
            super().load_own_variables(store, strict)
            return
        own: dict[str, Any] = {}
        inner: dict[str, Any] = {}
        for key, value in store.items():
            of_inner = key.startswith(f"{INNER}/")
            (inner if of_inner else own)[key.removeprefix(f"{INNER}/")] = value
        super().load_own_variables(own, strict)
        self.inner_optimizer.load_own_variables(inner)

    def take_over(self, optimizer: Any) -> None:
        """Refused: the inner optimizer has the state."""
        raise ValueError(
            f"{type(self).__name__} has no momentum to take over. Call `take_over` of "
            "its `inner_optimizer`, if that is a Lion."
        )

    def _trackable_children(
        self, save_type: str = "checkpoint", **kwargs: Any
    ) -> dict[str, Any]:
        """What `tf.train.Checkpoint` saves: this state, and the inner optimizer."""
        children = super()._trackable_children(save_type, **kwargs)
        return {**children, INNER: self.inner_optimizer}

    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.inner_optimizer)
        return {"name": self.name, INNER: inner}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Wrapper:
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(
            config.pop(INNER), custom_objects=custom_objects
        )
        return cls(inner, **config)


def innermost(optimizer: Any) -> Any:
    """The optimizer that counts the steps, within wrappers of it."""
    while hasattr(optimizer, INNER):
        optimizer = optimizer.inner_optimizer
    return optimizer
