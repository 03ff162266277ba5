"""The optimizer of a run as `fit` takes it, with planned learning rates and decay."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.optimizers.lion import Lion
from keras_lion.tuning.engine.keras_rules import (
    KERAS_OPTIMIZERS,
    OptimizerFactory,
    check_optimizers,
    undecayed,
    with_values,
)


def signum(*, beta_1: float, **options: Any) -> Lion:
    """Lion with one beta: the sign of the momentum after its update."""
    return Lion(beta_1=beta_1, beta_2=beta_1, **options)


# The rules of `engine.rules` as Keras optimizers.
AS_KERAS: Mapping[str, Callable[..., Any]] = {
    "adamw": keras.optimizers.Adam,  # its decay comes with the plan
    "cautious_lion": partial(Lion, cautious=True),
    "lion": Lion,
    "signum": signum,
}


@keras.saving.register_keras_serializable(package="keras_lion")
class PlannedLearningRates(keras.optimizers.schedules.LearningRateSchedule):
    """One learning rate per step, from a variable that is part of the optimizer."""

    def __init__(self, rates: Any) -> None:
        self.rates = rates

    def __call__(self, step: Any) -> Any:
        # A step beyond the plan, which only a callback may look at, has the last rate.
        last = self.rates.shape[0] - 1
        return ops.take(self.rates, ops.minimum(ops.cast(step, "int32"), last))

    def get_config(self) -> dict[str, Any]:
        return {"rates": ops.convert_to_numpy(self.rates).tolist()}


@dataclass
class PlannedOptimizer:
    """An optimizer whose learning rates and decay are inputs of the compiled step.

    Attributes:
        outer: What the model is trained with: the optimizer, or the one that scales the
            loss for it.
        inner: The optimizer.
        rates: Its learning rates, one per step.
    """

    outer: Any
    inner: Any
    rates: Any

    def plan(self, rates: np.ndarray, weight_decay: float) -> None:
        """Set the learning rate of each step, and λ."""
        self.rates.assign(rates)
        if isinstance(self.inner, Lion):
            # On TensorFlow, setting an attribute to the object that it is does nothing.
            self.inner.weight_decay = None
            self.inner.weight_decay = weight_decay
        else:
            self.inner.weight_decay.assign(weight_decay)

    def copy_from(self, other: PlannedOptimizer) -> None:
        """Take the state of another one of the same kind."""
        for variable, value in zip(
            self.outer.variables, other.outer.variables, strict=True
        ):
            variable.assign(value)


def planned_optimizer(
    make: Callable[[], Any],
    variables: list[Any],
    decayed: Sequence[bool],
    steps: int,
    scaled: Any = None,
) -> PlannedOptimizer:
    """A new optimizer, built on a model's trainable variables.

    Args:
        make: Function without arguments that returns a new optimizer.
        variables: The model's trainable variables.
        decayed: Which of them weight decay acts on.
        steps: Number of planned steps.
        scaled: The `LossScaleOptimizer` that the model was compiled with, or None.
    """
    made = make()
    if isinstance(made, keras.optimizers.LossScaleOptimizer):
        scaled, made = made, made.inner_optimizer
    inner = undecayed(made)
    kept = [v for v, decays in zip(variables, decayed, strict=True) if not decays]
    if isinstance(inner, Lion):
        inner.weight_decay = 0.0  # a number, and so a variable
    inner.exclude_from_weight_decay(var_list=kept)
    outer = inner
    if scaled is not None:
        outer = keras.optimizers.LossScaleOptimizer(
            inner,
            initial_scale=scaled.initial_scale,
            dynamic_growth_steps=scaled.dynamic_growth_steps,
        )
    outer.build(variables)
    rates = inner.add_variable(
        shape=(steps,), dtype="float32", name="planned_learning_rates"
    )
    inner.learning_rate = PlannedLearningRates(rates)
    if not isinstance(inner, Lion):
        decay = inner.add_variable(shape=(), dtype="float32", name="planned_decay")
        inner.weight_decay = decay
        if hasattr(inner, "adam_weight_decay"):  # Muon's, of what is no matrix
            inner.adam_weight_decay = decay
    return PlannedOptimizer(outer, inner, rates)


def needs_fit(optimizer: Any) -> bool:
    """True if `fit` does more with an optimizer than to apply it."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or any(
        getattr(optimizer, name, None)
        for name in ("use_ema", "loss_scale_factor", "gradient_accumulation_steps")
    )


def optimizer_maker(
    name: str,
    betas: Mapping[str, float],
    own: Mapping[str, OptimizerFactory],
    options: Mapping[str, Any],
) -> Callable[[], Any]:
    """A function that makes a new optimizer of that name.

    Args:
        name: One of `RULES`, of `KERAS_OPTIMIZERS`, or of the study's own optimizers.
        betas: Those that the configuration has, by name.
        own: The study's own optimizers.
        options: Values of the optimizer's options.
    """
    check_optimizers([name], own)
    if name in own:
        return with_values(own[name], {**betas, **options})
    if name in KERAS_OPTIMIZERS:
        return with_values(KERAS_OPTIMIZERS[name], {**betas, **options})
    if name == "signum":
        betas = {"beta_1": betas["beta_1"]}
    make = AS_KERAS[name]
    kind = keras.optimizers.Adam if name == "adamw" else Lion
    known = inspect.signature(kind).parameters
    if unknown := [option for option in options if option not in known]:
        raise ValueError(
            f"`{unknown[0]}` is an option of the engine's own {name} and not of "
            f"{kind.__name__}, with which the model's `fit` trains this task: add it "
            "to the optimizer, or leave it out."
        )
    return lambda: make(**betas, **options)
