"""Checks of hyperparameters: what was expected, what was received, what to do."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

LOW_BETA_1 = 0.5  # below it, a second positional argument was a weight decay
_SECOND = "AdamW takes weight_decay as its second argument, Lion takes beta_1."


def check_learning_rate(learning_rate: Any) -> Any:
    """A learning rate as Keras takes it: a float ≥ 0, a schedule or a callable."""
    if callable(learning_rate):
        check_takes_no_argument("learning_rate", learning_rate)
        return learning_rate
    if not is_number(learning_rate):
        raise ValueError(
            "`learning_rate` must be a number ≥ 0, a "
            "`keras.optimizers.schedules.LearningRateSchedule` or a callable without "
            f"arguments. Received: learning_rate={learning_rate!r}."
        )
    if not 0 <= learning_rate < math.inf:
        raise ValueError(
            "`learning_rate` must be finite and not negative, such as 1e-4 (small "
            f"networks: up to 0.1). Received: learning_rate={learning_rate!r}."
        )
    return float(learning_rate)


def check_weight_decay(weight_decay: Any) -> Any:
    """A weight decay: None, a number that is not negative, a schedule or a callable."""
    if weight_decay is None:
        return None
    if callable(weight_decay):
        check_takes_no_argument("weight_decay", weight_decay)
        return weight_decay
    if not is_number(weight_decay) or not 0 <= weight_decay < math.inf:
        raise ValueError(
            "`weight_decay` must be None, a finite number that is not negative, a "
            "schedule or a callable without arguments. "
            f"Received: weight_decay={weight_decay!r}."
        )
    return float(weight_decay)


def check_takes_no_argument(name: str, value: Callable[..., Any]) -> None:
    """Refuse a callable that is no schedule of Keras and needs an argument.

    Optax's schedules are such callables: of the step, which Lion does not pass.
    """
    needed = (
        None if isinstance(value, LearningRateSchedule) else needs_other_than(value)
    )
    if needed is not None:
        raise ValueError(
            f"`{name}` must be a number, a schedule of Keras or a callable without "
            f"arguments. Received a callable of {needed}: {value!r}. Use a schedule "
            "of `keras.optimizers.schedules`, such as `CosineDecay`. For a schedule of "
            "Optax or a function of the step, write a subclass of "
            "`LearningRateSchedule` whose `__call__(self, step)` returns its value."
        )


def needs_other_than(function: Callable[..., Any], *arguments: Any) -> str | None:
    """The parameters of a function, if it cannot be called with these arguments.

    None if it can, or if that is not known (functions written in C).
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        return str(signature)
    return None


def check_peak_learning_rate(
    coupling: str, peak_learning_rate: Any, learning_rate: Any
) -> float | None:
    """The peak that decay is divided by where it follows the schedule only, else None.

    Args:
        coupling: `weight_decay_coupling`.
        peak_learning_rate: The peak as an argument, or None.
        learning_rate: A number, schedule or callable, which may tell the peak.
    """
    if coupling != "schedule":
        if peak_learning_rate is not None:
            raise ValueError(
                "`peak_learning_rate` is read with weight_decay_coupling='schedule' "
                "only, where decay does not depend on the peak. Received: "
                f"peak_learning_rate={peak_learning_rate!r} with "
                f"weight_decay_coupling={coupling!r}."
            )
        return None
    peak = peak_of(learning_rate) if peak_learning_rate is None else peak_learning_rate
    if peak is None:
        raise ValueError(
            "With weight_decay_coupling='schedule', the peak of the learning rate must "
            "be known, and it cannot be read from a function or a schedule of your "
            "own: pass `peak_learning_rate`. "
            f"Received: learning_rate={learning_rate!r}."
        )
    if not is_number(peak) or not 0 < peak < math.inf:
        raise ValueError(
            "`peak_learning_rate` must be a positive number. "
            f"Received: peak_learning_rate={peak!r}."
        )
    return float(peak)


def peak_of(learning_rate: Any) -> float | None:
    """The largest value of a number or of a schedule of Keras, None if not known."""
    if not callable(learning_rate):
        return float(learning_rate)
    config = (
        learning_rate.get_config()
        if type(learning_rate).__module__.startswith("keras.")
        else {}
    )
    rates = [
        config[name]
        for name in ("initial_learning_rate", "warmup_target", "end_learning_rate")
        if config.get(name) is not None
    ]
    rates += config.get("values", [])
    return float(max(rates)) if rates else None


def check_beta(name: str, beta: Any) -> float:
    """An averaging coefficient in [0, 1): at 1 the gradient would never be used."""
    if not is_number(beta) or not 0 <= beta < 1:
        swapped = name == "beta_1" and is_number(beta) and 1 <= beta < math.inf
        raise ValueError(
            f"`{name}` must be a number in the range [0, 1): 0 forgets the momentum, "
            f"and 1 would ignore the gradient. Received: {name}={beta!r}."
            + (f" {_SECOND} Pass `weight_decay={beta!r}`." if swapped else "")
        )
    return float(beta)


def check_flag(name: str, value: Any) -> bool:
    """True or False; 1 and 0 count, as tuners and NumPy give them."""
    if not isinstance(value, (Real, np.bool_)) or value not in (0, 1):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}.")
    return bool(value)


def warn_of_unusual(
    learning_rate: Any,
    betas: tuple[float, float],
    weight_decay: Any,
    peak_learning_rate: float | None,
) -> None:
    """Warn of values that are allowed and most likely in the wrong place.

    Called by `Lion.__init__`, so that the warning points at the call of `Lion`.

    Args:
        learning_rate: A number, a schedule or a callable.
        betas: β₁ and β₂.
        weight_decay: None, a number, a schedule or a callable.
        peak_learning_rate: What decay is divided by where it follows the schedule
            only, else None.
    """
    beta_1, beta_2 = betas
    if beta_1 < LOW_BETA_1 and weight_decay is None:
        warnings.warn(
            f"beta_1={beta_1:g} is low, and no weight decay is given. {_SECOND} Pass "
            "the weight decay by name, or `weight_decay=0.0` if this beta_1 is meant.",
            stacklevel=3,
        )
    if beta_1 > beta_2 > 0:
        warnings.warn(
            f"beta_1={beta_1:g} is larger than beta_2={beta_2:g}: are they swapped? "
            "Lion's usual values are beta_1=0.9 and beta_2=0.99.",
            stacklevel=3,
        )
    text = _whole_weight(learning_rate, weight_decay, peak_learning_rate)
    if text:
        warnings.warn(text, stacklevel=3)


def _whole_weight(
    learning_rate: Any, weight_decay: Any, peak_learning_rate: float | None
) -> str | None:
    """A warning, if decay takes the whole weight away at the peak of the schedule."""
    if not weight_decay or (callable(learning_rate) and callable(weight_decay)):
        return None  # two schedules need not have their peaks at one step
    rate, decay = peak_of(learning_rate), peak_of(weight_decay)
    what, coupling = "learning_rate × weight_decay", "learning_rate"
    if peak_learning_rate is not None:
        # What is no schedule of Keras is expected to reach the peak that was declared.
        rate = 1.0 if rate is None else rate / peak_learning_rate
        what = "weight_decay" if rate == 1 else f"{what} / peak_learning_rate"
        coupling = "schedule"
    if rate is None or decay is None or rate * decay < 1:
        return None
    at_the_peak = callable(learning_rate) or callable(weight_decay)
    return (
        f"{what} is {rate * decay:g}{' at the peak' if at_the_peak else ''}: "
        f"{'a step there' if at_the_peak else 'every step'} replaces the whole weight, "
        "so that nothing is learned. It must be far below 1. Received: "
        f"learning_rate={_described(learning_rate)}, "
        f"weight_decay={_described(weight_decay)}, weight_decay_coupling={coupling!r}."
    )


def _described(value: Any) -> str:
    """A number as it is; a schedule or callable by its type, and its peak if known."""
    if not callable(value):
        return repr(value)
    peak = peak_of(value)
    return type(value).__name__ + ("" if peak is None else f" with a peak of {peak:g}")


def is_number(value: Any) -> bool:
    """True for a real number of Python or NumPy; a boolean is none."""
    return isinstance(value, Real) and not isinstance(value, bool)
