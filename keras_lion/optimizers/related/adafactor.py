"""Adafactor, with the memory of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.optimizers.backend import compute_dtype, is_overwritten
from keras_lion.optimizers.hyperparameters import check_beta, check_flag
from keras_lion.optimizers.nonfinite_guard import select
from keras_lion.optimizers.related.base import RelatedOptimizer, check_positive

SMALLEST_SQUARE = 1e-30  # ε₁


@keras.saving.register_keras_serializable(package="keras_lion")
class RelativeStep(keras.optimizers.schedules.LearningRateSchedule):
    """min(0.01, 1 / √t), t the number of the step from 1: Adafactor's own schedule."""

    def __call__(self, step: Any) -> Any:
        t = ops.cast(step, "float32") + 1.0
        return ops.minimum(0.01, 1.0 / ops.sqrt(t))

    def get_config(self) -> dict[str, Any]:
        return {}


@keras.saving.register_keras_serializable(package="keras_lion")
class Adafactor(RelatedOptimizer):
    """Adafactor: Adam with a second moment of one row and one column per matrix.

    With G the gradient of a matrix, r and c the averages over its columns and rows
    (zero at first), t the number of the step from 1 and η the learning rate,

        β̂ = 1 − t^(−0.8)
        r ← β̂ r + (1 − β̂) mean over columns of (G² + 1e-30), likewise c over rows
        U = G / √(r cᵀ / mean(r))
        U ← U / max(1, RMS(U) / d)
        m ← β₁ m + (1 − β₁) U, and U ← m          only with `beta_1`
        θ ← θ − η max(ε₂, RMS(θ)) U − η λ θ

    Variables of one dimension, and those whose second largest dimension is below
    `min_dimension`, keep the whole second moment. Of more than two dimensions, the two
    largest are factored.

    `keras.optimizers.Adafactor` makes r and c, and stores their product too: one value
    per weight, which this one needs for its momentum only. Keras divides by a product
    of two averages that may underflow; here each has its own root.

    Args:
        learning_rate: η: None for min(0.01, 1 / √t), a number, a
            `keras.optimizers.schedules.LearningRateSchedule`, or a callable without
            arguments.
        beta_1: β₁ in [0, 1), or None for no momentum and its memory.
        beta_2_decay: The power of t in β̂, a negative number.
        clip_threshold: d, the largest RMS of an update.
        epsilon_2: ε₂, the smallest scale of a variable.
        scale_by_weights: Whether steps are scaled by max(ε₂, RMS(θ)).
        min_dimension: Smallest dimension that is factored.
        weight_decay: λ: a number, a schedule, a callable without arguments, or None.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a hyperparameter is out of its range.

    Example:

    ```python
    import keras
    from keras_lion.optimizers import Adafactor

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(Adafactor(beta_1=0.9), loss="mse")
    ```

    References:
        - [Shazeer and Stern, 2018](https://arxiv.org/abs/1804.04235), Algorithm 6
    """

    def __init__(
        self,
        learning_rate: Any = None,
        beta_1: float | None = None,
        beta_2_decay: float = -0.8,
        clip_threshold: float = 1.0,
        epsilon_2: float = 1e-3,
        scale_by_weights: bool = True,
        min_dimension: int = 128,
        weight_decay: Any = None,
        name: str | None = None,
        **base: Any,
    ) -> None:
        rate = RelativeStep() if learning_rate is None else learning_rate
        super().__init__(rate, weight_decay, name, **base)
        self.beta_1 = None if beta_1 is None else check_beta("beta_1", beta_1)
        self.beta_2_decay = -check_positive("-beta_2_decay", -beta_2_decay)
        self.clip_threshold = check_positive("clip_threshold", clip_threshold)
        self.epsilon_2 = check_positive("epsilon_2", epsilon_2)
        self.scale_by_weights = check_flag("scale_by_weights", scale_by_weights)
        if not isinstance(min_dimension, int) or min_dimension < 1:
            raise ValueError(
                "`min_dimension` must be a whole number of 1 or more. "
                f"Received: min_dimension={min_dimension!r}."
            )
        self.min_dimension: int = min_dimension

    def _build_slots(self, variables: Sequence[Any]) -> None:
        self._axes = [
            None if is_overwritten(v) else factored_axes(v.shape, self.min_dimension)
            for v in variables
        ]
        self._rows: list[Any] = []
        self._columns: list[Any] = []
        self._wholes: list[Any] = []
        self._momentums: list[Any] = []
        for variable, axes in zip(variables, self._axes, strict=True):
            shape = tuple(variable.shape)
            row = column = whole = None
            if axes is None:
                whole = self._new_slot(variable, "second_moment")
            else:
                row = self._new_slot(variable, "row", without(shape, axes[1]))
                column = self._new_slot(variable, "column", without(shape, axes[0]))
            self._rows.append(row)
            self._columns.append(column)
            self._wholes.append(whole)
            self._momentums.append(
                None if self.beta_1 is None else self._new_slot(variable, "momentum")
            )

    def _own_slots(self) -> dict[str, list[Any]]:
        slots = {
            "row": self._rows,
            "column": self._columns,
            "second_moment": self._wholes,
        }
        return slots if self.beta_1 is None else {**slots, "momentum": self._momentums}

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any, applies: Any = True
    ) -> None:
        """One step of one variable, where `applies` is true."""
        index, dtype = self._get_variable_index(variable), compute_dtype(variable)
        weight, gradient = ops.cast(variable, dtype), ops.cast(gradient, dtype)
        t = ops.cast(self.iterations + 1, dtype)
        newest = ops.power(t, self.beta_2_decay)  # 1 − β̂
        square = gradient * gradient + SMALLEST_SQUARE
        axes = self._axes[index]
        if axes is None:
            update = gradient * ops.rsqrt(
                self._moved(self._wholes[index], square, newest, applies)
            )
        else:
            row, column = axes
            r = self._moved(
                self._rows[index], ops.mean(square, axis=column), newest, applies
            )
            c = self._moved(
                self._columns[index], ops.mean(square, axis=row), newest, applies
            )
            # Where `row` is in r, from which `column` has been removed.
            r = r / ops.mean(r, axis=row - (row > column), keepdims=True)
            update = (
                gradient
                * ops.expand_dims(ops.rsqrt(r), column)
                * ops.expand_dims(ops.rsqrt(c), row)
            )
        update = update / ops.maximum(1.0, rms(update) / self.clip_threshold)
        if self.beta_1 is not None:
            update = self._moved(
                self._momentums[index], update, 1.0 - self.beta_1, applies
            )
        if self.scale_by_weights:
            update = update * ops.maximum(rms(weight), self.epsilon_2)
        decay = self._weight_decay_of(index, dtype) * weight
        new_weight = weight - ops.cast(learning_rate, dtype) * (update + decay)
        new = ops.cast(select(applies, new_weight, weight), variable.dtype)
        self.assign(variable, new)

    def _moved(self, average: Any, value: Any, newest: Any, applies: Any) -> Any:
        """An average after it has moved towards a value; stored where it applies."""
        old = ops.convert_to_tensor(average)
        new = old + newest * (value - old)
        self.assign(average, select(applies, new, old))
        return new

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2_decay": self.beta_2_decay,
            "clip_threshold": self.clip_threshold,
            "epsilon_2": self.epsilon_2,
            "scale_by_weights": self.scale_by_weights,
            "min_dimension": self.min_dimension,
        }


def factored_axes(shape: Sequence[int], smallest: int) -> tuple[int, int] | None:
    """The two largest axes of a shape, in its order; None if one is too small."""
    if len(shape) < 2:
        return None
    second, first = np.argsort(shape, kind="stable")[-2:]
    if shape[second] < smallest:
        return None
    return int(min(first, second)), int(max(first, second))


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """A shape without one of its axes."""
    return shape[:axis] + shape[axis + 1 :]


def rms(tensor: Any) -> Any:
    """The root of the mean square, shape ()."""
    return ops.sqrt(ops.mean(ops.square(tensor)))
