"""The other columns of a source: axes, ignored, or asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.instructions import Instructions, axis_name
from keras_lion.tuning.runs.names import (
    CONFIGURATION,
    IDENTIFIERS,
    RESULTS,
    TARGETS,
    kind_of_name,
    plain_name,
)
from keras_lion.tuning.runs.recognized import Found
from keras_lion.tuning.runs.sources import Table
from keras_lion.tuning.runs.values import EMPTY, typed
from keras_lion.tuning.runs.wording import UnclearSourceError, Words

_TELLING = 8  # runs; of fewer, the values of a hyperparameter may well all differ
Columns = dict[str, "pd.Series[Any]"]


@dataclass(frozen=True)
class OtherColumns:
    """What becomes of the columns that are no column of the records.

    Attributes:
        axes: Name → values, one per run.
        ignored: Column → why.
    """

    axes: Columns
    ignored: Mapping[str, str]


def sort_other_columns(
    table: Table, given: Instructions, found: Found, rows: pd.DataFrame
) -> OtherColumns:
    """Keep every hyperparameter; ask about what varies and nothing is known of.

    Args:
        table: The source.
        given: What the user declares of the columns.
        found: Columns that are read as columns of the records.
        rows: Their values, one row per run.

    Raises:
        UnclearSourceError: If runs differ in a column that may be a hyperparameter.
    """
    runs = rows[[name for name in CONFIGURATION if name in rows]]
    axes: Columns = {}
    for name, column in given.axes.items():
        cells = table.cells[column] if column else pd.Series("", runs.index)
        constant = str(given.constants.get(name, ""))
        axes[name] = typed(cells.where(~cells.str.lower().isin(EMPTY), constant))
    ignored = dict.fromkeys(given.ignored, "named to be ignored")
    used = {column for columns in found.values() for column in columns}
    read = {*used, *given.axes.values(), *given.ignored}
    settings: Columns = {}
    unknown: Columns = {}
    measured: Columns = {}
    for column in map(str, table.cells):
        if column in read:
            continue
        values = typed(table.cells[column])
        kind = table.kind(column)
        if why := _not_needed(table, given, column, kind, values):
            ignored[column] = why
        elif kind == "metric":
            measured[column] = values
        elif kind == "hyperparameter":
            axes[axis_name(column, axes)] = values
        else:
            (settings if kind == "setting" else unknown)[column] = values
    asked = _sort_settings(settings, runs, axes)
    asked |= _sort_unknown(unknown, runs, axes, ignored)
    cells = _cells(runs.assign(**rows[["seed"] if "seed" in rows else []]), axes)
    for column, values in measured.items():
        # Runs of different cells measure different values: an `aux_loss` of 0 and 1 in
        # each cell is the weight of that loss.
        if _is_crossed(cells, values):
            asked[column] = values
        else:
            ignored[column] = "a metric"
    if asked:
        chosen = "score" in given.columns or table.result is not None
        raise _question(asked, numbered="seed" not in found, chosen=chosen)
    return OtherColumns(axes, ignored)


def _not_needed(
    table: Table,
    given: Instructions,
    column: str,
    kind: str | None,
    values: pd.Series[Any],
) -> str | None:
    """Why a column may be ignored; None if it may not."""
    target = TARGETS.get(plain_name(column))
    if values.isna().all():
        return "empty"
    if kind == "bookkeeping":
        return "bookkeeping"
    declared = table.kinds.get(column) or kind_of_name(column)
    if declared == "metric" or (target in RESULTS and table.holds_numbers(column)):
        return "a metric"
    if target is not None and given.columns.get(target, "") is None:
        return f"no {target} is to be read"
    if kind is None and len(set(_texts(values))) == 1:
        return "one value"
    if kind is None and plain_name(column) in IDENTIFIERS and values.is_unique:
        return "names the runs"
    return None


def _sort_settings(settings: Columns, runs: pd.DataFrame, axes: Columns) -> Columns:
    """Add entries of configurations to the axes; gives those that may name the runs."""
    asked = {}
    cells = _cells(runs, axes)
    for column, values in settings.items():
        telling = len(values) >= _TELLING or plain_name(column) in IDENTIFIERS
        if telling and values.is_unique and _varies_within(cells, values):
            asked[column] = values
        else:
            axes[axis_name(column, axes)] = values
    return asked


def _sort_unknown(
    unknown: Columns, runs: pd.DataFrame, axes: Columns, ignored: dict[str, str]
) -> Columns:
    """Add columns to the axes, or to those ignored; gives those that may be either."""
    asked = {}
    cells = _cells(runs, axes)
    repeated = bool(cells.duplicated().any())
    for column, values in unknown.items():
        within = _varies_within(cells, values)
        by_optimizer = _texts(values).groupby(runs["optimizer"]).nunique()
        crossed = plain_name(column) not in IDENTIFIERS and _is_crossed(cells, values)
        if crossed or (not within and (by_optimizer <= 1).all()):
            axes[axis_name(column, axes)] = values
        elif not within and repeated:
            ignored[column] = "one value in each cell"
        else:
            asked[column] = values
    return asked


def _cells(runs: pd.DataFrame, axes: Columns) -> pd.Series[Any]:
    """The number of each run's cell."""
    keys = [*(runs[name] for name in runs), *axes.values()]
    frame = pd.DataFrame({f"{i}": _texts(values) for i, values in enumerate(keys)})
    return frame.groupby(list(frame), sort=False).ngroup()


def _texts(values: pd.Series[Any]) -> pd.Series[str]:
    return values.map(repr).where(values.notna(), "")


def _varies_within(cells: pd.Series[Any], values: pd.Series[Any]) -> bool:
    return bool((_texts(values).groupby(cells).nunique() > 1).any())


def _is_crossed(cells: pd.Series[Any], values: pd.Series[Any]) -> bool:
    """Whether every cell, of two or more, has the same values, each equally often."""
    counts = pd.crosstab(cells, _texts(values))
    same = bool((counts == counts.iloc[0]).all(axis=None))
    return same and len(counts) > 1 and len(counts.columns) > 1


def _question(asked: Columns, *, numbered: bool, chosen: bool) -> UnclearSourceError:
    listed = ", ".join(f"{column} ({_examples(v)})" for column, v in asked.items())
    one = len(asked) == 1
    column, values = next(iter(asked.items()))
    repeats = one and numbered and pd.api.types.is_integer_dtype(values)
    measured = one and not chosen and pd.api.types.is_float_dtype(values)

    def text(words: Words) -> str:
        seeds = f", or {words.assign('map', 'seed', column)} if it numbers the repeats"
        result = f", or {words.assign('map', 'score', column)} if it is the result"
        return (
            f"Runs differ in {'a column' if one else 'columns'} of which nothing is "
            f"known: {listed}. Say {words.several('axis', asked)} if "
            f"{'it is a hyperparameter' if one else 'they are hyperparameters'}, so "
            f"that such runs are kept apart; {words.several('ignore', asked)} if not"
            f"{seeds if repeats else ''}{result if measured else ''}."
        )

    return UnclearSourceError(text)


def _examples(values: pd.Series[Any]) -> str:
    distinct = list(dict.fromkeys(values.dropna()))
    shown = [f"{v:g}" if isinstance(v, float) else str(v)[:30] for v in distinct[:3]]
    return ", ".join([*shown, *(["…"] if len(distinct) > len(shown) else [])])
