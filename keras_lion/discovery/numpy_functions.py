"""What the functions of a program compute, in NumPy.

A leaf is an array, or a float where a program works on scalars. Division is
a / (b + 1e-8); logarithms and the square root act on |x|, `log1p` is log |1 + x|. There
is no other protection: whoever evaluates a program looks for NaN and infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_lion.discovery.functions import EPSILON

Leaf = Any

CONSTANTS: Mapping[str, float] = {
    "get_pi": math.pi,
    "get_e": math.e,
    "get_eps": EPSILON,
}

ELEMENTWISE: Mapping[str, Callable[..., Leaf]] = {
    "abs": np.abs,
    "cos": np.cos,
    "sin": np.sin,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "exp": np.exp,
    "exp2": np.exp2,
    "exp10": lambda x: np.power(10.0, x),
    "expm1": np.expm1,
    "log": lambda x: np.log(np.abs(x)),
    "log10": lambda x: np.log10(np.abs(x)),
    "log2": lambda x: np.log2(np.abs(x)),
    # max(x, −2 − x) mirrors x at −1, where |1 + x| is its own mirror image.
    "log1p": lambda x: np.log1p(np.maximum(x, -2.0 - x)),
    "square": np.square,
    "sqrt": lambda x: np.sqrt(np.abs(x)),
    "cube": lambda x: x * x * x,
    "cbrt": np.cbrt,
    "sign": np.sign,
    "reciprocal": lambda x: np.divide(1.0, x),
    "negative": np.negative,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": lambda x, y: np.divide(x, y + EPSILON),
    "power": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "interpolate": lambda x, y, weight: (1.0 - weight) * x + weight * y,
}


def norm(leaf: Leaf) -> Leaf:
    """√Σ x² of one leaf."""
    return np.sqrt(np.sum(np.square(leaf)))


def dot(x: Sequence[Leaf], y: Sequence[Leaf]) -> float:
    """Σ x y over all leaves."""
    return float(sum(np.sum(a * b) for a, b in zip(x, y, strict=True)))


def global_norm(x: Sequence[Leaf]) -> float:
    """√Σ x² over all leaves."""
    return float(np.sqrt(dot(x, x)))


def cosine_sim(x: Sequence[Leaf], y: Sequence[Leaf]) -> float:
    """Σ x y / (‖x‖ ‖y‖ + 1e-8)."""
    return float(np.divide(dot(x, y), global_norm(x) * global_norm(y) + EPSILON))


def clip_by_global_norm(x: Sequence[Leaf], largest: float) -> list[Leaf]:
    """All leaves scaled so that their common norm is `largest` at most."""
    size = global_norm(x)
    scale = float(np.divide(largest, size)) if size > largest else 1.0
    return [leaf * scale for leaf in x]


WHOLE: Mapping[str, Callable[..., Any]] = {
    "global_norm": global_norm,
    "dot": dot,
    "cosine_sim": cosine_sim,
    "clip_by_global_norm": clip_by_global_norm,
}
