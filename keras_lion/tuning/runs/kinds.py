"""The kinds of the hyperparameters in a frame: numbers, text, booleans."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd


def column_of(values: Sequence[Any]) -> pd.Series[Any]:
    """A column that keeps the kind of its values.

    Whole numbers stay whole, text text and booleans booleans. Missing values are NaN:
    whole numbers become floats next to them. Booleans next to numbers count as 1 and 0,
    which older records write for them.

    Args:
        values: The cells; None and NaN are missing.
    """
    cells = [None if _missing(value) else value for value in values]
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, bool) for cell in known):
        if len(known) == len(cells):
            return pd.Series(cells, dtype=bool)
    elif all(isinstance(cell, int | float) for cell in known):
        whole = len(known) == len(cells) > 0 and all(
            isinstance(cell, int) and abs(cell) < 2**63 for cell in known
        )
        numbers = [math.nan if cell is None else cell for cell in cells]
        return pd.Series(numbers, dtype="int64" if whole else "float64")
    marked = [math.nan if cell is None else cell for cell in cells]
    if known and all(isinstance(cell, str) for cell in known):
        return pd.Series(marked)
    return pd.Series(marked, dtype=object)


def text_of(value: Any) -> Any:
    """The cell of a table: text that would be read as something else in quotes."""
    if isinstance(value, str) and (
        value.startswith('"') or not value.isprintable() or value_of(value) != value
    ):
        return json.dumps(value)
    return value


def value_of(cell: str) -> Any:
    """The value that `text_of` and CSV wrote as this text."""
    if cell.startswith('"'):
        return json.loads(cell)
    if cell in ("True", "False"):
        return cell == "True"
    for read in (int, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return cell


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
