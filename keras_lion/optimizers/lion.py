"""Lion as a Keras optimizer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.hyperparameters import (
    check_beta,
    check_learning_rate,
    check_weight_decay,
)
from keras_lion.optimizers.updates import Betas, lion_update


@keras.saving.register_keras_serializable(package="keras_lion")
class Lion(keras.optimizers.Optimizer):
    """Lion: a step of one size in the direction of the sign of an averaged gradient.

    Lion keeps one momentum per weight, half the state of AdamW. Every weight moves by
    the same amount at every step, so its learning rate is usually 3 to 10 times smaller
    than AdamW's, and its weight decay as many times larger.

    With θ the weights, m the momentum (zero at first), g the gradient, η the learning
    rate and λ the weight decay,

        c = β₁ m + (1 − β₁) g
        θ ← θ − η (sign(c) + λ θ)
        m ← β₂ m + (1 − β₂) g

    Weight decay is decoupled: λ is multiplied by the current learning rate, is applied
    to the weights before the step, and never enters the momentum. Arithmetic is in
    float32 at least (float64 for float64 weights), whatever the dtype of the weights,
    and the momentum is stored so.

    Args:
        learning_rate: η: a number, a `keras.optimizers.schedules.LearningRateSchedule`,
            or a callable without arguments. Default 1e-4, as the authors' code
            (`keras.optimizers.Lion`: 1e-3).
        beta_1: β₁ in [0, 1), the weight of the momentum in the step.
        beta_2: β₂ in [0, 1), the weight of the old momentum in the new one.
        weight_decay: λ, or None for no decay. May be changed at any time, also after
            compilation: `optimizer.weight_decay = 0.1`.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`: `clipnorm`,
            `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`,
            `ema_overwrite_frequency`, `loss_scale_factor`,
            `gradient_accumulation_steps`.

    Raises:
        ValueError: If a hyperparameter is out of its range.

    Example:

    ```python
    import keras
    from keras_lion import Lion

    model = keras.Sequential([keras.layers.Dense(10)])
    model.compile(
        optimizer=Lion(learning_rate=1e-4, weight_decay=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ```

    References:
        - [Chen et al., 2023, Algorithm 2](https://arxiv.org/abs/2302.06675)
        - [The authors' code](https://github.com/google/automl/tree/master/lion)
    """

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        *,
        name: str | None = None,
        **base: Any,
    ) -> None:
        # The base class is not told of the decay, or it would apply it a second time.
        super().__init__(check_learning_rate(learning_rate), name=name, **base)
        self.beta_1 = check_beta("beta_1", beta_1)
        self.beta_2 = check_beta("beta_2", beta_2)
        self._weight_decay_variable = self.add_variable(
            shape=(), dtype="float32", name="weight_decay"
        )
        self.weight_decay = weight_decay

    @property
    def weight_decay(self) -> float | None:
        """λ, live: a value set here is used from the next step on."""
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, weight_decay: float | None) -> None:
        self._weight_decay = check_weight_decay(weight_decay)
        if hasattr(self, "_weight_decay_variable"):
            self._weight_decay_variable.assign(self._weight_decay or 0.0)

    def build(self, variables: list[Any]) -> None:
        """Make one momentum, zero at first, for each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums = [
            None
            if getattr(variable, "overwrite_with_gradient", False)
            else self.add_variable(
                shape=variable.shape,
                dtype=compute_dtype(variable),
                layout=getattr(variable, "_layout", None),
                name=f"{variable.path.replace('/', '_')}_momentum",
            )
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable."""
        momentum = self._momentums[self._get_variable_index(variable)]
        dtype = momentum.dtype
        decays = self._use_weight_decay(variable)
        new_variable, new_momentum = lion_update(
            ops.cast(variable, dtype),
            ops.convert_to_tensor(momentum),
            ops.cast(gradient, dtype),
            learning_rate=ops.cast(learning_rate, dtype),
            weight_decay=ops.cast(self._weight_decay_variable, dtype)
            if decays
            else 0.0,
            betas=Betas.of(self.beta_1, self.beta_2),
        )
        self.assign(variable, new_variable)
        self.assign(momentum, new_momentum)

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Nothing: decay is part of the update, which reads the weights once."""

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }


def compute_dtype(variable: Any) -> str:
    """The dtype of arithmetic: float64 for float64 variables, else float32."""
    return "float64" if variable.dtype == "float64" else "float32"
