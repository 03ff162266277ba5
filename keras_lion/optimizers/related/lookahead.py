"""Lookahead: slow weights that follow the weights of any optimizer."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import compute_dtype, is_overwritten
from keras_lion.optimizers.hyperparameters import is_number
from keras_lion.optimizers.related.wrapper import Wrapper, innermost

SLOW = "slow_weights"


@keras.saving.register_keras_serializable(package="keras_lion")
class Lookahead(Wrapper):
    """k steps of any optimizer, then a part of the way back to where they began.

    With θ the weights and φ the slow weights,

        φ ← θ                      before the first of k steps
        θ ← k steps of the inner optimizer
        θ ← φ + α (θ − φ)          after the last of them

    The state of the inner optimizer is kept. It costs one more value per weight.

    Unlike averaging with `use_ema` and `ema_overwrite_frequency`, the slow weights move
    once in k steps. The two are the same for k = 1 (`ema_momentum` = 1 − α).

    Between two synchronizations the model has the weights of the inner optimizer: train
    for a multiple of `sync_period` to end at the slow ones. Averages of the inner
    optimizer (`use_ema`) are over the weights before a synchronization. With gradient
    accumulation, `sync_period` counts updates; a step that is skipped does not count.

    Args:
        inner_optimizer: A Keras optimizer without `ema_overwrite_frequency`. Loss
            scaling goes around Lookahead: `LossScaleOptimizer(Lookahead(Lion()))`.
        sync_period: k, steps from one synchronization to the next, 1 or more.
        slow_step: α in (0, 1]: how far the slow weights go; 1 is the inner optimizer.
        name: Name of the optimizer.

    Raises:
        ValueError: If an argument is out of its range, if the inner optimizer also
            overwrites the weights with averages, or, when it is built, under a
            `tf.distribute` strategy of several replicas.

    Example:

    ```python
    import keras
    from keras_lion import Lion
    from keras_lion.optimizers import Lookahead

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(Lookahead(Lion(2.3e-4, weight_decay=1.05)), loss="mse")
    ```

    References:
        - [Zhang et al., 2019](https://arxiv.org/abs/1907.08610), Algorithm 1
    """

    def __init__(
        self,
        inner_optimizer: Any,
        sync_period: int = 5,
        slow_step: float = 0.5,
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        if not _is_count(sync_period):
            raise ValueError(
                "`sync_period` must be a whole number of 1 or more. "
                f"Received: sync_period={sync_period!r}."
            )
        if not is_number(slow_step) or not 0 < slow_step <= 1:
            raise ValueError(
                "`slow_step` must be a number in the range (0, 1]: 0 would undo every "
                "step, and 1 is the inner optimizer. "
                f"Received: slow_step={slow_step!r}."
            )
        self.sync_period = int(sync_period)
        self.slow_step = float(slow_step)

    def _check_inner(self, optimizer: Any) -> None:
        super()._check_inner(optimizer)
        if innermost(optimizer).ema_overwrite_frequency:
            raise ValueError(
                "Lookahead and `ema_overwrite_frequency` both overwrite the weights. "
                "Leave `ema_overwrite_frequency` out of the inner optimizer. Received: "
                f"{innermost(optimizer).ema_overwrite_frequency}."
            )

    def _build_slots(self, variables: list[Any]) -> None:
        self._slow_weights = [
            None if is_overwritten(variable) else self._new_slot(variable, SLOW)
            for variable in variables
        ]

    def _step(self, gradients: list[Any], variables: list[Any]) -> None:
        # Taken at the start of each period, they follow weights that are loaded or
        # changed between two periods; at the end of one they are the weights anyway.
        first = self._is_synchronized()
        for slow, variable in self._pairs():
            weight = ops.convert_to_tensor(variable)
            self.assign(slow, ops.where(first, weight, ops.convert_to_tensor(slow)))
        self.inner_optimizer.apply(gradients, variables)
        last = self._is_synchronized()
        for slow, variable in self._pairs():
            dtype = compute_dtype(variable)
            old, weight = ops.cast(slow, dtype), ops.cast(variable, dtype)
            new = ops.where(last, old + self.slow_step * (weight - old), weight)
            self.assign(variable, ops.cast(new, variable.dtype))
            if variable.constraint is not None:
                self.assign(variable, variable.constraint(variable))

    def _is_synchronized(self) -> Any:
        """Whether the count of steps is at the end of a period, shape ()."""
        counting = innermost(self)
        steps = self.sync_period * (counting.gradient_accumulation_steps or 1)
        return ops.equal(ops.mod(ops.convert_to_tensor(counting._iterations), steps), 0)

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Slow weights with their variable."""
        pairs = zip(self._slow_weights, self._trainable_variables, strict=True)
        return [(slow, variable) for slow, variable in pairs if slow is not None]

    def _slots(self) -> dict[str, list[Any]]:
        return {SLOW: getattr(self, "_slow_weights", [])}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sync_period": self.sync_period,
            "slow_step": self.slow_step,
        }


def _is_count(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and int(value) >= 1
