"""Dynamic loss scaling that sees the gradients of every replica."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import sum_over_replicas

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_lion")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras's `LossScaleOptimizer`, with one decision for all replicas.

    Keras's own looks at the gradients of the first replica only: where another one
    overflows, its scale stays too large, and weights become NaN (the step is dropped by
    a Lion with `skip_nonfinite=True`). This one lowers the scale and drops the step if
    the gradients of any replica are not finite. On one device both are the same, and
    so they are on JAX.

    Its arguments are those of Keras's: `inner_optimizer`, the optimizer to wrap, and
    options.

    Example:

    ```python
    import keras
    from keras_lion import Lion
    from keras_lion.optimizers import LossScaleOptimizer

    keras.config.set_dtype_policy("mixed_float16")
    model = keras.Sequential([keras.layers.Dense(1, dtype="float32")])
    model.compile(optimizer=LossScaleOptimizer(Lion(1e-4)), loss="mse")
    keras.config.set_dtype_policy("float32")
    ```
    """

    def check_finite(self, grads: Sequence[Tensor | None]) -> Tensor:
        """Whether the gradients of every replica are finite, shape ()."""
        finite = super().check_finite(grads)
        bad = ops.cast(ops.logical_not(finite), "float32")
        return ops.equal(sum_over_replicas([bad])[0], 0)
