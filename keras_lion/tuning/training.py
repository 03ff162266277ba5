"""One compiled training program for all runs that share shapes.

Learning rates, weight decay, betas, initial weights and the order of the data are
inputs of the program, never constants of it: nothing is traced or compiled twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_lion.tuning import backend
from keras_lion.tuning.program import TaskProgram
from keras_lion.tuning.rules import UpdateRule

Tensor = Any


@dataclass
class TrainingState:
    """Everything that a step reads and writes."""

    weights: list[Tensor]
    others: list[Tensor]
    slots: list[list[Tensor]]
    steps: int = 0

    @property
    def tensors(self) -> tuple[list[Tensor], list[Tensor], list[list[Tensor]]]:
        """Without the count of steps."""
        return self.weights, self.others, self.slots


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
        return TrainingState(weights, others, self.rule.initial_slots(weights))

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
        x, y = self.program.pool
        vector = ops.convert_to_tensor(hyperparameters)
        numbers = step_numbers(state.steps, len(indices))
        values = state.tensors
        if self.program.unit == "step":
            losses = []
            for row, rate, number in zip(indices, learning_rates, numbers, strict=True):
                *values, loss = self._compiled(
                    *values,
                    x,
                    y,
                    ops.convert_to_tensor(row),
                    ops.convert_to_tensor(rate),
                    ops.convert_to_tensor(number),
                    vector,
                )
                losses.append(loss)
            mean_loss = float(np.mean([float(loss) for loss in losses]))
        else:
            *values, total = self._compiled(
                *values,
                x,
                y,
                ops.convert_to_tensor(indices),
                ops.convert_to_tensor(learning_rates),
                ops.convert_to_tensor(numbers),
                vector,
            )
            mean_loss = float(total) / len(indices)
        return TrainingState(*values, steps=state.steps + len(indices)), mean_loss

    def one_step(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        slots: list[list[Tensor]],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        learning_rate: Tensor,
        number: Tensor,
        hyperparameters: Tensor,
    ) -> tuple[list[Tensor], list[Tensor], list[list[Tensor]], Tensor]:
        """One step of one run: the new state, and the loss before it."""
        loss, others, gradients = backend.value_and_gradients(
            self.program.loss,
            weights,
            others,
            ops.take(x, indices, axis=0),
            ops.take(y, indices, axis=0),
        )
        weights, slots = self.rule.apply(
            weights,
            slots,
            gradients,
            step=number,
            learning_rate=learning_rate,
            hyperparameters=hyperparameters,
        )
        return weights, others, slots, loss

    def many_steps(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        slots: list[list[Tensor]],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        learning_rates: Tensor,
        numbers: Tensor,
        hyperparameters: Tensor,
    ) -> tuple[list[Tensor], list[Tensor], list[list[Tensor]], Tensor]:
        """All steps of one run in a loop: the new state, and the sum of losses."""

        def step(k: Tensor, carry: tuple[Any, ...]) -> tuple[Any, ...]:
            weights, others, slots, total = carry
            inputs = indices[k], learning_rates[k], numbers[k], hyperparameters
            *state, loss = self.one_step(weights, others, slots, x, y, *inputs)
            return *state, total + loss

        start = (weights, others, slots, ops.zeros((), "float32"))
        return ops.fori_loop(0, indices.shape[0], step, start)  # type: ignore[no-any-return]


def step_numbers(done: int, steps: int) -> np.ndarray:
    """Numbers of the next steps, counted from 1, shape `(steps,)`, float32."""
    return np.arange(done + 1, done + 1 + steps).astype("float32")
