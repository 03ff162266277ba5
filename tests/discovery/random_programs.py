"""Random valid programs, made without the package's own mutations; comparison."""

from __future__ import annotations

from keras_lion.discovery.language.abstract import InvalidProgram, check
from keras_lion.discovery.language.functions import FUNCTIONS
from keras_lion.discovery.language.instruction import Instruction
from keras_lion.discovery.language.program import Program

NAMES = ("w", "g", "m", "v", "lr", "update", "a", "b", "c")


def random_program(generator, length=12):
    """A program of `length` statements, of which any but the last may be dead."""
    while True:
        written = []
        while len(written) < length:
            last = len(written) == length - 1
            recent = written[-1].target if written else "g"
            target = "update" if last else str(generator.choice(NAMES))
            statement = random_statement(generator, target, recent)
            # `update` must be there for the check to look at the rest.
            start = (Instruction("update", "abs", ("g",)),)
            try:
                check((*start, *written, statement))
            except InvalidProgram:
                continue
            written.append(statement)
        program = Program(tuple(written))
        try:
            check(program)
        except InvalidProgram:
            continue
        return program


def random_statement(generator, target, recent):
    """A statement that likely reads what the one before it has written."""
    name = str(generator.choice(list(FUNCTIONS)))
    arguments = []
    for _ in FUNCTIONS[name].parameters:
        kind = generator.choice(["constant", "recent", "any"], p=[0.15, 0.45, 0.4])
        if kind == "constant":
            arguments.append(round(float(generator.normal()), 3))
        else:
            any_name = str(generator.choice(NAMES))
            arguments.append(recent if kind == "recent" else any_name)
    return Instruction(target, name, tuple(arguments))


def same_but_for_constants(first, second):
    """True if two programs differ in nothing but the values of constants."""

    def shape(program):
        return [
            (s.target, s.function, [isinstance(x, str) and x for x in s.arguments])
            for s in program
        ]

    return shape(first) == shape(second)
