"""Lazy embeddings for the optimizers of Keras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import dense, path_of, replica_count
from keras_lion.optimizers.inner_optimizer import HandsOn
from keras_lion.optimizers.lazy_rows import is_embedding

# Each element of their state belongs to one weight. Others have norms or means over
# a whole table (LAMB, Adafactor, Muon), in which idle rows would still take part.
PER_WEIGHT = (
    "SGD",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adadelta",
    "Adagrad",
    "Adamax",
    "Nadam",
    "Ftrl",
    "Lion",
)


@keras.saving.register_keras_serializable(package="keras_lion")
class LazyEmbeddings(HandsOn, keras.optimizers.Optimizer):
    """Rows of an embedding without a gradient stay as they are, with their state.

    A row of a `keras.layers.Embedding` is touched by a step if its gradient has an
    element that is not 0. After each step of the inner optimizer, rows that are not
    touched get back the weights and the state that they had before it: they neither
    move on by their momentum nor decay, and their averages do not fade. Unlike
    `Lion(lazy_embeddings=True)`, the state is not made up for when a row is touched
    again, and every step reads the whole table.

    Args:
        inner_optimizer: A Keras optimizer whose state has one element per weight: SGD,
            RMSprop, Adam, AdamW, Adadelta, Adagrad, Adamax, Nadam, Ftrl or Lion of
            `keras.optimizers`, without gradient accumulation.
        name: Name of the optimizer.

    Raises:
        ValueError: If the optimizer is of another class (for `keras_lion.Lion`: use its
            argument), if it accumulates gradients, or, when it is built, under a
            `tf.distribute` strategy of several replicas.

    Example:

    ```python
    import keras
    from keras_lion.optimizers import LazyEmbeddings

    model = keras.Sequential(
        [
            keras.layers.Embedding(1000, 16),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(LazyEmbeddings(keras.optimizers.AdamW(1e-3)), loss="mse")
    ```
    """

    built: bool

    def __init__(self, inner_optimizer: Any, name: str | None = None) -> None:
        check_inner(inner_optimizer)
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer

    def build(self, variables: list[Any]) -> None:
        """Build the inner optimizer."""
        if self.built:
            return
        if replica_count() > 1:
            raise ValueError(
                "LazyEmbeddings cannot run under a tf.distribute strategy of "
                f"{replica_count()} replicas. Use one replica, keras_lion.Lion("
                "lazy_embeddings=True), or the JAX backend with keras.distribution."
            )
        super().build(variables)
        self.inner_optimizer.build(variables)

    def _rows_of(self, variable: Any) -> Iterator[Any]:
        """An embedding and the state variables of it; none for other variables."""
        if not is_embedding(variable):
            return
        yield variable
        prefix = path_of(variable).replace("/", "_") + "_"
        for state in self.inner_optimizer.variables:
            if tuple(state.shape) == tuple(variable.shape) and state.name.startswith(
                prefix
            ):
                yield state

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """A step of the inner optimizer, without the rows that have no gradient."""
        gradients = [dense(gradient) for gradient in grads]
        if not self.built:
            with keras.name_scope(self.name):
                self.build(list(trainable_variables))
            self.built = True
        variables = list(trainable_variables or self._trainable_variables)
        before = list(self._rows_before(gradients, variables))
        self.inner_optimizer.apply(gradients, trainable_variables)
        for touched, variable, old in before:
            new = ops.where(touched, ops.convert_to_tensor(variable), old)
            self.assign(variable, new)

    def _rows_before(
        self, gradients: Sequence[Any], variables: Sequence[Any]
    ) -> Iterator[tuple[Any, Any, Any]]:
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is None:
                continue
            for each in self._rows_of(variable):
                touched = ops.any(ops.not_equal(gradient, 0), axis=1, keepdims=True)
                yield touched, each, ops.copy(ops.convert_to_tensor(each))

    @property
    def variables(self) -> list[Any]:
        """Variables of this optimizer and of the inner one."""
        return [*self._variables, *self.inner_optimizer.variables]

    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.inner_optimizer)
        return {"name": self.name, "inner_optimizer": inner}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> LazyEmbeddings:
        inner = keras.saving.deserialize_keras_object(
            config["inner_optimizer"], custom_objects=custom_objects
        )
        return cls(inner, name=config["name"])


def check_inner(optimizer: Any) -> None:
    """Raise where rows of the state are not defined."""
    name = type(optimizer).__name__
    if type(optimizer) is not getattr(keras.optimizers, name, None) or (
        name not in PER_WEIGHT
    ):
        own = (
            " Use keras_lion.Lion(lazy_embeddings=True)."
            if name == "Lion"
            else " Its step may depend on a whole table, so that a row alone has none."
        )
        raise ValueError(
            f"LazyEmbeddings takes one of {', '.join(PER_WEIGHT)} of keras.optimizers."
            f"{own} Received: {optimizer!r}."
        )
    steps = optimizer.gradient_accumulation_steps
    if steps:
        raise ValueError(
            "LazyEmbeddings takes an optimizer without gradient accumulation. "
            f"Received: gradient_accumulation_steps={steps}."
        )
