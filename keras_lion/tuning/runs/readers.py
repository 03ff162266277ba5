"""Other people's runs, from a CSV or a KerasTuner project, as run records."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.files import RecordWriter, write_json
from keras_lion.tuning.runs.names import Direction
from keras_lion.tuning.runs.outcomes import IMPORTED
from keras_lion.tuning.runs.reading import Arguments, read
from keras_lion.tuning.runs.wording import UnclearSourceError

INTEGERS = ("batch_size", "seed", "epochs", "steps", "train_examples")


class UnfinishedRunsWarning(UserWarning):
    """Some runs of the source have no result and count as missing."""


def read_runs(
    source: str | os.PathLike[str],
    *,
    columns: Mapping[str, str | None] | None = None,
    constants: Mapping[str, Any] | None = None,
    axes: Sequence[str] = (),
    ignore: Sequence[str] = (),
    direction: Direction | None = None,
    floor: float | None = None,
    diverged_states: Collection[str] = (),
) -> pd.DataFrame:
    """Read the runs of another tool as the frame that `robustness` reads.

    Runs that differ in anything but their seed and their results are kept apart: every
    hyperparameter of the source is a column of the frame. Where runs differ in a column
    of which nothing says what it is, the reader asks, unless that column is crossed
    with the others: every cell has the same values of it, equally often.

    A run is `diverged` if its result is infinite or NaN, at the floor or worse, or its
    state is one of `diverged_states`; its score is the floor then. It is `failed`, and
    its cell missing, if its state says anything but finished (crashed, killed, pruned,
    running), or if it has no result.

    Without a column of seeds the runs of one configuration are numbered in their order:
    such seeds tell repeats apart, and pair nothing between optimizers.

    Args:
        source: A text file with one run per row: CSV (separated by commas, semicolons
            or tabs; decimal commas are read) or JSON lines, as exported by W&B, by
            TensorBoard's HParams table, or by Optuna
            (`study.trials_dataframe().to_csv(path)`); the folder of a KerasTuner
            project, with its `oracle.json`; or a folder of TensorBoard's event files
            with hyperparameters.
        columns: Column of the records (one of `keras_lion.tuning.runs.names.NAMES`, or
            a name in `axes`) → column of the source. What is not named is recognized
            by its usual names, such as `config.lr` or `params_learning_rate`, also
            with one column per optimizer (`params_adamw_lr`). None: leave it out.
        constants: Column of the records → value where the source has no such column or
            an empty cell: `{"optimizer": "lion", "task": "cifar10"}`.
        axes: Columns that are hyperparameters of your own. They are kept under their
            names without prefix: `depth` for `config.depth`.
        ignore: Columns that are none, and are not read.
        direction: `"max"` if larger results are better, `"min"` for losses, which are
            negated. None: as the source says (KerasTuner) or the result's name does
            (`val_accuracy`, `val_loss`).
        floor: Result that a diverged run counts with, in the unit of the source: the
            accuracy of chance, or the loss at the start.
        diverged_states: States that mean divergence. Optuna's `"FAIL"` does where the
            objective returned NaN; `"no result"` is the state of a run that finished
            with an empty result.

    Returns:
        One row per run, with the columns of `keras_lion.tuning.load_runs` and one for
        each hyperparameter of the source's own. `frame.attrs["import"]` says which
        columns were used, as what, and which were ignored, and why.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If a column is missing, ambiguous, not a number, or perhaps a
            hyperparameter; runs diverged and there is no floor; no run has a result;
            or a configuration has a seed twice. The message says what to add.

    Example:

    ```python
    from keras_lion.robustness import Landscape, tolerance_width
    from keras_lion.tuning import read_runs

    runs = read_runs("wandb.csv", columns={"score": "val_acc"}, floor=0.1)
    lion = Landscape.from_runs(runs, optimizer="lion")
    print(tolerance_width(lion, epsilon=0.01))
    ```
    """
    arguments = Arguments(
        columns=columns or {},
        constants=constants or {},
        axes=axes,
        ignore=ignore,
        direction=direction,
        floor=floor,
        diverged_states=diverged_states,
    )
    return _read(source, arguments)


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
    axes: Sequence[str] = (),
    ignore: Sequence[str] = (),
    direction: Direction | None = None,
    floor: float | None = None,
    diverged_states: Collection[str] = (),
) -> Path:
    """Write the runs of another tool as the folder of a study.

    `keras-lion report` and `keras_lion.tuning.load_runs` read it. An earlier import
    into the folder is replaced.

    Args:
        source: See `read_runs`, also for `columns`, `constants`, `axes`, `ignore`,
            `direction`, `floor` and `diverged_states`.
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
        ValueError: As `read_runs`, if `epsilon` is not positive, or if the folder holds
            runs of a study.

    Example:

    ```python
    import_runs("wandb.csv", "results/imported", columns={"score": "val_acc"})
    ```
    """
    arguments = Arguments(
        columns=columns or {},
        constants=constants or {},
        axes=axes,
        ignore=ignore,
        direction=direction,
        floor=floor,
        diverged_states=diverged_states,
    )
    if epsilon is not None and not 0 < epsilon < math.inf:
        raise UnclearSourceError(
            lambda words: (
                f"{words.name('epsilon')} must be a positive number, in the unit of "
                f"the result. Received: {epsilon:g}."
            )
        )
    frame = _read(source, arguments)
    folder = Path(folder)
    writer = RecordWriter(folder, IMPORTED)
    if others := sorted(set(folder.glob("runs-*.jsonl")) - {writer.path}):
        raise UnclearSourceError(
            lambda words: (
                f"{folder} holds the runs of a study ({others[0].name}). Choose "
                f"another folder with {words.name('output')}."
            )
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
        "import": frame.attrs["import"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    writer.path.unlink(missing_ok=True)
    write_json(folder / "study.json", declaration)
    for record in frame.assign(study=study).astype(object).to_dict("records"):
        writer.append({str(key): _plain(str(key), record[key]) for key in record})
    return writer.path


def _read(source: str | os.PathLike[str], arguments: Arguments) -> pd.DataFrame:
    """The runs of a source, with a warning where some have no result."""
    frame = read(source, arguments)
    if (failed := frame["status"] == "failed").any():
        reasons = ", ".join(sorted(set(frame.loc[failed, "reason"])))
        warnings.warn(
            f"{int(failed.sum())} of {len(frame)} runs have no result and count as "
            f"missing ({reasons}). Where that was divergence, name the state in "
            "`diverged_states` ('no result' for an empty one).",
            UnfinishedRunsWarning,
            stacklevel=3,
        )
    return frame


def _plain(name: str, value: Any) -> Any:
    """The value as JSON knows it."""
    if name in INTEGERS and value is not None and math.isfinite(value):
        return int(value)
    return value
