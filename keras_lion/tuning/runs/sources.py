"""A table of runs as another tool left it, every cell as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.names import (
    Direction,
    Kind,
    direction_of_name,
    kind_of_name,
    own_name,
    plain_name,
    sounds_measured,
)
from keras_lion.tuning.runs.values import EMPTY, NAN
from keras_lion.tuning.runs.wording import UnclearSourceError


@dataclass(frozen=True)
class Table:
    """Runs as another tool wrote them.

    Attributes:
        cells: One row per run; every cell as text, empty where there is nothing.
        result: Column of what the tool optimized, if it says so.
        directions: Column → whether larger is better, where the tool says so.
        kinds: Column → what it is, where the tool says so and not its name.
        notes: What a reader of the scores has to know.
    """

    cells: pd.DataFrame
    result: str | None = None
    directions: Mapping[str, Direction] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def kind(self, column: str) -> Kind | None:
        """What a column is; None if neither the tool nor its name says."""
        kind = self.kinds.get(column) or kind_of_name(column)
        if kind is None and sounds_measured(column) and self.holds_numbers(column):
            return "metric"
        return kind

    def direction_of(self, column: str) -> Direction | None:
        """Whether larger values of a column are better; None if unknown."""
        return self.directions.get(column) or direction_of_name(column)

    def filled(self, column: str) -> pd.Series[str]:
        """The cells of a column that are not empty."""
        cells = self.cells[column]
        return cells[~cells.str.lower().isin(EMPTY)]

    def holds_numbers(self, column: str) -> bool:
        """Whether every cell that is not empty is a number."""
        cells = self.filled(column)
        parsed = pd.to_numeric(cells, errors="coerce").notna()
        return bool((parsed | cells.str.lower().isin(NAN)).all())

    def named(self, name: str, argument: str) -> str:
        """The column that a user means: its full name, or the one without prefix.

        Args:
            name: What the user wrote.
            argument: The option that says so: `map`, `axis` or `ignore`.

        Raises:
            UnclearSourceError: If there is none, or several.
        """
        if name in self.cells:
            return name
        for simple in (own_name, plain_name):
            found = [str(c) for c in self.cells if simple(str(c)) == simple(name)]
            if len(found) == 1:
                return found[0]
            if found:
                raise _several(name, argument, found)
        close = difflib.get_close_matches(name, map(str, self.cells), n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UnclearSourceError(
            lambda words: (
                f"{words.name(argument)}: there is no column '{name}'.{hint} "
                f"{self.what_there_is()}"
            )
        )

    def what_there_is(self) -> str:
        """The columns, in a sentence."""
        return f"The source has the columns: {', '.join(map(str, self.cells))}."


def _several(name: str, argument: str, found: list[str]) -> UnclearSourceError:
    return UnclearSourceError(
        lambda words: (
            f"{words.name(argument)} names '{name}', which may be any of "
            f"{', '.join(found)}: give the full name."
        )
    )


def cell_text(value: Any) -> str:
    """A value as the text of a cell, which gives the same number back."""
    return "" if value is None else str(value).strip()


def table_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows with any keys as cells of text, empty where a row lacks a key."""
    texts = [{str(k): cell_text(v) for k, v in row.items()} for row in rows]
    return pd.DataFrame.from_records(texts).fillna("").astype(str)
