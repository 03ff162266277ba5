"""A task's model as Keras compiles it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.labels import check_labels
from keras_lion.tuning.engine.model_building import decayed_weights, new_model
from keras_lion.tuning.engine.objective import keras_loss
from keras_lion.tuning.tasks.data import Data, squeezed
from keras_lion.tuning.tasks.structure import rows
from keras_lion.tuning.tasks.task import Task

ACCURACIES = ("accuracy", "acc")
# Methods by which a model says itself how it is trained and judged.
OWN_WAYS = ("train_step", "test_step", "compute_loss", "compute_metrics")


class CompiledModel:
    """A task's model with the loss and the metrics that `fit` uses.

    Loss, metrics, weights of examples and classes, masks, penalties, dtype policies and
    the model's own `train_step`, `compute_loss` or `test_step` are Keras's affair.

    Args:
        task: What is trained.
        data: Its examples.
        hyperparameters: What the model's shape depends on.

    Attributes:
        model: The compiled model.
        decayed: Which of its trainable weights weight decay acts on.
        loss: What is minimized; None if the model says it itself.
        outputs: Of two examples; None where only the model's own step knows.
        first_batch: What Keras reports of the first examples of the pool.

    Raises:
        ValueError: If Keras cannot evaluate the model on the task's examples, or gives
            no number by which the task could be scored.
    """

    def __init__(
        self, task: Task, data: Data, hyperparameters: Mapping[str, Any] | None = None
    ) -> None:
        self.task, self.data = task, data
        self.hyperparameters = dict(hyperparameters or {})
        keras_loss(task.loss)  # before what depends on it: a typo is named
        _refuse_own_fit(task)
        self.model = self._new_model()
        self.decayed = decayed_weights(task, self.model)
        self.own_ways = [
            name
            for name in OWN_WAYS
            if getattr(type(self.model), name) is not getattr(keras.Model, name)
        ]
        self.was_compiled = bool(getattr(self.model, "compiled", False))
        self.loss = self._compile()
        self.outputs = self._outputs()
        if self.loss is not None and self.outputs is not None:
            check_labels(task.name, data, self.loss, self.outputs.shape[-1])
        self.first_batch_size = min(task.batch_size, data.pool)
        self.first_batch = self._first_batch()

    def _new_model(self) -> Any:
        return new_model(self.task, self.data, self.hyperparameters)

    @property
    def has_scaled_loss(self) -> bool:
        """True if Keras scales the loss, as under the policy `mixed_float16`."""
        return isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)

    @property
    def classes(self) -> np.ndarray | None:
        """The class number of each example of the pool; None where there is none."""
        labels, outputs = squeezed(self.data.y), self.outputs
        if outputs is None:
            return labels if self.data.has_classes else None
        if outputs.shape[-1] > 1 and labels.ndim == len(outputs.shape):
            return np.asarray(labels.argmax(axis=-1))  # one-hot
        whole = np.asarray(labels, dtype="int64")
        return whole if np.array_equal(whole, labels) else None

    def initial_weights(self, model_seed: int) -> list[np.ndarray]:
        """All weights of a model that is built under this seed."""
        keras.utils.set_random_seed(model_seed)
        return [variable.numpy() for variable in _state(self._new_model())]

    def set_weights(self, values: list[np.ndarray]) -> None:
        """Put weights into the model."""
        for variable, value in zip(_state(self.model), values, strict=True):
            variable.assign(value)

    def evaluate(self, indices: np.ndarray | None) -> Evaluation:
        """What some examples show of the model as it is.

        Args:
            indices: Which examples of the pool; None: the test set.
        """
        data = self.data
        if indices is None:
            logs = self._logs(data.x_test, data.y_test, data.sample_weight_test)
        else:
            logs = self._logs(*self._rows(indices))
        return self.evaluation_of(logs)

    def _rows(self, indices: np.ndarray | slice) -> list[Any]:
        """Inputs, labels and sample weights of some examples of the pool."""
        arrays = (self.data.x, self.data.y, self.data.sample_weight)
        return [None if array is None else rows(array, indices) for array in arrays]

    def evaluation_of(self, logs: Mapping[str, Any]) -> Evaluation:
        """What Keras's logs of an evaluation show, and whether weights are finite."""
        accuracy = [float(logs[name]) for name in ACCURACIES if name in logs]
        weights = [v.numpy() for v in self.model.trainable_variables]
        return Evaluation(
            float(logs["loss"]),
            accuracy[0] if accuracy else None,
            all(np.isfinite(weight.astype("float32")).all() for weight in weights),
            {
                name: float(value)
                for name, value in logs.items()
                if name not in ("loss", "accuracy")
            },
        )

    def _compile(self) -> Any:
        """Compile the model, unless its function did; return the loss."""
        task, model = self.task, self.model
        wanted = list(task.metrics)
        if task.metric in ("accuracy", "steps_to_target") and not (
            {_name(metric) for metric in wanted} & set(ACCURACIES)
        ):
            _refuse_accuracy_of_numbers(task, self.data)
            wanted.append("accuracy")
        _refuse_equal_names(task, wanted)
        if not self.was_compiled:
            loss = task.loss
            if loss is None and not {"train_step", "compute_loss"} & set(self.own_ways):
                loss = self._default_loss()
            model.compile(optimizer="sgd", loss=loss, metrics=wanted)
            return loss
        given = model.get_compile_config() or {}
        has_metrics = given.get("metrics") or given.get("weighted_metrics")
        if has_metrics and task.metrics:
            raise ValueError(
                f"Task '{task.name}' has `metrics`, and its model was compiled with "
                "metrics too: give them in one place."
            )
        loss = getattr(model, "loss", None) if task.loss is None else task.loss
        if not has_metrics or task.loss is not None:
            if has_metrics:
                raise ValueError(
                    f"Task '{task.name}' has a `loss`, and its model was compiled with "
                    "a loss and metrics: give them in one place."
                )
            model.compile(
                optimizer=model.optimizer,
                loss=loss,
                loss_weights=given.get("loss_weights"),
                metrics=wanted,
                run_eagerly=bool(model.run_eagerly),
            )
        return loss

    def _default_loss(self) -> Any:
        if not self.data.has_classes:
            raise ValueError(
                f"The labels of task '{self.task.name}' are not class numbers (dtype "
                f"{self.data.y.dtype}): give the task a loss, for example loss='mse'."
            )
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def _outputs(self) -> Any:
        if {"test_step", "train_step"} & set(self.own_ways):
            return None
        two = rows(self.data.x, slice(0, 2))
        outputs = self.tried(lambda: self.model(two, training=False))
        if isinstance(outputs, Mapping | tuple | list):
            raise ValueError(
                f"The model of task '{self.task.name}' must have one output. Received "
                f"{len(outputs)}: join them, or train by the one that is scored."
            )
        return outputs

    def _first_batch(self) -> Evaluation:
        """Refuse what Keras cannot evaluate, before any run."""
        first = self._rows(slice(0, self.first_batch_size))
        logs = self.tried(lambda: self._logs(*first))
        for name, value in logs.items():
            if np.ndim(value):
                raise ValueError(
                    f"The metric '{name}' of task '{self.task.name}' gives "
                    f"{np.size(value)} values. A run records one number per metric: "
                    "choose an average, for example keras.metrics.F1Score("
                    "average='macro')."
                )
        if "loss" not in logs:
            raise ValueError(
                f"`test_step` of the model of task '{self.task.name}' must return a "
                f"'loss'. It returned: {', '.join(logs) or 'nothing'}."
            )
        known = list(logs)
        if set(ACCURACIES) & set(logs):
            known += ["accuracy", "steps_to_target"]
        if self.task.metric not in known:
            raise ValueError(
                f"Task '{self.task.name}' is scored by '{self.task.metric}', which its "
                "labels and outputs do not give. Choose one of "
                f"{', '.join(dict.fromkeys(known))}, or name another Keras metric in "
                "`metrics`."
            )
        return self.evaluation_of(logs)

    def _logs(self, x: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
        # The task's batch size, whatever that of the run: one measure for all runs.
        found: dict[str, Any] = self.model.evaluate(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=self.task.batch_size,
            verbose=0,
            return_dict=True,
        )
        return found

    def tried(self, call: Any) -> Any:
        """What `call` returns; an error of Keras becomes one line about the task."""
        try:
            return call()
        except Exception as error:
            text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # colors of a terminal
            lines = [line for line in text.splitlines() if line.strip()]
            raise ValueError(
                f"The model of task '{self.task.name}' cannot be trained by Keras on "
                f"the task's examples ({type(error).__name__}): "
                f"{' '.join(lines[:3])[:400]}"
            ) from error


def _state(model: Any) -> list[Any]:
    """All variables of a model but those of its metrics and optimizer."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", ""))


def _refuse_accuracy_of_numbers(task: Task, data: Data) -> None:
    labels = data.y
    if labels.dtype.kind == "f" and not np.isin(labels, (0, 1)).all():
        known = [*filter(None, map(_name, task.metrics)), "loss"]
        shown = (
            f"one of {', '.join(known)} as `metric`" if known[1:] else "metric='loss'"
        )
        if task.loss is None:
            shown += " with the task's `loss`, such as loss='mse'"
        raise ValueError(
            f"Task '{task.name}' is scored by '{task.metric}', which its labels and "
            f"outputs do not give: the labels are not class numbers (dtype "
            f"{labels.dtype}). Choose {shown}, or name 'accuracy' in `metrics` if it "
            "is meant."
        )


def _refuse_equal_names(task: Task, metrics: list[Any]) -> None:
    names = ["loss", *map(_name, metrics)]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(
            f"The loss and the metrics of task '{task.name}' must have different "
            f"names. Received '{twice[0]}' twice: give a metric another `name`."
        )


def _refuse_own_fit(task: Task) -> None:
    own = getattr(type(task.model), "fit", None)
    if own is not None and not own.__module__.startswith("keras_tuner"):
        raise ValueError(
            f"The model of task '{task.name}' has a `fit` of its own, which a study "
            "does not call: learning rate, data order and epochs are the study's. Put "
            "what it does into the task, or into the model's `train_step`."
        )
