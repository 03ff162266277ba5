"""Labels that a Keras loss takes without complaint and that cannot be meant."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_lion.tuning.tasks.data import Data

SPARSE = {"sparsecategoricalcrossentropy"}
ONE_HOT = {"categoricalcrossentropy", "categoricalfocalcrossentropy"}
BINARY = {"binarycrossentropy", "binaryfocalcrossentropy"}


def check_labels(task: str, data: Data, loss: Any, num_outputs: int) -> None:
    """Refuse labels outside of the range of a cross-entropy.

    TensorFlow returns NaN for a class that has no output, JAX the loss of another one.

    Args:
        task: Name of the task.
        data: Its examples.
        loss: Its loss, as `compile` takes it.
        num_outputs: Size of the last dimension of the model's output.

    Raises:
        ValueError: If a label of the pool or of the test set is out of range.
    """
    name, ignored = _identity(loss)
    for labels, part in ((data.y, "pool"), (data.y_test, "test set")):
        if name in SPARSE:
            _check_classes(task, labels, part, num_outputs, ignored)
        elif name in ONE_HOT | BINARY and ((labels < 0) | (labels > 1)).any():
            raise ValueError(
                f"The labels of task '{task}' must be from 0 to 1 for its loss. "
                f"Received {labels.min():g} to {labels.max():g} in the {part}."
            )


def _check_classes(
    task: str, labels: np.ndarray, part: str, num_outputs: int, ignored: Any
) -> None:
    if labels.dtype.kind == "f" and (broken := labels != np.floor(labels)).any():
        raise ValueError(
            f"The labels of task '{task}' must be class numbers for its loss. Received "
            f"{labels[broken].flat[0]:g} in the {part}: choose a loss of numbers, such "
            "as 'mse'."
        )
    if num_outputs < 2:
        raise ValueError(
            f"The loss of task '{task}' needs one output per class. Received a model "
            f"of {num_outputs} output: for two classes use 'binary_crossentropy'."
        )
    used = labels if ignored is None else labels[labels != ignored]
    if used.size and (used.min() < 0 or used.max() >= num_outputs):
        raise ValueError(
            f"The labels of task '{task}' must be from 0 to {num_outputs - 1}, one per "
            f"output of its model. Received {used.min():g} to {used.max():g} in the "
            f"{part}: number the classes from 0, give the model an output per class, "
            "or name a void class as `ignore_class` of the loss."
        )


def _identity(loss: Any) -> tuple[str, Any]:
    """The name of a loss in lower case without `_`, and the class that it ignores."""
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    name = getattr(loss, "__name__", None) or type(loss).__name__
    ignored = getattr(loss, "ignore_class", None)
    return name.lower().replace("_", ""), ignored
