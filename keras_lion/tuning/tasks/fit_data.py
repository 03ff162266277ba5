"""Examples as `fit` takes them, read once into arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_lion.tuning.tasks.data import Data, check_part, joined
from keras_lion.tuning.tasks.structure import arrays_of, map_arrays, num_rows


class Part(NamedTuple):
    """Inputs, labels and perhaps the weight of each example."""

    x: Any
    y: np.ndarray
    sample_weight: np.ndarray | None = None


def as_data(given: Any, validation: Any = None) -> Data:
    """The examples of a task.

    Args:
        given: A `Data`; or a pool and a test set; or a training, a validation and a
            test set. Each as `fit` takes it; see `as_part`.
        validation: An own validation set, or a function that returns it.

    Raises:
        ValueError: If parts are missing, or `as_part` cannot read one.
    """
    if isinstance(given, Data):
        if validation is None:
            return given
        if given.groups is not None or given.num_validation:
            raise ValueError(
                "A task with an own validation set has no `groups` and no "
                "`num_validation`: every seed trains on the whole pool."
            )
        train = Part(given.x, given.y, given.sample_weight)
        test = Part(given.x_test, given.y_test, given.sample_weight_test)
    else:
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ValueError(
                "A task's data are a pool and a test set, or a training, a validation "
                "and a test set: ((x, y), (x_test, y_test)). Received: "
                f"{_described(given)}."
            )
        if len(given) == 3 and validation is not None:
            raise ValueError(
                "Give the validation set once: among the data, or as `validation`."
            )
        _check_parts(given)
        train, *middle, test = (as_part(part) for part in given)
        validation = middle[0] if middle else validation
    if validation is None:
        return Data(
            train.x,
            train.y,
            test.x,
            test.y,
            sample_weight=train.sample_weight,
            sample_weight_test=test.sample_weight,
        )
    held_out = as_part(validation() if callable(validation) else validation)
    check_part("training set", *train)
    check_part("validation set", *held_out)
    return Data(
        joined(train.x, held_out.x),
        joined(train.y, held_out.y),
        test.x,
        test.y,
        sample_weight=_joined_weights(train, held_out),
        sample_weight_test=test.sample_weight,
        num_validation=num_rows(held_out.x),
    )


def _check_parts(given: Any) -> None:
    """Refuse the inputs and labels of one set in place of several sets."""
    if any(hasattr(part, "shape") or isinstance(part, Mapping) for part in given):
        shapes = [
            str(part.shape) if hasattr(part, "shape") else _described(part)
            for part in given
        ]
        raise ValueError(
            "A task's data are a pool and a test set, each with inputs and labels: "
            "((x, y), (x_test, y_test)). Received the arrays of one set, of shapes "
            f"{' and '.join(shapes)}: the test set is missing."
        )


def as_part(data: Any) -> Part:
    """Inputs and labels of a finite data set.

    Args:
        data: A pair of inputs and labels, or inputs, labels and sample weights; or
            batches of such: a batched `tf.data.Dataset`, a `keras.utils.PyDataset`, or
            another iterable. Inputs are an array, or a dict, list or tuple of arrays.

    Returns:
        Inputs, labels and sample weights, with one row per example.

    Raises:
        ValueError: If the data do not end, are not batched, or are not such tuples.
    """
    if isinstance(data, Part):
        return data
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        return _part(data)
    batches = []
    for batch in _batches(data):
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise ValueError(
                "Data must come as inputs and labels, or inputs, labels and sample "
                f"weights. Received a batch of type {_described(batch)}."
            )
        part = _part(batch)
        shapes = [np.shape(array) for _, array in arrays_of(part[:2])]
        if not all(shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                "Data sets must give whole batches, with as many inputs as labels: "
                f"call `.batch(...)` first. Received shapes "
                f"{' and '.join(map(str, shapes))}."
            )
        batches.append(part)
    if not batches:
        raise ValueError("The data set is empty.")
    x, y = (
        map_arrays(lambda *arrays: np.concatenate(arrays), *parts)
        for parts in ([b.x for b in batches], [b.y for b in batches])
    )
    weights = [b.sample_weight for b in batches if b.sample_weight is not None]
    return Part(x, y, np.concatenate(weights) if weights else None)


def _part(given: Any) -> Part:
    x, y, *weight = given
    given_weight = weight[0] if weight else None
    return Part(
        _inputs(x),
        y if isinstance(y, dict) else np.asarray(y),  # type: ignore[arg-type]
        None if given_weight is None else np.asarray(given_weight),
    )


def _inputs(x: Any) -> Any:
    """One array, or as many as the model has inputs."""
    if isinstance(x, dict):
        return {name: _inputs(part) for name, part in x.items()}
    if isinstance(x, tuple | list) and all(
        isinstance(part, dict) or len(getattr(part, "shape", ())) > 0 for part in x
    ):
        return tuple(_inputs(part) for part in x)
    return np.asarray(x)


def _joined_weights(train: Part, held_out: Part) -> np.ndarray | None:
    if train.sample_weight is None and held_out.sample_weight is None:
        return None
    weights = [
        np.ones(len(part.y), "float32")
        if part.sample_weight is None
        else part.sample_weight
        for part in (train, held_out)
    ]
    return np.concatenate(weights)


def _batches(data: Any) -> Iterator[Any]:
    if hasattr(data, "cardinality") and int(data.cardinality()) == -1:
        raise ValueError(
            "The data set never ends. A study needs a finite one: remove `.repeat()`."
        )
    if hasattr(data, "num_batches"):  # a PyDataset, which may be endless
        if data.num_batches is None:
            raise ValueError("The PyDataset never ends. A study needs a finite one.")
        return (data[k] for k in range(data.num_batches))
    try:
        return iter(data)
    except TypeError:
        raise ValueError(
            "Expected a pair of arrays, a batched tf.data.Dataset, a PyDataset or an "
            f"iterable of batches. Received: {_described(data)}."
        ) from None


def _described(value: Any) -> str:
    name = type(value).__name__
    return f"{name} of length {len(value)}" if hasattr(value, "__len__") else name
