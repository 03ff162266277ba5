"""`studies`: the presets `gpu` of the studies, trained by the engine itself.

KerasTuner is not needed: the runs go to the executor in the study's own order, and
their records into a folder that `keras-lion report` reads and `keras-lion run`
continues. With the small sizes the preset is `smoke`, of one task, on a few generated
examples.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from studies.performance.accelerator_parts.journal import read_lines
from studies.performance.accelerator_parts.measurement import (
    Measurement,
    Sizes,
    SkippedError,
)

COLUMNS = ("runs", "failed", "runs_per_minute", "executor", "population")
STUDIES = (
    "learning_rate_weight_decay",
    "batch_size",
    "betas",
    "effective_decay",
    "transformers",
)
SMALL_TASK = ("batch_size", "curves_vit")
SMALL_EXAMPLES, SMALL_BATCH, SMALL_RUNS = 64, 16, 4


def measurements(sizes: Sizes, folder: Path) -> list[Measurement]:
    """Every task of a study that has the preset.

    Args:
        sizes: Which preset.
        folder: Where the folders of the studies are.
    """
    found = []
    for name in STUDIES:
        study = importlib.import_module(f"studies.{name}").STUDY
        for task, plans in study.plans.items():
            if sizes.small and (name, task) != SMALL_TASK:
                continue
            if sizes.preset in plans:
                run = partial(of_task, study, task, sizes, folder / f"{name}-{task}")
                found.append(Measurement(f"{name} / {task}", run, keeps=True))
    return found


def of_task(study: Any, task_name: str, sizes: Sizes, folder: Path) -> dict[str, Any]:
    """Train what the folder does not hold yet."""
    from keras_lion.tuning.engine.executors import arrange, choose_executor
    from keras_lion.tuning.engine.trainer import Trainer
    from keras_lion.tuning.runs.files import RecordWriter

    task = study.task(task_name)
    runs = study.runs(task_name, sizes.preset, "jax")
    if sizes.small:
        task = replace(
            task, train_examples=SMALL_EXAMPLES, validation_examples=SMALL_EXAMPLES
        )
        runs = [replace(r, batch_size=SMALL_BATCH) for r in runs[:SMALL_RUNS]]
    try:
        trainer = Trainer(task, study.optimizers)
    except (ImportError, FileNotFoundError) as error:
        raise SkippedError(str(error)) from None
    _declare(study, task_name, trainer, folder)
    done = {r["key"]: r for r in _records(folder) if r.get("status") != "failed"}
    waiting = [run for run in runs if run.key not in done]
    values: dict[str, Any] = {}
    if waiting:
        executor = choose_executor(trainer, waiting)
        ordered = arrange(executor, waiting)
        writer = RecordWriter(folder)
        values = {"executor": executor.name, "population": executor.population}
        for first in range(0, len(ordered), executor.population):
            for record in executor.run(ordered[first : first + executor.population]):
                writer.append(record)
    keys = {run.key for run in runs}
    records = {r["key"]: r for r in _records(folder) if r["key"] in keys}
    seconds = sum(r.get("seconds") or 0.0 for r in records.values())
    failed = sum(r["status"] == "failed" for r in records.values())
    return {
        "runs": len(records),
        "failed": failed,
        "runs_per_minute": 60 * len(records) / seconds if seconds else None,
        **values,
    }


def _records(folder: Path) -> list[dict[str, Any]]:
    """The records of a study's folder, without a line that was cut in half."""
    paths = sorted(folder.glob("runs-*.jsonl"))
    return [r for path in paths for r in read_lines(path) if "key" in r]


def _declare(study: Any, task: str, trainer: Any, folder: Path) -> None:
    """Write what `keras-lion report` and `keras-lion run` look for in a folder."""
    from keras_lion.tuning.runs.files import write_json
    from keras_lion.tuning.sweep.environment import environment

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "study.json").exists():
        write_json(folder / "study.json", {**study.declaration(), "execution": {}})
    data = {task: trainer.data.fingerprint()}
    known = {**environment(), "data": data, "earlier": []}
    write_json(folder / "environment.json", known)
