"""Tiger: the sign of one momentum, steps in proportion to the weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import compute_dtype, is_overwritten, path_of
from keras_lion.optimizers.base_arguments import BASE_ARGUMENTS
from keras_lion.optimizers.hyperparameters import check_beta, is_number
from keras_lion.optimizers.lion import Lion
from keras_lion.optimizers.nonfinite_guard import all_finite, select
from keras_lion.optimizers.related.adafactor import rms

VECTORS = re.compile("bias|beta|gamma")  # of layers of Keras


@keras.saving.register_keras_serializable(package="keras_lion")
class Tiger(Lion):
    """Tiger: a step against the sign of the momentum, as large as the weights say.

    With θ the weights, m the momentum (zero at first), g the gradient, η the learning
    rate and λ the weight decay,

        m ← β m + (1 − β) g
        θ ← θ − η s (sign(m) + λ θ)

    It is Lion with β₁ = β₂ = β and a scale s per variable: the root mean square of θ,
    by rows for an embedding, at least `smallest_scale`. A variable with "bias", "beta"
    or "gamma" in its name has s = ½ and no decay.

    The momentum gathers the gradients of `gradient_accumulation_steps` itself, so that
    accumulation needs no memory (not with clipping, which needs the mean first). A step
    in which any gradient has a NaN or an infinity leaves the momentum as it is, does
    not count, and shrinks the weights by the factor `shrink` instead: towards 1 for
    "gamma", else towards 0.

    Args:
        learning_rate: η: a number, a `keras.optimizers.schedules.LearningRateSchedule`,
            or a callable without arguments.
        beta: β in [0, 1).
        weight_decay: λ: a number, a schedule, a callable without arguments, or None.
        shrink: What bad steps multiply weights by, in (0, 1]; 1 only drops them.
        smallest_scale: The smallest s of a variable that decays; the authors' code has
            0, with which a variable that starts from zeros stays there.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a hyperparameter is out of its range.

    Example:

    ```python
    import keras
    from keras_lion.optimizers import Tiger

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(Tiger(1e-3, gradient_accumulation_steps=4), loss="mse")
    ```

    References:
        - [The authors' code](https://github.com/bojone/tiger)
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta: float = 0.965,
        weight_decay: Any = 0.01,
        *,
        shrink: float = 0.99,
        smallest_scale: float = 1e-3,
        name: str | None = None,
        **base: Any,
    ) -> None:
        beta = check_beta("beta", beta)
        unknown = base.keys() - {*BASE_ARGUMENTS}
        if unknown:
            raise ValueError(
                f"Tiger has no argument {', '.join(sorted(unknown))}. Options of Lion "
                f"that are none of Tiger are left out. Received: {base!r}."
            )
        super().__init__(
            learning_rate,
            beta,
            beta,
            weight_decay,
            skip_nonfinite=True,
            name=name,
            **base,
        )
        if not is_number(shrink) or not 0 < shrink <= 1:
            raise ValueError(
                "`shrink` must be a number in the range (0, 1]. "
                f"Received: shrink={shrink!r}."
            )
        if not is_number(smallest_scale) or smallest_scale < 0:
            raise ValueError(
                "`smallest_scale` must be a number of 0 or more. "
                f"Received: smallest_scale={smallest_scale!r}."
            )
        self.beta = beta
        self.shrink = float(shrink)
        self.smallest_scale = float(smallest_scale)

    def decays(self, variable: Any) -> bool:
        """True if weight decay acts on this variable."""
        return not is_vector(variable) and super().decays(variable)

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any, applies: Any = True
    ) -> None:
        """One step of one variable, where `applies` is true."""
        rate = self._scaled(learning_rate, variable)
        super().update_step(gradient, variable, rate, applies)

    def accumulate_variable(
        self,
        gradient: Any,
        variable: Any,
        learning_rate: Any,
        first: Any,
        finite: Any,
        applies: Any,
    ) -> None:
        """One micro-step of one variable whose momentum gathers the gradients."""
        rate = self._scaled(learning_rate, variable)
        super().accumulate_variable(gradient, variable, rate, first, finite, applies)

    def _scaled(self, learning_rate: Any, variable: Any) -> Any:
        """η s of a variable."""
        dtype = compute_dtype(variable)
        rate, weight = ops.cast(learning_rate, dtype), ops.cast(variable, dtype)
        if is_vector(variable):
            return 0.5 * rate
        if "embeddings" in path_of(variable) and len(variable.shape) == 2:
            scale = ops.sqrt(ops.mean(ops.square(weight), axis=1, keepdims=True))
        else:
            scale = rms(weight)
        return rate * ops.maximum(scale, self.smallest_scale)

    def _backend_apply_gradients(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> None:
        super()._backend_apply_gradients(grads, trainable_variables)
        if self.shrink == 1:
            return
        finite = all_finite(grads)
        for variable in trainable_variables:
            if is_overwritten(variable):
                continue
            weight = ops.convert_to_tensor(variable)
            target = 1.0 if "gamma" in name_of(variable) else 0.0
            shrunk = target + self.shrink * (weight - target)
            self.assign(variable, select(finite, weight, shrunk))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        kept = {
            "name",
            "learning_rate",
            "weight_decay",
            "excluded_from_weight_decay",
            *BASE_ARGUMENTS,
        }
        return {
            **{name: value for name, value in config.items() if name in kept},
            "beta": self.beta,
            "shrink": self.shrink,
            "smallest_scale": self.smallest_scale,
        }


def name_of(variable: Any) -> str:
    """The last part of a variable's path."""
    return path_of(variable).rpartition("/")[2]


def is_vector(variable: Any) -> bool:
    """True for biases and the scales and offsets of normalization, by their names."""
    return VECTORS.search(name_of(variable)) is not None
