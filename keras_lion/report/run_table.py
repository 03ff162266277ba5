"""Every run as a row: the file `runs.csv`, and the table of the page."""

from __future__ import annotations

import math
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.robustness.frames.conditions import texts_of
from keras_lion.tuning.runs.files import writing
from keras_lion.tuning.study.columns import COLUMNS

# Of the page: what tells runs apart, then what came out of them.
IDENTITY = ("task", "optimizer", "learning_rate", "weight_decay", "batch_size", "seed")
OUTCOME = (
    "status",
    "score",
    "best_score",
    "loss",
    "best_loss",
    "best_epoch",
    "final_loss",
    "test_score",
    "seconds",
    "reason",
    "key",
)
# Columns of the page only where runs of one optimizer differ in them.
SOMETIMES = (
    "preset",
    "beta_1",
    "beta_2",
    "schedule",
    "epochs",
    "train_examples",
    "backend",
    "executor",
)
CHOICES = ("task", "optimizer", "status", "preset")  # chosen from a list
DIGITS = 6  # significant ones: what the page sorts by

Cell = str | int | float | None


def write_runs(path: Path, frame: pd.DataFrame) -> None:
    """Write all runs with all columns but their histories as a CSV file."""
    with writing(path):
        frame.drop(columns="history", errors="ignore").to_csv(path, index=False)


def run_table(frame: pd.DataFrame) -> dict[str, Any]:
    """The runs as the page's script reads them; what is missing is None.

    `numeric` has whether each column sorts as a number, `choices` the columns that are
    filtered by a list of their values, and `shared` the settings that all runs have in
    common.
    """
    frame = _with_losses(frame)
    columns = _columns(frame)
    rows = [
        [_cell(value) for value in row]
        for row in frame[columns].itertuples(index=False, name=None)
    ]
    numeric = [
        all(not isinstance(row[i], str) for row in rows) for i in range(len(columns))
    ]
    choices = [name for name in CHOICES if name in columns and _differ(frame, name)]
    return {
        "columns": columns,
        "numeric": numeric,
        "choices": choices,
        "rows": rows,
        "shared": _shared(frame),
    }


def _with_losses(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs with losses as they are, instead of as negative scores."""
    lost = frame["metric"] == "loss" if "metric" in frame else pd.Series(dtype=bool)
    if not lost.any():
        return frame
    shown = frame.assign(loss=(-frame["score"]).where(lost))
    if "best_score" in frame:
        shown["best_loss"] = (-frame["best_score"]).where(lost)
    for name in ("score", "best_score"):
        if name in frame:
            shown[name] = frame[name].mask(lost)
    # Of these runs the final loss is the score.
    return shown.drop(columns="final_loss", errors="ignore") if lost.all() else shown


def _shared(frame: pd.DataFrame) -> str:
    """What all runs have in common, so that the table has no column for it."""
    texts = [
        f"{name} {texts_of(frame, name).iloc[0]}"
        for name in IDENTITY
        if name in frame and _same(frame, name)
    ]
    return f"All of them have {', '.join(texts)}." if texts else ""


def _same(frame: pd.DataFrame, name: str) -> bool:
    """Whether each of several runs has the same value."""
    texts = texts_of(frame, name)
    return len(frame) > 1 and texts.nunique() == 1 and texts.iloc[0] != ""


def differing_columns(frame: pd.DataFrame) -> list[str]:
    """Those of `SOMETIMES` in which runs of one optimizer differ, and the columns of
    the study's own in which any runs differ."""
    own = [name for name in map(str, frame) if name not in COLUMNS]
    groups = [runs for _, runs in frame.groupby("optimizer")]
    return [
        *(
            name
            for name in SOMETIMES
            if name in frame and any(_differ(runs, name) for runs in groups)
        ),
        *(name for name in own if _differ(frame, name)),
    ]


def _columns(frame: pd.DataFrame) -> list[str]:
    wanted = (*IDENTITY, *differing_columns(frame), *OUTCOME)
    shared = [name for name in IDENTITY if name in frame and _same(frame, name)]
    return [
        name
        for name in wanted
        if name in frame and name not in shared and frame[name].notna().any()
    ]


def _differ(frame: pd.DataFrame, name: str) -> bool:
    """Whether there are several values; in an own column, missing is one of them."""
    texts = texts_of(frame, name)
    known = texts[texts != ""] if name in COLUMNS else texts
    return bool(known.nunique() > 1)


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA:
        return None
    if isinstance(value, bool | list | dict):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    rounded = float(f"{number:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
