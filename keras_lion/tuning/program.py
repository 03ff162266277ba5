"""One compiled training program for all runs that share shapes.

Learning rates, weight decay, betas, initial weights and the order of the data are
inputs of the program, never constants of it: nothing is traced or compiled twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.tuning import backend
from keras_lion.tuning.rules import apply_rule, get_rule, initial_slots
from keras_lion.tuning.task import Data, Task

Tensor = Any

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Evaluation:
    """What the held-out examples say of some weights."""

    loss: float  # mean cross-entropy, nats
    accuracy: float
    finite: bool  # every weight is


class TaskProgram:
    """The task's data on the device, its model, and the compiled evaluation.

    Args:
        task: What is trained.
        data: Its examples, as `task.load()` gave them.
    """

    def __init__(self, task: Task, data: Data) -> None:
        self.task = task
        self.data = data
        self.model = self._new_model()
        self.pool = _on_device(data.x, data.y)
        self._test: tuple[Tensor, Tensor] | None = None
        self._initial: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        # XLA on CPU is several times slower at convolutions than TensorFlow's own
        # kernels, and slower still inside a loop.
        self._convolutions_on_cpu = backend.runs_on_cpu() and _has_convolution(
            self.model
        )
        self.xla = not self._convolutions_on_cpu
        self.unit = (
            "step"
            if self._convolutions_on_cpu and backend.check_backend() == "jax"
            else "epoch"
        )
        self._evaluate = backend.compile_function(self._evaluation, xla=self.xla)

    def initial_weights(
        self, model_seed: int
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Trainable and other weights of a model built under this seed."""
        if model_seed not in self._initial:
            keras.utils.set_random_seed(model_seed)
            model = self._new_model()
            self._initial[model_seed] = (
                [np.asarray(v.numpy()) for v in model.trainable_variables],
                [np.asarray(v.numpy()) for v in model.non_trainable_variables],
            )
        return self._initial[model_seed]

    def _new_model(self) -> Any:
        model = self.task.model()
        if not model.built:  # a Sequential without an Input
            model.build((None, *self.data.x.shape[1:]))
        return model

    def loss(
        self, weights: list[Tensor], others: list[Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Mean cross-entropy of a training batch, and the updated other weights."""
        logits, others = self.model.stateless_call(weights, others, x, training=True)
        return ops.mean(_cross_entropy(y, logits)), others

    def evaluate(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        indices: np.ndarray | None,
    ) -> Evaluation:
        """Loss and accuracy on examples of the pool, or on the test set.

        Args:
            weights: Trainable weights.
            others: The model's other weights.
            indices: Which examples of the pool; None: the test set.
        """
        x, y = self.pool
        if indices is None:
            if self._test is None:
                self._test = _on_device(self.data.x_test, self.data.y_test)
            x, y = self._test
            indices = np.arange(len(self.data.x_test), dtype=np.int32)
        batch = min(EVALUATION_BATCH, len(indices))
        rows = -(-len(indices) // batch)
        padded = np.full(rows * batch, indices[0], dtype=np.int32)
        padded[: len(indices)] = indices
        counts = np.arange(rows * batch) < len(indices)
        loss, accuracy, finite = self._evaluate(
            weights,
            others,
            x,
            y,
            ops.convert_to_tensor(padded.reshape(rows, batch)),
            ops.convert_to_tensor(counts.reshape(rows, batch).astype("float32")),
        )
        return Evaluation(
            float(loss) / len(indices), float(accuracy) / len(indices), bool(finite)
        )

    def _evaluation(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        counts: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        def add_batch(
            row: Tensor, sums: tuple[Tensor, Tensor]
        ) -> tuple[Tensor, Tensor]:
            labels = ops.take(y, indices[row], axis=0)
            logits, _ = self.model.stateless_call(
                weights, others, ops.take(x, indices[row], axis=0), training=False
            )
            correct = ops.cast(ops.argmax(logits, axis=-1), labels.dtype) == labels
            loss = _mean_over_positions(_cross_entropy(labels, logits))
            accuracy = _mean_over_positions(ops.cast(correct, "float32"))
            return (
                sums[0] + ops.sum(loss * counts[row]),
                sums[1] + ops.sum(accuracy * counts[row]),
            )

        zero = ops.zeros((), "float32")
        loss, accuracy = ops.fori_loop(0, indices.shape[0], add_batch, (zero, zero))
        finite = ops.stack([ops.all(ops.isfinite(weight)) for weight in weights])
        return loss, accuracy, ops.all(finite)


@dataclass
class TrainingState:
    """Everything that a step reads and writes."""

    weights: list[Tensor]
    others: list[Tensor]
    slots: list[list[Tensor]]
    steps: int = 0


class TrainingProgram:
    """The compiled training of one task with one optimizer.

    Args:
        program: The task's data, model and loss.
        optimizer: Name of an update rule.
    """

    def __init__(self, program: TaskProgram, optimizer: str) -> None:
        self.program = program
        self.rule = get_rule(optimizer)
        body: Callable[..., Any] = (
            self._one_step if program.unit == "step" else self._many_steps
        )
        self._compiled = backend.compile_function(body, xla=program.xla)

    def start(self, model_seed: int) -> TrainingState:
        """The state before the first step."""
        weights, others = self.program.initial_weights(model_seed)
        tensors = [ops.convert_to_tensor(w) for w in weights]
        return TrainingState(
            weights=tensors,
            others=[ops.convert_to_tensor(w) for w in others],
            slots=initial_slots(self.rule, tensors),
        )

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
        numbers = np.arange(state.steps + 1, state.steps + 1 + len(indices))
        values = (state.weights, state.others, state.slots)
        if self.program.unit == "step":
            losses = []
            for row, rate, number in zip(indices, learning_rates, numbers, strict=True):
                *values, loss = self._compiled(
                    *values,
                    x,
                    y,
                    ops.convert_to_tensor(row),
                    ops.convert_to_tensor(rate),
                    ops.convert_to_tensor(np.float32(number)),
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
                ops.convert_to_tensor(numbers.astype("float32")),
                vector,
            )
            mean_loss = float(total) / len(indices)
        weights, others, slots = values
        return (
            TrainingState(weights, others, slots, state.steps + len(indices)),
            mean_loss,
        )

    def _one_step(
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
        loss, others, gradients = backend.value_and_gradients(
            self.program.loss,
            weights,
            others,
            ops.take(x, indices, axis=0),
            ops.take(y, indices, axis=0),
        )
        weights, slots = apply_rule(
            self.rule,
            weights,
            slots,
            gradients,
            step=number,
            learning_rate=learning_rate,
            hyperparameters=hyperparameters,
        )
        return weights, others, slots, loss

    def _many_steps(
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
        def step(k: Tensor, carry: tuple[Any, ...]) -> tuple[Any, ...]:
            weights, others, slots, total = carry
            weights, others, slots, loss = self._one_step(
                weights,
                others,
                slots,
                x,
                y,
                indices[k],
                learning_rates[k],
                numbers[k],
                hyperparameters,
            )
            return weights, others, slots, total + loss

        start = (weights, others, slots, ops.zeros((), "float32"))
        return ops.fori_loop(0, indices.shape[0], step, start)  # type: ignore[no-any-return]


def _on_device(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    return ops.convert_to_tensor(x), ops.convert_to_tensor(y.astype("int32"))


def _cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


def _mean_over_positions(values: Tensor) -> Tensor:
    """Mean over all but the first dimension: one value an example."""
    return ops.mean(ops.reshape(values, (values.shape[0], -1)), axis=-1)


def _has_convolution(layer: Any) -> bool:
    return "Conv" in type(layer).__name__ or any(
        _has_convolution(inner) for inner in getattr(layer, "layers", ())
    )
