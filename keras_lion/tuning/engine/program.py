"""A task on the device: its examples, its model and the compiled evaluation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.tuning import backend
from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.model_building import decayed_weights, new_model
from keras_lion.tuning.engine.objective import make_objective, mean_over_positions
from keras_lion.tuning.tasks.data import Data, squeezed
from keras_lion.tuning.tasks.task import Task

Tensor = Any

EVALUATION_BATCH = 1000
SEEDS_IN_MEMORY = 64


class TaskProgram:
    """The task's data on the device, its model, and the compiled evaluation.

    Args:
        task: What is trained.
        data: Its examples, as `task.load()` gave them.
        hyperparameters: What the model's shape depends on.
    """

    def __init__(
        self, task: Task, data: Data, hyperparameters: Mapping[str, Any] | None = None
    ) -> None:
        self.task = task
        self.data = data
        self.hyperparameters = dict(hyperparameters or {})
        self.model = self._new_model()
        self.decayed = decayed_weights(task, self.model)
        self.objective = make_objective(task, data, self.model)
        self.pool = _on_device(data.x, data.y)
        self._test: tuple[Tensor, Tensor] | None = None
        self._initial: OrderedDict[int, tuple[list[Tensor], list[Tensor]]] = (
            OrderedDict()
        )
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
        self._evaluate = backend.compile_function(self.evaluation, xla=self.xla)

    @property
    def classes(self) -> np.ndarray | None:
        """The class number of each example of the pool; None where there is none."""
        return squeezed(self.data.y) if self.objective.has_accuracy else None

    def initial_weights(self, model_seed: int) -> tuple[list[Tensor], list[Tensor]]:
        """Trainable and other weights of a model built under this seed."""
        if model_seed in self._initial:
            self._initial.move_to_end(model_seed)
            return self._initial[model_seed]
        keras.utils.set_random_seed(model_seed)
        model = self._new_model()
        weights = (
            [ops.convert_to_tensor(v.numpy()) for v in model.trainable_variables],
            [ops.convert_to_tensor(v.numpy()) for v in model.non_trainable_variables],
        )
        self._initial[model_seed] = weights
        if len(self._initial) > SEEDS_IN_MEMORY:
            self._initial.popitem(last=False)
        return weights

    def _new_model(self) -> Any:
        return new_model(self.task, self.data, self.hyperparameters)

    def loss(
        self, weights: list[Tensor], others: list[Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Mean loss of a training batch, and the updated other weights.

        Penalties of the model's own, weight regularizers for example, are added.
        """
        outputs, others, penalties = self.model.stateless_call(
            weights, others, x, training=True, return_losses=True
        )
        loss = ops.mean(self.objective.example_losses(y, outputs))
        for penalty in penalties:
            loss = loss + penalty
        return loss, others

    def evaluate(
        self, weights: list[Tensor], others: list[Tensor], indices: np.ndarray | None
    ) -> Evaluation:
        """What some examples say of a model.

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
        rows, counts = evaluation_batches(indices)
        found = self._evaluate(
            weights,
            others,
            x,
            y,
            ops.convert_to_tensor(rows),
            ops.convert_to_tensor(counts),
        )
        return self.evaluation_of(ops.convert_to_numpy(found), len(indices))

    def evaluation_of(self, found: np.ndarray, num_examples: int) -> Evaluation:
        """The numbers of one compiled evaluation."""
        loss, accuracy, finite, *metrics = (float(value) for value in found)
        return Evaluation(
            loss / num_examples,
            accuracy / num_examples if self.objective.has_accuracy else None,
            finite == 1,
            dict(zip(self.objective.metrics, metrics, strict=True)),
        )

    def evaluation(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        counts: Tensor,
    ) -> Tensor:
        """What `summed` says of all batches."""

        def add(row: Tensor, sums: tuple[Any, ...]) -> tuple[Any, ...]:
            return self.add_batch(
                sums, weights, others, x, y, indices[row], counts[row]
            )

        # A loop around one batch would only take time to compile.
        sums = (
            add(0, self.no_sums())
            if indices.shape[0] == 1
            else ops.fori_loop(0, indices.shape[0], add, self.no_sums())
        )
        return self.summed(sums, weights)

    def no_sums(self) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
        """What an evaluation adds to: loss, accuracy and the metrics' states."""
        zero = ops.zeros((), "float32")
        metrics = self.objective.metrics.values()
        return zero, zero, [metric.stateless_reset_state() for metric in metrics]

    def add_batch(
        self,
        sums: tuple[Any, ...],
        weights: list[Tensor],
        others: list[Tensor],
        x: Tensor,
        y: Tensor,
        indices: Tensor,
        counts: Tensor,
    ) -> tuple[Any, ...]:
        """The sums with one batch of examples added."""
        loss, accuracy, states = sums
        labels = ops.take(y, indices, axis=0)
        outputs, _ = self.model.stateless_call(
            weights, others, ops.take(x, indices, axis=0), training=False
        )
        losses = self.objective.example_losses(labels, outputs)
        if self.objective.has_accuracy:
            correct = ops.cast(ops.argmax(outputs, axis=-1), labels.dtype) == labels
            shares = mean_over_positions(ops.cast(correct, "float32"))
            accuracy = accuracy + ops.sum(shares * counts)
        states = [
            metric.stateless_update_state(state, labels, outputs, sample_weight=counts)
            for metric, state in zip(
                self.objective.metrics.values(), states, strict=True
            )
        ]
        return loss + ops.sum(losses * counts), accuracy, states

    def summed(self, sums: tuple[Any, ...], weights: list[Tensor]) -> Tensor:
        """Sums of loss and accuracy, 1 if all weights are finite, and the metrics.

        One vector, so that one transfer fetches it.
        """
        loss, accuracy, states = sums
        finite = ops.stack([ops.all(ops.isfinite(weight)) for weight in weights])
        results = [
            metric.stateless_result(state)
            for metric, state in zip(
                self.objective.metrics.values(), states, strict=True
            )
        ]
        values = [loss, accuracy, ops.all(finite), *results]
        return ops.stack([ops.cast(value, "float32") for value in values])


def evaluation_batches(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Examples in batches of one size, and 1 for those that count or 0 for padding."""
    batch = min(EVALUATION_BATCH, len(indices))
    rows = -(-len(indices) // batch)
    padded = np.full(rows * batch, indices[0], dtype=np.int32)
    padded[: len(indices)] = indices
    counts = np.arange(rows * batch) < len(indices)
    return padded.reshape(rows, batch), counts.reshape(rows, batch).astype("float32")


def _on_device(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    y = squeezed(y)
    dtype = "int32" if np.issubdtype(y.dtype, np.integer) else "float32"
    return ops.convert_to_tensor(x), ops.convert_to_tensor(y.astype(dtype))


def _has_convolution(layer: Any) -> bool:
    return "Conv" in type(layer).__name__ or any(
        _has_convolution(inner) for inner in getattr(layer, "layers", ())
    )
