"""A task: a data set, a model, a loss, a metric and splits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lion.tuning.lists import check_list
from keras_lion.tuning.metric_names import Direction, direction_of
from keras_lion.tuning.tasks.data import Data as Data
from keras_lion.tuning.tasks.fit_data import as_data

METRICS = ("accuracy", "loss", "steps_to_target")


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
            as `fit` takes them: pairs of inputs and labels, as the functions of
            `keras.datasets` give them, triples with sample weights, or a batched
            `tf.data.Dataset` or `keras.utils.PyDataset`, which is read once into
            memory. Three parts are a training, a validation and a test set.
            Augmentation belongs into the model, as layers.
        model: Function without arguments, or class, that returns a new Keras model of
            one output; or a `keras_tuner.HyperModel`, or a function of `hp`, whose
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
        metrics: Keras metrics to record at every evaluation. Default: those which the
            model function compiled its model with.
        lower_is_better: Whether smaller values of the metric are better, where it is
            one of `metrics`: the score is the negated metric then. None: as the name
            of its class or its own says, `RootMeanSquaredError` or `rmse`.
        callbacks: Function without arguments that returns new Keras callbacks, which
            `fit` calls; an epoch is the time between two evaluations. What they leave
            in the model at the end is what is scored. Runs with callbacks train one at
            a time.
        class_weight: Class number → weight in the training loss, as of `fit`.
        validation: An own validation set, as one part of `data`, or a function without
            arguments that returns it: every seed trains on the whole pool.
        split_by: Function of `Data` and a `numpy.random.Generator` that returns the
            indices of the training and of the validation examples, for example of the
            past and the future. Default: drawn at random, groups kept together.
        weight_decay_mask: What is decayed, as of `Lion`: `"matrices"` (variables of two
            or more dimensions), None (everything), a list of regular expressions of the
            variables' paths, or a function of a variable.

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
    lower_is_better: bool | None = None
    callbacks: Callable[[], Sequence[Any]] | None = None
    class_weight: Mapping[int, float] | None = None
    validation: Any = None
    split_by: Callable[[Data, np.random.Generator], tuple[Any, Any]] | None = None
    weight_decay_mask: Any = "matrices"

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("A task needs a name. Received an empty one.")
        check_list("metrics", self.metrics)
        if self.metric not in METRICS and not self.metrics:
            raise ValueError(
                f"`metric` must be one of {', '.join(METRICS)}, or the name of one of "
                f"the task's `metrics`. Received: metric={self.metric!r}."
            )
        names = [_metric_name(each) for each in self.metrics]
        if (
            self.metric not in METRICS
            and None not in names
            and self.metric not in names
        ):
            raise ValueError(
                f"`metric` of task '{self.name}' is not among its `metrics`, which "
                f"are: {', '.join(map(str, names))}. Nor is it one of "
                f"{', '.join(METRICS)}. Received: metric={self.metric!r}."
            )
        for name in ("data", "callbacks", "split_by"):
            given = getattr(self, name)
            if given is not None and not callable(given):
                raise ValueError(
                    f"`{name}` of task '{self.name}' must be a function: pass the "
                    "function itself and not what it returns, `load` and not "
                    f"`load()`. Received: {type(given).__name__}."
                )
        if self.metric not in METRICS and self._direction() is None:
            raise ValueError(
                f"Task '{self.name}': is a larger '{self.metric}' better? Its name "
                "does not say: give the task lower_is_better=True if it is an error, "
                "or lower_is_better=False."
            )
        if not callable(self.model) and not hasattr(self.model, "build"):
            raise ValueError(
                "`model` must be a function that returns a new Keras model, or a "
                f"keras_tuner.HyperModel. Received: {type(self.model).__name__}."
            )
        if hasattr(self.model, "stateless_call") and not inspect.isclass(self.model):
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

    @property
    def is_negated(self) -> bool:
        """Whether the score is the negated metric."""
        if self.metric in METRICS:
            return self.metric == "loss"
        return self._direction() == "min"

    def _direction(self) -> Direction | None:
        """Whether larger values of one of `metrics` are better; None if unknown."""
        if self.lower_is_better is not None:
            return "min" if self.lower_is_better else "max"
        classes = [
            type(each).__name__
            for each in self.metrics
            if getattr(each, "name", None) == self.metric
        ]
        found = (direction_of(name) for name in (*classes, self.metric))
        return next((each for each in found if each is not None), None)

    def load(self) -> Data:
        """The examples, checked against the numbers that the split asks for."""
        data = as_data(self.data(), self.validation)
        if self.split_by is not None:
            if data.num_validation:
                raise ValueError(
                    f"Task '{self.name}' has both a validation set and `split_by`."
                )
            self.split(data, np.random.default_rng(0))
        elif data.num_validation:
            if self.validation_examples is not None:
                raise ValueError(
                    f"Task '{self.name}' has a validation set: leave out "
                    "`validation_examples`."
                )
            self._own_sizes(data)
        else:
            self.split_sizes(data.pool)
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
        if self.split_by is not None:
            return self._split_by_user(data, generator)
        if data.num_validation:
            train, pool = self._own_sizes(data)
            # As many of the training set as are wanted, drawn by the seed.
            chosen = generator.permutation(pool)[:train]
            return _split(np.sort(chosen), np.arange(pool, data.pool))
        train, validation = self.split_sizes(data.pool)
        if data.groups is None:
            order = generator.permutation(data.pool)
        else:
            names = np.unique(data.groups)
            rank = np.empty(len(names), dtype=int)
            rank[generator.permutation(len(names))] = np.arange(len(names))
            order = np.argsort(rank[np.searchsorted(names, data.groups)], kind="stable")
        return _split(order[:train], order[len(order) - validation :])

    def _own_sizes(self, data: Data) -> tuple[int, int]:
        """Numbers of examples to train on, of all that are not for validation."""
        pool = data.pool - data.num_validation
        train = pool if self.train_examples is None else self.train_examples
        if not 1 <= train <= pool:
            raise ValueError(
                f"Task '{self.name}' has {pool} training examples. Received: "
                f"train_examples={train}."
            )
        return train, pool

    def _split_by_user(self, data: Data, generator: np.random.Generator) -> Split:
        assert self.split_by is not None
        parts = [np.asarray(part) for part in self.split_by(data, generator)]
        wrong = f"`split_by` of task '{self.name}' must return two arrays of indices"
        if len(parts) != 2:
            raise ValueError(f"{wrong}. Received {len(parts)} parts.")
        for part, which in zip(parts, ("training", "validation"), strict=True):
            if part.dtype.kind not in "iu" or part.ndim != 1 or not len(part):
                raise ValueError(
                    f"{wrong}: whole numbers, at least one. Received dtype "
                    f"{part.dtype} and shape {part.shape} for the {which} examples."
                )
            if part.min() < 0 or part.max() >= data.pool:
                raise ValueError(
                    f"{wrong} from 0 to {data.pool - 1}. Received {part.min()} to "
                    f"{part.max()} for the {which} examples."
                )
        if both := len(set(parts[0].tolist()) & set(parts[1].tolist())):
            raise ValueError(
                f"{wrong} that have none in common. Received {both} examples that are "
                "in both."
            )
        return _split(*parts)


def _metric_name(metric: Any) -> str | None:
    """The name of a Keras metric; None if it has none before it is compiled."""
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "name", None) or getattr(metric, "__name__", None)
    return name if isinstance(name, str) else None


def _split(train: np.ndarray, validation: np.ndarray) -> Split:
    return Split(train.astype(np.int32), validation.astype(np.int32))
