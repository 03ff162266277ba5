"""What the functions of a program compute, in Keras operations.

Definition by definition the same as `numpy_functions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_lion.discovery.execution import Library
from keras_lion.discovery.functions import EPSILON

Tensor = Any


def norm(leaf: Tensor) -> Tensor:
    """√Σ x² of one tensor."""
    return ops.sqrt(ops.sum(ops.square(leaf)))


def dot(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """Σ x y over all tensors."""
    return sum(ops.sum(a * b) for a, b in zip(x, y, strict=True))


def global_norm(x: Sequence[Tensor]) -> Tensor:
    """√Σ x² over all tensors."""
    return ops.sqrt(dot(x, x))


def cosine_sim(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """Σ x y / (‖x‖ ‖y‖ + 1e-8)."""
    return dot(x, y) / (global_norm(x) * global_norm(y) + EPSILON)


def clip_by_global_norm(x: Sequence[Tensor], largest: Tensor) -> list[Tensor]:
    """All tensors scaled so that their common norm is `largest` at most."""
    size = global_norm(x)
    scale = ops.where(size > largest, largest / size, ops.ones_like(size))
    return [leaf * scale for leaf in x]


KERAS = Library(
    elementwise={
        "abs": ops.abs,
        "cos": ops.cos,
        "sin": ops.sin,
        "tan": ops.tan,
        "arcsin": ops.arcsin,
        "arccos": ops.arccos,
        "arctan": ops.arctan,
        "sinh": ops.sinh,
        "cosh": ops.cosh,
        "tanh": ops.tanh,
        "arcsinh": ops.arcsinh,
        "arccosh": ops.arccosh,
        "arctanh": ops.arctanh,
        "exp": ops.exp,
        "exp2": ops.exp2,
        "exp10": lambda x: ops.power(10.0, x),
        "expm1": ops.expm1,
        "log": lambda x: ops.log(ops.abs(x)),
        "log10": lambda x: ops.log10(ops.abs(x)),
        "log2": lambda x: ops.log2(ops.abs(x)),
        "log1p": lambda x: ops.log1p(ops.maximum(x, -2.0 - x)),
        "square": ops.square,
        "sqrt": lambda x: ops.sqrt(ops.abs(x)),
        "cube": lambda x: x * x * x,
        "cbrt": ops.cbrt,
        "sign": ops.sign,
        "reciprocal": ops.reciprocal,
        "negative": ops.negative,
        "add": ops.add,
        "subtract": ops.subtract,
        "multiply": ops.multiply,
        "divide": lambda x, y: x / (y + EPSILON),
        "power": ops.power,
        "maximum": ops.maximum,
        "minimum": ops.minimum,
        "interpolate": lambda x, y, weight: (1.0 - weight) * x + weight * y,
    },
    norm=norm,
    whole={
        "global_norm": global_norm,
        "dot": dot,
        "cosine_sim": cosine_sim,
        "clip_by_global_norm": clip_by_global_norm,
    },
    scalar=lambda x: x,
)
