"""The examples of a task, checked before anything is trained on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lion.tuning.tasks.structure import arrays_of, map_arrays, num_rows


@dataclass(frozen=True, eq=False)
class Data:
    """The examples of a task: a pool that every seed splits anew, and a fixed test set.

    Attributes:
        x: Inputs of the pool, shape `(pool, ...)`; or a dict, list or tuple of such
            arrays for a model of several inputs.
        y: Labels of the pool: integers (class numbers) of shape `(pool,)`, or
            `(pool, length)` for sequences; or what the task's own loss takes.
        x_test: Inputs of the test set.
        y_test: Labels of the test set.
        groups: Group of each example of the pool, shape `(pool,)`. Examples of one
            group (the windows of one file, say) are kept together when the pool is
            split. None: every example stands for itself.
        sample_weight: Weight of each example of the pool in loss and weighted metrics,
            as `fit` takes it. None: all the same.
        sample_weight_test: Weight of each example of the test set.
        num_validation: Number of examples at the end of the pool that are an own
            validation set, the same for every seed. 0: every seed draws its own.

    Raises:
        ValueError: If lengths differ, or something is no finite number.
    """

    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    groups: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    sample_weight_test: np.ndarray | None = None
    num_validation: int = 0

    def __post_init__(self) -> None:
        check_part("pool", self.x, self.y, self.sample_weight)
        check_part("test set", self.x_test, self.y_test, self.sample_weight_test)
        if _form(self.x) != _form(self.x_test):
            raise ValueError(
                "The inputs of the pool and of the test set must have one form and, "
                "except for their number, one shape. Received "
                f"{_form(self.x)} and {_form(self.x_test)}."
            )
        if self.y.shape[1:] != self.y_test.shape[1:]:
            raise ValueError(
                "The labels of the pool and of the test set must have one shape, "
                f"except for their number. Received {self.y.shape} and "
                f"{self.y_test.shape}."
            )
        if self.groups is not None and len(self.groups) != self.pool:
            raise ValueError(
                f"`groups` must give one group for each of the {self.pool} examples "
                f"of the pool. Received {len(self.groups)}."
            )
        if not 0 <= self.num_validation < self.pool:
            raise ValueError(
                "`num_validation` counts examples of the pool and must leave some to "
                f"train on. Received {self.num_validation} of {self.pool}."
            )

    @property
    def pool(self) -> int:
        """Number of examples of the pool."""
        return num_rows(self.x)

    @property
    def has_classes(self) -> bool:
        """True if the labels are class numbers."""
        return bool(np.issubdtype(self.y.dtype, np.integer))

    def fingerprint(self) -> str:
        """Hash of all examples: two runs with one fingerprint saw the same data."""
        digest = hashlib.sha256()
        y, y_test = (squeezed(labels) for labels in (self.y, self.y_test))
        for structure in (self.x, y, self.x_test, y_test, self.groups):
            if structure is not None:
                _add(digest, structure)
        for name in ("sample_weight", "sample_weight_test", "num_validation"):
            value = getattr(self, name)
            if value is not None and not (np.isscalar(value) and value == 0):
                digest.update(name.encode())
                _add(digest, np.asarray(value))
        return digest.hexdigest()[:16]


def check_part(name: str, x: Any, y: Any, sample_weight: Any = None) -> None:
    """Refuse examples that no model can be trained on.

    Args:
        name: Which examples they are, for errors.
        x: Inputs.
        y: Labels.
        sample_weight: Weights of the examples, or None.

    Raises:
        ValueError: If lengths differ, or something is no finite number.
    """
    if isinstance(y, Mapping | tuple | list):
        raise ValueError(
            "A task trains a model of one output: labels must be one array. Received "
            f"a {type(y).__name__} of labels in the {name}."
        )
    inputs = [(f"inputs{place}", array) for place, array in arrays_of(x)]
    weights = [] if sample_weight is None else [("sample weights", sample_weight)]
    for what, array in [*inputs, ("labels", y), *weights]:
        _check_numbers(f"{what} in the {name}", array)
    for what, array in [*inputs, *weights]:
        if len(array) != len(y) or len(y) == 0:
            raise ValueError(
                f"The {name} of a task must have as many labels as inputs, and at "
                f"least one. Received {len(array)} {what} and {len(y)} labels."
            )


def _check_numbers(what: str, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"Expected NumPy arrays. Received {type(array).__name__} as {what}."
        )
    if array.ndim == 0:
        raise ValueError(f"Expected one row per example. Received a scalar as {what}.")
    if array.dtype.kind in "OSUMmc":
        # Strings included: a string is encoded once, before the task, not per run.
        raise ValueError(
            f"{what[0].upper()}{what[1:]} must be numbers. Received dtype "
            f"{array.dtype}: encode it first, for example with np.unique(..., "
            "return_inverse=True) for labels."
        )
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        bad = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))
        raise ValueError(
            f"{what[0].upper()}{what[1:]} must be finite. Received NaN or infinity in "
            f"{len(bad)} of {len(array)} rows, the first in row {bad[0]}: remove or "
            "fill them."
        )


def squeezed(labels: np.ndarray) -> np.ndarray:
    """Class numbers of shape `(n,)` also where they come as `(n, 1)`."""
    is_column = np.issubdtype(labels.dtype, np.integer) and labels.shape[1:] == (1,)
    return labels[:, 0] if is_column else labels


def joined(first: Any, second: Any) -> Any:
    """The rows of one structure after those of another of the same form."""
    return map_arrays(lambda a, b: np.concatenate([a, b]), first, second)


def _form(structure: Any) -> str:
    """The structure with the shape of each array, without its number of rows."""
    return str(map_arrays(lambda array: tuple(array.shape[1:]), structure))


def _add(digest: Any, structure: Any) -> None:
    for place, array in arrays_of(structure):
        digest.update(f"{place}{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
