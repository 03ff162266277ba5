"""The 45 functions of the language, and what they compute; one is undefined here.

A leaf is an array, or a number where a program works on scalars. Division is
a / (b + 1e-8); logarithms and the square root act on |x|, `log1p` is log |1 + x|. There
is no other protection: whoever evaluates a program looks for NaN and infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Parameter = Literal["any", "scalar"]
# constant: no argument; elementwise: leaf by leaf, broadcasting; norm: one number for
# each leaf; whole: one number (or a scale) from all leaves together.
Scope = Literal["constant", "elementwise", "norm", "whole"]
Leaf = Any
Call = Callable[..., Any]

EPSILON = 1e-8  # what `get_eps` returns, and what protects a division


@dataclass(frozen=True)
class Function:
    """One function of the language.

    Attributes:
        name: How it is called in a program.
        parameters: What each argument may be: `"any"` value, or a `"scalar"`.
        scope: Whether it works element by element, on each tensor, or on the list of
            all tensors.
        symbol: The infix operator that it is written as, or None.
        commutative: True if the order of the two arguments does not matter.
        same_type: True if both arguments must be of one type.
        undefined: Why no program may call it, or None.
    """

    name: str
    parameters: tuple[Parameter, ...]
    scope: Scope = "elementwise"
    symbol: str | None = None
    commutative: bool = False
    same_type: bool = False
    undefined: str | None = None


_CONSTANTS = "get_pi get_e get_eps"
_UNARY = (
    "abs cos sin tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp "
    "exp2 exp10 expm1 log log10 log2 log1p square sqrt cube cbrt sign reciprocal "
    "negative"
)
_ANY: Parameter = "any"
_BITS = "it inverts bits, and all values are floats"

FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        *(Function(name, (), "constant") for name in _CONSTANTS.split()),
        *(Function(name, (_ANY,)) for name in _UNARY.split()),
        Function("invert", (_ANY,), undefined=_BITS),
        Function("norm", (_ANY,), "norm"),
        Function("add", (_ANY, _ANY), symbol="+", commutative=True),
        Function("subtract", (_ANY, _ANY), symbol="-"),
        Function("multiply", (_ANY, _ANY), symbol="*", commutative=True),
        Function("divide", (_ANY, _ANY), symbol="/"),
        Function("power", (_ANY, _ANY)),
        Function("maximum", (_ANY, _ANY), commutative=True),
        Function("minimum", (_ANY, _ANY), commutative=True),
        Function("global_norm", (_ANY,), "whole"),
        Function("dot", (_ANY, _ANY), "whole", commutative=True, same_type=True),
        Function("cosine_sim", (_ANY, _ANY), "whole", commutative=True, same_type=True),
        Function("clip_by_global_norm", (_ANY, "scalar"), "whole"),
        Function("interpolate", (_ANY, _ANY, "scalar")),
    )
}

# The paper's names, understood where programs are read.
ALIASES: Mapping[str, str] = {"clip": "clip_by_global_norm", "interp": "interpolate"}


class Library:
    """What the functions compute, in the operations of one library.

    Args:
        ops: `numpy` or `keras.ops`.
        scalar: Makes a scalar result one that takes on the dtype of any leaf.

    Attributes:
        elementwise: Function → its values for one leaf of each argument.
        whole: Function → its value for lists of leaves.
    """

    def __init__(self, ops: Any, scalar: Call) -> None:
        self.ops = ops
        self.scalar = scalar
        own: dict[str, Call] = {
            "get_pi": lambda: math.pi,
            "get_e": lambda: math.e,
            "get_eps": lambda: EPSILON,
            "exp10": lambda x: ops.power(10.0, x),
            "log": lambda x: ops.log(ops.abs(x)),
            "log10": lambda x: ops.log10(ops.abs(x)),
            "log2": lambda x: ops.log2(ops.abs(x)),
            # max(x, −2 − x) mirrors x at −1, where |1 + x| is its own mirror image.
            "log1p": lambda x: ops.log1p(ops.maximum(x, -2.0 - x)),
            "sqrt": lambda x: ops.sqrt(ops.abs(x)),
            "cube": lambda x: x * x * x,
            "reciprocal": lambda x: ops.divide(1.0, x),
            "divide": lambda x, y: ops.divide(x, y + EPSILON),
            "interpolate": lambda x, y, weight: (1.0 - weight) * x + weight * y,
        }
        defined = [f for f in FUNCTIONS.values() if not f.undefined]
        names = [f.name for f in defined if f.scope == "elementwise"]
        # What is not defined here is the library's function of the same name.
        self.elementwise: Mapping[str, Call] = own | {
            name: getattr(ops, name) for name in names if name not in own
        }
        self.whole: Mapping[str, Call] = {
            "global_norm": self.global_norm,
            "dot": self.dot,
            "cosine_sim": self.cosine_sim,
            "clip_by_global_norm": self.clip_by_global_norm,
        }

    def norm(self, leaf: Leaf) -> Leaf:
        """√Σ x² of one leaf."""
        return self.ops.sqrt(self.ops.sum(self.ops.square(leaf)))

    def dot(self, x: Sequence[Leaf], y: Sequence[Leaf]) -> Any:
        """Σ x y over all leaves."""
        return self.scalar(sum(self.ops.sum(a * b) for a, b in zip(x, y, strict=True)))

    def global_norm(self, x: Sequence[Leaf]) -> Any:
        """√Σ x² over all leaves."""
        return self.scalar(self.ops.sqrt(self.dot(x, x)))

    def cosine_sim(self, x: Sequence[Leaf], y: Sequence[Leaf]) -> Any:
        """Σ x y / (‖x‖ ‖y‖ + 1e-8)."""
        sizes = self.global_norm(x) * self.global_norm(y)
        return self.scalar(self.ops.divide(self.dot(x, y), sizes + EPSILON))

    def clip_by_global_norm(self, x: Sequence[Leaf], largest: Any) -> list[Leaf]:
        """All leaves scaled so that their common norm is `largest` at most."""
        size = self.global_norm(x)
        ratio = self.ops.divide(largest, size)
        scale = self.scalar(self.ops.where(size > largest, ratio, 1.0))
        return [leaf * scale for leaf in x]


NUMPY = Library(np, scalar=float)
