"""Checks that the predictions share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def check_beta(name: str, beta: float) -> None:
    if not 0 <= beta < 1:
        raise ValueError(
            f"`{name}` must be in the range [0, 1). Received: {name}={beta!r}."
        )


def shrinkage(learning_rate: float, weight_decay: float, below: float = 2) -> float:
    """a = 1 − ηλ, where ηλ is in (0, `below`)."""
    if (
        not learning_rate > 0
        or not weight_decay > 0
        or not learning_rate * weight_decay < below
    ):
        raise ValueError(
            "Weights settle where learning_rate and weight_decay are positive and "
            f"their product is below {below:g}. Received: "
            f"learning_rate={learning_rate!r}, weight_decay={weight_decay!r}."
        )
    return 1 - learning_rate * weight_decay


def checked_schedule(
    learning_rate: ArrayLike, weight_decay: ArrayLike
) -> tuple[Array, Array]:
    """Learning rate and weight decay of every step, both of shape (steps,)."""
    rates = np.asarray(learning_rate, float)
    decays = np.asarray(weight_decay, float)
    if rates.ndim != 1 or rates.size == 0:
        raise ValueError(
            "`learning_rate` must hold one number for each step, shape (steps,); "
            "np.full(steps, value) makes it of a constant. Received: shape "
            f"{rates.shape}."
        )
    if decays.shape not in ((), rates.shape):
        raise ValueError(
            "`weight_decay` must be one number or one for each step, shape "
            f"{rates.shape}. Received: shape {decays.shape}."
        )
    for name, values in (("learning_rate", rates), ("weight_decay", decays)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(
                f"`{name}` must be finite and not negative at every step. Received: "
                f"{values[~(np.isfinite(values) & (values >= 0))][0]} among them."
            )
    return rates, np.broadcast_to(decays, rates.shape)
