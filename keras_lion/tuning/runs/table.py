"""All runs of any number of studies in one compressed table."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.files import writing
from keras_lion.tuning.runs.kinds import column_of, text_of, value_of
from keras_lion.tuning.study.columns import COLUMNS, LATER_COLUMNS, TEXT_COLUMNS
from keras_lion.tuning.study.study import Study

WHOLE = ("batch_size", "seed", "steps", "train_examples")
ORDER = ["study", "task", "preset", "optimizer", "weight_decay", "learning_rate"]
DIGITS = 6  # of the losses and accuracies in a history, which float32 has no more of


def merge_runs(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The runs of several frames, each key once, in the order of a table.

    Args:
        frames: Frames as `load_runs` gives them. Of rows with one key, one that did not
            fail wins over one that did, one with a test score over one without, and
            then the first.

    Returns:
        One frame with the columns of all.
    """
    both = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    rank = 2 * (both["status"] == "failed") + both["test_score"].isna()
    both = both.loc[rank.sort_values(kind="stable").index].drop_duplicates("key")
    own = sorted(set(both.columns) - {*COLUMNS})
    both = both.sort_values([*ORDER, "seed", "key"], ignore_index=True)
    return both[[*COLUMNS, *own]]


def save_table(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write runs as a gzipped CSV file, the same bytes for the same runs.

    Numbers have as many digits as give the same number back; those of `history`, a
    JSON object in one cell, have six. Text of a hyperparameter that reads as a number
    or a boolean is written in quotes, as JSON.

    Args:
        frame: Run records, as `load_runs` gives them.
        path: The file, `runs.csv.gz` for example.

    Returns:
        The path.

    Example:

    ```python
    import pandas as pd

    runs = pd.read_csv("studies/results/runs.csv.gz")
    ```
    """
    table = frame.copy()
    for name in WHOLE:
        if name in table:
            table[name] = pd.to_numeric(table[name]).astype("Int64")
    table["history"] = [_text(history) for history in table["history"]]
    for name in table.columns.difference([*COLUMNS]):
        table[name] = _cells(table[name])
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n")
    path = Path(path)
    with writing(path):
        path.write_bytes(
            # No time and no file name, so that the bytes depend on the runs alone.
            gzip.compress(buffer.getvalue().encode("utf-8"), compresslevel=9, mtime=0)
        )
    return path


def load_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The runs of a file that `save_table` wrote, as `load_runs` gives them.

    Args:
        path: The file.

    Returns:
        One row per run; `history` as a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table of runs.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no table of runs {path}.")
    # As text first: the fast reader of some versions is wrong in the last bit.
    # Only an empty cell is missing: "None" may be the value of a hyperparameter.
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""])
    frame = frame.assign(**{n: math.nan for n in LATER_COLUMNS if n not in frame})
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise ValueError(
            f"{path} is no table of runs: it lacks the columns {', '.join(missing)}. "
            "`save_table` writes one."
        )
    for name in frame.columns.difference([*COLUMNS]):
        cells = frame[name].tolist()
        frame[name] = column_of(
            [value_of(c) if isinstance(c, str) else c for c in cells]
        )
    for name in [each for each in COLUMNS if each not in TEXT_COLUMNS]:
        cells = frame[name].tolist()
        frame[name] = [float(c) if isinstance(c, str) else math.nan for c in cells]
        if name in WHOLE and frame[name].notna().all():
            frame[name] = frame[name].astype(int)
    frame["history"] = [
        json.loads(cell) if isinstance(cell, str) else None for cell in frame["history"]
    ]
    return frame


def complete_runs(
    frame: pd.DataFrame, study: Study, task: str, preset: str = "full"
) -> pd.DataFrame | None:
    """The runs that a preset of a study declares, if a table has them all.

    Runs are chosen by key, since one that two presets share is recorded once.

    Args:
        frame: Runs of any studies, as `load_table` gives them.
        study: The study.
        task: One of its tasks.
        preset: One of the task's presets.

    Returns:
        The runs of the first backend that made them all, without the columns that are
        empty; None if none did.

    Example:

    ```python
    from keras_lion.tuning import complete_runs, load_study_file, load_table

    table = load_table("studies/results/runs.csv.gz")
    study = load_study_file("studies/batch_size.py")
    runs = complete_runs(table, study, "mnist1d_mlp_fixed_epochs")
    ```
    """
    made = frame[(frame["study"] == study.name) & (frame["task"] == task)]
    made = made[made["status"] != "failed"]
    for backend in sorted(made["backend"].unique()):
        keys = {run.key for run in study.runs(task, preset, str(backend))}
        runs = made[made["key"].isin(keys)]
        if keys <= set(runs["key"]):
            return runs.dropna(axis=1, how="all").infer_objects()
    return None


def _cells(values: pd.Series[Any]) -> pd.Series[Any]:
    """A column as it is written; numbers and booleans as they are."""
    if values.dtype.kind in "bif":
        return values
    return pd.Series([text_of(v) for v in values], values.index, dtype=object)


def _text(history: Any) -> str | None:
    if not isinstance(history, dict):
        return None
    short = {name: [_short(v) for v in values] for name, values in history.items()}
    return json.dumps(short, separators=(",", ":"))


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
