"""Other people's runs, from a CSV or a KerasTuner project, as run records."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from keras_lion.tuning.runs.files import RecordWriter, write_json
from keras_lion.tuning.runs.outcomes import IMPORTED, judged, reasons_of
from keras_lion.tuning.runs.sources import Direction, Table, read_source
from keras_lion.tuning.study.columns import COLUMNS

NEEDED = ("optimizer", "learning_rate", "weight_decay")
TEXTS = ("task", "optimizer", "schedule", "status")
INTEGERS = ("batch_size", "seed", "epochs", "steps")


class UnfinishedRunsWarning(UserWarning):
    """Some runs of the source have no result and count as missing."""


def read_runs(
    source: str | os.PathLike[str],
    *,
    columns: Mapping[str, str | None] | None = None,
    constants: Mapping[str, Any] | None = None,
    direction: Direction | None = None,
    floor: float | None = None,
    diverged_states: Collection[str] = (),
) -> pd.DataFrame:
    """Read the runs of another tool as the frame that `robustness` reads.

    A run is `diverged` if its result is infinite or NaN, at the floor or worse, or its
    state is one of `diverged_states`; its score is the floor then. It is `failed`, and
    its cell missing, if its state says anything but finished (crashed, killed, pruned,
    running), or if it has no result.

    Without a column of seeds the runs of one configuration are numbered in their order:
    such seeds tell repeats apart, and pair nothing between optimizers.

    Args:
        source: A CSV file with one run per row (as exported by W&B, by TensorBoard's
            HParams table, or by Optuna: `study.trials_dataframe().to_csv(path)`), or
            the folder of a KerasTuner project, with its `oracle.json`.
        columns: Column of the records (`COLUMNS` of `keras_lion.tuning.study.columns`,
            or a hyperparameter of your own) → column of the source. What is not named
            is recognized by its usual names, such as `config.lr` or
            `params_learning_rate`. None: leave it out.
        constants: Column of the records → value where the source has no such column or
            an empty cell: `{"optimizer": "lion", "task": "cifar10"}`.
        direction: `"max"` if larger results are better, `"min"` for losses, which are
            negated. None: as the source says (KerasTuner) or the result's name does
            (`val_accuracy`, `val_loss`).
        floor: Result that a diverged run counts with, in the unit of the source: the
            accuracy of chance, or the loss at the start.
        diverged_states: States that mean divergence. Optuna's `"FAIL"` does where the
            objective returned NaN.

    Returns:
        One row per run, with the columns of `keras_lion.tuning.load_runs`.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If a column is missing, ambiguous or not a number, runs diverged
            and there is no floor, or a configuration has a seed twice.

    Example:

    ```python
    from keras_lion.robustness import Landscape, tolerance_width
    from keras_lion.tuning import read_runs

    runs = read_runs("wandb.csv", columns={"score": "val_acc"}, floor=0.1)
    lion = Landscape.from_runs(runs, optimizer="lion")
    print(tolerance_width(lion, epsilon=0.01))
    ```
    """
    frame, _ = _read(source, columns, constants, direction, floor, diverged_states)
    return frame


def import_runs(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    question: str = "",
    statement: str = "",
    epsilon: float | None = None,
    columns: Mapping[str, str | None] | None = None,
    constants: Mapping[str, Any] | None = None,
    direction: Direction | None = None,
    floor: float | None = None,
    diverged_states: Collection[str] = (),
) -> Path:
    """Write the runs of another tool as the folder of a study.

    `keras-lion report` and `keras_lion.tuning.load_runs` read it. An earlier import
    into the folder is replaced.

    Args:
        source: See `read_runs`, also for `columns`, `constants`, `direction`, `floor`
            and `diverged_states`.
        folder: The study's folder, made if need be.
        name: Name of the study. None: that of the source.
        question: The question that the runs were made for.
        statement: The claim to be judged, one sentence.
        epsilon: How far from the common best still counts as good, in the unit of the
            result. None: the report's default.

    Returns:
        The file of the records, `runs-import.jsonl`.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: As `read_runs`, or if the folder holds runs of a study.

    Example:

    ```python
    import_runs("wandb.csv", "results/imported", columns={"score": "val_acc"})
    ```
    """
    frame, how = _read(source, columns, constants, direction, floor, diverged_states)
    folder = Path(folder)
    writer = RecordWriter(folder, IMPORTED)
    if others := sorted(set(folder.glob("runs-*.jsonl")) - {writer.path}):
        raise ValueError(
            f"{folder} holds the runs of a study ({others[0].name}). Choose another "
            "folder with --output."
        )
    study = name or Path(source).stem
    # Only a loss with a known start is one that landscapes clip at the start.
    losses = frame.loc[frame["status"] != "failed", ["final_loss", "initial_loss"]]
    value = "score" if losses.empty or losses.isna().any(axis=None) else "final_loss"
    tasks = sorted(frame["task"].unique())
    declaration = {
        "name": study,
        "question": question,
        "comparison": {
            "statement": statement,
            "epsilon": {} if epsilon is None else dict.fromkeys(tasks, float(epsilon)),
            "measure": "tolerance_width",
            "value": value,
        },
        "plans": {},
        "import": how,
    }
    folder.mkdir(parents=True, exist_ok=True)
    writer.path.unlink(missing_ok=True)
    write_json(folder / "study.json", declaration)
    for record in frame.assign(study=study).astype(object).to_dict("records"):
        writer.append({str(key): _plain(str(key), record[key]) for key in record})
    return writer.path


def _read(
    source: str | os.PathLike[str],
    columns: Mapping[str, str | None] | None,
    constants: Mapping[str, Any] | None,
    direction: Direction | None,
    floor: float | None,
    diverged_states: Collection[str],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The frame, and how it was read."""
    if direction not in (None, *get_args(Direction)):
        raise ValueError(
            f"`direction` must be 'max', 'min' or None. Received: {direction!r}."
        )
    path = Path(source)
    table = read_source(path)
    found = table.columns_for(dict(columns or {}))
    rows = _rows(table, found, dict(constants or {}))
    metric = found.get("score") or found["final_loss"]
    larger = direction or table.direction_of(metric)
    if larger is None:
        raise ValueError(
            f"Is a larger '{metric}' better? Its name does not say: give "
            "direction='max', or direction='min' for a loss."
        )
    results = _numbers(table.cells[metric], metric)
    rows["reason"] = reasons_of(rows.pop("status"), table.cells[metric] == "")
    frame = judged(rows, results, larger, metric, floor, diverged_states)
    numbered = "seed" not in frame
    frame["seed"] = _repeats(frame) if numbered else frame["seed"]
    _check_seeds(frame)
    frame["key"] = [
        _key(row) for row in frame[_identity(frame)].itertuples(index=False)
    ]
    if (failed := frame["status"] == "failed").any():
        reasons = ", ".join(sorted(set(frame.loc[failed, "reason"])))
        warnings.warn(
            f"{int(failed.sum())} of {len(frame)} runs have no result and count as "
            f"missing ({reasons}). Where that was divergence, name the state in "
            "`diverged_states` ('no result' for an empty one).",
            UnfinishedRunsWarning,
            stacklevel=3,
        )
    how = {
        "source": path.name,
        "columns": found,
        "constants": dict(constants or {}),
        "direction": larger,
        "seeds": "numbered" if numbered else "given",
    }
    extra = [column for column in frame if column not in COLUMNS]
    return frame.reindex(columns=[*COLUMNS, *extra]), how


def _rows(
    table: Table, found: Mapping[str, str], constants: Mapping[str, Any]
) -> pd.DataFrame:
    """The columns of the records but for the result, numbers where they are numbers."""
    texts = pd.DataFrame({name: table.cells[column] for name, column in found.items()})
    texts = texts.drop(columns="score", errors="ignore")
    for name, value in {"task": IMPORTED, "status": "", **constants}.items():
        known = texts[name] if name in texts else pd.Series("", texts.index)
        texts[name] = known.where(known != "", str(value))
    empty = [name for name in NEEDED if name not in texts or (texts[name] == "").any()]
    if empty:
        raise ValueError(
            f"Every run needs {', '.join(empty)}. {table.what_there_is()} Name the "
            f"column with columns={{{empty[0]!r}: ...}}, or say what all runs (or "
            f"those with an empty cell) have with constants={{{empty[0]!r}: ...}}."
        )
    texts["optimizer"] = texts["optimizer"].str.lower()
    frame = pd.DataFrame(index=texts.index)
    for name in map(str, texts):
        if name in TEXTS:
            frame[name] = texts[name]
        else:
            own = name not in COLUMNS  # a hyperparameter of one's own may be a text
            frame[name] = _numbers(texts[name], found.get(name, name), optional=own)
    return frame


def _numbers(
    texts: pd.Series[str], column: str, *, optional: bool = False
) -> pd.Series[Any]:
    """Numbers; empty cells are NaN. Texts as they are if `optional`."""
    values = pd.to_numeric(texts, errors="coerce").astype(float)
    wrong = values.isna() & ~texts.str.lower().isin(["", "nan", "-nan"])
    if wrong.any() and column.startswith("duration"):  # of Optuna: 0 days 00:00:01.2
        return pd.to_timedelta(texts, errors="coerce").dt.total_seconds()
    if wrong.any() and not optional:
        raise ValueError(
            f"The cells of column '{column}' must be numbers. Received: "
            f"{texts[wrong].iloc[0]!r}."
        )
    return texts if wrong.any() else values


def _identity(frame: pd.DataFrame) -> list[str]:
    """Columns that tell runs apart: configuration, conditions, perhaps the seed."""
    told = COLUMNS[COLUMNS.index("task") : COLUMNS.index("metric")]
    own = [str(name) for name in frame if name not in COLUMNS]
    return [*(name for name in told if name in frame), *own]


def _repeats(frame: pd.DataFrame) -> pd.Series[int]:
    """Number of each run among those of its configuration, from 0."""
    return frame.groupby(_identity(frame), dropna=False, sort=False).cumcount()


def _check_seeds(frame: pd.DataFrame) -> None:
    seeds = frame["seed"]
    remedy = "columns={'seed': None} numbers the runs of a configuration instead."
    if not (np.isfinite(seeds) & (seeds == np.floor(seeds))).all():
        raise ValueError(f"Every run needs a whole number as its seed: {remedy}")
    runs = frame[frame["status"] != "failed"]
    twice = runs.duplicated(_identity(runs), keep=False)
    if twice.any():
        run = runs[twice].iloc[0]
        raise ValueError(
            f"{int(twice.sum())} runs share configuration and seed, such as those of "
            f"{run['optimizer']} with learning_rate={run['learning_rate']:g}, "
            f"weight_decay={run['weight_decay']:g}, seed={run['seed']:g}. Name the "
            "column in which they differ with columns={'name of your own': ...}, or "
            f"drop the repeats; {remedy}"
        )


def _key(values: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def _plain(name: str, value: Any) -> Any:
    """The value as JSON knows it."""
    if name in INTEGERS and value is not None and math.isfinite(value):
        return int(value)
    return value
