"""A task: a data set, a model, a loss, a metric and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lion.tuning.tasks.fit_data import as_arrays

METRICS = ("accuracy", "loss", "steps_to_target")


@dataclass(frozen=True, eq=False)
class Data:
    """The examples of a task: a pool that every seed splits anew, and a fixed test set.

    Attributes:
        x: Inputs of the pool, shape `(pool, ...)`.
        y: Labels of the pool: integers (class numbers) of shape `(pool,)`, or
            `(pool, length)` for sequences; or what the task's own loss takes.
        x_test: Inputs of the test set.
        y_test: Labels of the test set.
        groups: Group of each example of the pool, shape `(pool,)`. Examples of one
            group (the windows of one file, say) are kept together when the pool is
            split. None: every example stands for itself.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        for x, y, part in (
            (self.x, self.y, "pool"),
            (self.x_test, self.y_test, "test set"),
        ):
            if len(x) != len(y) or len(x) == 0:
                raise ValueError(
                    f"The {part} of a task must have as many labels as inputs, and at "
                    f"least one. Received {len(x)} inputs and {len(y)} labels."
                )
            if not np.issubdtype(y.dtype, np.number):
                raise ValueError(
                    f"Labels must be numbers. Received dtype {y.dtype} in the {part}."
                )
        if self.groups is not None and len(self.groups) != len(self.x):
            raise ValueError(
                f"`groups` must give one group for each of the {len(self.x)} examples "
                f"of the pool. Received {len(self.groups)}."
            )

    @property
    def has_classes(self) -> bool:
        """True if the labels are class numbers."""
        return bool(np.issubdtype(self.y.dtype, np.integer))

    def fingerprint(self) -> str:
        """Hash of all examples: two runs with one fingerprint saw the same data."""
        digest = hashlib.sha256()
        for array in (self.x, self.y, self.x_test, self.y_test, self.groups):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into the pool: examples to train on and examples to select on."""

    train: np.ndarray
    validation: np.ndarray


@dataclass(frozen=True)
class Task:
    """Data set + model + loss + metric + splits: what a run trains.

    Training and validation examples are drawn from the pool by each seed; the test set
    is fixed and is looked at once, for selected cells.

    Args:
        name: Name of the task in records and reports.
        data: Function without arguments that returns `Data`, or a pool and a test set
            as `fit` takes them: pairs of arrays, as the functions of `keras.datasets`
            give them, or a batched `tf.data.Dataset` or `keras.utils.PyDataset`, which
            is read once into memory. Augmentation belongs into the model, as layers.
        model: Function without arguments that returns a new Keras model of one input
            and one output; or a `keras_tuner.HyperModel`, or a function of `hp`, whose
            model depends on further axes of the search space.
        train_examples: Examples of the pool to train on. Default: four fifths.
        validation_examples: Examples of the pool to select on. Default: those that are
            not trained on.
        batch_size: Examples per step, unless a study says otherwise.
        metric: What the score is made of: `"accuracy"`; `"loss"` (the score is the
            negated validation loss); `"steps_to_target"` (the score is −log₁₀ of the
            steps until validation accuracy reaches `target`); or the name of one of
            `metrics`.
        target: Validation accuracy that `"steps_to_target"` waits for.
        loss: Any Keras loss. Default: that which the model function compiled its model
            with, else the cross-entropy of integer labels under the model's logits.
        metrics: Keras metrics to record at every evaluation.
        lower_is_better: The score is the negated metric, where it is one of `metrics`.
        callbacks: Function without arguments that returns new Keras callbacks. They are
            called at the beginning and end of training and at every evaluation, with
            the weights in their `model`; runs with callbacks train one at a time.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    ```python
    import keras
    from keras_lion.tuning import Task

    def small_network():
        return keras.Sequential([
            keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10),
        ])

    task = Task("mnist", keras.datasets.mnist.load_data, small_network)
    ```
    """

    name: str
    data: Callable[[], Any]
    model: Callable[..., Any]
    train_examples: int | None = None
    validation_examples: int | None = None
    batch_size: int = 128
    metric: str = "accuracy"
    target: float = 0.9
    loss: Any = None
    metrics: Sequence[Any] = ()
    lower_is_better: bool = False
    callbacks: Callable[[], Sequence[Any]] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("A task needs a name. Received an empty one.")
        if self.metric not in METRICS and not self.metrics:
            raise ValueError(
                f"`metric` must be one of {', '.join(METRICS)}, or the name of one of "
                f"the task's `metrics`. Received: metric={self.metric!r}."
            )
        if not callable(self.model) and not hasattr(self.model, "build"):
            raise ValueError(
                "`model` must be a function that returns a new Keras model, or a "
                f"keras_tuner.HyperModel. Received: {type(self.model).__name__}."
            )
        if hasattr(self.model, "stateless_call"):
            raise ValueError(
                "Every run needs new weights: `model` must be a function that returns "
                "a new Keras model. Received a model."
            )
        if self.batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: {self.batch_size}."
            )
        if not 0 < self.target <= 1:
            raise ValueError(
                f"`target` is an accuracy in (0, 1]. Received: {self.target}."
            )

    def load(self) -> Data:
        """The examples, checked against the numbers that the split asks for."""
        data = self.data()
        if not isinstance(data, Data):
            (x, y), (x_test, y_test) = (as_arrays(part) for part in data)
            # Some of the functions of `keras.datasets` give labels of shape (n, 1).
            if np.issubdtype(y.dtype, np.integer) and y.shape[1:] == (1,):
                y, y_test = y[:, 0], y_test[:, 0]
            data = Data(x, y, x_test, y_test)
        self.split_sizes(len(data.x))
        return data

    def split_sizes(self, pool: int) -> tuple[int, int]:
        """Numbers of training and of validation examples of a pool."""
        train = self.train_examples
        if train is None:
            train = pool * 4 // 5
        validation = self.validation_examples
        if validation is None:
            validation = pool - train
        if train < 1 or validation < 1:
            raise ValueError(
                f"Task '{self.name}' needs at least one training and one validation "
                f"example. Received {train} and {validation} of a pool of {pool}."
            )
        if train + validation > pool:
            raise ValueError(
                f"Task '{self.name}' asks for {train} training and {validation} "
                f"validation examples, but its pool has {pool}."
            )
        return train, validation

    def split(self, data: Data, generator: np.random.Generator) -> Split:
        """Draw the training and the validation examples of one seed."""
        train, validation = self.split_sizes(len(data.x))
        if data.groups is None:
            order = generator.permutation(len(data.x))
        else:
            names = np.unique(data.groups)
            rank = np.empty(len(names), dtype=int)
            rank[generator.permutation(len(names))] = np.arange(len(names))
            order = np.argsort(rank[np.searchsorted(names, data.groups)], kind="stable")
        return Split(
            train=order[:train].astype(np.int32),
            validation=order[len(order) - validation :].astype(np.int32),
        )
