"""The optimizer of a trial, in a model that was compiled with another one."""

from __future__ import annotations

from typing import Any

import keras

from keras_lion.optimizers.base_arguments import BASE_ARGUMENTS
from keras_lion.optimizers.from_adamw.conversion import read_adamw
from keras_lion.optimizers.from_adamw.scaled_schedule import scaled_schedule
from keras_lion.optimizers.lion import Lion
from keras_lion.tuning.recipe.proposal import Settings


def set_optimizer(model: Any, settings: Settings, schedule: Any, peak: float) -> None:
    """Give a compiled model the optimizer of a trial.

    Clipping, moving average, gradient accumulation, loss scaling and the variables that
    weight decay leaves out are those of the optimizer that the model was compiled with;
    of an AdamW also ε and AMSGrad.

    Args:
        model: The model.
        settings: The trial's hyperparameters.
        schedule: The recipe's learning rate schedule, which is scaled; None: the
            learning rate is constant.
        peak: The recipe's learning rate, of a schedule its peak.

    Raises:
        ValueError: If the model is not compiled.
    """
    old = getattr(model, "optimizer", None)
    if old is None:
        raise ValueError(
            "The model must be compiled, with loss, metrics and any optimizer, whose "
            "place Lion or AdamW takes. Received a model that is not compiled."
        )
    scaled = None
    if isinstance(old, keras.optimizers.LossScaleOptimizer):
        scaled, old = old, old.inner_optimizer
    config = old.get_config()
    base = {name: config[name] for name in BASE_ARGUMENTS if name in config}
    if settings.optimizer == "adamw":
        kept = ("epsilon", "amsgrad") if isinstance(old, keras.optimizers.Adam) else ()
        base |= {name: config[name] for name in kept}
    make = {"lion": Lion, "adamw": keras.optimizers.AdamW}[settings.optimizer]
    new = make(
        learning_rate=settings.learning_rate
        if schedule is None
        else scaled_schedule(schedule, settings.learning_rate / peak),
        weight_decay=settings.weight_decay,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        **base,
    )
    _leave_out(model, old, new)
    if scaled is not None:
        new = type(scaled)(
            new,
            initial_scale=scaled.initial_scale,
            dynamic_growth_steps=scaled.dynamic_growth_steps,
        )
    model.optimizer = new


def _leave_out(model: Any, old: Any, new: Any) -> None:
    """Leave the same variables out of weight decay.

    Keras keeps what `exclude_from_weight_decay` was called with in private attributes.
    """
    pattern = getattr(old, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(old, "_exclude_from_weight_decay", None) or ()
    variables = [v for v in model.trainable_variables if old._var_key(v) in keys]
    names = pattern.pattern.split("|") if pattern is not None else []
    if variables or names:
        new.exclude_from_weight_decay(
            var_list=variables or None, var_names=names or None
        )


def recipe_of(model: Any) -> dict[str, Any]:
    """Learning rate or schedule, weight decay and betas of a compiled model's AdamW.

    Raises:
        ValueError: If the model is not compiled with Adam or AdamW.
    """
    optimizer = getattr(model, "optimizer", None)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    if not isinstance(optimizer, keras.optimizers.Adam):
        name = type(optimizer).__name__
        raise ValueError(
            "AdamW's values can be read from a model that is compiled with Adam or "
            "AdamW. Give them with --learning-rate and --weight-decay. "
            f"Received: {name}."
        )
    return read_adamw(optimizer)[0]
