"""How momenta and weights are stored: as they are, or rounded to bfloat16.

Rounding to the nearest bfloat16 would stop a momentum from decaying where
1 − β₂ is below half a unit in the last place, for β₂ above about 0.996, and a weight
from moving where the learning rate is below half a unit in its last place. Stochastic
rounding is right on average, whatever the size of the step.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

Tensor = Any

STORAGE_DTYPES = ("float32", "float64", "bfloat16")

# What is rounded: each has random numbers of its own, one half of a hash.
OF_MOMENTA, OF_WEIGHTS = 0, 1


def check_storage_dtype(
    name: str, dtype: Any, allowed: tuple[str, ...] = STORAGE_DTYPES
) -> str | None:
    """The name of a dtype that state may be stored in, or None.

    Args:
        name: The argument that errors name.
        dtype: A name, or a dtype of NumPy, JAX, TensorFlow or PyTorch.
        allowed: The names.
    """
    if dtype is None:
        return None
    try:
        found = str(keras.backend.standardize_dtype(dtype))
    except (TypeError, ValueError):
        found = str(dtype)
    if found in allowed:
        return found
    reason = {
        "float16": " Small gradients vanish in float16: use bfloat16.",
        "bf16": " Did you mean bfloat16?",
        "fp32": " Did you mean float32?",
    }.get(found, "")
    raise ValueError(
        f"`{name}` must be one of {', '.join(allowed)}.{reason} "
        f"Received: {name}={dtype!r}."
    )


def stored_as(
    value: Tensor,
    dtype: str,
    *,
    stochastic: bool,
    stream: int,
    step: Tensor,
    index: int,
    places: Tensor | None = None,
) -> Tensor:
    """A new momentum or weight in the dtype of its storage.

    Args:
        value: The momentum or weight, float32 or float64.
        dtype: The dtype of its storage.
        stochastic: Whether to round stochastically to bfloat16, else to the nearest.
        stream: `OF_MOMENTA` or `OF_WEIGHTS`.
        step: Number of the step, integer, shape ().
        index: Number of the variable. Step, index and stream alone decide the rounding,
            so that it is the same on every replica and after a resume.
        places: Numbers of the elements, where `value` is a part of the variable.
    """
    if dtype != "bfloat16" or not stochastic:
        return ops.cast(value, dtype)
    value = ops.cast(value, "float32")
    return round_stochastically(
        value, stream=stream, step=step, index=index, places=places
    )


def round_stochastically(
    value: Tensor,
    *,
    stream: int,
    step: Tensor,
    index: int,
    places: Tensor | None = None,
) -> Tensor:
    """float32 to bfloat16, up or down with probabilities that keep the mean.

    A bfloat16 is the upper half of a float32. Adding a random number below 2¹⁶ to the
    bits, and dropping the lower half, rounds away from zero with probability
    (lower half) / 2¹⁶.
    """
    if places is None:
        shape = tuple(value.shape)
        places = ops.reshape(ops.arange(math.prod(shape), dtype="int32"), shape)
    halves = random_halves(places, stream=stream, step=step, index=index)
    upper = ops.bitwise_and(ops.view(value, "int32") + halves, _int32(-(2**16)))
    # The bits of an infinity or a NaN are no number to add to.
    rounded = ops.where(ops.isfinite(value), ops.view(upper, "float32"), value)
    return ops.cast(rounded, "bfloat16")


def random_halves(places: Tensor, *, stream: int, step: Tensor, index: int) -> Tensor:
    """Numbers from 0 to 2¹⁶ − 1 that depend on stream, step, index and place only.

    Half of an integer hash ("lowbias32" of Ellis' hash-prospector, with wrapping int32
    arithmetic) of a counter: the same bits on every backend, which no random generator
    of Keras gives.
    """
    seed = _hash(ops.cast(step, "int32") * 65537 + (index + 1))
    bits = _hash(places + seed)
    if stream == OF_WEIGHTS:
        bits = ops.right_shift(bits, _int32(16))
    return ops.bitwise_and(bits, _int32(2**16 - 1))


def _hash(x: Tensor) -> Tensor:
    x = _xor_shift(x, 16) * _int32(0x21F0AAAD)
    x = _xor_shift(x, 15) * _int32(0x735A2D97)
    return _xor_shift(x, 15)


def _xor_shift(x: Tensor, places: int) -> Tensor:
    # A shift of int32 copies the sign downwards; the mask takes the copies away.
    shifted = ops.bitwise_and(
        ops.right_shift(x, _int32(places)), _int32(2 ** (32 - places) - 1)
    )
    return ops.bitwise_xor(x, shifted)


def _int32(value: int) -> Tensor:
    return ops.convert_to_tensor(value, "int32")
