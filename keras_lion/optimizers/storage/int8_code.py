"""A momentum in one byte per weight: signed square roots with a scale per block.

A block is `BLOCK` successive elements of the flattened tensor. With s the scale of a
block, and q the code of an element, an integer from −127 to 127,

    s = √max|m| / 127,   q = round(sign(m) √|m| / s),   m ≈ (q s) |q s|

The scale is a float32 of a square root, so that it neither vanishes nor overflows for
any float32 momentum, and a root keeps more of the range below the largest element than
a linear code: the smallest code stands for 1/16129 of it, not 1/127. Square roots are
vectorized on every device. `studies/momentum_codes.py` compares codes.

A NaN or an infinity makes the whole block not finite.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from keras_lion.optimizers.backend import compiles_on_cpu

Tensor = Any

BLOCK = 64  # a scale of 4 bytes for 64 weights: 1.0625 bytes per weight
LARGEST = 127
FEWEST = 1024  # smaller tensors stay in float32


def number_of_blocks(shape: tuple[int, ...]) -> int:
    """Blocks of a tensor; the last one may be incomplete."""
    return -(-math.prod(shape) // BLOCK)


def encode(value: Tensor) -> tuple[Tensor, Tensor]:
    """Codes of the value's shape, int8, and the scale of each block, float32."""
    shape = tuple(value.shape)
    size = math.prod(shape)
    blocks = _in_blocks(ops.cast(value, "float32"))
    roots = ops.sign(blocks) * ops.sqrt(ops.absolute(blocks))
    scales = ops.sqrt(_largest(ops.absolute(blocks))) / LARGEST
    nonzero = ops.where(ops.equal(scales, 0), ops.ones_like(scales), scales)
    codes = ops.cast(ops.round(roots / nonzero), "int8")
    return _without_padding(codes, size, shape), ops.reshape(scales, (-1,))


def decode(codes: Tensor, scales: Tensor) -> Tensor:
    """The value that codes and scales stand for, float32."""
    shape = tuple(codes.shape)
    roots = _in_blocks(ops.cast(codes, "float32")) * scales[:, None]
    return _without_padding(roots * ops.absolute(roots), math.prod(shape), shape)


def _largest(blocks: Tensor) -> Tensor:
    """The maximum of each block, shape (blocks, 1)."""
    if not compiles_on_cpu():
        return ops.max(blocks, axis=1, keepdims=True)
    # XLA on a CPU would write out what it reduces, 4 bytes per weight. What halves are
    # made of is computed where it is read.
    while (half := blocks.shape[1] // 2) > 0:
        blocks = ops.maximum(blocks[:, :half], blocks[:, half:])
    return blocks


def _in_blocks(value: Tensor) -> Tensor:
    """Shape (blocks, BLOCK), with zeros after the last element."""
    flat = ops.reshape(value, (-1,))
    missing = -flat.shape[0] % BLOCK
    if missing:
        flat = ops.pad(flat, [[0, missing]])
    return ops.reshape(flat, (-1, BLOCK))


def _without_padding(blocks: Tensor, size: int, shape: tuple[int, ...]) -> Tensor:
    flat = ops.reshape(blocks, (-1,))
    return ops.reshape(flat if flat.shape[0] == size else flat[:size], shape)
