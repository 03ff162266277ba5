"""What a task minimizes and measures, made from what its user wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_lion.tuning.tasks.data import Data, squeezed
from keras_lion.tuning.tasks.task import Task

Tensor = Any


@dataclass(frozen=True)
class Objective:
    """The loss and the metrics of a task, as functions of tensors.

    Attributes:
        example_losses: `(labels, outputs)` to one loss an example, shape `(batch,)`.
        has_accuracy: True if outputs are scores of classes that labels number.
        metrics: The task's Keras metrics, by name.
    """

    example_losses: Callable[[Tensor, Tensor], Tensor]
    has_accuracy: bool
    metrics: dict[str, keras.metrics.Metric]


def make_objective(task: Task, data: Data, model: Any) -> Objective:
    """The objective of a task.

    Args:
        task: Whose loss and metrics to use. Without a loss: that of a compiled model,
            else the cross-entropy of integer labels under logits.
        data: Its examples.
        model: Its model.

    Raises:
        ValueError: If the loss cannot be had, or the metric does not fit the labels.
    """
    identifier = task.loss if task.loss is not None else getattr(model, "loss", None)
    if isinstance(identifier, dict | list | tuple):
        raise ValueError(
            f"Task '{task.name}' needs one loss for one output. Received: "
            f"{identifier!r}."
        )
    if identifier is None and not data.has_classes:
        raise ValueError(
            f"The labels of task '{task.name}' are not class numbers (dtype "
            f"{data.y.dtype}): give the task a loss, for example loss='mse'."
        )
    loss = _cross_entropy if identifier is None else _loss_function(identifier)
    has_accuracy = (
        data.has_classes
        and len(model.output_shape) == squeezed(data.y).ndim + 1
        and (identifier is None or "sparse" in loss_name(identifier))
    )
    metrics = {metric.name: metric for metric in map(_metric, task.metrics)}
    known = [*metrics, "loss"]
    if has_accuracy:
        known += ["accuracy", "steps_to_target"]
    if task.metric not in known:
        raise ValueError(
            f"Task '{task.name}' is scored by '{task.metric}', which its labels and "
            f"outputs do not give. Choose one of {', '.join(known)}, or name another "
            "Keras metric in `metrics`."
        )
    return Objective(
        lambda labels, outputs: mean_over_positions(loss(labels, outputs)),
        has_accuracy,
        metrics,
    )


def mean_over_positions(values: Tensor) -> Tensor:
    """Mean over all but the first dimension: one value an example."""
    return ops.mean(ops.reshape(values, (values.shape[0], -1)), axis=-1)


def _cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


def _loss_function(identifier: Any) -> Callable[[Tensor, Tensor], Tensor]:
    loss = keras_loss(identifier)
    # A loss object reduces over the batch; its `call` does not yet.
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def of_floats(labels: Tensor, outputs: Tensor) -> Tensor:
        values = function(labels, outputs)
        if len(values.shape) == 0:
            raise ValueError(
                "A loss must give one value an example, not their mean: the engine "
                f"averages. Received from {identifier!r} a scalar."
            )
        return values

    return of_floats


def keras_loss(identifier: Any) -> Any:
    """The loss that Keras knows by a name, or the one that is given.

    Raises:
        ValueError: If Keras knows none of that name.
    """
    try:
        return keras.losses.get(identifier)
    except ValueError as error:
        raise ValueError(
            "A task's `loss` must be the name of a Keras loss, such as 'mse', a "
            f"function or a keras.losses.Loss. Received: loss={identifier!r}."
        ) from error


def loss_name(identifier: Any) -> str:
    """The name of a loss as Keras takes it, in lower case, without underscores."""
    name = getattr(identifier, "__name__", None) or getattr(identifier, "name", "")
    text = identifier if isinstance(identifier, str) else str(name)
    return text.lower().replace("_", "")


def _metric(identifier: Any) -> keras.metrics.Metric:
    try:
        metric = keras.metrics.get(identifier)
    except ValueError as error:
        raise ValueError(
            "A task's `metrics` must be names of Keras metrics, such as 'mae', "
            f"functions or objects. Received: {identifier!r}."
        ) from error
    if isinstance(metric, keras.metrics.Metric):
        return metric
    # As `compile` names it: by the text that was given.
    name = identifier if isinstance(identifier, str) else metric.__name__
    return keras.metrics.MeanMetricWrapper(metric, name=name)
