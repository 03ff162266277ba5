"""Running a program with the functions of NumPy or of Keras.

A value is a scalar, or a list with one leaf for each tensor of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lion.discovery import numpy_functions
from keras_lion.discovery.abstract import (
    INPUTS,
    Type,
    check,
    live,
    live_states,
    result_type,
)
from keras_lion.discovery.functions import FUNCTIONS
from keras_lion.discovery.instruction import Argument, Instruction

Value = Any
Call = Callable[..., Value]

SCALAR: Type = "scalar"


@dataclass(frozen=True)
class Library:
    """What computes the functions: of one leaf, and of all leaves together.

    Attributes:
        elementwise: Function → its values for one leaf of each argument.
        norm: √Σ x² of one leaf.
        whole: Function → its value for lists of leaves.
        scalar: Makes a scalar result one that takes on the dtype of any leaf.
    """

    elementwise: Mapping[str, Call]
    norm: Call
    whole: Mapping[str, Call]
    scalar: Call


NUMPY = Library(
    numpy_functions.ELEMENTWISE, numpy_functions.norm, numpy_functions.WHOLE, float
)


@dataclass(frozen=True)
class Operation:
    """A live statement that is left to run once constants are known.

    Attributes:
        target: The variable that takes the result.
        function: A key of `functions.FUNCTIONS`.
        arguments: Names of variables, and floats, which may be infinite or NaN.
        types: The type of each argument.
    """

    target: str
    function: str
    arguments: tuple[Argument, ...]
    types: tuple[Type, ...]


def operations(program: tuple[Instruction, ...]) -> list[Operation]:
    """What a program does at each step.

    What depends on constants only is computed here, once, in double precision, as
    Python floats: 1 − 0.999 in float32 would be wrong in its fifth digit.

    Raises:
        InvalidProgram: If the program cannot run.
    """
    check(program)
    types: dict[str, Type] = dict(INPUTS)
    known: dict[str, float] = {}
    found: list[Operation] = []
    for statement in live(program):
        arguments = tuple(
            known.get(x, x) if isinstance(x, str) else x for x in statement.arguments
        )
        given = tuple(types[x] if isinstance(x, str) else SCALAR for x in arguments)
        types[statement.target] = result_type(statement, types)
        known.pop(statement.target, None)
        if all(isinstance(x, float) for x in arguments):
            known[statement.target] = _constant(statement.function, arguments)
        else:
            found.append(
                Operation(statement.target, statement.function, arguments, given)
            )
    return found


def make_step(
    program: tuple[Instruction, ...], library: Library
) -> Callable[..., tuple[Value, Value, Value]]:
    """The live statements of a program as one function of lists of leaves.

    Args:
        program: The statements.
        library: What computes its functions.

    Returns:
        (w, g, m, v, lr) → (update, m, v). A state that no update depends on comes back
        as it went in.

    Raises:
        InvalidProgram: If the program cannot run.
    """
    calls = [
        (each.target, bound(each.function, each.types, library), each.arguments)
        for each in operations(program)
    ]
    states = live_states(program)

    def step(
        w: Value, g: Value, m: Value, v: Value, lr: Value
    ) -> tuple[Value, Value, Value]:
        values = {"w": w, "g": g, "m": m, "v": v, "lr": lr}
        for target, call, arguments in calls:
            values[target] = call(
                *[values[x] if isinstance(x, str) else x for x in arguments]
            )
        return (
            values["update"],
            values["m"] if "m" in states else m,
            values["v"] if "v" in states else v,
        )

    return step


def _constant(function: str, arguments: tuple[Any, ...]) -> float:
    if not arguments:
        return numpy_functions.CONSTANTS[function]
    with np.errstate(all="ignore"):
        return float(bound(function, (SCALAR,) * len(arguments), NUMPY)(*arguments))


def bound(function: str, types: tuple[Type, ...], library: Library) -> Call:
    """A function of values of known types: of scalars and lists of leaves."""
    lists = tuple(kind != SCALAR for kind in types)
    scope = FUNCTIONS[function].scope
    if scope == "whole":
        return _of_all_leaves(library.whole[function], function, lists)
    call = library.norm if scope == "norm" else library.elementwise[function]
    if not any(lists):
        return lambda *x: library.scalar(call(*x))
    if lists == (True,):
        return lambda x: [call(a) for a in x]
    if lists == (True, True):
        return lambda x, y: [call(a, b) for a, b in zip(x, y, strict=True)]
    if lists == (True, False):
        return lambda x, y: [call(a, y) for a in x]
    if lists == (False, True):
        return lambda x, y: [call(x, b) for b in y]
    return lambda *x: [call(*leaves) for leaves in _columns(x, lists)]


def _columns(values: tuple[Value, ...], lists: tuple[bool, ...]) -> zip[Any]:
    """The arguments of each leaf, scalars repeated."""
    count = len(values[lists.index(True)])
    return zip(
        *(
            value if is_list else [value] * count
            for value, is_list in zip(values, lists, strict=True)
        ),
        strict=True,
    )


def _of_all_leaves(call: Call, function: str, lists: tuple[bool, ...]) -> Call:
    """A function of lists of leaves, to which a scalar is a list of one."""
    if lists[0]:
        return call
    parameters = FUNCTIONS[function].parameters

    def of_scalars(*values: Value) -> Value:
        result = call(
            *(
                value if parameter == "scalar" else [value]
                for value, parameter in zip(values, parameters, strict=True)
            )
        )
        return result[0] if isinstance(result, list) else result

    return of_scalars
