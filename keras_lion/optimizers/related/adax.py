"""AdaX: Adam whose second moment remembers the first gradients best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import compute_dtype
from keras_lion.optimizers.hyperparameters import check_beta
from keras_lion.optimizers.nonfinite_guard import select
from keras_lion.optimizers.related.base import RelatedOptimizer, check_positive


@keras.saving.register_keras_serializable(package="keras_lion")
class AdaX(RelatedOptimizer):
    """AdaX: Adam with a second moment that settles down.

    With θ the weights, m and v the moments (zero at first), g the gradient, t the
    number of the step from 1, η the learning rate and λ the weight decay,

        m ← β₁ m + (1 − β₁) g
        v ← v + β₂ / ((1 + β₂)ᵗ − 1) (g² − v)
        θ ← θ − η (m / (√v + ε) + λ θ)

    The paper keeps v ((1 + β₂)ᵗ − 1) / β₂ instead, a sum with growing weights, which
    leaves float32 after 887,272 steps at β₂ = 1e-4; v itself is the same and stays
    small. The first step has v = g²; the weight of a new gradient falls as 1 / t, and
    as exp(−β₂ t) after some 1 / β₂ steps, when v hardly changes any more.

    Args:
        learning_rate: η: a number, a `keras.optimizers.schedules.LearningRateSchedule`,
            or a callable without arguments.
        beta_1: β₁ in [0, 1).
        beta_2: β₂, a positive number: how fast the weights of gradients grow.
        epsilon: ε, a positive number.
        weight_decay: λ: a number, a schedule, a callable without arguments, or None.
            Decoupled, as Lion's.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a hyperparameter is out of its range.

    Example:

    ```python
    import keras
    from keras_lion.optimizers import AdaX

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(AdaX(1e-3, weight_decay=0.05), loss="mse")
    ```

    References:
        - [Li et al., 2020](https://arxiv.org/abs/2004.09740), Algorithm 2
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 1e-4,
        epsilon: float = 1e-6,
        weight_decay: Any = None,
        name: str | None = None,
        **base: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay, name, **base)
        self.beta_1 = check_beta("beta_1", beta_1)
        self.beta_2 = check_positive("beta_2", beta_2)
        self.epsilon = check_positive("epsilon", epsilon)

    def _build_slots(self, variables: Sequence[Any]) -> None:
        self._momentums = [self._new_slot(v, "momentum") for v in variables]
        self._velocities = [self._new_slot(v, "velocity") for v in variables]

    def _own_slots(self) -> dict[str, list[Any]]:
        return {"momentum": self._momentums, "velocity": self._velocities}

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any, applies: Any = True
    ) -> None:
        """One step of one variable, where `applies` is true."""
        index, dtype = self._get_variable_index(variable), compute_dtype(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        weight, gradient = ops.cast(variable, dtype), ops.cast(gradient, dtype)
        m, v = ops.convert_to_tensor(momentum), ops.convert_to_tensor(velocity)
        t = ops.cast(self.iterations + 1, dtype)
        newest = self.beta_2 / ops.expm1(t * math.log1p(self.beta_2))
        new_m = m + (1.0 - self.beta_1) * (gradient - m)
        new_v = v + newest * (gradient * gradient - v)
        step = new_m / (ops.sqrt(new_v) + self.epsilon)
        decay = self._weight_decay_of(index, dtype) * weight
        new_weight = weight - ops.cast(learning_rate, dtype) * (step + decay)
        new = ops.cast(select(applies, new_weight, weight), variable.dtype)
        self.assign(variable, new)
        self.assign(momentum, select(applies, new_m, m))
        self.assign(velocity, select(applies, new_v, v))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
