"""Runs of one shape that train together in one compiled program.

`map` trains one run after the other in one call. `vmap` trains all at once, step by
step, with every tensor one dimension larger. Members share the program, the data on the
device and nothing else. With several devices the members of `vmap` are spread over
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops, tree

from keras_lion.tuning import backend
from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.program import TaskProgram, evaluation_batches
from keras_lion.tuning.engine.rules import UpdateRule
from keras_lion.tuning.engine.training import (
    Pool,
    Steps,
    TrainingProgram,
    TrainingState,
    Values,
    step_numbers,
)

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
        self._pools: dict[int, Pool] = {}
        train = {
            ("map", "epoch"): self._mapped_steps,
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
        members = [self.single.start(seed).values for seed in model_seeds]
        stacked = tree.map_structure(lambda *values: ops.stack(values), *members)
        return TrainingState(self._spread(stacked, len(members)))

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
        members, count = indices.shape[:2]
        pool, values = self._pool(members), state.values
        vectors = self._spread(ops.convert_to_tensor(hyperparameters), members)
        numbers = step_numbers(state.steps, count)
        if self.unit == "step":
            total = np.zeros(len(indices))
            for k in range(count):
                step = Steps(
                    self._spread(ops.convert_to_tensor(indices[:, k]), members),
                    self._spread(ops.convert_to_tensor(learning_rates[:, k]), members),
                    ops.convert_to_tensor(numbers[k]),
                    vectors,
                )
                values, losses = self._train(values, pool, step)
                total += ops.convert_to_numpy(losses)
        else:
            steps = Steps(
                self._spread(ops.convert_to_tensor(indices), members),
                self._spread(ops.convert_to_tensor(learning_rates), members),
                ops.convert_to_tensor(numbers),
                vectors,
            )
            values, losses = self._train(values, pool, steps)
            total = ops.convert_to_numpy(losses)
        return TrainingState(values, state.steps + count), total / count

    def evaluate(
        self, state: TrainingState, validation: Sequence[np.ndarray]
    ) -> list[Evaluation]:
        """Each member on its own examples of the pool, as many for all."""
        batches = [evaluation_batches(indices) for indices in validation]
        rows = np.stack([rows for rows, _ in batches])
        counts = np.stack([counts for _, counts in batches])
        members = len(rows)
        found = self._evaluate(
            state.weights,
            state.others,
            *self._pool(members),
            self._spread(ops.convert_to_tensor(rows), members),
            self._spread(ops.convert_to_tensor(counts), members),
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

    def _spread(self, tensors: Any, members: int) -> Any:
        """The members of `vmap` over all devices; `map` trains one after the other."""
        if self.executor == "map":
            return tensors
        return backend.spread_over_devices(tensors, members)

    def _pool(self, members: int) -> Any:
        """All examples, on every device on which a member is."""
        if self.executor == "map":
            return self.program.pool
        if members not in self._pools:
            self._pools[members] = backend.copy_to_devices(self.program.pool, members)
        return self._pools[members]

    def _mapped_steps(self, *arguments: Any) -> Any:
        return _each(ops.map, self.single.many_steps, *arguments)

    def _mapped_step(self, *arguments: Any) -> Any:
        return _each(ops.map, self.single.one_step, *arguments)

    def _vectorized_step(self, *arguments: Any) -> Any:
        return _each(ops.vectorized_map, self.single.one_step, *arguments)

    def _vectorized_steps(self, values: Values, pool: Pool, steps: Steps) -> Any:
        steps = steps._replace(
            indices=ops.moveaxis(steps.indices, 1, 0),
            learning_rate=ops.moveaxis(steps.learning_rate, 1, 0),
        )
        count, members = steps.indices.shape[:2]

        def step(k: Tensor, carry: tuple[Values, Tensor]) -> tuple[Values, Tensor]:
            values, total = carry
            values, losses = self._vectorized_step(values, pool, steps.at(k))
            return values, total + losses

        start = (values, ops.zeros((members,), "float32"))
        return ops.fori_loop(0, count, step, start)

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


def _each(
    over_members: Callable[..., Any],
    train: Callable[..., Any],
    values: Values,
    pool: Pool,
    steps: Steps,
) -> Any:
    """Train every member; the steps have the same numbers for all."""

    def member(parts: tuple[Any, ...]) -> Any:
        values, indices, rate, hyperparameters = parts
        return train(values, pool, Steps(indices, rate, steps.number, hyperparameters))

    return over_members(
        member, (values, steps.indices, steps.learning_rate, steps.hyperparameters)
    )
