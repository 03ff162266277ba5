"""Algebra on programs: equal or nearly equal expressions with fewer statements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from keras_lion.discovery.abstract import fresh_name
from keras_lion.discovery.instruction import Argument, Instruction
from keras_lion.discovery.program import Program
from keras_lion.discovery.single_assignment import SingleAssignment


@dataclass(frozen=True)
class Found:
    """What a rule made of a program."""

    form: SingleAssignment
    what: str
    alternative: SingleAssignment | None = None
    alternative_what: str = ""


Rule = Callable[[SingleAssignment, Instruction], Found | None]


@dataclass(frozen=True)
class Rewrite:
    """A program with one rule applied.

    Attributes:
        program: The program after it.
        what: What was replaced by what.
        alternative: What others made of it, to compare with, or None.
        alternative_what: What they did.
    """

    program: Program
    what: str
    alternative: Program | None = None
    alternative_what: str = ""


def rewrites(program: Program) -> Iterator[Rewrite]:
    """Programs that differ from a program by one rule of algebra.

    Args:
        program: A valid program.
    """
    form = SingleAssignment.of(program)
    for statement in form.statements.values():
        for rule in RULES:
            found = rule(form, statement)
            if found is None:
                continue
            try:
                other = found.alternative.program() if found.alternative else None
                yield Rewrite(
                    found.form.program(), found.what, other, found.alternative_what
                )
            except ValueError:  # it needs a copy, which the language does not have
                continue


def _definition(
    form: SingleAssignment, argument: Argument, function: str
) -> Instruction | None:
    """The statement that defines an argument, if it calls a function."""
    statement = form.statements.get(argument) if isinstance(argument, str) else None
    return statement if statement and statement.function == function else None


def square(form: SingleAssignment, statement: Instruction) -> Found | None:
    """x * x is square(x)."""
    match statement:
        case Instruction(name, "multiply", (str(x), y)) if x == y:
            new = Instruction(name, "square", (x,))
            return Found(form.with_statement(name, new), "x * x is square(x)")
    return None


def root_of_square(form: SingleAssignment, statement: Instruction) -> Found | None:
    """sqrt(square(x)) is abs(x)."""
    if statement.function == "sqrt":
        inner = _definition(form, statement.arguments[0], "square")
        if inner:
            new = Instruction(statement.target, "abs", inner.arguments)
            after = form.with_statement(statement.target, new)
            return Found(after, "sqrt(square(x)) is abs(x)")
    return None


def sign(form: SingleAssignment, statement: Instruction) -> Found | None:
    """x / abs(x) is sign(x), for |x| far above 1e-8; also with x scaled."""
    if statement.function != "divide":
        return None
    inner = _definition(form, statement.arguments[1], "abs")
    if not inner:
        return None
    name, x = statement.target, inner.arguments[0]
    what = "x / abs(x) is sign(x), up to the 1e-8 that protects division"
    if statement.arguments[0] == x:
        return Found(form.with_statement(name, Instruction(name, "sign", (x,))), what)
    scaled = _definition(form, statement.arguments[0], "multiply")
    if scaled and x in scaled.arguments:
        first, second = scaled.arguments
        scale = second if first == x else first
        part = fresh_name("direction", form.statements)
        after = form.with_statement(
            name,
            Instruction(part, "sign", (x,)),
            Instruction(name, "multiply", (part, scale)),
        )
        return Found(after, what)
    return None


def interpolations(form: SingleAssignment, statement: Instruction) -> Found | None:
    """(1 − b) g + b ((1 − a) g + a z) is (1 − a b) g + a b z."""
    match statement:
        case Instruction(name, "interpolate", (g, inner_name, float(b))):
            inner = _definition(form, inner_name, "interpolate")
            if inner and inner.arguments[0] == g:
                z, a = inner.arguments[1:]
                if isinstance(a, float):
                    return _merged(form, name, (g, z), a, b)
    return None


def _merged(
    form: SingleAssignment, name: str, ends: tuple[Argument, ...], a: float, b: float
) -> Found:
    short = float(f"{a:.2g}"), float(f"{b:.2g}")
    published = round(math.prod(short), 6)
    return Found(
        form.with_statement(name, Instruction(name, "interpolate", (*ends, a * b))),
        f"two interpolations by {a:.6g} and {b:.6g} are one by {a * b:.6g}",
        form.with_statement(name, Instruction(name, "interpolate", (*ends, published))),
        f"rounded to {short[0]} and {short[1]} first, as the paper does: {published}",
    )


def common_scale(form: SingleAssignment, statement: Instruction) -> Found | None:
    """x * s + (s * c) * y is (x + y * c) * s."""
    if statement.function != "add":
        return None
    for left, right in (statement.arguments, statement.arguments[::-1]):
        first = _definition(form, left, "multiply")
        second = _definition(form, right, "multiply")
        if not first or not second:
            continue
        for x, s in (first.arguments, first.arguments[::-1]):
            for inner_name, y in (second.arguments, second.arguments[::-1]):
                inner = _definition(form, inner_name, "multiply")
                if not inner or s not in inner.arguments:
                    continue
                a, b = inner.arguments
                c = b if a == s else a
                decay = fresh_name("decay", form.statements)
                total = fresh_name("total", form.statements)
                after = form.with_statement(
                    statement.target,
                    Instruction(decay, "multiply", (y, c)),
                    Instruction(total, "add", (x, decay)),
                    Instruction(statement.target, "multiply", (total, s)),
                )
                return Found(after, "x * s + (s * c) * y is (x + y * c) * s")
    return None


RULES: tuple[Rule, ...] = (square, root_of_square, sign, interpolations, common_scale)
