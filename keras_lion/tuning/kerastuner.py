"""What is used of KerasTuner: the only module of `tuning` that imports it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import keras_tuner
from keras_tuner import HyperParameters, Objective, Oracle
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine import oracle as locks

__all__ = [
    "OBJECTIVE",
    "SEARCHES",
    "BaseTuner",
    "Objective",
    "Oracle",
    "Trial",
    "TrialStatus",
    "forget",
    "is_continuous",
    "preset_hyperparameters",
    "unlock",
]

OBJECTIVE = "score"
SEARCHES = (
    keras_tuner.oracles.RandomSearchOracle,
    keras_tuner.oracles.BayesianOptimizationOracle,
)


def preset_hyperparameters(values: Mapping[str, Any]) -> Any:
    """KerasTuner's `hp`, whose `hp.Choice("width", …)` returns the value of `width`."""
    hp = HyperParameters()
    hp.values = dict(values)
    return hp


def is_continuous(parameter: Any) -> bool:
    """True for a hyperparameter that takes any value of an interval."""
    is_float = isinstance(parameter, keras_tuner.engine.hyperparameters.Float)
    return is_float and parameter.step is None


def unlock(oracle: Any) -> None:
    """Release KerasTuner's lock if an error has left it locked by this thread."""
    if locks.THREADS[oracle] == threading.current_thread().name:
        locks.THREADS[oracle] = None
        locks.LOCKS[oracle].release()


def forget(oracle: Any) -> None:
    """Let go of the oracle, which KerasTuner's table of locks would keep for ever."""
    locks.LOCKS.pop(oracle, None)
    locks.THREADS.pop(oracle, None)
