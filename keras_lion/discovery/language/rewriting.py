"""Algebra on programs: equal or nearly equal expressions with fewer statements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from keras_lion.discovery.language.abstract import fresh_name
from keras_lion.discovery.language.instruction import Argument, Instruction
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.language.single_assignment import SingleAssignment


@dataclass(frozen=True)
class Rewrite:
    """A program with one change.

    Attributes:
        program: The program after it.
        what: What was replaced by what.
        alternative: What others made of it, to compare with, or None.
    """

    program: Program
    what: str
    alternative: Rewrite | None = None


# The new form and what was done; then, if others did it otherwise, theirs.
Found = list[tuple[SingleAssignment, str]]
Rule = Callable[[SingleAssignment, Instruction], Found]


def rewrites(program: Program) -> Iterator[Rewrite]:
    """Programs that differ from a valid program by one rule of algebra."""
    form = SingleAssignment.of(program)
    for statement in form.statements.values():
        for rule in RULES:
            try:
                found = [
                    Rewrite(after.program(), what)
                    for after, what in rule(form, statement)
                ]
            except ValueError:  # it needs a copy, which the language does not have
                continue
            if found:
                yield Rewrite(found[0].program, found[0].what, *found[1:])


def square(form: SingleAssignment, statement: Instruction) -> Found:
    """x * x is square(x)."""
    match statement:
        case Instruction(name, "multiply", (str(x), y)) if x == y:
            new = Instruction(name, "square", (x,))
            return [(form.with_statement(name, new), "x * x is square(x)")]
    return []


def root_of_square(form: SingleAssignment, statement: Instruction) -> Found:
    """sqrt(square(x)) is abs(x)."""
    if statement.function == "sqrt":
        inner = form.call_of("square", statement.arguments[0])
        if inner:
            new = Instruction(statement.target, "abs", inner.arguments)
            after = form.with_statement(statement.target, new)
            return [(after, "sqrt(square(x)) is abs(x)")]
    return []


def sign(form: SingleAssignment, statement: Instruction) -> Found:
    """x / abs(x) is sign(x), for |x| far above 1e-8; also with x scaled."""
    if statement.function != "divide":
        return []
    inner = form.call_of("abs", statement.arguments[1])
    if not inner:
        return []
    name, x = statement.target, inner.arguments[0]
    what = "x / abs(x) is sign(x), up to the 1e-8 that protects division"
    if statement.arguments[0] == x:
        return [(form.with_statement(name, Instruction(name, "sign", (x,))), what)]
    scaled = form.call_of("multiply", statement.arguments[0])
    if scaled and x in scaled.arguments:
        part = fresh_name("direction", form.statements)
        after = form.with_statement(
            name,
            Instruction(part, "sign", (x,)),
            Instruction(name, "multiply", (part, _other(scaled, x))),
        )
        return [(after, what)]
    return []


def interpolations(form: SingleAssignment, statement: Instruction) -> Found:
    """(1 − b) g + b ((1 − a) g + a z) is (1 − a b) g + a b z."""
    match statement:
        case Instruction(name, "interpolate", (g, inner_name, float(b))):
            match form.call_of("interpolate", inner_name):
                case Instruction(_, _, (first, z, float(a))) if first == g:
                    return _merged(form, name, (g, z), a, b)
    return []


def _merged(
    form: SingleAssignment, name: str, ends: tuple[Argument, ...], a: float, b: float
) -> Found:
    short = float(f"{a:.2g}"), float(f"{b:.2g}")
    published = round(math.prod(short), 6)
    exact = Instruction(name, "interpolate", (*ends, a * b))
    rounded = Instruction(name, "interpolate", (*ends, published))
    return [
        (
            form.with_statement(name, exact),
            f"two interpolations by {a:.6g} and {b:.6g} are one by {a * b:.6g}",
        ),
        (
            form.with_statement(name, rounded),
            f"rounded to {short[0]} and {short[1]} first, as the paper does: "
            f"{published}",
        ),
    ]


def common_scale(form: SingleAssignment, statement: Instruction) -> Found:
    """x * s + (s * c) * y is (x + y * c) * s."""
    if statement.function != "add":
        return []
    for left, right in (statement.arguments, statement.arguments[::-1]):
        first = form.call_of("multiply", left)
        second = form.call_of("multiply", right)
        if not first or not second:
            continue
        for x, s in (first.arguments, first.arguments[::-1]):
            for inner_name, y in (second.arguments, second.arguments[::-1]):
                inner = form.call_of("multiply", inner_name)
                if not inner or s not in inner.arguments:
                    continue
                decay = fresh_name("decay", form.statements)
                total = fresh_name("total", form.statements)
                after = form.with_statement(
                    statement.target,
                    Instruction(decay, "multiply", (y, _other(inner, s))),
                    Instruction(total, "add", (x, decay)),
                    Instruction(statement.target, "multiply", (total, s)),
                )
                return [(after, "x * s + (s * c) * y is (x + y * c) * s")]
    return []


def _other(product: Instruction, factor: Argument) -> Argument:
    """What a product multiplies one of its factors by."""
    first, second = product.arguments
    return second if first == factor else first


RULES: tuple[Rule, ...] = (square, root_of_square, sign, interpolations, common_scale)
