"""One statement of a program, and how it is written."""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from keras_lion.discovery.functions import ALIASES, FUNCTIONS, SYMBOLS

Argument = str | float

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """`target = function(*arguments)`.

    Attributes:
        target: The variable that takes the result.
        function: A key of `functions.FUNCTIONS`.
        arguments: Names of variables, and finite floats.

    Raises:
        ValueError: If a name is no Python name, or a constant is not finite. Whether
            the call makes sense is for `abstract.check` to say.
    """

    target: str
    function: str
    arguments: tuple[Argument, ...]

    def __post_init__(self) -> None:
        for name in (self.target, *self.variables):
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ValueError(f"Expected the name of a variable. Received: {name!r}")
        for value in self.constants:
            if not isinstance(value, float) or not math.isfinite(value):
                raise ValueError(f"A constant is a finite float. Received: {value!r}")

    @property
    def variables(self) -> tuple[str, ...]:
        """The arguments that are variables."""
        return tuple(x for x in self.arguments if isinstance(x, str))

    @property
    def constants(self) -> tuple[float, ...]:
        """The arguments that are constants."""
        return tuple(x for x in self.arguments if not isinstance(x, str))

    def with_argument(self, place: int, value: Argument) -> Instruction:
        """The same with another argument in one place."""
        arguments = (*self.arguments[:place], value, *self.arguments[place + 1 :])
        return replace(self, arguments=arguments)

    def reading(self, names: Mapping[str, str]) -> Instruction:
        """The same with other variables in place of some that it reads."""
        arguments = tuple(
            names.get(x, x) if isinstance(x, str) else x for x in self.arguments
        )
        return replace(self, arguments=arguments)

    def __str__(self) -> str:
        written = [x if isinstance(x, str) else repr(x) for x in self.arguments]
        function = FUNCTIONS.get(self.function)
        symbol = function.symbol if function else None
        if symbol and len(written) == 2:
            return f"{self.target} = {written[0]} {symbol} {written[1]}"
        return f"{self.target} = {self.function}({', '.join(written)})"


def parse_statement(statement: ast.stmt) -> Instruction:
    """An instruction from a statement of Python, or a ValueError."""
    text = ast.unparse(statement)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise ValueError(f"Expected `name = function(…)`. Received: {text}")
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Name):
        raise ValueError(f"Expected a name left of `=`. Received: {text}")
    if isinstance(value, ast.BinOp) and type(value.op) in _OPERATORS:
        function = SYMBOLS[_OPERATORS[type(value.op)]]
        arguments = [value.left, value.right]
    elif (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and not value.keywords
    ):
        function = ALIASES.get(value.func.id, value.func.id)
        arguments = value.args
    else:
        raise ValueError(
            "Expected the call of one function, or one of + - * /, right of `=`. "
            f"Received: {text}"
        )
    return Instruction(
        target.id, function, tuple(_argument(node, text) for node in arguments)
    )


def _argument(node: ast.expr, text: str) -> Argument:
    if isinstance(node, ast.Name):
        return node.id
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(
            "An argument is a variable or a number; give what is computed a name of "
            f"its own first. Received: {ast.unparse(node)} in {text}"
        )
    return float(value)
