"""Running a study: from its declaration to the records in its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_lion.tuning import backend
from keras_lion.tuning.environment import environment
from keras_lion.tuning.executors import Executor, choose_executor
from keras_lion.tuning.oracle import StudyTuner
from keras_lion.tuning.records import (
    Record,
    RecordWriter,
    load_environment,
    load_study,
    read_records,
    write_json,
)
from keras_lion.tuning.study import RunSpecification, Study
from keras_lion.tuning.trainer import EXECUTOR, Trainer


@dataclass(frozen=True)
class Progress:
    """What a sweep reports after every run, and once before the first.

    Attributes:
        total: Number of declared runs.
        skipped: Runs that earlier sweeps had finished.
        done: Runs of this sweep, failed ones included.
        record: The run that just ended; None before the first.
    """

    total: int
    skipped: int
    done: int
    record: Record | None


def run_study(
    study: Study,
    *,
    task: str | None = None,
    preset: str = "standard",
    output: str | os.PathLike[str],
    progress: Callable[[Progress], None] | None = None,
    only: str | None = None,
) -> Path:
    """Train every declared run that its folder does not hold yet.

    Every run is appended to the records, and synced to the disk, before anything else
    happens with it. An interrupted sweep goes on where it stopped. A run that raises is
    tried once more; if it fails again its error is recorded, the sweep goes on, and the
    next sweep tries it again.

    Args:
        study: What to run.
        task: Which of its tasks; None: the first.
        preset: `"smoke"`, `"standard"`, `"full"` or `"pilot"`.
        output: The study's folder; made if need be.
        progress: Called with `Progress` before the first run and after every run.
        only: Key of the one run to train, even if it is recorded already.

    Returns:
        The study's folder.

    Raises:
        ValueError: If the folder belongs to another study, or no run has the key.
    """
    task = study.default_task if task is None else task
    runs = study.runs(task, preset, backend.check_backend())
    folder = Path(output)
    _open_folder(folder, study)
    finished = {r["key"] for r in read_records(folder) if r["status"] != "failed"}
    if only is not None:
        runs = [run for run in runs if run.key == only]
        if not runs:
            raise ValueError(
                f"No run of task '{task}' and preset '{preset}' has the key '{only}'."
            )
        finished -= {only}
    waiting = [run for run in runs if run.key not in finished]
    report = progress or (lambda _: None)
    skipped = len(runs) - len(waiting)
    report(Progress(len(runs), skipped, 0, None))
    if waiting:
        trainer = Trainer(study.task(task))
        _note_data(folder, task, trainer.data.fingerprint())
        _sweep(waiting, trainer, folder, len(runs), report)
    return folder


def _sweep(
    waiting: list[RunSpecification],
    trainer: Trainer,
    folder: Path,
    total: int,
    report: Callable[[Progress], None],
) -> None:
    writer = RecordWriter(folder)
    executor = choose_executor(trainer, waiting)
    by_key = {run.key: run for run in waiting}
    done = 0

    def train(key: str) -> float | None:
        nonlocal done
        (record,) = executor.run([by_key[key]])
        writer.append(record)
        done += 1
        report(Progress(total, total - len(waiting), done, record))
        score: float | None = record["score"]
        return score

    StudyTuner(waiting, train, folder).search()


def evaluate_test(
    study: Study,
    *,
    task: str,
    preset: str,
    output: str | os.PathLike[str],
    keys: Iterable[str],
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Look at the test set, once, for the selected runs.

    Weights are not kept, so these runs are trained once more, which also shows that
    they can be: the new record must have the same score. Runs that have a test score
    already are left alone.

    Args:
        study: Which study.
        task: Which of its tasks.
        preset: Which preset.
        output: The study's folder.
        keys: Keys of the selected runs: the seeds of each optimizer's selected cell.
        progress: Called after every run.
    """
    folder = Path(output)
    known = {r["key"] for r in read_records(folder) if r.get("test_score") is not None}
    wanted = set(keys) - known
    runs = [
        run
        for run in study.runs(task, preset, backend.check_backend())
        if run.key in wanted
    ]
    if not runs:
        return
    trainer = Trainer(study.task(task))
    writer = RecordWriter(folder)
    executor = Executor(trainer)
    for done, run in enumerate(runs, start=1):
        (record,) = executor.run([run], test=True)
        writer.append(record)
        if progress is not None:
            progress(Progress(len(runs), 0, done, record))


def estimate_seconds(study: Study, *, task: str, preset: str) -> float:
    """Likely seconds of a whole sweep here, from one timed run of each optimizer."""
    trainer = Trainer(study.task(task))
    runs = study.runs(task, preset, backend.check_backend())
    seconds = 0.0
    for optimizer in sorted({run.optimizer for run in runs}):
        mine = [run for run in runs if run.optimizer == optimizer]
        seconds += trainer.seconds_of(mine[0]) * len(mine)
    return seconds


def _open_folder(folder: Path, study: Study) -> None:
    """Make the folder and declare the study in it, or check what is declared."""
    folder.mkdir(parents=True, exist_ok=True)
    declaration = {
        **study.declaration(),
        "executor": EXECUTOR,
        "threads": backend.thread_count(),
    }
    if (folder / "study.json").exists():
        name = load_study(folder)["name"]
        if name != study.name:
            raise ValueError(
                f"{folder} holds study '{name}', not '{study.name}'. Choose another "
                "folder with --output."
            )
    write_json(folder / "study.json", declaration)
    known: dict[str, Any] = {}
    if (folder / "environment.json").exists():
        known = load_environment(folder)
    write_json(
        folder / "environment.json", {**environment(), "data": known.get("data", {})}
    )


def _note_data(folder: Path, task: str, fingerprint: str) -> None:
    """Record which data a task had, or refuse to mix two data sets in one folder."""
    known = load_environment(folder)
    before = known["data"].get(task)
    if before is not None and before != fingerprint:
        raise ValueError(
            f"The data of task '{task}' have changed since this folder was begun "
            f"(fingerprint {before} then, {fingerprint} now). Runs on different data "
            "cannot be compared: choose another folder with --output."
        )
    known["data"][task] = fingerprint
    write_json(folder / "environment.json", known)
