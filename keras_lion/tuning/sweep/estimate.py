"""What a sweep would cost: its runs, recorded and missing, and the time of these."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from keras_lion.tuning import backend
from keras_lion.tuning.engine.executors import parts_of, program_shape, shortened
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.records import read_records
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.sweep.preparation import (
    check_hyperparameters,
    new_trainer,
    prepared,
)


@dataclass(frozen=True)
class Estimate:
    """What a sweep in one process would cost here.

    Attributes:
        recorded: Number of runs that the folder holds, failed ones left out.
        missing: Number of runs to train.
        training: Seconds that these take, once their programs are compiled.
        compiling: Seconds that compiling the programs takes.
    """

    recorded: int
    missing: int
    training: float = 0.0
    compiling: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return self.training + self.compiling


def estimate(
    study: Study, *, task: str, preset: str, output: str | os.PathLike[str]
) -> Estimate:
    """The cost of a sweep, from one timed run of each optimizer. Records nothing.

    Args:
        study: Which study.
        task: Which of its tasks.
        preset: Which preset.
        output: The study's folder, which need not exist.
    """
    runs = study.runs(task, preset, backend.check_backend())
    known = {r["key"] for r in read_records(Path(output)) if r["status"] != "failed"}
    missing = [run for run in runs if run.key not in known]
    trainer = new_trainer(study, task)
    check_hyperparameters(trainer, runs)
    if missing:
        prepared(trainer.task, lambda _: trainer.check(missing))
    training = compiling = 0.0
    for optimizer in sorted({run.optimizer for run in missing}):
        mine = [run for run in missing if run.optimizer == optimizer]
        part = shortened(mine[0])
        first, second = _seconds(trainer, part), _seconds(trainer, part)
        training += second * parts_of(mine[0]) * len(mine)
        programs = len({program_shape(trainer, run) for run in mine})
        compiling += max(0.0, first - second) * programs
    return Estimate(len(runs) - len(missing), len(missing), training, compiling)


def _seconds(trainer: Trainer, run: RunSpecification) -> float:
    started = time.perf_counter()
    trainer.run(run)
    return time.perf_counter() - started
