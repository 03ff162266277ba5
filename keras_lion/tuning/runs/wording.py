"""Remedies in the language of whoever asked: Python's arguments, or the command's."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_PYTHON = {"map": "columns", "set": "constants", "axis": "axes"}
_PYTHON |= {"ignore": "ignore", "diverged": "diverged_states", "output": "folder"}


@dataclass(frozen=True)
class Words:
    """How the arguments of a reader are written.

    Attributes:
        command: Whether as options of `keras-lion import`, or as Python's arguments.
    """

    command: bool

    def name(self, option: str) -> str:
        """An option without a value."""
        return f"--{option}" if self.command else f"`{_PYTHON.get(option, option)}`"

    def assign(self, option: str, name: str, value: Any) -> str:
        """`map` or `set` of one name."""
        if self.command:
            return f"--{option} {_quoted(f'{name}={value}')}"
        return f"{_PYTHON[option]}={{{name!r}: {value!r}}}"

    def several(self, option: str, values: Iterable[str]) -> str:
        """`axis`, `ignore` or `diverged` with their values."""
        values = list(values)
        if not self.command:
            return f"{_PYTHON[option]}={values!r}"
        if any(value.startswith("-") for value in values):
            return " ".join(_quoted(f"--{option}={value}") for value in values)
        return f"--{option} {' '.join(map(_quoted, values))}"

    def one(self, option: str, value: str) -> str:
        """`direction` with its value."""
        return f"--{option} {value}" if self.command else f"{option}={value!r}"

    def together(self, *remedies: str) -> str:
        """Several remedies as they are given in one call."""
        return (" " if self.command else ", ").join(remedies)


PYTHON, COMMAND = Words(command=False), Words(command=True)


def _quoted(text: str) -> str:
    return shlex.quote(text)


class UnclearSourceError(ValueError):
    """A source that cannot be read without being told more; says what to add.

    Args:
        text: Writes the message, with remedies in the given words.
    """

    def __init__(self, text: Callable[[Words], str]) -> None:
        super().__init__(text(PYTHON))
        self.text = text
