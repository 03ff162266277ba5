"""Runs of one shape that train together in one compiled program.

`map` trains one run after the other in one call. `vmap` trains all at once, step by
step, with every tensor one dimension larger. Members share the program, the data on the
device and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops, tree

from keras_lion.tuning import backend
from keras_lion.tuning.program import Evaluation, TaskProgram, evaluation_batches
from keras_lion.tuning.rules import UpdateRule
from keras_lion.tuning.training import TrainingProgram, TrainingState, step_numbers

Tensor = Any


class PopulationProgram:
    """The compiled training of several runs of one task with one optimizer.

    Args:
        program: The task's data, model and loss.
        rule: The optimizer's update rule.
        executor: `"map"` or `"vmap"`.
    """

    def __init__(self, program: TaskProgram, rule: UpdateRule, executor: str) -> None:
        self.program = program
        self.single = TrainingProgram(program, rule)
        self.executor = executor
        self.unit = program.unit
        train = {
            ("map", "epoch"): self._mapped_epochs,
            ("map", "step"): self._mapped_step,
            ("vmap", "epoch"): self._vectorized_steps,
            ("vmap", "step"): self._vectorized_step,
        }[executor, self.unit]
        self._train = backend.compile_function(train, xla=program.xla)
        evaluate = {
            "map": self._mapped_evaluation,
            "vmap": self._vectorized_evaluation,
        }[executor]
        self._evaluate = backend.compile_function(evaluate, xla=program.xla)

    def start(self, model_seeds: Sequence[int]) -> TrainingState:
        """The state of all members before the first step, stacked."""
        members = [self.single.start(seed).tensors for seed in model_seeds]
        return TrainingState(
            *tree.map_structure(lambda *values: ops.stack(values), *members)
        )

    def train(
        self,
        state: TrainingState,
        indices: np.ndarray,
        learning_rates: np.ndarray,
        hyperparameters: np.ndarray,
    ) -> tuple[TrainingState, np.ndarray]:
        """Train all members for some steps.

        Args:
            state: Where training stands.
            indices: Examples of each step, shape `(members, steps, batch_size)`.
            learning_rates: η of each step, shape `(members, steps)`, float32.
            hyperparameters: `hyperparameter_vector` of each member, shape
                `(members, 5)`.

        Returns:
            The new state, and each member's mean training loss, shape `(members,)`.
        """
        x, y = self.program.pool
        vectors = ops.convert_to_tensor(hyperparameters)
        steps = indices.shape[1]
        numbers = step_numbers(state.steps, steps)
        values = state.tensors
        if self.unit == "step":
            total = np.zeros(len(indices))
            for k in range(steps):
                *values, losses = self._train(
                    *values,
                    x,
                    y,
                    ops.convert_to_tensor(indices[:, k]),
                    ops.convert_to_tensor(learning_rates[:, k]),
                    ops.convert_to_tensor(numbers[k]),
                    vectors,
                )
                total += ops.convert_to_numpy(losses)
        else:
            *values, losses = self._train(
                *values,
                x,
                y,
                ops.convert_to_tensor(indices),
                ops.convert_to_tensor(learning_rates),
                ops.convert_to_tensor(numbers),
                vectors,
            )
            total = ops.convert_to_numpy(losses)
        return TrainingState(*values, steps=state.steps + steps), total / steps

    def evaluate(
        self, state: TrainingState, validation: Sequence[np.ndarray]
    ) -> list[Evaluation]:
        """Each member on its own examples of the pool, as many for all."""
        batches = [evaluation_batches(indices) for indices in validation]
        rows = np.stack([rows for rows, _ in batches])
        counts = np.stack([counts for _, counts in batches])
        found = self._evaluate(
            state.weights,
            state.others,
            *self.program.pool,
            ops.convert_to_tensor(rows),
            ops.convert_to_tensor(counts),
        )
        return [
            self.program.evaluation_of(values, len(indices))
            for values, indices in zip(
                ops.convert_to_numpy(found), validation, strict=True
            )
        ]

    def evaluate_test(self, state: TrainingState, member: int) -> Evaluation:
        """One member on the test set."""
        weights, others = tree.map_structure(
            lambda values: values[member], (state.weights, state.others)
        )
        return self.program.evaluate(weights, others, None)

    def _mapped_epochs(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        slots: list[list[Tensor]],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        learning_rates: Tensor,
        numbers: Tensor,
        vectors: Tensor,
    ) -> Any:
        def member(values: tuple[Any, ...]) -> Any:
            w, o, s, rows, rates, vector = values
            return self.single.many_steps(w, o, s, x, y, rows, rates, numbers, vector)

        return ops.map(
            member, (weights, others, slots, indices, learning_rates, vectors)
        )

    def _mapped_step(self, *arguments: Any) -> Any:
        return self._each(ops.map, *arguments)

    def _vectorized_step(self, *arguments: Any) -> Any:
        return self._each(ops.vectorized_map, *arguments)

    def _each(
        self,
        over_members: Any,
        weights: list[Tensor],
        others: list[Tensor],
        slots: list[list[Tensor]],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        learning_rates: Tensor,
        number: Tensor,
        vectors: Tensor,
    ) -> Any:
        """One step of every member."""

        def member(values: tuple[Any, ...]) -> Any:
            w, o, s, row, rate, vector = values
            return self.single.one_step(w, o, s, x, y, row, rate, number, vector)

        return over_members(
            member, (weights, others, slots, indices, learning_rates, vectors)
        )

    def _vectorized_steps(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        slots: list[list[Tensor]],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        learning_rates: Tensor,
        numbers: Tensor,
        vectors: Tensor,
    ) -> Any:
        rows = ops.moveaxis(indices, 1, 0)
        rates = ops.moveaxis(learning_rates, 1, 0)

        def step(k: Tensor, carry: tuple[Any, ...]) -> tuple[Any, ...]:
            *state, total = carry
            *state, losses = self._vectorized_step(
                *state, x, y, rows[k], rates[k], numbers[k], vectors
            )
            return *state, total + losses

        start = (weights, others, slots, ops.zeros((indices.shape[0],), "float32"))
        return ops.fori_loop(0, indices.shape[1], step, start)

    def _mapped_evaluation(self, *arguments: Any) -> Any:
        weights, others, x, y, rows, counts = arguments

        def member(values: tuple[Any, ...]) -> Any:
            w, o, indices, count = values
            return self.program.evaluation(w, o, x, y, indices, count)

        return ops.map(member, (weights, others, rows, counts))

    def _vectorized_evaluation(self, *arguments: Any) -> Any:
        weights, others, x, y, rows, counts = arguments
        members = rows.shape[0]
        rows, counts = ops.moveaxis(rows, 1, 0), ops.moveaxis(counts, 1, 0)

        def member(values: tuple[Any, ...]) -> Any:
            sums, member_weights, member_others, indices, count = values
            return self.program.add_batch(
                sums, member_weights, member_others, x, y, indices, count
            )

        def add(row: Tensor, sums: tuple[Any, ...]) -> Any:
            values = (sums, weights, others, rows[row], counts[row])
            return ops.vectorized_map(member, values)

        start = tree.map_structure(
            lambda value: ops.stack([value] * members), self.program.no_sums()
        )
        sums = (
            add(0, start)
            if rows.shape[0] == 1
            else ops.fori_loop(0, rows.shape[0], add, start)
        )
        return ops.vectorized_map(
            lambda values: self.program.summed(*values), (sums, weights)
        )
