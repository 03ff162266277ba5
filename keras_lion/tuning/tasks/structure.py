"""Arrays, or dicts, lists and tuples of arrays, as inputs of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def map_arrays(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the arrays of structures of one form."""
    first = structures[0]
    if isinstance(first, dict):
        return {
            name: map_arrays(function, *(each[name] for each in structures))
            for name in first
        }
    if isinstance(first, tuple | list):
        return type(first)(
            map_arrays(function, *parts) for parts in zip(*structures, strict=True)
        )
    return function(*structures)


def arrays_of(structure: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a structure, each with its place in it: `["image"]`, `[0]`."""
    if isinstance(structure, dict):
        named = [(f"[{name!r}]", part) for name, part in structure.items()]
    elif isinstance(structure, tuple | list):
        named = [(f"[{number}]", part) for number, part in enumerate(structure)]
    else:
        yield "", structure
        return
    for place, part in named:
        for inner, array in arrays_of(part):
            yield place + inner, array


def rows(structure: Any, indices: np.ndarray | slice) -> Any:
    """Some rows of every array."""
    return map_arrays(lambda array: array[indices], structure)


def num_rows(structure: Any) -> int:
    """Number of rows of the first array."""
    return len(next(arrays_of(structure))[1])
