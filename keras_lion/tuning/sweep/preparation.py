"""What every sweep starts with: a trainer, a report of progress, a safe folder."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import FolderWriteError, Record
from keras_lion.tuning.runs.records import read_records
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.tasks.task import Task

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """What a sweep reports after every run, and once before the first.

    Attributes:
        total: Number of declared runs.
        skipped: Runs that earlier sweeps had finished.
        done: Runs of this sweep, failed ones included.
        record: The run that just ended; None before the first.
        earlier: Records of the skipped runs, before the first run.
    """

    total: int
    skipped: int
    done: int
    record: Record | None
    earlier: Sequence[Record] = ()


def new_trainer(study: Study, task: str) -> Trainer:
    """A trainer of one of the study's tasks."""
    return prepared(study.task(task), lambda task: Trainer(task, study.optimizers))


def prepared(task: Task, prepare: Callable[[Task], Result]) -> Result:
    """Prepare a task; what its own functions raise becomes one line."""
    try:
        return prepare(task)
    except (ImportError, OSError):
        raise  # missing packages and files say what to do
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = Path(__file__).parents[2]
        if isinstance(error, ValueError) and ours in Path(frames[-1].filename).parents:
            raise
        # The data set and the model are functions of the study's author.
        strange = [f for f in frames if ours not in Path(f.filename).parents]
        where = strange[0] if strange else frames[-1]
        lines = str(error).strip().splitlines() or [""]
        raise ValueError(
            f"Task '{task.name}' cannot be prepared: its data or its model raised "
            f"{type(error).__name__}: {lines[0]} "
            f"({Path(where.filename).name}, line {where.lineno}). Nothing was trained."
        ) from error


@contextlib.contextmanager
def safe_records(folder: Path) -> Iterator[None]:
    """Say how many runs are safe where the folder can no longer be written."""
    try:
        yield
    except FolderWriteError as error:
        records = read_records(folder)
        safe = sum(record["status"] != "failed" for record in records)
        raise FolderWriteError(
            f"{error} {safe} finished runs are safe in {folder}. Make room and give "
            "the same command again: it goes on from there."
        ) from error
