"""Decoupled weight decay of an optimizer: how much, and of which variables."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.optimizers.backend import path_of
from keras_lion.optimizers.hyperparameters import (
    check_peak_learning_rate,
    check_weight_decay,
    needs_other_than,
)

COUPLINGS = ("learning_rate", "schedule")

Mask = str | Sequence[Any] | Callable[[Any], bool] | None


class DecoupledWeightDecay:
    """Weight decay for a Keras optimizer that applies it in its own update.

    The base class is never told of the decay, or it would apply it a second time.
    """

    name: str
    _weight_decay: Any
    _iterations: Any
    built: bool
    add_variable: Callable[..., Any]

    def _set_up_weight_decay(
        self,
        weight_decay: Any,
        coupling: str,
        peak_learning_rate: float | None,
        mask: Mask,
        learning_rate: Any,
    ) -> None:
        """Check and keep the arguments; make the variable."""
        if coupling not in COUPLINGS:
            remedy = (
                " For a decay of λ at every step, pass λ divided by the learning rate."
                if coupling in ("independent", "none", None)
                else ""
            )
            raise ValueError(
                f"`weight_decay_coupling` must be one of {', '.join(COUPLINGS)}."
                f"{remedy} Received: weight_decay_coupling={coupling!r}."
            )
        self.weight_decay_coupling = coupling
        self.peak_learning_rate = peak_learning_rate
        self._peak_learning_rate = check_peak_learning_rate(
            coupling, peak_learning_rate, learning_rate
        )
        self.weight_decay_mask = check_mask(mask)
        self._excluded = VariableSet()
        self._weight_decay_variable = self.add_variable(
            shape=(), dtype="float32", name="weight_decay"
        )
        self.weight_decay = weight_decay

    @property
    def weight_decay(self) -> Any:
        """λ as it was set. A number may be replaced by another at any time."""
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, weight_decay: Any) -> None:
        weight_decay = check_weight_decay(weight_decay)
        built = getattr(self, "built", False)  # the base class sets None before that
        if built and callable(weight_decay) != callable(self._weight_decay):
            raise ValueError(
                "Once the optimizer is built, a weight decay that is a number can only "
                "be replaced by a number, and a schedule or callable by another. "
                f"Received: {weight_decay!r} instead of {self._weight_decay!r}."
            )
        self._weight_decay = weight_decay
        if hasattr(self, "_weight_decay_variable") and not callable(weight_decay):
            self._weight_decay_variable.assign(weight_decay or 0.0)

    def _current_weight_decay(self, dtype: str) -> Any:
        """λ of this step; divided by the peak where decay follows the schedule only."""
        value = ops.cast(self._weight_decay_number(), dtype)
        if self.weight_decay_coupling == "schedule":
            value = value / self._peak_learning_rate
        return value

    def _weight_decay_number(self) -> Any:
        """The weight decay of this step, from a schedule, a callable or a number."""
        if isinstance(
            self._weight_decay, keras.optimizers.schedules.LearningRateSchedule
        ):
            return self._weight_decay(self._iterations)
        if callable(self._weight_decay):
            return self._weight_decay()
        return self._weight_decay_variable

    def _read_weight_decay_variable(self) -> None:
        """Take over the number that the variable has been loaded with."""
        loaded = float(ops.convert_to_numpy(self._weight_decay_variable))
        number = self._weight_decay
        if not callable(number) and loaded != float(
            ops.convert_to_numpy(ops.cast(number or 0.0, "float32"))
        ):
            self._weight_decay = loaded

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[Any] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Leave variables out of weight decay, before the optimizer is built.

        Args:
            var_list: The variables.
            var_names: Regular expressions; a variable is left out where one of them is
                found in its path (`"bias"` in `"dense/bias"`), on every backend alike.
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay()` must be called before the optimizer is "
                "built; afterwards a compiled step would not see it. Make a new "
                "optimizer, or pass `weight_decay_mask`."
            )
        if isinstance(var_names, str):
            raise ValueError(
                "`var_names` must be a list of regular expressions. "
                f"Received: var_names={var_names!r}; pass [{var_names!r}]."
            )
        self._excluded = VariableSet(
            *(var_list or ()), *(var_names or ()), argument="exclude_from_weight_decay"
        )

    def decays(self, variable: Any) -> bool:
        """True if weight decay acts on this variable."""
        wanted = is_selected(variable, self.weight_decay_mask)
        return wanted and variable not in self._excluded

    def _warn_of_no_effect(self, variables: Sequence[Any]) -> None:
        """Warn of options that change nothing; called by `build`."""
        if self._weight_decay is None and (mask := self.weight_decay_mask) is not None:
            warnings.warn(
                "`weight_decay_mask` has no effect without a weight decay, and Lion's "
                "default is none (AdamW of Keras: 0.004). Pass `weight_decay`, 0.0 for "
                f"none. Received: weight_decay_mask={mask!r}.",
                stacklevel=3,
            )
        for option, named in (
            ("weight_decay_mask", self.weight_decay_mask),
            ("exclude_from_weight_decay", self._excluded),
        ):
            if not isinstance(named, VariableSet):
                continue
            unmatched = named.unmatched(variables)
            if unmatched and variables:
                warnings.warn(
                    f"`{option}`: no variable of optimizer '{self.name}' matches "
                    f"{', '.join(map(repr, unmatched))}. A pattern is searched in "
                    f"paths such as {_nearest_paths(unmatched, variables)}.",
                    stacklevel=3,
                )

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Nothing: decay is part of the update, which reads the weights once."""

    def _weight_decay_config(self) -> dict[str, Any]:
        """What `get_config` says of weight decay, in plain values."""
        weight_decay, mask = self._weight_decay, self.weight_decay_mask
        if callable(weight_decay):
            weight_decay = keras.saving.serialize_keras_object(weight_decay)
        if callable(mask):
            mask = keras.saving.serialize_keras_object(mask)
        elif isinstance(mask, VariableSet):
            mask = mask.patterns()
        config = {
            "weight_decay": weight_decay,
            "weight_decay_coupling": self.weight_decay_coupling,
            "peak_learning_rate": self.peak_learning_rate,
            "weight_decay_mask": mask,
        }
        if self._excluded.entries:
            config["excluded_from_weight_decay"] = self._excluded.patterns()
        return config


def check_mask(mask: Mask) -> Any:
    """A mask as `decays` reads it."""
    if callable(mask):
        if (parameters := needs_other_than(mask, "a variable")) is not None:
            raise ValueError(
                "`weight_decay_mask` must be a function of one argument, the variable, "
                "which has a `path` and a `shape`. "
                f"Received a function of {parameters}: {mask!r}."
            )
        return mask
    if mask is None or isinstance(mask, VariableSet) or mask == "matrices":
        return mask
    if isinstance(mask, str) or not isinstance(mask, Sequence):
        remedy = (
            f" For a pattern, pass a list: [{mask!r}]." if isinstance(mask, str) else ""
        )
        raise ValueError(
            "`weight_decay_mask` must be None (everything is decayed), 'matrices' "
            "(variables of two or more dimensions), a list of what is decayed "
            "(variables, and regular expressions of their paths), or a function of a "
            "variable that returns whether it is decayed. "
            f"Received: weight_decay_mask={mask!r}.{remedy}"
        )
    return VariableSet(*mask, argument="weight_decay_mask")


def is_selected(variable: Any, mask: Any) -> bool:
    """True if a mask, as `check_mask` returns it, selects this variable."""
    if mask == "matrices":
        return len(variable.shape) >= 2
    if callable(mask):
        return _answer(mask(variable), variable)
    return mask is None or variable in mask


def _answer(answer: Any, variable: Any) -> bool:
    """What a function as mask returned for a variable."""
    if not isinstance(answer, (Real, np.bool_)) or answer not in (0, 1):
        raise ValueError(
            "The function `weight_decay_mask` must return True for a variable that is "
            f"decayed, else False. It returned {answer!r} for {path_of(variable)!r}."
        )
    return bool(answer)


class VariableSet:
    """Variables, named by themselves or by regular expressions of their paths.

    An optimizer tracks, saves and donates every variable in its attributes, also those
    in lists: in an object of this class they stay the model's.

    Args:
        *entries: Variables and regular expressions.
        argument: The name that errors give the entries.
    """

    def __init__(self, *entries: Any, argument: str = "entries") -> None:
        for entry in entries:
            if isinstance(entry, str):
                try:
                    re.compile(entry)
                except re.error as error:
                    raise ValueError(
                        f"`{argument}`: {entry!r} is not a regular expression: {error}."
                    ) from error
            elif not hasattr(entry, "name") or not hasattr(entry, "shape"):
                raise ValueError(
                    f"`{argument}` must have variables and regular expressions of "
                    f"their paths. Received: {entry!r}."
                )
        self.entries = entries

    def __contains__(self, variable: Any) -> bool:
        return any(
            re.search(entry, path_of(variable)) is not None
            if isinstance(entry, str)
            else entry is variable
            for entry in self.entries
        )

    def unmatched(self, variables: Sequence[Any]) -> list[str]:
        """The regular expressions that are found in no variable's path."""
        paths = [path_of(variable) for variable in variables]
        return [
            entry
            for entry in self.entries
            if isinstance(entry, str)
            and not any(re.search(entry, path) for path in paths)
        ]

    def patterns(self) -> list[str]:
        """The entries as regular expressions, which survive saving."""
        return [
            entry if isinstance(entry, str) else _pattern_of(path_of(entry))
            for entry in self.entries
        ]


def _nearest_paths(patterns: Sequence[str], variables: Sequence[Any]) -> str:
    """Three paths, those first that have a part like one of the patterns."""

    def likeness(path: str) -> float:
        return max(
            difflib.SequenceMatcher(None, pattern, part).ratio()
            for pattern in patterns
            for part in path.split("/")
        )

    paths = [path_of(variable) for variable in variables]
    nearest = sorted(paths, key=likeness, reverse=True)[:3]
    return ", ".join(map(repr, nearest))


def _pattern_of(path: str) -> str:
    root, _, rest = path.partition("/")
    if "/" in rest:
        # A Sequential model loses its name when it is loaded from a `.keras` file.
        return f"^({re.escape(root)}/)?{re.escape(rest)}$"
    return f"^{re.escape(path)}$"
