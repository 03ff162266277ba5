"""Layer adaptation: steps of any optimizer, as large as the variable's norm says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import compute_dtype, is_overwritten, path_of
from keras_lion.optimizers.related.lookahead import Lookahead
from keras_lion.optimizers.related.wrapper import Wrapper, innermost
from keras_lion.optimizers.weight_decay import VariableSet


@keras.saving.register_keras_serializable(package="keras_lion")
class LayerAdaptive(Wrapper):
    """The direction of any optimizer's step, with a length of η times the weight norm.

    With Δ the step of the inner optimizer for one variable θ, its weight decay in it,
    and η the learning rate,

        θ ← θ + η ‖θ‖ / ‖Δ‖ · Δ

    so that every variable changes by the same share of its norm. Where a norm is 0, the
    step is Δ. Around AdamW this is LAMB; `keras.optimizers.Lamb` leaves the weight
    decay out of Δ. A learning rate is a share here: 1e-3 to 1e-2 is usual.

    Args:
        inner_optimizer: A Keras optimizer without `use_ema`, whose averages would be
            of weights that the model never has. Lookahead goes around
            LayerAdaptive, as loss scaling does.
        exclude: Regular expressions, searched in the paths of variables: those take the
            steps of the inner optimizer. `["bias", "gamma", "beta"]` is usual.
        name: Name of the optimizer.

    Raises:
        ValueError: If the inner optimizer does not fit, or, when it is built, for a
            variable that is not float32 or float64 (its step is read from the
            difference of its values) or has a constraint (whose projection is no part
            of the step), unless it is excluded; and under a `tf.distribute` strategy of
            several replicas.

    Example:

    ```python
    import keras
    from keras_lion import Lion
    from keras_lion.optimizers import LayerAdaptive

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(LayerAdaptive(Lion(2e-3, weight_decay=0.1), ["bias"]), loss="mse")
    ```

    References:
        - [You et al., 2020](https://arxiv.org/abs/1904.00962), Algorithm 2 (LAMB)
    """

    def __init__(
        self,
        inner_optimizer: Any,
        exclude: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(inner_optimizer, name=name)
        if isinstance(exclude, str):
            raise ValueError(
                "`exclude` must be a list of regular expressions. "
                f"Received: exclude={exclude!r}; pass [{exclude!r}]."
            )
        self._not_adapted = VariableSet(*exclude, argument="exclude")

    def _check_inner(self, optimizer: Any) -> None:
        super()._check_inner(optimizer)
        if isinstance(optimizer, Lookahead):
            raise ValueError(
                "A synchronization of Lookahead is no step of one length. Use "
                f"Lookahead(LayerAdaptive(...)). Received: {optimizer!r}."
            )
        if innermost(optimizer).use_ema:
            raise ValueError(
                "LayerAdaptive takes an optimizer without `use_ema`: its averages are "
                "of weights before the adaptation, which the model never has. "
                f"Received: {optimizer!r} with use_ema=True."
            )

    def adapts(self, variable: Any) -> bool:
        """True if the steps of this variable are scaled."""
        return not is_overwritten(variable) and variable not in self._not_adapted

    def _build_slots(self, variables: list[Any]) -> None:
        for variable in filter(self.adapts, variables):
            dtype = keras.backend.standardize_dtype(variable.dtype)
            if dtype != compute_dtype(variable):
                raise ValueError(
                    f"LayerAdaptive cannot read the steps of {path_of(variable)!r} "
                    f"from its values: they are {dtype}, and must be float32 or "
                    "float64. "
                    "Use a mixed-precision policy, or name it in `exclude`."
                )
            if variable.constraint is not None:
                raise ValueError(
                    f"{path_of(variable)!r} has a constraint, which a scaled step "
                    "would not keep. Remove it, or name it in `exclude`. Received: "
                    f"constraint={variable.constraint!r}."
                )

    def _step(self, gradients: list[Any], variables: list[Any]) -> None:
        learning_rate = self.learning_rate  # before the step, which counts
        adapted = [variable for variable in variables if self.adapts(variable)]
        before = [ops.copy(ops.convert_to_tensor(variable)) for variable in adapted]
        self.inner_optimizer.apply(gradients, variables)
        for variable, old in zip(adapted, before, strict=True):
            step = ops.convert_to_tensor(variable) - old
            ratio = trust_ratio(old, step, ops.cast(learning_rate, variable.dtype))
            self.assign(variable, old + ratio * step)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "exclude": self._not_adapted.patterns()}


def trust_ratio(weight: Any, step: Any, learning_rate: Any) -> Any:
    """η ‖θ‖ / ‖Δ‖, and 1 where a norm is 0, shape ()."""
    of_weight = ops.sqrt(ops.sum(ops.square(weight)))
    of_step = ops.sqrt(ops.sum(ops.square(step)))
    positive = ops.logical_and(of_weight > 0, of_step > 0)
    divisor = ops.where(positive, of_step, ops.ones_like(of_step))
    ratio = learning_rate * of_weight / divisor
    return ops.where(positive, ratio, ops.ones_like(ratio))
