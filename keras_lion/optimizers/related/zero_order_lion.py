"""Lion without gradients: slopes of an objective along random directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.optimizers.backend import compute_dtype
from keras_lion.optimizers.lion import Lion
from keras_lion.optimizers.related.base import check_positive


@keras.saving.register_keras_serializable(package="keras_lion")
class ZeroOrderLion(Lion):
    """Lion on two values of an objective per step, which need not be differentiable.

    With u a normal random direction of all weights, drawn from a seed and the number of
    the step, and r the radius,

        g = (f(θ + r u) − f(θ − r u)) / (2 r) · u

    stands for the gradient in Lion's update. Its mean is the gradient of f, averaged
    over a normal distribution of width r around θ: it is the policy gradient of a
    policy that draws its weights so, with reward −f. The direction is drawn anew, one
    variable at a time, for each move and for the update: no gradient of the model is
    kept, and no activations. The noise of g grows with the number of weights: this is
    for small models, for a few layers of a large one, and for fine-tuning.

    Call `step` in a loop of your own; `fit` computes gradients, and is refused. `step`
    is not to be compiled, the objective may be. The moves leave a rounding error in the
    weights, of their last digit.

    Args:
        learning_rate: η: a number, a `keras.optimizers.schedules.LearningRateSchedule`,
            or a callable without arguments.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        weight_decay: λ: a number, a schedule, a callable without arguments, or None.
        radius: r, a positive number: about what changes the objective visibly. An
            accuracy that no example changes has no slope.
        probes: Directions per step, whose estimates are averaged: 2 values each.
        seed: Seed of the directions, a whole number ≥ 0.
        name: Name of the optimizer.

    Raises:
        ValueError: If a hyperparameter is out of its range.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_lion.optimizers import ZeroOrderLion

    x = np.random.default_rng(0).normal(size=(64, 4))
    y = x[:, 0] > x[:, 1]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])


    def error_rate():
        return np.mean((keras.ops.convert_to_numpy(model(x))[:, 0] > 0) != y)


    optimizer = ZeroOrderLion(1e-2, radius=0.1)
    for _ in range(100):
        optimizer.step(error_rate, model.trainable_variables)
    ```

    References:
        - [Malladi et al., 2023](https://arxiv.org/abs/2305.17333), directions from
          seeds
        - [Salimans et al., 2017](https://arxiv.org/abs/1703.03864), the policy gradient
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: Any = None,
        *,
        radius: float = 1e-2,
        probes: int = 1,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, weight_decay, name=name)
        self.radius = check_positive("radius", radius)
        self.probes = check_whole("probes", probes, 1)
        self.seed = check_whole("seed", seed, 0)

    def step(self, objective: Callable[[], Any], variables: Sequence[Any]) -> float:
        """Move variables towards smaller values of an objective.

        Args:
            objective: A function without arguments that reads the variables and returns
                one number, which is to become small: a loss, or minus a score. Both
                values of a step must be of the same examples.
            variables: Trainable variables, the same at every step.

        Returns:
            The mean of the values of the objective. A step in which one of them is not
            finite moves nothing.
        """
        variables = list(variables)
        if not self.built:
            with keras.name_scope(self.name):
                self.build(variables)
        number = int(ops.convert_to_numpy(self.iterations))
        values, slopes = [], []
        for probe in range(self.probes):
            key = (number, probe)
            self._move(variables, key, self.radius)
            high = float(objective())
            self._move(variables, key, -2 * self.radius)
            low = float(objective())
            self._move(variables, key, self.radius)
            values += [high, low]
            slopes.append((high - low) / (2 * self.radius))
        if all(map(math.isfinite, slopes)):
            for index, variable in enumerate(variables):
                gradient = sum(
                    slope / self.probes * self.direction(variable, index, number, probe)
                    for probe, slope in enumerate(slopes)
                )
                self.update_step(gradient, variable, self.learning_rate)
        self._iterations.assign_add(1)
        return sum(values) / len(values)

    def _move(
        self, variables: Sequence[Any], key: tuple[int, int], distance: float
    ) -> None:
        for index, variable in enumerate(variables):
            change = distance * self.direction(variable, index, *key)
            self.assign_add(variable, ops.cast(change, variable.dtype))

    def direction(self, variable: Any, index: int, step: int, probe: int = 0) -> Any:
        """The part of a direction u that is of one variable.

        Args:
            variable: The variable.
            index: Its place among the variables.
            step: Number of the step, from 0.
            probe: Number of the probe within the step.
        """
        words = np.random.SeedSequence([self.seed, step, probe, index])
        seed = int(words.generate_state(1)[0] >> 1)  # below 2³¹
        return keras.random.normal(
            variable.shape, dtype=compute_dtype(variable), seed=seed
        )

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Refused: there are no gradients to apply."""
        raise ValueError(
            "ZeroOrderLion takes no gradients, and cannot be used by `fit`: call "
            "`optimizer.step(objective, model.trainable_variables)` in a loop. Use "
            "Lion where there are gradients."
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        kept = {
            "name",
            "learning_rate",
            "beta_1",
            "beta_2",
            "weight_decay",
            "excluded_from_weight_decay",
        }
        return {
            **{name: value for name, value in config.items() if name in kept},
            "radius": self.radius,
            "probes": self.probes,
            "seed": self.seed,
        }


def check_whole(name: str, value: Any, smallest: int) -> int:
    """A whole number of at least `smallest`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise ValueError(
            f"`{name}` must be a whole number of {smallest} or more. "
            f"Received: {name}={value!r}."
        )
    return value
