"""What every sweep starts with: a trainer, a report of progress, a safe folder."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from keras_lion.tuning.engine.keras_rules import option_names
from keras_lion.tuning.engine.rules import COUPLING
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import FolderWriteError, Record
from keras_lion.tuning.runs.records import read_records
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.tasks.hyperparameters import reads_of, refuse_unread
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


def check_hyperparameters(trainer: Trainer, runs: Sequence[RunSpecification]) -> None:
    """Refuse hyperparameters that neither the optimizer nor the model reads.

    Args:
        trainer: Trains the runs.
        runs: Every run, so that the message can list all that some model reads.

    Raises:
        ValueError: If a run has one.
    """
    task = trainer.task
    known: set[str] = set()
    unread: dict[str, None] = {}
    for spec in {(run.optimizer, run.extra): run for run in runs}.values():
        values = model_values(spec.optimizer, dict(spec.extra), trainer.optimizers)
        reads = reads_of(task.model, values) if values else None
        if reads is not None:
            known |= reads.known
            unread |= dict.fromkeys(name for name in values if name not in reads.active)
    refuse_unread(task.name, task.model, unread, known - set(unread))


def model_values(
    optimizer: str, values: Mapping[str, Any], own: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """Those hyperparameters that are no option of the optimizer.

    Args:
        optimizer: Name of the optimizer.
        values: Hyperparameters without a field of their own.
        own: The study's own optimizers, by name.
    """
    options = {COUPLING, *option_names(optimizer, own)}
    return {name: value for name, value in values.items() if name not in options}


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
        if not strange:
            raise  # an error of our own, which blames neither
        where = strange[0]
        lines = str(error).strip().splitlines() or [""]
        raise ValueError(
            f"Task '{task.name}' cannot be prepared: its data or its model raised "
            f"{type(error).__name__}: {lines[0]} "
            f"({Path(where.filename).name}, line {where.lineno}). Nothing was trained."
        ) from error


def say_what_is_recorded(folder: Path, recorded: int, total: int, noun: str) -> None:
    """Print what a folder holds and how its report is written.

    To standard error, as progress is, and only where nobody else shows progress.
    """
    print(
        f"{recorded} of {total} {noun} are recorded in {folder}. Report: keras-lion "
        f"report {folder}",
        file=sys.stderr,
    )


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
