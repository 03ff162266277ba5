"""One statement of a program, and how it is written."""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from keras_lion.discovery.language.functions import ALIASES, FUNCTIONS

Argument = str | float

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
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
    match statement:
        case ast.Assign([ast.Name(target)], ast.BinOp(left, operator, right)) if (
            type(operator) in _OPERATORS
        ):
            function, arguments = _OPERATORS[type(operator)], [left, right]
        case ast.Assign([ast.Name(target)], ast.Call(ast.Name(name), arguments, [])):
            function = ALIASES.get(name, name)
        case _:
            raise ValueError(
                "Expected `name = function(…)`, the call of one function or one of "
                f"+ - * /. Received: {text}"
            )
    return Instruction(target, function, tuple(_argument(x, text) for x in arguments))


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
