"""What the related optimizers have in common: all but their update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_lion.optimizers.accumulation import GradientAccumulation
from keras_lion.optimizers.backend import (
    compute_dtype,
    dense,
    is_overwritten,
    path_of,
    sum_over_replicas,
)
from keras_lion.optimizers.gradients import check_gradients
from keras_lion.optimizers.hyperparameters import check_learning_rate, is_number
from keras_lion.optimizers.state.checkpoint import (
    ACCUMULATOR,
    AVERAGE,
    StateCheckpoints,
)
from keras_lion.optimizers.weight_decay import DecoupledWeightDecay


class RelatedOptimizer(
    StateCheckpoints,
    GradientAccumulation,
    DecoupledWeightDecay,
    keras.optimizers.Optimizer,
):
    """A Keras optimizer with Lion's weight decay, accumulation and checkpoints.

    A subclass makes its state in `_build_slots`, names it in `_own_slots`, and has an
    `update_step(gradient, variable, learning_rate, applies)`.
    """

    advice_on_other_state = ""
    accumulator_dtype = "float32"
    skip_nonfinite = False

    def __init__(
        self, learning_rate: Any, weight_decay: Any, name: str | None, **base: Any
    ) -> None:
        learning_rate = check_learning_rate(learning_rate)
        super().__init__(learning_rate, name=name, **base)
        self._set_up_checkpoints()
        self._set_up_weight_decay(
            weight_decay, "learning_rate", None, None, learning_rate
        )

    def build(self, variables: list[Any]) -> None:
        """Make the state of each variable, zero at first, and what options need."""
        if self.built:
            return
        # The base class would make accumulators in the dtype of the variables.
        steps, self.gradient_accumulation_steps = self.gradient_accumulation_steps, None
        super().build(variables)
        self.gradient_accumulation_steps = steps
        self._build_slots(variables)
        self._decays = [self.decays(variable) for variable in variables]
        self._warn_of_no_effect(variables)
        self._build_accumulation(variables)
        self._restore_pending()

    def _build_slots(self, variables: Sequence[Any]) -> None:
        """Make the state of each variable."""
        raise NotImplementedError

    def _new_slot(
        self, variable: Any, name: str, shape: tuple[int, ...] | None = None
    ) -> Any:
        """State of a variable: of its shape, or of another; None for float8 scales."""
        if is_overwritten(variable):
            return None
        return self.add_variable(
            shape=variable.shape if shape is None else shape,
            dtype=compute_dtype(variable),
            layout=getattr(variable, "_layout", None) if shape is None else None,
            name=f"{path_of(variable).replace('/', '_')}_{name}",
        )

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables."""
        gradients = [dense(gradient) for gradient in grads]
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        if trainable_variables is not None or self.built:
            check_gradients(gradients, trainable_variables or self._trainable_variables)
        super().apply(sum_over_replicas(gradients), trainable_variables)

    def _weight_decay_of(self, index: int, dtype: str) -> Any:
        return self._current_weight_decay(dtype) if self._decays[index] else 0.0

    def _own_slots(self) -> dict[str, list[Any]]:
        """The state of each variable, by name."""
        raise NotImplementedError

    def _slots(self) -> dict[str, list[Any]]:
        own = self._own_slots().items()
        slots = {name: slot for name, slot in own if any(v is not None for v in slot)}
        if self.gradient_accumulation_steps:
            slots[ACCUMULATOR] = self._accumulated_gradients
        if self.use_ema:
            slots[AVERAGE] = self._model_variables_moving_average
        return slots

    def _scalars_were_loaded(self) -> None:
        self._read_weight_decay_variable()

    def take_over(self, optimizer: Any) -> None:
        """Refused: a momentum alone is not the state of this optimizer."""
        raise ValueError(
            f"{type(self).__name__} cannot take over the state of another optimizer, "
            f"which lacks what it needs. Received: {optimizer!r}. Start it fresh."
        )

    def get_config(self) -> dict[str, Any]:
        decay = self._weight_decay_config()
        for name in (
            "weight_decay_coupling",
            "peak_learning_rate",
            "weight_decay_mask",
        ):
            del decay[name]  # not arguments of these optimizers
        return {**super().get_config(), **decay}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> RelatedOptimizer:
        config = dict(config)
        if isinstance(config.get("weight_decay"), dict):
            config["weight_decay"] = keras.saving.deserialize_keras_object(
                config["weight_decay"], custom_objects=custom_objects
            )
        excluded = config.pop("excluded_from_weight_decay", None)
        optimizer: RelatedOptimizer = super().from_config(config, custom_objects)
        if excluded:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        return optimizer


def check_positive(name: str, value: Any) -> float:
    """A number above 0."""
    if not is_number(value) or not 0 < value < float("inf"):
        raise ValueError(
            f"`{name}` must be a positive number. Received: {name}={value!r}."
        )
    return float(value)
