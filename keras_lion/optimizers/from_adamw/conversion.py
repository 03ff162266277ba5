"""A Lion made from an AdamW: its learning rate, schedule, decay and base arguments."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras.optimizers import schedules

from keras_lion.optimizers.base_arguments import (
    BASE_ARGUMENTS,
    CLIPPING,
    check_accumulation_steps,
)
from keras_lion.optimizers.from_adamw.conversion_rule import (
    Mode,
    checked_steps,
    convert_adamw,
)
from keras_lion.optimizers.from_adamw.scaled_schedule import scaled_schedule
from keras_lion.optimizers.hyperparameters import peak_of
from keras_lion.optimizers.lion import Lion


def lion_from_adamw(
    learning_rate: Any,
    weight_decay: float | None = None,
    beta_1: float | None = None,
    beta_2: float | None = None,
    *,
    mode: Mode | None = None,
    ratio: float | None = None,
    lion_betas: tuple[float, float] | None = None,
    steps: int | None = None,
    verbose: bool = True,
    **lion_arguments: Any,
) -> Lion:
    """A Lion to start from where AdamW's hyperparameters are known.

    Prints what was converted and why. Both rules are described at
    `keras_lion.optimizers.convert_adamw`, which gives numbers instead of an optimizer.

    Of an optimizer it takes what `get_config` has: the learning rate as it is now or
    the schedule, weight decay, betas, clipping, moving average of weights, loss scale
    factor and gradient accumulation. It takes neither the optimizer's state nor the
    variables of `exclude_from_weight_decay`, which are not in the config: call it on
    the new optimizer again. L2 in the loss (`kernel_regularizer`) is not weight decay
    and has no counterpart: Adam divides it by the size of the gradients, Lion takes
    the sign of the sum. Replace it by `weight_decay`.

    Args:
        learning_rate: AdamW's: a number, a schedule, all rates of which are scaled
            alike, or a `keras.optimizers.AdamW` (or `Adam`) to convert.
        weight_decay: AdamW's λ, 0 for none; next to an optimizer, instead of its own.
            Default: the optimizer's, or Keras's 0.004.
        beta_1: AdamW's β₁. Default: the optimizer's, or 0.9.
        beta_2: AdamW's β₂. Default: the optimizer's, or 0.999.
        mode: `"matched"` (steps and weights of one size under gradient noise: with the
            usual betas learning rate / 4.4, weight decay · 10.5) or `"paper"` (learning
            rate / ratio, weight decay · ratio). Default: `"paper"` where `ratio` is
            given, otherwise `"matched"`.
        ratio: Of mode `"paper"`, 1 or more; 10 unless given.
        lion_betas: β₁ and β₂ of Lion. Default: (0.9, 0.99), or (0.95, 0.98) where
            AdamW's β₂ is at most 0.99.
        steps: Batches of the training, as `fit` counts them; with gradient
            accumulation there are fewer updates, which is taken into account. The
            printed text then says whether the training is too short for Lion's
            learning rate, or for the weight decay to matter.
        verbose: Whether to print.
        **lion_arguments: Keyword arguments of `Lion`, used as they are: those above
            are AdamW's and are converted, these are not. They win over the
            optimizer's. One of `clipnorm`, `clipvalue` and `global_clipnorm` replaces
            the optimizer's, whichever that is.

    Returns:
        A new `Lion`.

    Raises:
        ValueError: If the optimizer is no Adam or AdamW, its learning rate cannot be
            read, or an argument is out of its range.

    Example:

    ```python
    import keras
    from keras_lion import lion_from_adamw

    adamw = keras.optimizers.AdamW(1e-3, weight_decay=0.1, global_clipnorm=1.0)
    lion = lion_from_adamw(adamw)  # 2.3e-4, weight_decay=1.05, global_clipnorm=1.0
    ```

    References:
        - [Chen et al., 2023, section 5](https://arxiv.org/abs/2302.06675)
    """
    if lion_arguments.get("weight_decay_coupling", "learning_rate") != "learning_rate":
        raise ValueError(
            "The converted weight decay is one that the learning rate multiplies, as "
            "AdamW's. For weight_decay_coupling='schedule' build Lion yourself, with "
            "the weight decay of `convert_adamw` times the peak of its learning rate."
        )
    for name, meant in (("lr", "learning_rate"), ("wd", "weight_decay")):
        if name in lion_arguments:
            raise ValueError(
                f"`{name}` is not an argument. AdamW's is `{meant}`, which is "
                "converted and takes the place of the optimizer's own; to change "
                f"Lion's, set `lion.{meant}` afterwards. "
                f"Received: {name}={lion_arguments[name]!r}."
            )
    found: dict[str, Any] = {}
    base: dict[str, Any] = {}
    if isinstance(learning_rate, keras.optimizers.Optimizer):
        found, base = read_adamw(learning_rate)
        learning_rate = found.pop("learning_rate")
    given = {"weight_decay": weight_decay, "beta_1": beta_1, "beta_2": beta_2}
    replaced = {
        name: (value, found[name])
        for name, value in given.items()
        if value is not None and name in found and value != found[name]
    }
    _warn_of_a_ratio_as_decay(replaced)
    found |= {name: value for name, value in given.items() if value is not None}
    if any(lion_arguments.get(name) is not None for name in CLIPPING):
        base = {name: value for name, value in base.items() if name not in CLIPPING}

    schedule = None
    if isinstance(learning_rate, schedules.LearningRateSchedule):
        schedule, learning_rate = learning_rate, None
    elif isinstance(learning_rate, (str, type)):
        raise ValueError(
            "`learning_rate` must be a number, a schedule, or an instance of an "
            "optimizer, such as `keras.optimizers.AdamW(1e-3)`. "
            f"Received: learning_rate={learning_rate!r}."
        )
    elif not isinstance(learning_rate, Real) or isinstance(learning_rate, bool):
        remedy = (
            "A callable cannot be scaled so that it can be saved: make it a schedule "
            "of Keras, or scale it yourself by the `learning_rate_factor` of "
            "`convert_adamw`."
            if callable(learning_rate)
            else "From an optimizer of another library, pass the numbers: "
            "lion_from_adamw(1e-3, weight_decay=0.01)."
        )
        raise ValueError(
            "`learning_rate` must be a number, a "
            "`keras.optimizers.schedules.LearningRateSchedule`, or a "
            f"`keras.optimizers.AdamW` or `Adam`. {remedy} "
            f"Received: learning_rate={learning_rate!r}."
        )
    conversion = convert_adamw(
        learning_rate,
        **found,
        mode=mode,
        ratio=ratio,
        lion_betas=lion_betas,
        steps=_updates(steps, {**base, **lion_arguments}),
        peak_learning_rate=None if schedule is None else peak_of(schedule) or None,
    )
    lion = Lion(
        conversion.learning_rate
        if schedule is None
        else scaled_schedule(schedule, conversion.learning_rate_factor),
        beta_1=conversion.beta_1,
        beta_2=conversion.beta_2,
        weight_decay=conversion.weight_decay,
        **{**base, **lion_arguments},
    )
    if verbose:
        for caution in conversion.cautions:
            print(f"Caution: {caution}")
        print(conversion.explanation)
        for name, (value, own) in replaced.items():
            print(
                f"  {name} {value:g} is as given, instead of the optimizer's {own:g}."
            )
        if base and (text := _taken_over(base, lion_arguments)):
            print(text)
    return lion


def _updates(steps: int | None, arguments: dict[str, Any]) -> int | None:
    """Updates in so many batches."""
    window: int | None = arguments.get("gradient_accumulation_steps")
    steps = checked_steps(steps)
    if steps is None or window is None:
        return steps
    check_accumulation_steps(window)
    return max(steps // window, 1)


def _warn_of_a_ratio_as_decay(replaced: dict[str, tuple[float, float]]) -> None:
    """Warn of the second argument next to an optimizer where it looks like a ratio."""
    value, own = replaced.get("weight_decay", (0.0, 0.0))
    if isinstance(value, Real) and value >= 1:
        warnings.warn(
            f"weight_decay={value:g} is taken for AdamW's weight decay, instead of the "
            f"optimizer's {own:g}. For a ratio, pass `ratio={value:g}`.",
            stacklevel=3,
        )


def read_adamw(optimizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an Adam's config contains: arguments of the rule, arguments of the base."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "Convert the optimizer that is wrapped, `optimizer.inner_optimizer`, and "
            "wrap what comes out in a `keras.optimizers.LossScaleOptimizer` again (a "
            "model under the policy mixed_float16 does so itself)."
        )
    if isinstance(optimizer, (Lion, keras.optimizers.Lion)):
        raise ValueError(
            "This optimizer is a Lion already. To continue with its momentum, use "
            f"`take_over`. Received: {type(optimizer).__name__}."
        )
    if not isinstance(optimizer, keras.optimizers.Adam):
        raise ValueError(
            "Only `keras.optimizers.AdamW` and `Adam` can be converted: the rules "
            f"compare Lion with their step. Received: {type(optimizer).__name__}."
        )
    unreadable = (
        "The learning rate of this optimizer cannot be read from its config. Pass it "
        "instead of the optimizer: lion_from_adamw(schedule, weight_decay, beta_1, "
        "beta_2)."
    )
    try:
        config = optimizer.get_config()
        if isinstance(config["learning_rate"], dict):
            rate = schedules.deserialize(config["learning_rate"])
        else:
            rate = _shortest(config["learning_rate"])
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(unreadable) from error
    if not isinstance(rate, (float, schedules.LearningRateSchedule)):
        raise ValueError(unreadable)
    found = {
        "learning_rate": rate,
        "weight_decay": float(config["weight_decay"] or 0.0),
        "beta_1": float(config["beta_1"]),
        "beta_2": float(config["beta_2"]),
    }
    return found, {name: config[name] for name in BASE_ARGUMENTS}


def _shortest(rate: float) -> float:
    """1e-3 for the float32 nearest to it, which is what Keras keeps of a rate."""
    narrow = np.float32(rate)
    return float(str(narrow)) if float(narrow) == rate else float(rate)


def _taken_over(base: dict[str, Any], lion_arguments: dict[str, Any]) -> str:
    unset: dict[str, Any] = {"use_ema": False}
    if not base["use_ema"]:
        unset["ema_momentum"] = base["ema_momentum"]
    kept = ", ".join(
        f"{name}={value!r}"
        for name, value in base.items()
        if name not in lion_arguments and value not in (None, unset.get(name))
    )
    lines = [f"  Taken over as they are: {kept}."] if kept else []
    if lion_arguments.get("weight_decay_mask") is None:
        lines += [
            "  If you called exclude_from_weight_decay, call it on this optimizer too: "
            "Keras",
            "  does not save it. weight_decay_mask='matrices' leaves out vectors.",
        ]
    return "\n".join(lines)
