"""Programs in single-assignment form, in which statements can be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keras_lion.discovery.language.abstract import (
    INPUTS,
    STATES,
    fresh_name,
    live_states,
    needed,
)
from keras_lion.discovery.language.instruction import Argument, Instruction
from keras_lion.discovery.language.program import Program


@dataclass(frozen=True)
class SingleAssignment:
    """The live statements of a program, each with a variable of its own."""

    # Variable → the statement that defines it, in order. No variable has the name of an
    # input or an output.
    statements: Mapping[str, Instruction]
    # `update` and the live states → the variable that they hold at the end.
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, program: Program) -> SingleAssignment:
        """The form of a valid program."""
        current: dict[str, str] = {name: name for name in INPUTS}
        statements: dict[str, Instruction] = {}
        for statement in program.without_dead_code():
            name = fresh_name(statement.target, statements)
            statements[name] = replace(statement.reading(current), target=name)
            current[statement.target] = name
        kept = ("update", *live_states(program))
        return cls(statements, {name: current[name] for name in kept})

    def call_of(self, function: str, argument: Argument) -> Instruction | None:
        """The statement that defines an argument, if it calls this function."""
        statement = self.statements.get(argument) if isinstance(argument, str) else None
        return statement if statement and statement.function == function else None

    def with_statement(self, name: str, *replacements: Instruction) -> SingleAssignment:
        """The same with others in place of one statement; the last one defines it."""
        statements: dict[str, Instruction] = {}
        for old, statement in self.statements.items():
            new = replacements if old == name else (statement,)
            statements |= {x.target: x for x in new}
        return SingleAssignment(statements, self.outputs)

    def without(self, name: str, instead: str) -> SingleAssignment:
        """The same with one variable replaced by another wherever it is read."""
        names = {name: instead}
        statements = {
            old: statement.reading(names)
            for old, statement in self.statements.items()
            if old != name
        }
        outputs = {out: names.get(held, held) for out, held in self.outputs.items()}
        return SingleAssignment(statements, outputs)

    def program(self) -> Program:
        """The program again, its statements in an order that keeps what is still read.

        Raises:
            ValueError: If it would need a copy, which the language does not have: an
                output that is an input, or states that exchange their values.
        """
        names: dict[str, str] = {}
        waiting: list[Instruction] = []
        kept, _ = needed(tuple(self.statements.values()), self.outputs.values())
        for statement in kept:
            name = statement.target
            held = [output for output in self.outputs if self.outputs[output] == name]
            for target in held or [name]:
                # A statement that is two outputs is written twice.
                names.setdefault(name, target)
                waiting.append(replace(statement, target=target))
        if any(held in INPUTS and held != out for out, held in self.outputs.items()):
            raise ValueError("An output is another input: the language has no copies.")
        written: list[Instruction] = []
        known = set(INPUTS)
        while waiting:
            ready = [
                x
                for x in waiting
                if all(a in known for a in x.variables) and not _destroys(x, waiting)
            ]
            if not ready:
                raise ValueError("The states exchange their values: no order works.")
            written.append(ready[0].reading(names))
            known |= {name for name in names if names[name] == ready[0].target}
            waiting.remove(ready[0])
        return Program(tuple(written)).without_dead_code()


def _destroys(statement: Instruction, waiting: list[Instruction]) -> bool:
    """Whether a state's new value would be written before the old is last read."""
    others = [other for other in waiting if other is not statement]
    read = any(statement.target in other.variables for other in others)
    return statement.target in STATES and read
