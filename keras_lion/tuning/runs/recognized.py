"""Columns of a source that are columns of the records, and their cells."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from keras_lion.tuning.runs.instructions import Instructions
from keras_lion.tuning.runs.names import (
    BY_OPTIMIZER,
    OPTIMIZERS,
    RESULTS,
    TARGETS,
    kind_of_name,
    optimizer_of_name,
    plain_name,
)
from keras_lion.tuning.runs.sources import Table
from keras_lion.tuning.runs.values import EMPTY, same_in_float32
from keras_lion.tuning.runs.wording import UnclearSourceError, Words

# Column of the records → its columns in the source, each with the optimizer to whose
# runs it applies; None: to all.
Found = Mapping[str, Mapping[str, str | None]]


def recognized(table: Table, given: Instructions) -> Found:
    """The columns of a source that are columns of the records.

    Args:
        table: The source.
        given: What the user declares; it takes precedence over names.
    """
    found: dict[str, dict[str, str | None]] = {}
    for name, column in given.columns.items():
        if column is not None:
            found[name] = {column: None}
    settled = {*given.columns}
    if table.result is not None and "score" not in settled:
        found["score"] = {table.result: None}
        settled.add("score")
    used = {
        *given.ignored,
        *given.axes.values(),
        *(c for f in found.values() for c in f),
    }
    optimizers = _optimizers(table)
    for column in map(str, table.cells):
        target, owner = _target(table, column, optimizers)
        if target is None or target in settled or column in used:
            continue
        if not table.filled(column).empty:
            found.setdefault(target, {})[column] = owner
    if "seconds" in found:  # of no consequence: the first will do
        found["seconds"] = dict([next(iter(found["seconds"].items()))])
    return found


def _optimizers(table: Table) -> set[str]:
    """Names of optimizers, in general and in this source."""
    names = {*OPTIMIZERS}
    for column in map(str, table.cells):
        if TARGETS.get(plain_name(column)) == "optimizer":
            names |= {plain_name(value) for value in table.filled(column)}
    return names


def _target(
    table: Table, column: str, optimizers: set[str]
) -> tuple[str | None, str | None]:
    """The column of the records that a column may be, and its optimizer."""
    target, owner = TARGETS.get(plain_name(column)), None
    for each in BY_OPTIMIZER if target is None else ():
        if owner := optimizer_of_name(column, each, optimizers):
            target = each
            break
    kind = table.kinds.get(column) or kind_of_name(column)
    measured = target in RESULTS
    if (kind == "metric" and not measured) or (
        kind in ("setting", "hyperparameter") and measured
    ):
        return None, None
    return target, owner


def joined(
    table: Table,
    target: str,
    columns: Mapping[str, str | None],
    optimizers: pd.Series[str],
) -> pd.Series[str]:
    """The cells of a target: for each run from the columns that apply to it.

    Raises:
        UnclearSourceError: If two columns give one run different values, or give
            results to different runs.
    """
    cells = pd.Series("", table.cells.index)
    source = pd.Series("", table.cells.index)
    for column, owner in columns.items():
        new = table.cells[column]
        new = new.where(applies_to(owner, optimizers) & ~_empty(new), "")
        both = (new != "") & (cells != "")
        if target in RESULTS:  # never one metric for some runs, another for others
            both = pd.Series(bool((cells != "").any()), new.index)
        clash = both & ~_same(new, cells)
        if clash.any():
            earlier = source[clash] if (source[clash] != "").any() else source
            raise _ambiguous(target, str(earlier[earlier != ""].iloc[0]), column)
        source = source.where((cells != "") | (new == ""), column)
        cells = cells.where(cells != "", new)
    return cells


def applies_to(owner: str | None, optimizers: pd.Series[str]) -> pd.Series[bool]:
    """The runs that a column applies to: all, or those of its optimizer."""
    if owner is None:
        return pd.Series(True, optimizers.index)
    return optimizers.map(plain_name) == owner


def _empty(texts: pd.Series[str]) -> pd.Series[bool]:
    return texts.str.lower().isin(EMPTY)


def _same(one: pd.Series[str], other: pd.Series[str]) -> pd.Series[bool]:
    """Whether cells are equal, as numbers where they are numbers."""
    first, second = (pd.to_numeric(s, errors="coerce") for s in (one, other))
    return (one.str.lower() == other.str.lower()) | same_in_float32(first, second)


def _ambiguous(target: str, first: str, second: str) -> UnclearSourceError:
    def text(words: Words) -> str:
        choices = " or ".join(
            words.together(
                words.assign("map", target, column), words.several("ignore", [other])
            )
            for column, other in ((first, second), (second, first))
        )
        return (
            f"Several columns could be {target}: {first}, {second}, and runs have "
            f"different values in them. Add {choices} to say which."
        )

    return UnclearSourceError(text)
