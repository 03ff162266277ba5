"""What a user declares of the columns of a source, checked against known names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_lion.tuning.runs.names import (
    ALIASES,
    CONFIGURATION,
    NAMES,
    TARGETS,
    TEXTS,
    own_name,
    plain_name,
)
from keras_lion.tuning.runs.sources import Table
from keras_lion.tuning.runs.wording import UnclearSourceError, Words
from keras_lion.tuning.study.columns import COLUMNS


@dataclass(frozen=True)
class Instructions:
    """What the user declares of the columns of a source, with full names.

    Attributes:
        columns: Column of the records → column of the source; None leaves it out.
        constants: Column of the records, or axis → value where no column gives one.
        axes: Name of an axis → its column; None where only a constant gives it.
        ignored: Columns that are left out.
    """

    columns: Mapping[str, str | None]
    constants: Mapping[str, Any]
    axes: Mapping[str, str | None]
    ignored: Collection[str]


def check_instructions(
    table: Table,
    columns: Mapping[str, str | None],
    constants: Mapping[str, Any],
    axes: Sequence[str],
    ignore: Sequence[str],
) -> Instructions:
    """Check the arguments of `read_runs` against the names that are known.

    Raises:
        UnclearSourceError: If a name or a column is not known, or a column is to be
            read and ignored.
    """
    known = {ALIASES.get(name, name): column for name, column in columns.items()}
    for name in [*known, *constants]:
        option = "map" if name in known else "set"
        results = ("score", "final_loss") if option == "set" else ()
        if (name not in NAMES and name not in axes) or name in results:
            column = known.get(name)
            if (
                column is not None
                and column in NAMES
                and name in {*map(str, table.cells)}
            ):
                raise _swapped(name, column)
            raise _unknown(option, name, column, constants.get(name))
        if name in constants and name in NAMES and name not in TEXTS:
            _check_number(name, constants[name])
    full = {
        name: None if column is None else table.named(column, "map")
        for name, column in known.items()
    }
    ignored = [table.named(name, "ignore") for name in ignore]
    own: dict[str, str | None] = {}
    for name in axes:
        if name in full and name not in NAMES:
            own[name] = full[name]
        elif name in constants and name not in NAMES:
            own[name] = None
        elif (column := table.named(name, "axis")) not in full.values():
            target = TARGETS.get(plain_name(column))
            # The columns of a configuration are axes by themselves.
            if target not in CONFIGURATION or target in full:
                own[axis_name(column, own)] = column
    for option, read in (("map", full), ("axis", own)):
        for name, column in read.items():
            if column in ignored:
                raise _read_and_ignored(option, name, column)
    return Instructions(
        {name: column for name, column in full.items() if name in NAMES},
        constants,
        own,
        ignored,
    )


def _read_and_ignored(option: str, name: str, column: str) -> UnclearSourceError:
    def text(words: Words) -> str:
        reading = (
            words.assign("map", name, column)
            if option == "map"
            else words.several("axis", [column])
        )
        return (
            f"Column '{column}' cannot be both read and ignored. Leave out {reading} "
            f"to ignore it, or {words.several('ignore', [column])} to read it."
        )

    return UnclearSourceError(text)


def _check_number(name: str, value: Any) -> None:
    try:
        float(value)
    except (TypeError, ValueError) as error:
        raise UnclearSourceError(
            lambda words: (
                f"{words.name('set')}: {name} must be a number. Received: {value!r}."
            )
        ) from error


def _swapped(column: str, name: str) -> UnclearSourceError:
    return UnclearSourceError(
        lambda words: (
            f"{words.name('map')} takes the name of the records first, then the column "
            f"of the source. Swap them: {words.assign('map', name, column)}."
        )
    )


def _unknown(
    option: str, name: str, column: str | None, value: Any
) -> UnclearSourceError:
    close = difflib.get_close_matches(name, [*TARGETS, "result"], n=1, cutoff=0.75)
    likely = {"result": "score", "metric": "score"}.get(name) or (
        TARGETS.get(close[0], "score") if close else None
    )
    if option == "set" and likely in ("score", "final_loss"):
        likely = None

    def text(words: Words) -> str:
        meant = ""
        if likely and likely != name:
            remedy = words.assign(option, likely, column or value)
            meant = f"Perhaps {remedy} is meant. "
        axis = (
            f"with {words.several('axis', [name])} it is a hyperparameter of your own"
        )
        if name in NAMES:
            axis = f"a result is read from a column, with {words.name('map')}"
        return (
            f"{words.name(option)} does not know '{name}'. {meant}"
            f"It knows {', '.join(NAMES)}; {axis}."
        )

    return UnclearSourceError(text)


def axis_name(column: str, taken: Collection[str]) -> str:
    """The name of a column as an axis, unlike those of the records and those taken."""
    for name in (own_name(column), column, f"{column}_in_source"):
        if name not in COLUMNS and name not in taken:
            return name
    return f"{column}_in_source_{len(taken)}"
