"""What differs between the backends of Keras: compiling, gradients, the device."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import keras

SUPPORTED = ("tensorflow", "jax")


def load() -> None:
    """Import at once all that a run imports of the backends later."""
    check_backend()
    with contextlib.suppress(ImportError):
        # Where it is installed, `keras.utils.set_random_seed` seeds it, too.
        import tensorflow  # noqa: F401


def check_backend() -> str:
    """The name of the backend, if studies can run on it."""
    name = str(keras.backend.backend())
    if name not in SUPPORTED:
        raise ValueError(
            f"Studies run on the backends {' and '.join(SUPPORTED)}. The active one is "
            f"'{name}'; set KERAS_BACKEND or pass --backend."
        )
    return name


def compile_function(
    function: Callable[..., Any], *, xla: bool = True
) -> Callable[..., Any]:
    """A compiled version of a function of tensors.

    Args:
        function: Pure function of nested tensors.
        xla: Compile with XLA. JAX always does; TensorFlow may run its graph without.
    """
    if check_backend() == "jax":
        import jax

        return jax.jit(function)  # type: ignore[no-any-return]
    import tensorflow as tf

    # As Keras does in `fit`: nothing of ours needs converting, and it takes long.
    return tf.function(function, jit_compile=xla, autograph=False)  # type: ignore[no-any-return]


def value_and_gradients(
    function: Callable[..., tuple[Any, Any]], weights: list[Any], *args: Any
) -> tuple[Any, Any, list[Any]]:
    """`function(weights, *args)`, a (value, auxiliary), and its gradients."""
    if check_backend() == "jax":
        import jax

        (value, auxiliary), gradients = jax.value_and_grad(function, has_aux=True)(
            weights, *args
        )
        return value, auxiliary, gradients
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        value, auxiliary = function(weights, *args)
    gradients = tape.gradient(
        value, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    # The gradient of an embedding comes as indexed rows.
    return value, auxiliary, [tf.convert_to_tensor(g) for g in gradients]


def float32_products() -> contextlib.AbstractContextManager[Any]:
    """Within it, JAX multiplies matrices in full precision on any device.

    Otherwise GPUs may round what they multiply to ten bits.
    """
    import jax

    return jax.default_matmul_precision("float32")  # type: ignore[no-any-return]


def stateless_apply(
    optimizer: Any,
    variables: list[Any],
    state: list[Any],
    gradients: list[Any],
    weights: list[Any],
) -> tuple[list[Any], list[Any]]:
    """One `apply` of a Keras optimizer as a function of tensors.

    Args:
        optimizer: Built on `variables`.
        variables: The model's trainable variables.
        state: Values of the optimizer's variables.
        gradients: One for each trainable variable.
        weights: Values of the trainable variables.

    Returns:
        The new weights and the new state.
    """
    if check_backend() == "jax":
        weights, state = optimizer.stateless_apply(state, gradients, weights)
        return list(weights), list(state)
    # Keras has no `stateless_apply` on TensorFlow: the variables are written, updated
    # and read. TensorFlow keeps these in order within a compiled function.
    for variable, value in zip(
        [*optimizer.variables, *variables], [*state, *weights], strict=True
    ):
        variable.assign(value)
    optimizer.apply(gradients, variables)
    import tensorflow as tf

    return (
        [tf.identity(v.value) for v in variables],
        [tf.identity(v.value) for v in optimizer.variables],
    )


def is_out_of_memory(error: BaseException) -> bool:
    """True if an error says that memory, of the host or of a device, is exhausted."""
    return isinstance(error, MemoryError) or any(
        sign in f"{type(error).__name__} {error}"
        for sign in ("ResourceExhausted", "RESOURCE_EXHAUSTED")
    )


def leave_accelerators_to_keras() -> None:
    """Keep TensorFlow off the GPU where it only reads data for another backend."""
    if keras.backend.backend() == "tensorflow":
        return
    import tensorflow as tf

    # Too late (RuntimeError) where the program itself has used TensorFlow before.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")


def device_name() -> str:
    """What the programs run on: a CPU or the name of an accelerator."""
    if check_backend() == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    accelerators = tf.config.list_physical_devices("GPU")
    if not accelerators:
        return "cpu"
    details = tf.config.experimental.get_device_details(accelerators[0])
    return str(details.get("device_name", "gpu"))


def device_count() -> int:
    """Number of devices of the kind that the programs run on."""
    if check_backend() == "jax":
        import jax

        return int(jax.local_device_count())
    import tensorflow as tf

    return max(len(tf.config.list_physical_devices("GPU")), 1)


def keep_to_device(number: int) -> None:
    """Use one of several devices only, from the start of the process on."""
    if check_backend() == "jax":
        import jax

        # Else a process would take some memory of every GPU. Other devices are all
        # visible, and the number says which of them is used.
        jax.config.update("jax_cuda_visible_devices", str(number))
        devices = jax.local_devices()
        jax.config.update("jax_default_device", devices[number % len(devices)])
        return
    import tensorflow as tf

    accelerators = tf.config.list_physical_devices("GPU")
    if accelerators:
        chosen = accelerators[number % len(accelerators)]
        tf.config.set_visible_devices([chosen], "GPU")


def spread_over_devices(tensors: Any, members: int) -> Any:
    """Lay the first axis of nested tensors, one entry a member, over all devices.

    They stay as they are with one device, in a process that keeps to one, and where the
    members cannot be shared equally.
    """
    sharding = _over_devices(members)
    if sharding is None:
        return tensors
    import jax

    return jax.device_put(tensors, sharding)


def copy_to_devices(tensors: Any, members: int) -> Any:
    """Have a copy of nested tensors on every device over which members are spread."""
    sharding = _over_devices(members)
    if sharding is None:
        return tensors
    import jax

    whole = jax.sharding.NamedSharding(sharding.mesh, jax.sharding.PartitionSpec())
    return jax.device_put(tensors, whole)


def _over_devices(members: int) -> Any:
    if check_backend() != "jax":
        return None
    import jax

    devices = jax.local_devices()
    if (
        len(devices) == 1
        or members % len(devices)
        or jax.config.jax_default_device is not None
    ):
        return None
    mesh = jax.sharding.Mesh(devices, ("members",))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("members"))


def free_memory() -> int | None:
    """Bytes that a device has left; None where it does not say."""
    if check_backend() != "jax":
        return None
    import jax

    device = jax.config.jax_default_device or jax.local_devices()[0]
    found = device.memory_stats() or {}
    if "bytes_limit" not in found:
        return None
    return int(found["bytes_limit"]) - int(found.get("bytes_in_use", 0))


def peak_memory() -> int | None:
    """Most bytes that a device has held at a time; None where it does not say."""
    if check_backend() != "jax":
        return None
    import jax

    device = jax.config.jax_default_device or jax.local_devices()[0]
    found = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return None if found is None else int(found)


def runs_on_cpu() -> bool:
    """True where no accelerator is used."""
    return device_name().lower() == "cpu"


def thread_count() -> int:
    """Threads that the programs may use: the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
