"""One run while it trains, and the record that is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_lion.tuning.engine.program import Evaluation
from keras_lion.tuning.engine.scoring import Scorer
from keras_lion.tuning.runs.files import Record
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.seeds import RunSeeds
from keras_lion.tuning.tasks.task import Split, Task


@dataclass
class Run:
    """One run while it trains: what it is given, what was seen, and its record."""

    spec: RunSpecification
    seeds: RunSeeds
    split: Split
    order: np.ndarray
    rates: np.ndarray
    sum_learning_rate: float
    weight_decay: float  # what the learning rate of each step multiplies
    hyperparameters: np.ndarray
    initial: Evaluation
    finite: bool = True
    steps: list[int] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.split.train) // self.spec.batch_size

    def parts(self) -> list[slice]:
        """The steps from one look at the validation examples to the next."""
        size = self.spec.evaluate_every
        if self.spec.steps is None:
            size *= self.steps_per_epoch
        starts = range(0, len(self.order), size)
        return [slice(start, start + size) for start in starts]

    def note(self, steps: int, train_loss: float, evaluation: Evaluation) -> None:
        """Remember what the examples say after so many steps."""
        self.steps.append(steps)
        self.train_losses.append(train_loss)
        self.evaluations.append(evaluation)
        self.finite = math.isfinite(train_loss) and evaluation.finite

    def history(self) -> dict[str, list[Any]]:
        """What was seen, by name; one value an evaluation."""
        epochs = [step / self.steps_per_epoch for step in self.steps]
        return {
            "epoch": [int(e) if e.is_integer() else e for e in epochs],
            "train_loss": self.train_losses,
            "loss": [found.loss for found in self.evaluations],
            "accuracy": [found.accuracy for found in self.evaluations],
            **{
                name: [found.metrics[name] for found in self.evaluations]
                for name in self.initial.metrics
            },
        }

    def record(
        self, task: Task, labels: np.ndarray, on_test: Evaluation | None
    ) -> Record:
        """The run's record, but for how long it took."""
        scorer = Scorer(
            task, labels[self.split.validation], self.initial, len(self.order)
        )
        reason = scorer.divergence(self.evaluations[-1], finite=self.finite)
        scores = scorer.scores(self.evaluations, self.steps)
        best = int(np.argmax(scores))
        history = self.history()
        columns = self.spec.columns()
        if columns["epochs"] is None:
            columns["epochs"] = len(self.order) / self.steps_per_epoch
        return {
            **columns,
            "sum_learning_rate": self.sum_learning_rate,
            "steps": len(self.order),
            "train_examples": len(self.split.train),
            "kappa": self.weight_decay * self.sum_learning_rate,
            "floor": scorer.floor,
            "status": "ok" if reason is None else "diverged",
            "reason": reason,
            "score": scores[-1] if reason is None else scorer.floor,
            "best_score": scores[best],
            "best_epoch": history["epoch"][best],
            "initial_loss": self.initial.loss,
            "final_loss": self.evaluations[-1].loss,
            "final_train_loss": self.train_losses[-1],
            "history": history,
            "test_score": None
            if on_test is None
            else scorer.test_score(on_test, reason),
        }
