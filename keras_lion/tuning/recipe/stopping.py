"""Stops a trial that is hopeless next to the trials before it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import keras
import numpy as np

from keras_lion.tuning.kerastuner import FatalValueError

FEWEST_CURVES = 3
FIRST_EPOCHS = 3  # never stopped in these
FIRST_SHARE = 1 / 3  # nor in this part of the longest trial


def is_hopeless(curve: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether a trial's best value so far is below the median of the others' values.

    As in Vizier: the others count with the mean of their values up to this epoch. The
    first epochs never decide, because learning rates that are good at the end are often
    behind there.

    Args:
        curve: Values of the trial, one per epoch; larger is better.
        others: Curves of other trials.
    """
    epochs = len(curve)
    longest = max((len(other) for other in others), default=0)
    if epochs < max(FIRST_EPOCHS, FIRST_SHARE * longest):
        return False
    means = [float(np.mean(each[:epochs])) for each in others if len(each) >= epochs]
    if len(means) < FEWEST_CURVES:
        return False
    known = [value for value in curve if np.isfinite(value)]
    return not known or max(known) < median(means)


class TrialWatch(keras.callbacks.Callback):
    """Records a trial's curve and time, and stops it if it is hopeless or NaN.

    Args:
        objective: Name of the objective.
        sign: −1 where smaller is better.
        others: Curves of finished trials, larger is better; None: never stop.

    Attributes:
        curve: The objective after each epoch, times the sign.
        seconds: Duration of each epoch.
        parameters: Number of trainable parameters.
    """

    def __init__(
        self,
        objective: str,
        sign: float,
        others: Sequence[Sequence[float]] | None,
    ) -> None:
        super().__init__()
        self._objective = objective
        self._sign = sign
        self._others = others
        self._started = 0.0
        self._reported: set[str] = set()
        self.curve: list[float] = []
        self.seconds: list[float] = []
        self.parameters = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> TrialWatch:
        """Itself: KerasTuner copies callbacks, and this one is read afterwards."""
        return self

    def on_train_end(self, logs: Any = None) -> None:
        variables = self.model.trainable_variables
        self.parameters = sum(math.prod(variable.shape) for variable in variables)
        if self._reported and self._objective not in self._reported:
            raise FatalValueError(  # which KerasTuner does not take for a failed trial
                f"`fit` reports no '{self._objective}'. It reports "
                f"{', '.join(sorted(self._reported))}. Give a name of these as the "
                "objective, or data to validate on: `validation_data` or "
                "`validation_split`, in a script `validation`."
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._started)
        self._reported |= set(logs or {})
        value = (logs or {}).get(self._objective)
        if value is None:
            return
        self.curve.append(self._sign * float(value))
        if self._others is not None and is_hopeless(self.curve, self._others):
            self.model.stop_training = True
