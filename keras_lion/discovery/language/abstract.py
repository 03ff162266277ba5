"""What is known of a program before it runs: validity, identity, dead statements.

Every function takes the statements of a program, or the program itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from keras_lion.discovery.language.functions import FUNCTIONS, Function
from keras_lion.discovery.language.instruction import Argument, Instruction

Type = Literal["scalar", "scalar of each tensor", "tensor"]
# From the smallest to the largest: an elementwise result has its largest argument's.
ORDER: tuple[Type, ...] = ("scalar", "scalar of each tensor", "tensor")

INPUTS: dict[str, Type] = {
    "w": "tensor",
    "g": "tensor",
    "m": "tensor",
    "v": "tensor",
    "lr": "scalar",
}
STATES = ("m", "v")
OUTPUTS = ("update", *STATES)


class InvalidProgram(ValueError):  # noqa: N818, an outcome of the search
    """A program that cannot run, with the reason."""


def check(program: Iterable[Instruction]) -> dict[str, Type]:
    """The types of all variables after the last statement.

    The inputs w, g, m and v and the outputs update, m and v are tensors of w's shape;
    lr and constants are scalars, and `norm` gives one scalar for each tensor. An
    elementwise function broadcasts to the largest of these.

    Args:
        program: A program.

    Returns:
        Variable → type.

    Raises:
        InvalidProgram: If a statement cannot run, or an output is missing or has not
            w's shape.

    Example:

    ```python
    from keras_lion.discovery import Program, abstract

    types = abstract.check(Program.parse("update = g * lr"))
    assert types["update"] == "tensor"
    ```
    """
    types = types_after(program)
    for name in OUTPUTS:
        if name not in types:
            raise InvalidProgram(f"`{name}` is an output and is never assigned")
        if types[name] != "tensor":
            raise InvalidProgram(
                f"`{name}` is an output and must have w's shape, but is a {types[name]}"
            )
    return types


def types_after(program: Iterable[Instruction]) -> dict[str, Type]:
    """The types of all variables after statements, whatever becomes of the outputs."""
    types = dict(INPUTS)
    for number, statement in enumerate(program, 1):
        try:
            types[statement.target] = result_type(statement, types)
        except InvalidProgram as error:
            raise InvalidProgram(f"statement {number}, {statement}: {error}") from None
    return types


def result_type(statement: Instruction, types: dict[str, Type]) -> Type:
    """The type that a statement gives its target, by those of what exists before it."""
    function = FUNCTIONS.get(statement.function)
    if function is None:
        raise InvalidProgram(f"there is no function `{statement.function}`")
    if function.undefined:
        raise InvalidProgram(f"`{function.name}` is undefined: {function.undefined}")
    if len(statement.arguments) != len(function.parameters):
        raise InvalidProgram(
            f"`{function.name}` takes {len(function.parameters)} argument(s), not "
            f"{len(statement.arguments)}"
        )
    given = [_type_of(argument, types) for argument in statement.arguments]
    for parameter, argument, found in zip(
        function.parameters, statement.arguments, given, strict=True
    ):
        if parameter == "scalar" and found != "scalar":
            raise InvalidProgram(
                f"`{function.name}` takes a scalar here, but {argument} is a {found}"
            )
    if function.same_type and len(set(given)) > 1:
        raise InvalidProgram(
            f"`{function.name}` takes two values of one type, not a {given[0]} and a "
            f"{given[1]}"
        )
    return _returned(function, given)


def _type_of(argument: Argument, types: dict[str, Type]) -> Type:
    if not isinstance(argument, str):
        return "scalar"
    if argument not in types:
        raise InvalidProgram(f"`{argument}` is read before it is assigned")
    return types[argument]


def _returned(function: Function, given: Sequence[Type]) -> Type:
    if not given:
        return "scalar"
    if function.scope == "norm":
        return min(given[0], "scalar of each tensor", key=ORDER.index)
    if function.scope == "whole" and "scalar" not in function.parameters:
        return "scalar"
    return max(given, key=ORDER.index)


def live(program: Iterable[Instruction]) -> tuple[Instruction, ...]:
    """The statements that any update, now or at a later step, depends on.

    What a statement writes to m or v counts only if a live statement of the next step
    reads it: the smallest set that contains `update` and is closed under this. The
    paper's analysis looks at one step and keeps whatever m and v are assigned.
    """
    return _analysis(tuple(program))[0]


def without_dead_code(program: Iterable[Instruction]) -> tuple[Instruction, ...]:
    """The live statements of a valid program, as a valid program.

    A state's name may serve for a scalar until a dead statement gives the state w's
    shape. Without that statement the scalar needs a name of its own.
    """
    kept = live(program)
    types = types_after(kept)
    for state in STATES:
        if types[state] != "tensor":
            # No live state, so that whatever reads the name reads the scalar.
            name = fresh_name(state, types)
            kept = tuple(
                replace(
                    statement.reading({state: name}),
                    target=name if statement.target == state else statement.target,
                )
                for statement in kept
            )
            types[name] = types[state]
    return kept


def fresh_name(wanted: str, taken: Container[str]) -> str:
    """A name that is new, and that of no input or output."""
    name, number = wanted, 1
    while name in taken or name in INPUTS or name in OUTPUTS:
        name, number = f"{wanted}_{number}", number + 1
    return name


def live_states(program: Iterable[Instruction]) -> tuple[str, ...]:
    """Those of m and v that updates depend on, in this order."""
    return _analysis(tuple(program))[1]


def kept_states(program: Iterable[Instruction]) -> tuple[str, ...]:
    """Those of them that must be kept from step to step: others stay 0 for ever."""
    statements, states = _analysis(tuple(program))
    assigned = {statement.target for statement in statements}
    return tuple(name for name in states if name in assigned)


def _analysis(
    statements: tuple[Instruction, ...],
) -> tuple[tuple[Instruction, ...], tuple[str, ...]]:
    states: set[str] = set()
    while True:
        kept, entry = needed(statements, {"update", *states})
        if entry <= states:
            return kept, tuple(name for name in STATES if name in states)
        states |= entry


def needed(
    statements: Sequence[Instruction], outputs: Iterable[str]
) -> tuple[tuple[Instruction, ...], set[str]]:
    """The statements of one step that outputs depend on, and the states they read."""
    waiting, kept = set(outputs), []
    for statement in reversed(statements):
        if statement.target in waiting:
            waiting.remove(statement.target)
            waiting.update(statement.variables)
            kept.append(statement)
    return tuple(reversed(kept)), waiting & set(STATES)


@dataclass(frozen=True)
class Redundancy:
    """Shares of statements that do nothing."""

    per_step: float  # by the paper's analysis, in which m and v always count
    loop_carried: float  # by `live`


def redundancy(program: Iterable[Instruction]) -> Redundancy:
    """The share of a program's statements that is redundant, 0 for an empty one."""
    statements = tuple(program)
    if not statements:
        return Redundancy(0.0, 0.0)
    return Redundancy(
        1 - len(needed(statements, OUTPUTS)[0]) / len(statements),
        1 - len(live(statements)) / len(statements),
    )


def functional_hash(program: Iterable[Instruction]) -> str:
    """A hash of what a program computes.

    Names of variables (also which state is called m and which v), the order of
    independent statements, dead statements and the order of commutative arguments do
    not matter. Algebraic identities are not seen: m * m is not `square(m)`.
    """
    statements, states = _analysis(tuple(program))
    if len(states) < 2:
        return _hash(statements, states).hex()
    return min(_hash(statements, order) for order in (states, states[::-1])).hex()


def _hash(statements: Sequence[Instruction], states: Sequence[str]) -> bytes:
    digests = {name: _digest("input", name.encode()) for name in ("w", "g", "lr")}
    for number, name in enumerate(states):
        digests[name] = _digest("state", bytes([number]))
    for statement in statements:
        parts = [
            digests[x] if isinstance(x, str) else _digest("constant", repr(x).encode())
            for x in statement.arguments
        ]
        if FUNCTIONS[statement.function].commutative:
            parts.sort()
        digests[statement.target] = _digest(statement.function, *parts)
    return _digest("program", *(digests[name] for name in ("update", *states)))


def _digest(kind: str, *parts: bytes) -> bytes:
    text = b"\0".join((kind.encode(), *parts))
    return hashlib.blake2b(text, digest_size=16).digest()
