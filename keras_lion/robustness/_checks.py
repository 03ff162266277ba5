"""What a landscape accepts."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
AxisName = Literal["learning_rate", "weight_decay"]


def check_axis_name(axis: str) -> None:
    """Raise a ValueError unless `axis` is the name of one."""
    if axis not in get_args(AxisName):
        raise ValueError(
            f"`axis` must be one of {', '.join(get_args(AxisName))}. "
            f"Received: axis={axis!r}."
        )


def checked_axis(name: str, values: ArrayLike, zero_allowed: bool) -> Array:
    """Ascending values of an axis."""
    array = np.array(values, dtype=float)
    least = "0 or more" if zero_allowed else "more than 0"
    fits = array.ndim == 1 and array.size > 0 and bool(np.isfinite(array).all())
    if fits:
        positive = array[0] >= 0 if zero_allowed else array[0] > 0
        fits = bool(positive and (np.diff(array) > 0).all())
    if not fits:
        raise ValueError(
            f"`{name}` must be a list of finite values, each {least}, in ascending "
            f"order and without repeats. Received: {array.tolist()}."
        )
    return array


def checked_floors(floor: ArrayLike, shape: tuple[int, ...]) -> Array:
    """A floor for every score."""
    array = np.asarray(floor, dtype=float)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            "`floor` must be a number or an array that broadcasts to the shape of "
            f"`scores`, {shape}. Received: shape {array.shape}."
        ) from None
