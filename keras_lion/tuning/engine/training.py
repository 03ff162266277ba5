"""One compiled training program for all runs that share shapes.

Learning rates, weight decay, betas, initial weights and the order of the data are
inputs of the program, never constants of it: nothing is traced or compiled twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_lion.tuning import backend
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import UpdateRule

Tensor = Any
Pool = tuple[Tensor, Tensor]  # all examples


class Values(NamedTuple):
    """The tensors that a step reads and replaces."""

    weights: list[Tensor]
    others: list[Tensor]
    slots: list[list[Tensor]]


class Steps(NamedTuple):
    """What one step is given, or, with one axis more, what each of several is."""

    indices: Tensor  # examples of the batch
    learning_rate: Tensor
    number: Tensor  # counted from 1
    hyperparameters: Tensor  # of the run, without that axis

    @classmethod
    def on_device(cls, *inputs: Any) -> Steps:
        """The inputs as tensors."""
        return cls(*map(ops.convert_to_tensor, inputs))

    def at(self, k: Tensor) -> Steps:
        """What step k of several is given."""
        return self._replace(
            indices=self.indices[k],
            learning_rate=self.learning_rate[k],
            number=self.number[k],
        )


@dataclass
class TrainingState:
    """Where training stands."""

    values: Values
    steps: int = 0

    @property
    def weights(self) -> list[Tensor]:
        """Trainable weights."""
        return self.values.weights

    @property
    def others(self) -> list[Tensor]:
        """The model's other weights."""
        return self.values.others


class TrainingProgram:
    """The compiled training of one task with one optimizer.

    Args:
        program: The task's data, model and loss.
        rule: The optimizer's update rule.
    """

    def __init__(self, program: TaskProgram, rule: UpdateRule) -> None:
        self.program = program
        self.rule = rule
        body: Callable[..., Any] = (
            self.one_step if program.unit == "step" else self.many_steps
        )
        self._compiled = backend.compile_function(body, xla=program.xla)

    def start(self, model_seed: int) -> TrainingState:
        """The state before the first step."""
        weights, others = self.program.initial_weights(model_seed)
        return TrainingState(Values(weights, others, self.rule.initial_slots(weights)))

    def train(
        self,
        state: TrainingState,
        indices: np.ndarray,
        learning_rates: np.ndarray,
        hyperparameters: np.ndarray,
    ) -> tuple[TrainingState, float]:
        """Train for some steps.

        Args:
            state: Where training stands.
            indices: Examples of each step, shape `(steps, batch_size)`, int32.
            learning_rates: η of each step, shape `(steps,)`, float32.
            hyperparameters: As `hyperparameter_vector` gives them.

        Returns:
            The new state, and the mean training loss of the steps.
        """
        pool, values = self.program.pool, state.values
        vector = ops.convert_to_tensor(hyperparameters)
        numbers = step_numbers(state.steps, len(indices))
        if self.program.unit == "step":
            losses = []
            for inputs in zip(indices, learning_rates, numbers, strict=True):
                step = Steps.on_device(*inputs, vector)
                values, loss = self._compiled(values, pool, step)
                losses.append(loss)
            mean_loss = float(np.mean([float(loss) for loss in losses]))
        else:
            steps = Steps.on_device(indices, learning_rates, numbers, vector)
            values, total = self._compiled(values, pool, steps)
            mean_loss = float(total) / len(indices)
        return TrainingState(values, state.steps + len(indices)), mean_loss

    def one_step(
        self, values: Values, pool: Pool, step: Steps
    ) -> tuple[Values, Tensor]:
        """One step of one run: the new values, and the loss before it."""
        x, y = pool
        loss, others, gradients = backend.value_and_gradients(
            self.program.loss,
            values.weights,
            values.others,
            ops.take(x, step.indices, axis=0),
            ops.take(y, step.indices, axis=0),
        )
        weights, slots = self.rule.apply(
            values.weights,
            values.slots,
            gradients,
            step=step.number,
            learning_rate=step.learning_rate,
            hyperparameters=step.hyperparameters,
        )
        return Values(weights, others, slots), loss

    def many_steps(
        self, values: Values, pool: Pool, steps: Steps
    ) -> tuple[Values, Tensor]:
        """All steps of one run in a loop: the new values, and the sum of losses."""

        def step(k: Tensor, carry: tuple[Values, Tensor]) -> tuple[Values, Tensor]:
            values, total = carry
            values, loss = self.one_step(values, pool, steps.at(k))
            return values, total + loss

        start = (values, ops.zeros((), "float32"))
        return ops.fori_loop(0, steps.indices.shape[0], step, start)  # type: ignore[no-any-return]


def step_numbers(done: int, steps: int) -> np.ndarray:
    """Numbers of the next steps, counted from 1, shape `(steps,)`, float32."""
    return np.arange(done + 1, done + 1 + steps).astype("float32")
