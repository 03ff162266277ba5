"""A slow and obvious interpreter of programs, to test the fast one against.

It shares no code with it: every statement runs, in order, by the definition of its
function, and nothing is known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_lion.discovery.language.program import Program

Array = Any
Value = Any  # a float, or a list with one array (or scalar) for each tensor


def interpret(
    program: Program,
    w: Sequence[Array],
    g: Sequence[Array],
    m: Sequence[Array],
    v: Sequence[Array],
    lr: float,
) -> tuple[list[Array], list[Array], list[Array]]:
    """One step of a valid program for lists of arrays: update, m and v."""
    values: dict[str, Value] = {
        "w": list(w),
        "g": list(g),
        "m": list(m),
        "v": list(v),
        "lr": float(lr),
    }
    with np.errstate(all="ignore"):
        for statement in program:
            arguments = [
                values[x] if isinstance(x, str) else x for x in statement.arguments
            ]
            values[statement.target] = call(statement.function, arguments)
    return values["update"], values["m"], values["v"]


def call(function: str, arguments: list[Value]) -> Value:
    """The value of one function."""
    if function in NUMBERS:
        return NUMBERS[function]
    if function == "norm":
        return each(lambda x: np.sqrt((x * x).sum()), arguments)
    if function == "global_norm":
        return length(arguments[0])
    if function == "dot":
        return total(*arguments)
    if function == "cosine_sim":
        x, y = arguments
        return total(x, y) / (length(x) * length(y) + 1e-8)
    if function == "clip_by_global_norm":
        x, largest = arguments
        size = length(x)
        factor = float(np.float64(largest) / size) if size > largest else 1.0
        return each(lambda leaf: leaf * factor, [x])
    return each(ELEMENTS[function], arguments)


def each(function: Callable[..., Any], arguments: list[Value]) -> Value:
    """A function of every leaf, where scalars are the same for all leaves."""
    counts = [len(x) for x in arguments if isinstance(x, list)]
    if not counts:
        return float(function(*map(np.float64, arguments)))
    result = []
    for index in range(counts[0]):
        leaves = [x[index] if isinstance(x, list) else x for x in arguments]
        result.append(function(*leaves))
    return result


def total(x: Value, y: Value) -> float:
    """Σ x y over everything."""
    products = each(lambda a, b: (a * b).sum(), [x, y])
    return float(sum(products)) if isinstance(products, list) else float(products)


def length(x: Value) -> float:
    """√Σ x² over everything."""
    return float(np.sqrt(total(x, x)))


NUMBERS = {"get_pi": math.pi, "get_e": math.e, "get_eps": 1e-8}

IN_NUMPY = """
    cos sin tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2
    expm1 cbrt sign maximum minimum
"""
ELEMENTS: dict[str, Callable[..., Any]] = {
    "abs": lambda x: np.maximum(x, -x),
    "exp10": lambda x: 10.0**x,
    "log": lambda x: np.log(abs(x)),
    "log10": lambda x: np.log10(abs(x)),
    "log2": lambda x: np.log2(abs(x)),
    "log1p": lambda x: np.where(x < -1, np.log1p(-2 - x), np.log1p(x)),
    "square": lambda x: x * x,
    "sqrt": lambda x: np.sqrt(abs(x)),
    "cube": lambda x: x * x * x,
    "reciprocal": lambda x: 1 / x,
    "negative": lambda x: -x,
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (y + 1e-8),
    "power": lambda x, y: x**y,
    "interpolate": lambda x, y, a: (1 - a) * x + a * y,
    **{name: getattr(np, name) for name in IN_NUMPY.split()},
}
