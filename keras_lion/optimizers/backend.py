"""What differs between the backends of Keras for an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
from keras import ops


def dense(gradient: Any) -> Any:
    """A gradient as a dense tensor, rows of one index added up; or None."""
    if gradient is None:
        return None
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if isinstance(gradient, tf.IndexedSlices):  # a tensor to Keras, as it is
            return tf.convert_to_tensor(gradient)
    return ops.convert_to_tensor(gradient, sparse=False)


def compute_dtype(variable: Any) -> str:
    """The dtype of arithmetic: float64 for float64 variables, else float32."""
    dtype = keras.backend.standardize_dtype(variable.dtype)
    return "float64" if dtype == "float64" else "float32"


def is_overwritten(variable: Any) -> bool:
    """Whether Keras replaces this variable by its gradient, as scales of float8."""
    return bool(getattr(variable, "overwrite_with_gradient", False))


def after(value: Any, other: Any) -> Any:
    """The value, with an artificial dependency on `other`; NaN where `other` is NaN.

    XLA on a CPU would write a new momentum before the weight that reads the old one,
    and copy every momentum first, which costs several times the update itself. Only a
    dependency makes it compute the momentum afterwards.
    """
    if keras.backend.backend() != "jax":
        return value
    import jax

    if jax.default_backend() != "cpu":
        return value
    return ops.where(ops.equal(other, other), value, ops.cast(other, value.dtype))


def path_of(variable: Any) -> str:
    """The path of a variable; the name of one that has no path, such as tf.Variable."""
    path = getattr(variable, "path", None) or getattr(variable, "name", None)
    return str(path or "variable").partition(":")[0]


def outside_of_graphs() -> AbstractContextManager[Any]:
    """A context in which assignments happen at once, also while TensorFlow traces."""
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    return tf.init_scope()  # type: ignore[no-any-return]


def python_state(
    to_bytes: Callable[[], bytes], from_bytes: Callable[[bytes], None]
) -> Any:
    """An object whose state `tf.train.Checkpoint` saves as one string."""
    import tensorflow as tf

    class State(tf.train.experimental.PythonState):
        def serialize(self) -> bytes:
            return to_bytes()

        def deserialize(self, string_value: bytes) -> None:
            from_bytes(string_value)

    return State()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors, compiled on the backends that compile functions."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)  # type: ignore[no-any-return]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)  # type: ignore[no-any-return]
    return function
