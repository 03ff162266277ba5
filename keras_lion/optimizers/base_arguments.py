"""Checks of the arguments that go on to Keras's optimizers, which accept too much."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from numbers import Integral
from typing import Any

from keras_lion.optimizers.hyperparameters import check_flag, is_number

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
BASE_ARGUMENTS = (
    *CLIPPING,
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)

# Names of other libraries → what to do here.
_OTHER_NAMES = {
    "lr": "Use `learning_rate`",
    "decay": "Use `weight_decay`",
    "wd": "Use `weight_decay`",
    "betas": "Use `beta_1` and `beta_2`",
    "b1": "Use `beta_1`",
    "beta1": "Use `beta_1`",
    "b2": "Use `beta_2`",
    "beta2": "Use `beta_2`",
    "momentum": "Use `beta_1` and `beta_2`",
    "mu_dtype": "Use `momentum_dtype`",
    "mask": "Use `weight_decay_mask`",
    "epsilon": "Leave it out: the update has no denominator",
    "eps": "Leave it out: the update has no denominator",
    "accumulation_steps": "Use `gradient_accumulation_steps`",
    "skip_nan": "Use `skip_nonfinite`",
    "max_grad_norm": "Use `global_clipnorm`",
    "max_norm": "Use `clipnorm` or `global_clipnorm`",
    "amsgrad": "Leave it out: there is no second moment",
}


def check_base_arguments(base: Mapping[str, Any], own: Collection[str]) -> None:
    """Refuse what Keras would ignore, fail on in the first step, or not recognize.

    Args:
        base: Keyword arguments of `keras.optimizers.Optimizer`.
        own: Names of the optimizer's own arguments, one of which may be meant.
    """
    for name, value in base.items():
        if name in _OTHER_NAMES:
            raise ValueError(
                f"`{name}` is not an argument of Lion. {_OTHER_NAMES[name]}. "
                f"Received: {name}={value!r}."
            )
        if name not in BASE_ARGUMENTS:  # of a later Keras, or mistyped
            close = difflib.get_close_matches(name, [*own, *BASE_ARGUMENTS], n=1)
            if close:
                raise ValueError(
                    f"`{name}` is not an argument of Lion. Did you mean `{close[0]}`? "
                    f"Received: {name}={value!r}."
                )
        if name in CLIPPING and value is not None:
            _check_threshold(name, value)
        if name == "use_ema":
            check_flag(name, value)
        if name == "gradient_accumulation_steps" and value is not None:
            check_accumulation_steps(value)


def _check_threshold(name: str, value: Any) -> None:
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(
            f"`{name}` must be a positive number, or None for no clipping. "
            f"Received: {name}={value!r}."
        )


def check_accumulation_steps(value: Any) -> None:
    """Refuse what is no number of micro-steps of 2 or more."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 2:
        raise ValueError(
            "`gradient_accumulation_steps` must be a whole number of 2 or more, or "
            "None for an update at every step. "
            f"Received: gradient_accumulation_steps={value!r}."
        )
