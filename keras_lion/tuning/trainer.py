"""From a run's specification to its record."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from keras_lion.tuning.divergence import chance_accuracy, divergence_reason
from keras_lion.tuning.program import Evaluation, TaskProgram, TrainingProgram
from keras_lion.tuning.records import Record
from keras_lion.tuning.rules import hyperparameter_vector
from keras_lion.tuning.seeds import data_order, run_seeds
from keras_lion.tuning.study import RunSpecification
from keras_lion.tuning.task import Split, Task

History = dict[str, list[Any]]

EXECUTOR = "loop"


class Trainer:
    """Trains runs of one task, reusing one compiled program for each optimizer.

    Args:
        task: What is trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.data = task.load()
        self.program = TaskProgram(task, self.data)
        self._training: dict[str, TrainingProgram] = {}
        self._initial_losses: dict[tuple[str, int], float] = {}

    def training(self, optimizer: str) -> TrainingProgram:
        """The compiled training with one optimizer."""
        if optimizer not in self._training:
            self._training[optimizer] = TrainingProgram(self.program, optimizer)
        return self._training[optimizer]

    def run(self, specification: RunSpecification, *, test: bool = False) -> Record:
        """Train one run and describe it.

        Args:
            specification: What to train.
            test: Look at the test set after training.

        Returns:
            The run's record.
        """
        started = time.perf_counter()
        spec = specification
        seeds = run_seeds(spec.study, spec.task, spec.seed)
        split = self.task.split(self.data, np.random.default_rng(seeds.split))
        order = data_order(seeds.order, split.train, spec.epochs, spec.batch_size)
        factors = spec.schedule.factors(len(order))
        learning_rates = (spec.learning_rate * factors).astype("float32")
        hyperparameters = hyperparameter_vector(
            spec.weight_decay, spec.beta_1, spec.beta_2
        )
        initial_loss = self._initial_loss(spec, seeds.model_seed, split)

        program = self.training(spec.optimizer)
        state = program.start(seeds.model_seed)
        history: History = {
            "epoch": [],
            "train_loss": [],
            "loss": [],
            "accuracy": [],
        }
        calls = spec.epochs // spec.evaluate_every
        for call, (indices, rates) in enumerate(
            zip(np.split(order, calls), np.split(learning_rates, calls), strict=True),
            start=1,
        ):
            state, train_loss = program.train(state, indices, rates, hyperparameters)
            evaluation = self.program.evaluate(
                state.weights, state.others, split.validation
            )
            history["epoch"].append(call * spec.evaluate_every)
            history["train_loss"].append(train_loss)
            history["loss"].append(evaluation.loss)
            history["accuracy"].append(evaluation.accuracy)
            finite = math.isfinite(train_loss) and evaluation.finite
            if not finite:
                break

        labels = self.data.y[split.validation]
        chance = chance_accuracy(labels)
        reason = divergence_reason(
            metric=self.task.metric,
            finite=finite,
            final_loss=evaluation.loss,
            initial_loss=initial_loss,
            final_accuracy=evaluation.accuracy,
            chance=chance,
            num_validation=len(labels),
        )
        floor = self._floor(chance, initial_loss, len(order))
        scores = self._scores(history, len(order) // spec.epochs, floor)
        score = scores[-1] if reason is None else floor
        best = int(np.argmax(scores))
        test_score = None
        if test:
            on_test = self.program.evaluate(state.weights, state.others, None)
            test_score = self._test_score(on_test, reason, chance, initial_loss)
        sum_learning_rate = float(np.sum(spec.learning_rate * factors))
        return {
            **spec.columns(),
            "sum_learning_rate": sum_learning_rate,
            "steps": len(order),
            "train_examples": len(split.train),
            "kappa": spec.weight_decay * sum_learning_rate,
            "floor": floor,
            "status": "ok" if reason is None else "diverged",
            "reason": reason,
            "score": score,
            "best_score": scores[best],
            "best_epoch": history["epoch"][best],
            "initial_loss": initial_loss,
            "final_loss": history["loss"][-1],
            "final_train_loss": history["train_loss"][-1],
            "history": history,
            "test_score": test_score,
            "seconds": time.perf_counter() - started,
            "executor": EXECUTOR,
        }

    def seconds_of(self, specification: RunSpecification) -> float:
        """Likely seconds of one run, from a part of it timed after compilation."""
        spec = replace(specification, epochs=specification.evaluate_every)
        self.run(spec)
        started = time.perf_counter()
        self.run(spec)
        calls = specification.epochs // specification.evaluate_every
        return (time.perf_counter() - started) * calls

    def _initial_loss(
        self, spec: RunSpecification, model_seed: int, split: Split
    ) -> float:
        name = (spec.study, spec.seed)
        if name not in self._initial_losses:
            weights, others = self.program.initial_weights(model_seed)
            self._initial_losses[name] = self.program.evaluate(
                weights, others, split.validation
            ).loss
        return self._initial_losses[name]

    def _floor(self, chance: float, initial_loss: float, steps: int) -> float:
        if self.task.metric == "accuracy":
            return chance
        if self.task.metric == "loss":
            return -initial_loss
        return -math.log10(steps)

    def _scores(
        self, history: History, steps_per_epoch: int, floor: float
    ) -> list[float]:
        """The score after every evaluation; at least the floor."""
        if self.task.metric == "accuracy":
            return [_or_floor(value, floor) for value in history["accuracy"]]
        if self.task.metric == "loss":
            return [_or_floor(-value, floor) for value in history["loss"]]
        scores, reached = [], floor
        for epoch, accuracy in zip(history["epoch"], history["accuracy"], strict=True):
            if accuracy >= self.task.target and reached == floor:
                reached = -math.log10(epoch * steps_per_epoch)
            scores.append(reached)
        return scores

    def _test_score(
        self,
        on_test: Evaluation,
        reason: str | None,
        chance: float,
        initial_loss: float,
    ) -> float:
        """Test accuracy, or the negated test loss; chance for a run that diverged."""
        if self.task.metric == "loss":
            return -initial_loss if reason is not None else -on_test.loss
        return chance if reason is not None else on_test.accuracy


def _or_floor(value: float, floor: float) -> float:
    return max(value, floor) if math.isfinite(value) else floor
