"""Trains runs of a task and keeps the training loss of every step.

Model, updates, seeds, splits, data order and schedule are those of the sweep engine,
which keeps one loss per epoch. Here training may also stop, change its optimizer and
continue, and gradients may be clipped.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np

from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import RULES, TensorRule, hyperparameter_vector
from keras_lion.tuning.engine.scoring import chance_accuracy, divergence_reason
from keras_lion.tuning.engine.training import (
    Steps,
    TrainingProgram,
    Values,
    step_numbers,
)
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.study.schedule import Schedule
from keras_lion.tuning.study.seeds import data_order, run_seeds

CLIP_NORM = 5  # place in a run's vector of hyperparameters, after those of the engine


@dataclass(frozen=True)
class Setting:
    """What a run trains with.

    Attributes:
        optimizer: `"lion"` or `"adamw"`.
        learning_rate: Peak of the schedule.
        weight_decay: λ, coupled to the learning rate.
        beta_2: None: the usual one.
        warmup: Share of the steps, before the cosine.
        clip_norm: Largest norm of all gradients together.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    beta_2: float | None = None
    warmup: float = 0.05
    clip_norm: float = math.inf

    @property
    def vector(self) -> np.ndarray:
        """The hyperparameters, as the compiled program reads them."""
        betas = {**USUAL_BETAS[self.optimizer]}
        if self.beta_2 is not None:
            betas["beta_2"] = self.beta_2
        vector = hyperparameter_vector(self.weight_decay, **betas)
        return np.append(vector, np.float32(self.clip_norm))

    def rates(self, steps: int) -> np.ndarray:
        """The learning rate of every step of a whole run, float32."""
        factors = Schedule(warmup=self.warmup).factors(steps)
        return (self.learning_rate * factors).astype("float32")


@dataclass(frozen=True)
class ClippedRule:
    """An update after clipping by global norm, as `global_clipnorm` of Keras does."""

    rule: TensorRule
    vectorizes: bool = True

    def initial_slots(self, weights: list[Any]) -> list[list[Any]]:
        """The optimizer's state before the first step."""
        return self.rule.initial_slots(weights)

    def apply(
        self,
        weights: list[Any],
        slots: list[list[Any]],
        gradients: list[Any],
        *,
        hyperparameters: Any,
        **inputs: Any,
    ) -> tuple[list[Any], list[list[Any]]]:
        """One step of every weight tensor."""
        largest = hyperparameters[CLIP_NORM]
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in gradients))
        factor = jnp.where(norm > largest, largest / norm, 1.0)
        return self.rule.apply(
            weights,
            slots,
            [factor * g for g in gradients],
            hyperparameters=hyperparameters,
            **inputs,
        )


class StepLosses:
    """The compiled training of runs of one task with one optimizer.

    Args:
        program: The task's data, model and loss.
        optimizer: `"lion"` or `"adamw"`.
    """

    def __init__(self, program: TaskProgram, optimizer: str) -> None:
        self.program = program
        self._training = TrainingProgram(program, ClippedRule(RULES[optimizer]))
        self._train = jax.jit(lambda *inputs: jax.lax.map(self._one, inputs))

    def start(self, model_seeds: Sequence[int]) -> list[Values]:
        """Every run before its first step."""
        return [self._training.start(seed).values for seed in model_seeds]

    def fresh(self, values: Values) -> Values:
        """The same weights, with an optimizer that has seen no gradient."""
        rule = self._training.rule
        return values._replace(slots=rule.initial_slots(values.weights))

    def train(
        self,
        values: Sequence[Values],
        order: Sequence[np.ndarray],
        rates: Sequence[np.ndarray],
        settings: Sequence[Setting],
        first: int = 0,
    ) -> tuple[list[Values], np.ndarray]:
        """Train runs for as many steps as their order has.

        Args:
            values: Every run's weights and state.
            order: Examples of its steps, each of shape `(steps, batch_size)`.
            rates: Learning rates of its steps, each of shape `(steps,)`.
            settings: Its setting.
            first: Number of steps that the optimizers have made before.

        Returns:
            The runs afterwards; and the loss of each batch before its step, shape
            `(runs, steps)`.
        """
        numbers = step_numbers(first, len(order[0]))
        found, losses = self._train(
            jax.tree.map(lambda *leaves: jnp.stack(leaves), *values),
            np.stack(order),
            np.stack(rates),
            np.broadcast_to(numbers, (len(order), len(numbers))),
            np.stack([setting.vector for setting in settings]),
        )
        runs = [
            jax.tree.map(lambda leaf, k=k: leaf[k], found) for k in range(len(order))
        ]
        return runs, np.asarray(losses, float)

    def _one(self, inputs: Any) -> tuple[Values, Any]:
        values, order, rates, numbers, vector = inputs

        def step(values: Values, step_inputs: Any) -> tuple[Values, Any]:
            rows, rate, number = step_inputs
            return self._training.one_step(
                values, self.program.pool, Steps(rows, rate, number, vector)
            )

        return jax.lax.scan(step, values, (order, rates, numbers))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Seed:
    """What a seed of a task decides, whatever the setting.

    Attributes:
        model_seed: Of the initial weights.
        validation: Examples to score on.
        order: Examples of every step, shape `(steps, batch_size)`.
    """

    model_seed: int
    validation: np.ndarray
    order: np.ndarray


def seed_of(program: TaskProgram, study: str, seed: int, steps: int) -> Seed:
    """A seed as the sweep engine draws it."""
    task, data = program.task, program.data
    drawn = run_seeds(study, task.name, seed)
    split = task.split(data, np.random.default_rng(drawn.split))
    order = data_order(drawn.order, split.train, None, task.batch_size, steps)
    return Seed(drawn.model_seed, split.validation, order)


def scores(
    program: TaskProgram, values: Values, seed: Seed, losses: np.ndarray
) -> dict[str, Any]:
    """Validation loss and accuracy of a run, and whether it is finite or diverged.

    Args:
        program: The task's data and model, which has an accuracy.
        values: The run's final weights.
        seed: Its seed.
        losses: Training loss of its steps.
    """
    found = program.evaluate(values.weights, values.others, seed.validation)
    finite = bool(np.isfinite(losses).all()) and found.finite
    return {
        "loss": found.loss,
        "accuracy": found.accuracy,
        "finite": finite,
        "diverged": _diverged(program, found, seed, finite),
    }


def _diverged(
    program: TaskProgram, found: Evaluation, seed: Seed, finite: bool
) -> bool:
    assert program.classes is not None
    assert found.accuracy is not None
    labels = program.classes[seed.validation]
    reason = divergence_reason(
        metric="accuracy",
        finite=finite,
        final_loss=found.loss,
        initial_loss=math.nan,  # read for losses only
        final_accuracy=found.accuracy,
        chance=chance_accuracy(labels),
        num_validation=len(labels),
    )
    return reason is not None
