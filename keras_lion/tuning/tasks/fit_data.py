"""Examples as `fit` takes them, read once into arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def as_arrays(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of a finite data set.

    Args:
        data: A pair of arrays; or batches of such pairs: a batched `tf.data.Dataset`, a
            `keras.utils.PyDataset`, or another iterable.

    Returns:
        Inputs and labels, with one row an example.

    Raises:
        ValueError: If the data do not end, are not batched, or are not pairs of arrays.
    """
    if isinstance(data, tuple | list) and len(data) == 2:
        return np.asarray(data[0]), np.asarray(data[1])
    inputs, labels = [], []
    for batch in _batches(data):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(
                "Data must come as pairs of inputs and labels, without sample weights. "
                f"Received a batch of type {type(batch).__name__}"
                + (f" and length {len(batch)}." if hasattr(batch, "__len__") else ".")
            )
        x, y = (_array(part) for part in batch)
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(
                "Data sets must give whole batches, with as many inputs as labels: "
                f"call `.batch(...)` first. Received shapes {x.shape} and {y.shape}."
            )
        inputs.append(x)
        labels.append(y)
    if not inputs:
        raise ValueError("The data set is empty.")
    return np.concatenate(inputs), np.concatenate(labels)


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
            f"iterable of batches. Received: {type(data).__name__}."
        ) from None


def _array(part: Any) -> np.ndarray:
    if isinstance(part, dict | tuple | list):
        raise ValueError(
            "The engine trains models of one input and one output. Received a "
            f"{type(part).__name__} of arrays."
        )
    return np.asarray(part)
