"""What differs between the backends of Keras for an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple

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
    if not compiles_on_cpu():
        return value
    return ops.where(ops.equal(other, other), value, ops.cast(other, value.dtype))


def compiles_on_cpu() -> bool:
    """Whether XLA may compile a step for a CPU here."""
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() == "cpu")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_physical_devices("GPU")
    return False


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


def sum_over_replicas(tensors: Sequence[Any]) -> list[Any]:
    """Tensors, each added up over the replicas; None where there is none."""
    present = [tensor for tensor in tensors if tensor is not None]
    if not present or not in_replicas():
        return list(tensors)
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    summed = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if tensor is None else next(summed) for tensor in tensors]


def assign_everywhere(variable: Any, value: Any) -> None:
    """Assign, on every replica, the value that this replica has for its copy."""
    import tensorflow as tf

    def update(strategy: Any, variable: Any, value: Any) -> None:
        strategy.extended.update(
            variable, lambda copy, new: copy.assign(new), args=(value,), group=False
        )

    variable = native(variable)
    tf.distribute.get_replica_context().merge_call(
        update, args=(variable, tf.cast(value, variable.dtype))
    )


def is_sparse(gradient: Any) -> bool:
    """Whether it is a sparse gradient of TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return isinstance(gradient, tf.IndexedSlices)


class SparseRows(NamedTuple):
    """Which rows of a variable a sparse gradient is of.

    Attributes:
        numbers: Of each row, shape (k,).
        spare: Whether a row is only there to keep the shape, shape (k, 1): it has the
            number of the first row, and no gradient.
    """

    numbers: Any
    spare: Any

    def read(self, variable: Any) -> Any:
        """The rows, not through a tensor of the whole variable, which is a copy."""
        return native(variable).sparse_read(self.numbers)

    def slices(self, values: Any) -> Any:
        """New values of the rows, to be assigned."""
        import tensorflow as tf

        return tf.IndexedSlices(values, self.numbers)


def summed_rows(gradient: Any) -> tuple[SparseRows, Any]:
    """The rows of a sparse gradient, those of one number added up.

    As many rows as there were, so that shapes are static under XLA; spare ones are 0,
    so that norms are those of the dense gradient.
    """
    import tensorflow as tf

    # Eager TensorFlow calls a compiled function faster than a dozen operations.
    function = _compiled_sums() if tf.executing_eagerly() else _sums_of_rows
    numbers, spare, summed = function(gradient.indices, gradient.values)
    return SparseRows(numbers, spare), summed


@cache
def _compiled_sums() -> Callable[..., Any]:
    import tensorflow as tf

    return tf.function(  # type: ignore[no-any-return]
        _sums_of_rows, autograph=False, reduce_retracing=True
    )


def _sums_of_rows(indices: Any, values: Any) -> tuple[Any, Any, Any]:
    """The numbers of the rows, which of them are spare, and the sums."""
    import tensorflow as tf

    order = tf.argsort(indices, stable=True)
    numbers = tf.gather(indices, order)
    is_new = tf.concat([[True], numbers[1:] != numbers[:-1]], axis=0)
    place = tf.cumsum(tf.cast(is_new, "int32")) - 1
    count = tf.shape(numbers)[0]
    summed = tf.math.unsorted_segment_sum(tf.gather(values, order), place, count)
    first = tf.math.unsorted_segment_max(numbers, place, count)
    spare = tf.range(count) > place[-1]
    return tf.where(spare, numbers[0], first), spare[:, None], summed


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors, compiled on the backends that compile functions."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)  # type: ignore[no-any-return]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)  # type: ignore[no-any-return]
    return function


def compiles_here(tensors: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Whether a step of these may be compiled by itself.

    It may not inside of a program of JAX, on several devices, or without XLA.
    """
    if keras.backend.backend() == "jax":
        import jax

        values = (*tensors, *(native_value(variable) for variable in variables))
        return keras.distribution.distribution() is None and not any(
            isinstance(value, jax.core.Tracer) for value in values
        )
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = {native(variable).device for variable in variables}
        return (
            len(devices) == 1
            and not tf.distribute.has_strategy()
            and has_xla(devices.pop())
        )
    return False


def native_value(variable: Any) -> Any:
    """The tensor that a variable of Keras holds."""
    return getattr(variable, "value", variable)


@cache
def has_xla(device: str) -> bool:
    """Whether TensorFlow can compile a function for a device."""
    import tensorflow as tf

    try:
        with tf.init_scope(), tf.device(device):
            tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1))
    except (tf.errors.OpError, ValueError):
        return False
    return True


def jitted_step(step: Callable[..., None], variables: Sequence[Any]) -> Any:
    """A function that assigns variables, as one compiled call.

    Args:
        step: Reads and assigns Keras's variables, and returns nothing.
        variables: All that it may assign. On JAX their old values stay valid: a
            training loop may still hold them.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(step, jit_compile=True, autograph=False)
    import jax

    @jax.jit
    def pure(values: list[Any], *arguments: Any) -> list[Any]:
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            step(*arguments)
        return [scope.get_current_value(variable) for variable in variables]

    def assign(*arguments: Any) -> None:
        values = pure([variable.value for variable in variables], *arguments)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    return assign
