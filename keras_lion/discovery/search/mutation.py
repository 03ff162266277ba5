"""Children of programs: insert, delete or modify one statement.

A child differs from its parent in one statement. Larger rewrites go over neutral steps,
which is why dead statements are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from numpy.random import Generator

from keras_lion.discovery.language.abstract import (
    INPUTS,
    OUTPUTS,
    InvalidProgram,
    Type,
    check,
    result_type,
    types_after,
)
from keras_lion.discovery.language.functions import FUNCTIONS, Parameter
from keras_lion.discovery.language.instruction import Argument, Instruction
from keras_lion.discovery.language.program import Program

Kind = Literal["insert", "delete", "modify", "constant"]
Statements = Sequence[Instruction]

KINDS: tuple[Kind, ...] = ("insert", "delete", "modify")
MAX_LENGTH = 60
MAX_TRIES = 10_000
CONSTANT_SHARE = 0.25  # of new arguments that may be any value; a half of the scalars
LARGEST_CONSTANT = 1e10

_CALLABLE = tuple(name for name, f in FUNCTIONS.items() if f.undefined is None)


@dataclass(frozen=True)
class Mutation:
    """A valid child, and how it came about."""

    program: Program
    kind: Kind
    tries: int  # proposals until one was valid


def mutate(
    program: Program, generator: Generator, max_length: int = MAX_LENGTH
) -> Program:
    """A valid child of a program.

    Insertion, deletion and modification are equally likely. An insertion draws place,
    function, arguments and target; a modification changes one argument of one
    statement into a variable that exists there or a constant from N(0, 1), or
    multiplies a constant by 2 to the power of N(0, 1). A proposal that is no valid
    program is dropped and another one made.

    Args:
        program: The parent, a valid program.
        generator: Where the randomness comes from.
        max_length: Parents of this length get no insertions.

    Example:

    ```python
    import numpy as np
    from keras_lion.discovery import Program, mutate

    child = mutate(Program.parse("update = g * lr"), np.random.default_rng(0))
    ```
    """
    return draw_mutation(program, generator, max_length=max_length).program


def draw_mutation(
    program: Program,
    generator: Generator,
    *,
    max_length: int = MAX_LENGTH,
    kinds: Sequence[Kind] = KINDS,
) -> Mutation:
    """A valid child by one of the kinds, which have equal chances.

    `"constant"` multiplies one constant by 2 to the power of N(0, 1).
    """
    if len(program) >= max_length:
        kinds = [kind for kind in kinds if kind != "insert"] or ["modify"]
    for tries in range(1, MAX_TRIES + 1):
        kind = kinds[_index(generator, len(kinds))]
        statements = _PROPOSALS[kind](program.instructions, generator)
        if statements is None:
            continue
        try:
            check(statements)
        except InvalidProgram:
            continue
        return Mutation(Program(tuple(statements)), kind, tries)
    raise ValueError(
        f"No valid child in {MAX_TRIES} tries with the mutations "
        f"{', '.join(kinds)}. Received the program:\n{program}"
    )


def random_program(generator: Generator, length: int) -> Program:
    """A valid program of random statements, for random search.

    Every statement is drawn as an insertion draws it, and again if it cannot run; the
    last one assigns `update`.
    """
    while True:
        statements: list[Instruction] = []
        types: dict[str, Type] = dict(INPUTS)
        while len(statements) < length:
            statement = _random_statement(statements, types, generator)
            if len(statements) == length - 1:
                statement = replace(statement, target="update")
            try:
                types[statement.target] = result_type(statement, types)
            except InvalidProgram:
                continue
            statements.append(statement)
        if all(types.get(name) == "tensor" for name in OUTPUTS):
            return Program(tuple(statements))


def _insert(statements: Statements, generator: Generator) -> list[Instruction]:
    place = _index(generator, len(statements) + 1)
    types = types_after(statements[:place])
    new = _random_statement(statements, types, generator)
    return [*statements[:place], new, *statements[place:]]


def _delete(statements: Statements, generator: Generator) -> list[Instruction]:
    place = _index(generator, len(statements))
    return [*statements[:place], *statements[place + 1 :]]


def _modify(statements: Statements, generator: Generator) -> list[Instruction] | None:
    place = _index(generator, len(statements))
    old = statements[place]
    if not old.arguments:
        return None
    slot = _index(generator, len(old.arguments))
    value = old.arguments[slot]
    if not isinstance(value, str) and generator.random() < 0.5:
        return _with_argument(statements, place, slot, _scaled(value, generator))
    parameter = FUNCTIONS[old.function].parameters[slot]
    new = _random_argument(parameter, types_after(statements[:place]), generator)
    return _with_argument(statements, place, slot, new)


def _scale_constant(
    statements: Statements, generator: Generator
) -> list[Instruction] | None:
    constants = [
        (place, slot, value)
        for place, statement in enumerate(statements)
        for slot, value in enumerate(statement.arguments)
        if not isinstance(value, str)
    ]
    if not constants:
        return None
    place, slot, value = constants[_index(generator, len(constants))]
    return _with_argument(statements, place, slot, _scaled(value, generator))


_PROPOSALS = {
    "insert": _insert,
    "delete": _delete,
    "modify": _modify,
    "constant": _scale_constant,
}


def _random_statement(
    statements: Statements, types: Mapping[str, Type], generator: Generator
) -> Instruction:
    """A statement at a place where variables have these types; it may be invalid."""
    function = FUNCTIONS[_CALLABLE[_index(generator, len(_CALLABLE))]]
    arguments = tuple(
        _random_argument(parameter, types, generator)
        for parameter in function.parameters
    )
    # A dict keeps the order of the names: that of a set differs between processes.
    existing = list(dict.fromkeys([*INPUTS, *(s.target for s in statements), "update"]))
    choice = _index(generator, len(existing) + 1)
    new = next(name for i in count() if (name := f"x{i}") not in existing)
    target = [*existing, new][choice]
    return Instruction(target, function.name, arguments)


def _random_argument(
    parameter: Parameter, types: Mapping[str, Type], generator: Generator
) -> Argument:
    names = list(types)
    share = CONSTANT_SHARE
    if parameter == "scalar":
        names = [name for name in names if types[name] == "scalar"]
        share = 0.5
    if not names or generator.random() < share:
        return float(generator.standard_normal())
    return names[_index(generator, len(names))]


def _scaled(value: float, generator: Generator) -> float:
    scaled = value * float(2.0 ** generator.standard_normal())
    return max(-LARGEST_CONSTANT, min(LARGEST_CONSTANT, scaled))


def _with_argument(
    statements: Statements, place: int, slot: int, value: Argument
) -> list[Instruction]:
    new = statements[place].with_argument(slot, value)
    return [*statements[:place], new, *statements[place + 1 :]]


def _index(generator: Generator, size: int) -> int:
    # Four times as fast as `generator.integers(size)`, and as good for small sizes.
    return int(generator.random() * size)
