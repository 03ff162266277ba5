"""What is used of KerasTuner: the only module of `tuning` that imports it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner import HyperParameters, Objective, Oracle, Tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalValueError
from keras_tuner.src.engine import oracle as locks

__all__ = [
    "BAYESIAN",
    "GRID",
    "HYPERBAND",
    "OBJECTIVE",
    "BaseTuner",
    "FailedTrialError",
    "FatalValueError",
    "HyperParameters",
    "Objective",
    "Oracle",
    "Trial",
    "TrialStatus",
    "Tuner",
    "active_values",
    "budgets",
    "forget",
    "is_continuous",
    "known_names",
    "preset_hyperparameters",
    "read_names",
    "typical_values",
    "unlock",
]

OBJECTIVE = "score"
BAYESIAN = keras_tuner.oracles.BayesianOptimizationOracle
GRID = keras_tuner.oracles.GridSearchOracle
HYPERBAND = keras_tuner.oracles.HyperbandOracle
MIDDLE = tuple(k / 9 for k in range(8, 0, -1))  # of a range, from 0 to 1


class _PresetHyperParameters(HyperParameters):
    """`hp` whose values are given, and which notes what is read.

    Under a condition that is not met, a hyperparameter is None, whatever its value.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.values = dict(values)
        self.read: set[str] = set()

    def _retrieve(self, hp: Any) -> Any:
        value = super()._retrieve(hp)
        if not self.is_active(hp):
            return None
        self.read.add(hp.name)
        return _as_declared(hp, value)

    def get(self, name: str) -> Any:
        value = super().get(name)
        self.read.add(self._get_name(name))
        return value


def _as_declared(parameter: Any, value: Any) -> Any:
    """A value of the type that the model asks for; as it is, if it has no such form.

    Records do not tell 8 and 8.0 apart, nor 1 and True in older ones.
    """
    kinds = keras_tuner.engine.hyperparameters
    if isinstance(value, str):
        return value
    if isinstance(parameter, kinds.Boolean) and value in (0, 1):
        return bool(value)
    if isinstance(parameter, kinds.Float):
        return float(value)
    if isinstance(parameter, kinds.Int) and float(value).is_integer():
        return int(value)
    # `hp.Choice` writes booleans as numbers.
    if isinstance(parameter, kinds.Choice) and not isinstance(value, bool):
        return next((each for each in parameter.values if each == value), value)
    return value


def preset_hyperparameters(values: Mapping[str, Any]) -> Any:
    """KerasTuner's `hp`, whose `hp.Choice("width", …)` returns the value of `width`."""
    return _PresetHyperParameters(values)


def read_names(hp: Any) -> frozenset[str]:
    """Names whose value was asked of a preset `hp` and returned."""
    return frozenset(hp.read)


def known_names(hp: Any) -> frozenset[str]:
    """Names asked of a preset `hp`, under conditions that are not met as well."""
    return frozenset(hp.read) | {parameter.name for parameter in hp.space}


def is_continuous(parameter: Any) -> bool:
    """True for a hyperparameter that takes any value of an interval."""
    is_float = isinstance(parameter, keras_tuner.engine.hyperparameters.Float)
    return is_float and parameter.step is None


def typical_values(parameter: Any) -> list[Any]:
    """Every value of a finite choice; ten of a range, from its end to its start."""
    if not hasattr(parameter, "min_value"):
        return list(parameter.values)
    found = (parameter.prob_to_value(p) for p in (0.999, 0.001, *MIDDLE))
    return list(dict.fromkeys(found))


def active_values(space: Sequence[Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen values and the defaults, where the space's conditions are met."""
    hp = HyperParameters()
    for parameter in space:
        hp.merge([parameter])
        if parameter.name in chosen and hp.is_active(parameter):
            hp.values[parameter.name] = chosen[parameter.name]
    return dict(hp.values)


def budgets(oracle: Any) -> list[int]:
    """Epochs of every trial that a Hyperband oracle asks for."""
    brackets = range(oracle._get_num_brackets())
    rounds = [(b, r) for b in brackets for r in range(oracle._get_num_rounds(b))]
    a_sweep = [
        int(oracle._get_epochs(*at))
        for at in rounds
        for _ in range(oracle._get_size(*at))
    ]
    return a_sweep * int(oracle.hyperband_iterations)


def unlock(oracle: Any) -> None:
    """Release KerasTuner's lock if an error has left it locked by this thread."""
    if locks.THREADS[oracle] == threading.current_thread().name:
        locks.THREADS[oracle] = None
        locks.LOCKS[oracle].release()


def forget(oracle: Any) -> None:
    """Let go of the oracle, which KerasTuner's table of locks would keep for ever."""
    locks.LOCKS.pop(oracle, None)
    locks.THREADS.pop(oracle, None)
