"""The 45 functions that a program may call: names, arguments and properties.

What they compute stands in `numpy_functions` and `keras_functions`, once each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Parameter = Literal["any", "scalar"]
# constant: no argument; elementwise: leaf by leaf, broadcasting; norm: one number for
# each leaf; whole: one number (or a scale) from all leaves together.
Scope = Literal["constant", "elementwise", "norm", "whole"]


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

FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        *(Function(name, (), "constant") for name in _CONSTANTS.split()),
        *(Function(name, (_ANY,)) for name in _UNARY.split()),
        Function(
            "invert", (_ANY,), undefined="it inverts bits, and all values are floats"
        ),
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

SYMBOLS: Mapping[str, str] = {
    function.symbol: function.name for function in FUNCTIONS.values() if function.symbol
}
# The paper's names, understood where programs are read.
ALIASES: Mapping[str, str] = {"clip": "clip_by_global_norm", "interp": "interpolate"}

EPSILON = 1e-8  # what `get_eps` returns, and what protects a division
