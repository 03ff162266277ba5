"""Checks of hyperparameters: what was expected, what was received, what to do."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def check_learning_rate(learning_rate: Any) -> Any:
    """A learning rate as Keras takes it: a positive float, a schedule or a callable."""
    if callable(learning_rate):
        return learning_rate
    if not _is_number(learning_rate):
        raise ValueError(
            "`learning_rate` must be a positive number, a "
            "`keras.optimizers.schedules.LearningRateSchedule` or a callable without "
            f"arguments. Received: learning_rate={learning_rate!r}."
        )
    if not 0 <= learning_rate < math.inf:
        raise ValueError(
            "`learning_rate` must be finite and not negative; Lion's usual range is "
            f"1e-5 to 1e-3. Received: learning_rate={learning_rate!r}."
        )
    return float(learning_rate)


def check_weight_decay(weight_decay: Any) -> float | None:
    """A weight decay: None, or a finite number that is not negative."""
    if weight_decay is None:
        return None
    if not _is_number(weight_decay) or not 0 <= weight_decay < math.inf:
        raise ValueError(
            "`weight_decay` must be None or a finite number that is not negative. "
            f"Received: weight_decay={weight_decay!r}."
        )
    return float(weight_decay)


def check_beta(name: str, beta: Any) -> float:
    """An averaging coefficient in [0, 1): at 1 the gradient would never be used."""
    if not _is_number(beta) or not 0 <= beta < 1:
        raise ValueError(
            f"`{name}` must be a number in the range [0, 1): 0 forgets the momentum, "
            f"and 1 would ignore the gradient. Received: {name}={beta!r}."
        )
    return float(beta)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
