"""One run while it trains, and the record that is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.objective import loss_name
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
    # What `fit` left, where that is not what was evaluated last.
    returned: Evaluation | None = None

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
        self, task: Task, labels: np.ndarray | None, on_test: Evaluation | None
    ) -> Record:
        """The run's record, except for how long it took."""
        held_out = None if labels is None else labels[self.split.validation]
        scorer = Scorer(task, held_out, self.initial, len(self.order))
        final = self.returned or self.evaluations[-1]
        reason = scorer.divergence(final, finite=self.finite)
        scores = scorer.scores(self.evaluations, self.steps)
        best, score = int(np.argmax(scores)), scores[-1]
        if self.returned is not None and task.metric != "steps_to_target":
            [score] = scorer.scores([final], self.steps[-1:])
        history = self.history()
        steps, sum_learning_rate = len(self.order), self.sum_learning_rate
        if self.finite and self.steps[-1] < steps:  # a callback ended the run
            steps = self.steps[-1]
            sum_learning_rate = float(np.sum(self.rates[:steps], dtype=float))
        # Labels are class numbers only where the loss is their cross-entropy.
        likelihood = labels is not None or "crossentropy" in loss_name(task.loss)
        columns = self.spec.columns()
        if columns["epochs"] is None:
            columns["epochs"] = len(self.order) / self.steps_per_epoch
        return {
            **columns,
            "sum_learning_rate": sum_learning_rate,
            "steps": steps,
            "train_examples": len(self.split.train),
            "kappa": self.weight_decay * sum_learning_rate,
            "likelihood": int(likelihood),
            "lower_is_better": int(scorer.task.is_negated),
            "floor": scorer.floor,
            "status": "ok" if reason is None else "diverged",
            "reason": reason,
            "score": score if reason is None else scorer.floor,
            "best_score": max(scores[best], score),
            "best_epoch": history["epoch"][best],
            "initial_loss": self.initial.loss,
            "final_loss": final.loss,
            "final_train_loss": self.train_losses[-1],
            "history": history,
            "test_score": None
            if on_test is None
            else scorer.test_score(on_test, reason),
        }
