"""The test set, evaluated for the selected runs after a sweep."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from keras_lion.tuning import backend
from keras_lion.tuning.engine.executors import choose_executor
from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.runs.records import read_records
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.sweep.folder import load_execution
from keras_lion.tuning.sweep.preparation import Progress, new_trainer, safe_records


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
    trainer = new_trainer(study, task)
    writer = RecordWriter(folder)
    kept = load_execution(folder, task)
    # As in the sweep: the record must have the same score.
    executor = choose_executor(
        trainer,
        runs,
        wanted=kept.executor if kept else "loop",
        population=kept.population if kept else None,
    )
    size, done = executor.population, 0
    with safe_records(folder):
        for start in range(0, len(runs), size):
            for record in executor.run(runs[start : start + size], test=True):
                writer.append(record)
                done += 1
                if progress is not None:
                    progress(Progress(len(runs), 0, done, record))
