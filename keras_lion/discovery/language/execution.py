"""Running a program with the functions of NumPy or of Keras.

A value is a scalar, or a list with one leaf for each tensor of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from keras_lion.discovery.language.abstract import (
    INPUTS,
    Type,
    check,
    live,
    live_states,
    result_type,
)
from keras_lion.discovery.language.functions import FUNCTIONS, NUMPY, Call, Library
from keras_lion.discovery.language.instruction import Argument
from keras_lion.discovery.language.program import Program

Value = Any
Step = Callable[..., tuple[Value, Value, Value]]

SCALAR: Type = "scalar"


def step_function(program: Program) -> Step:
    """One step of a program as a function of NumPy arrays.

    Only live statements run (`abstract.live`), scalars are Python floats in double
    precision, and arrays keep their dtype. Nothing guards against overflow: the caller
    looks at the result. Unless the program calls `norm`, a list of arrays may as well
    be given as one long array, which is faster.

    Args:
        program: A valid program.

    Returns:
        (w, g, m, v, lr) → (update, m, v), all of arrays or all of lists of arrays.
        Arguments are never changed. A state that no update depends on comes back as it
        went in.

    Raises:
        InvalidProgram: If the program cannot run.

    Example:

    ```python
    import numpy as np
    from keras_lion.discovery import step_function, zoo

    step = step_function(zoo.SGD)
    w = m = v = np.zeros(3)
    update, m, v = step(w, np.ones(3), m, v, 1.0)
    assert np.allclose(update, 0.01)
    ```
    """
    run = make_step(program, NUMPY)

    def step(
        w: Value, g: Value, m: Value, v: Value, lr: float
    ) -> tuple[Value, Value, Value]:
        with np.errstate(all="ignore"):
            if not isinstance(w, np.ndarray):
                return run(w, g, m, v, float(lr))
            update, m, v = run([w], [g], [m], [v], float(lr))
            return update[0], m[0], v[0]

    return step


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


def operations(program: Program) -> list[Operation]:
    """What a valid program does at each step.

    What depends on constants only is computed here, once, in double precision, as
    Python floats: 1 − 0.999 in float32 would be wrong in its fifth digit.
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


def make_step(program: Program, library: Library) -> Step:
    """The operations of a valid program as one function of lists of leaves."""
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
    with np.errstate(all="ignore"):
        return float(bound(function, (SCALAR,) * len(arguments), NUMPY)(*arguments))


def bound(function: str, types: tuple[Type, ...], library: Library) -> Call:
    """A function of values of known types: of scalars and lists of leaves."""
    lists = tuple(kind != SCALAR for kind in types)
    scope = FUNCTIONS[function].scope
    if scope == "whole":
        return _of_all_leaves(library.whole[function], function, lists)
    norm = scope == "norm"
    call: Call = library.norm if norm else library.elementwise[function]
    if not any(lists):
        return lambda *x: library.scalar(call(*x))
    # Most statements are of the first three kinds, and these are faster.
    if all(lists):
        return lambda *x: [*map(call, *x)]
    if lists == (True, False):
        return lambda x, y: [call(a, y) for a in x]
    if lists == (False, True):
        return lambda x, y: [call(x, b) for b in y]

    def of_each_leaf(*values: Value) -> Value:
        pairs = zip(values, lists, strict=True)
        return [*map(call, *(x if is_list else repeat(x) for x, is_list in pairs))]

    return of_each_leaf


def _of_all_leaves(call: Call, function: str, lists: tuple[bool, ...]) -> Call:
    """A function of lists of leaves, to which a scalar is a list of one."""
    if lists[0]:
        return call
    if function == "clip_by_global_norm":
        return lambda x, largest: call([x], largest)[0]
    return lambda *x: call(*([leaf] for leaf in x))
