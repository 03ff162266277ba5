"""Optimizers as straight-line programs."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from keras_lion.discovery.language import abstract
from keras_lion.discovery.language.instruction import Instruction, parse_statement


@dataclass(frozen=True)
class Program:
    """A list of statements that turns a gradient into an update.

    At each step the statements run once, from the inputs `w` (weights), `g` (gradient),
    `m` and `v` (two states, zero at first) and `lr` (the learning rate). After the last
    statement `update`, `m` and `v` are read: w ← w − update, and m and v are the inputs
    of the next step. Other assignments, also to `w`, `g` and `lr`, hold for one step.

    Written, a program looks like Python: one call of a function of
    `functions.FUNCTIONS`, or one of + - * /, in each statement.

    Attributes:
        instructions: The statements.

    Example:

    ```python
    from keras_lion.discovery import Program

    signum = Program.parse(\"\"\"
        m = interpolate(g, m, 0.9)
        update = sign(m)
        update = update * lr
    \"\"\")
    assert Program.parse(str(signum)) == signum
    assert signum.num_state_buffers == 1
    ```
    """

    instructions: tuple[Instruction, ...]

    @classmethod
    def parse(cls, text: str) -> Program:
        """Read a program.

        `clip` and `interp`, the paper's names, are `clip_by_global_norm` and
        `interpolate`. Whether the program can run is for `abstract.check` to say.

        Args:
            text: Statements, one per line. Empty lines, comments and a common
                indentation do not matter.

        Raises:
            ValueError: If the text is not a list of such statements.
        """
        try:
            statements = ast.parse(textwrap.dedent(text)).body
        except SyntaxError as error:
            raise ValueError(
                f"Expected statements `name = function(…)`, one per line. Line "
                f"{error.lineno} is no statement: {(error.text or '').strip()!r}"
            ) from None
        return cls(tuple(map(parse_statement, statements)))

    def __str__(self) -> str:
        return "\n".join(map(str, self.instructions))

    def __len__(self) -> int:
        return len(self.instructions)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    @cached_property
    def num_state_buffers(self) -> int:
        """How many of m and v must be kept from step to step, see `abstract.live`."""
        return len(abstract.kept_states(self))

    @cached_property
    def functional_hash(self) -> str:
        """A hash of what it computes, see `abstract.functional_hash`."""
        return abstract.functional_hash(self)

    def without_dead_code(self) -> Program:
        """The statements that updates depend on, see `abstract.without_dead_code`."""
        return Program(abstract.without_dead_code(self))

    def to_json(self) -> list[list[Any]]:
        """A value that `json.dumps` takes: [target, function, arguments] a statement.

        JSON keeps every digit of the constants.
        """
        return [[i.target, i.function, list(i.arguments)] for i in self.instructions]

    @classmethod
    def from_json(cls, value: Sequence[Sequence[Any]]) -> Program:
        """The program that `to_json` wrote."""
        return cls(
            tuple(
                Instruction(
                    target,
                    function,
                    tuple(x if isinstance(x, str) else float(x) for x in arguments),
                )
                for target, function, arguments in value
            )
        )
