"""From a source to run records: its columns, their values, what became of each run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from keras_lion.tuning.lists import check_list
from keras_lion.tuning.runs.account import account_of
from keras_lion.tuning.runs.instructions import Instructions, check_instructions
from keras_lion.tuning.runs.names import CONFIGURATION, TEXTS, Direction
from keras_lion.tuning.runs.other_columns import sort_other_columns
from keras_lion.tuning.runs.outcomes import IMPORTED, judged, reasons_of
from keras_lion.tuning.runs.recognized import Found, joined, recognized
from keras_lion.tuning.runs.sources import Table
from keras_lion.tuning.runs.text_files import read_text_file
from keras_lion.tuning.runs.tuner_project import STATE, read_project
from keras_lion.tuning.runs.values import EMPTY, merged, numbers, seconds
from keras_lion.tuning.runs.wording import UnclearSourceError, Words
from keras_lion.tuning.study.columns import COLUMNS, LATER_COLUMNS

NEEDED = ("optimizer", "learning_rate", "weight_decay")
MOST_ROWS = 5  # that an error lists
EXAMPLES = {"optimizer": "lion", "learning_rate": 0.001, "weight_decay": 0}


@dataclass(frozen=True)
class Arguments:
    """The arguments of `read_runs`."""

    columns: Mapping[str, str | None]
    constants: Mapping[str, Any]
    axes: Sequence[str]
    ignore: Sequence[str]
    direction: Direction | None
    floor: float | None
    diverged_states: Collection[str]

    def __post_init__(self) -> None:
        for name in ("axes", "ignore", "diverged_states"):
            check_list(name, getattr(self, name))


def read(source: str | os.PathLike[str], arguments: Arguments) -> pd.DataFrame:
    """The runs of a source; how they were read is in `attrs["import"]`."""
    direction = arguments.direction
    if direction not in (None, *get_args(Direction)):
        raise ValueError(
            f"`direction` must be 'max', 'min' or None. Received: {direction!r}."
        )
    path = Path(source)
    table = read_source(path)
    given = check_instructions(
        table, arguments.columns, arguments.constants, arguments.axes, arguments.ignore
    )
    found = recognized(table, given)
    metric = _metric(table, found)
    larger = direction or table.direction_of(metric)
    if larger is None:
        raise UnclearSourceError(
            lambda words: (
                f"Is a larger '{metric}' better? Its name does not say: add "
                f"{words.one('direction', 'max')} if it is, or "
                f"{words.one('direction', 'min')} if it is a loss."
            )
        )
    rows = _rows(table, found, given)
    _check_ranges(rows, found)
    others = sort_other_columns(table, given, found, rows)
    rows = rows.assign(**others.axes)
    results = _results(table, found, rows["optimizer"])
    texts = rows.pop("status")
    rows["reason"] = reasons_of(texts, results.str.lower().isin(EMPTY))
    scores = numbers(results, metric)
    frame = judged(
        rows, scores, larger, metric, arguments.floor, arguments.diverged_states
    )
    numbered = "seed" not in frame
    frame["seed"] = _repeats(frame) if numbered else frame["seed"]
    column = next(iter(found.get("seed", ())), None)
    _check_seeds(frame, column, mapped=column is not None and "seed" in given.columns)
    frame["seed"] = frame["seed"].astype(int)
    frame["key"] = [
        _key(row) for row in frame[_identity(frame)].itertuples(index=False)
    ]
    extra = [column for column in frame if column not in COLUMNS]
    frame = frame.reindex(columns=[*COLUMNS, *extra])
    frame.attrs["import"] = account_of(
        frame, path.name, table, given, found, others, larger, numbered
    )
    return frame


def read_source(path: Path) -> Table:
    """Read a text file, or the folder of a KerasTuner project or of event files.

    Raises:
        FileNotFoundError: If there is none of them.
        ValueError: If it holds no runs.
    """
    if path.is_dir() and (own := [*path.glob("runs-*.jsonl")]):
        raise ValueError(
            f"{path} is the folder of a study already ({own[0].name}): read it with "
            "`keras_lion.tuning.load_runs`, or `keras-lion report`."
        )
    if path.is_file():
        table = read_text_file(path)
    elif (path / STATE).is_file():
        table = read_project(path)
    elif path.is_dir() and (
        files := [f for f in path.rglob("*tfevents*") if f.is_file()]
    ):
        from keras_lion.tuning.runs.event_files import read_event_files

        table = read_event_files(path, files)
    elif path.is_dir():
        raise FileNotFoundError(
            f"{path} is no KerasTuner project (it has no {STATE}) and holds no event "
            "files of TensorBoard. Give the folder `directory/project_name` of the "
            "tuner, or the `logdir`."
        )
    else:
        raise FileNotFoundError(
            f"There is no {path}. Give a CSV or JSON lines file, the folder of a "
            f"KerasTuner project (with its {STATE}), or TensorBoard's `logdir`."
        )
    if table.cells.empty:
        raise ValueError(f"{path} holds no runs: give an export with one run per row.")
    if {*COLUMNS} - {*LATER_COLUMNS} <= {*table.cells}:
        raise ValueError(
            f"{path} is a table of runs of this package already: read it with "
            "`keras_lion.tuning.load_table`."
        )
    return table


def _metric(table: Table, found: Found) -> str:
    """The column of the result."""
    for target in ("score", "final_loss"):
        if target in found:
            return next(iter(found[target]))
    objectives = [str(c) for c in table.cells if str(c).startswith("values_")]

    def text(words: Words) -> str:
        if objectives:
            choices = " or ".join(_objective(table, c, words) for c in objectives)
            return (
                f"The source has several objectives: {', '.join(objectives)}. Add "
                f"{choices} to say which is the result, and whether larger or smaller "
                "is better."
            )
        return (
            "No column is known to hold the result of a run. "
            f"{table.what_there_is()} Add "
            f"{words.assign('map', 'score', 'COLUMN')} to name it."
        )

    raise UnclearSourceError(text)


def _objective(table: Table, column: str, words: Words) -> str:
    direction = table.direction_of(column) or "max"
    named = words.assign("map", "score", column)
    return words.together(named, words.one("direction", direction))


def _results(table: Table, found: Found, optimizers: pd.Series[str]) -> pd.Series[str]:
    target = "score" if "score" in found else "final_loss"
    return joined(table, target, found[target], optimizers)


def _rows(table: Table, found: Found, given: Instructions) -> pd.DataFrame:
    """The columns of the records but for the result, numbers where they are numbers."""
    texts = pd.DataFrame(index=table.cells.index)
    nobody = pd.Series("", texts.index)
    constants = {"task": IMPORTED, "status": "", **given.constants}
    names = dict.fromkeys(["optimizer", *found, *constants])
    for name in names:
        if name == "score" or name in given.axes:
            continue
        optimizers = texts.get("optimizer", nobody)
        cells = joined(table, name, found.get(name, {}), optimizers)
        texts[name] = cells.where(cells != "", str(constants.get(name, "")).strip())
    texts["optimizer"] = texts["optimizer"].str.lower()
    for name in NEEDED:
        if name not in texts or (texts[name] == "").any():
            raise _missing(table, name, texts, list(found.get(name, ())))
    frame = pd.DataFrame(index=texts.index)
    for name in map(str, texts):
        column = next(iter(found.get(name, ())), name)
        if name in TEXTS:
            frame[name] = texts[name]
        elif name == "seconds":
            frame[name] = seconds(texts[name])
        elif name in CONFIGURATION:
            frame[name] = merged(numbers(texts[name], column))
        else:
            frame[name] = numbers(texts[name], column)
    return frame


def _check_ranges(rows: pd.DataFrame, found: Found) -> None:
    """Raise unless every learning rate is positive and every decay 0 or more."""
    for name, least in (
        ("learning_rate", "more than 0"),
        ("weight_decay", "0 or more"),
    ):
        values = rows[name]
        fits = values > 0 if name == "learning_rate" else values >= 0
        wrong = ~(fits & np.isfinite(values))
        if wrong.any():
            raise _out_of_range(
                name, least, [*found.get(name, ())], float(values[wrong].iloc[0])
            )


def _out_of_range(
    name: str, least: str, columns: list[str], received: float
) -> UnclearSourceError:
    where = f" Column {', '.join(map(repr, columns))} has" if columns else " Received:"
    return UnclearSourceError(
        lambda words: (
            f"Every {name} must be a finite number, {least}.{where} {received:g}. Name "
            f"its column with {words.assign('map', name, 'COLUMN')}."
        )
    )


def _missing(
    table: Table, name: str, texts: pd.DataFrame, columns: list[str]
) -> UnclearSourceError:
    count = int((texts[name] == "").sum()) if name in texts else len(texts)
    where = f" Empty in {', '.join(columns)}: {count} of {len(texts)} runs." * (
        bool(columns)
    )
    return UnclearSourceError(
        lambda words: (
            f"Every run needs {name}.{where} {table.what_there_is()} Name the column "
            f"with {words.assign('map', name, 'COLUMN')}, or say what all runs (or "
            "those with an empty cell) have, with "
            f"{words.assign('set', name, EXAMPLES[name])} for example."
        )
    )


def _identity(frame: pd.DataFrame) -> list[str]:
    """Columns that tell runs apart: configuration, conditions, perhaps the seed."""
    told = COLUMNS[COLUMNS.index("task") : COLUMNS.index("metric")]
    own = [str(name) for name in frame if name not in COLUMNS]
    return [*(name for name in told if name in frame), *own]


def _repeats(frame: pd.DataFrame) -> pd.Series[int]:
    """Number of each run among those of its configuration, from 0."""
    return frame.groupby(_identity(frame), dropna=False, sort=False).cumcount()


def _check_seeds(frame: pd.DataFrame, column: str | None, *, mapped: bool) -> None:
    """Raise unless each run has a whole number as its seed, once in its cell.

    Args:
        frame: The runs, with their seeds as numbers.
        column: Where the seeds come from; None for a constant.
        mapped: Whether the user named the column.
    """
    seeds = frame["seed"]

    def remedy(words: Words) -> str:
        if column is None:
            return f"leave out {words.assign('set', 'seed', seeds.iloc[0])}."
        ignored = words.several("ignore", [column])
        if mapped:
            ignored += f" in place of {words.assign('map', 'seed', column)}"
        return (
            f"{ignored} numbers the runs of a cell instead, and pairs nothing between "
            "optimizers."
        )

    wrong = ~(np.isfinite(seeds) & (seeds == np.floor(seeds))).to_numpy()
    if wrong.any():
        rows = [str(at + 1) for at in np.flatnonzero(wrong)]
        shown = ", ".join(rows[:MOST_ROWS]) + ", …" * (len(rows) > MOST_ROWS)
        of_column = "" if column is None else f" of column '{column}'"
        fill = "" if column is None else "fill these cells in, or "
        raise UnclearSourceError(
            lambda words: (
                f"Every run needs a whole number as its seed. {len(rows)} of "
                f"{len(seeds)} runs have none (row{'s' * (len(rows) > 1)} {shown}"
                f"{of_column}): {fill}{remedy(words)}"
            )
        )
    runs = frame[frame["status"] != "failed"]
    twice = runs.duplicated(_identity(runs), keep=False)
    if twice.any():
        run = runs[twice].iloc[0]
        raise UnclearSourceError(
            lambda words: (
                f"{int(twice.sum())} runs share configuration and seed, such as those "
                f"of {run['optimizer']} with learning_rate={run['learning_rate']:g}, "
                f"weight_decay={run['weight_decay']:g}, seed={run['seed']:g}. Drop the "
                f"repeats, or name the column in which they differ with "
                f"{words.name('axis')}; {remedy(words)}"
            )
        )


def _key(values: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]
