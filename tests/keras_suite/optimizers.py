"""What Keras's optimizer tests import instead of `keras.src.optimizers`.

Lion is ours. So are the optimizers whose tests ask for what all optimizers share
(counters, clipping, averages, accumulation, checkpoints, loss scaling): `Adam` is Lion,
and `SGD` is Lion with the update of SGD, so that the numbers of those tests hold.
"""

from typing import Any

import keras
from keras import ops
from keras.optimizers import *  # noqa: F403
from keras.optimizers import schedules as schedules

from keras_lion import Lion as OurLion
from keras_lion.optimizers.nonfinite_guard import select


@keras.saving.register_keras_serializable(package="keras_suite")
class Lion(OurLion):
    """Our Lion with the default learning rate that Keras's tests expect."""

    def __init__(self, learning_rate: Any = 1e-3, *args: Any, **options: Any) -> None:
        super().__init__(learning_rate, *args, **options)


@keras.saving.register_keras_serializable(package="keras_suite")
class Adam(Lion):
    """Lion where a test asks for any optimizer, under the name that it expects."""


@keras.saving.register_keras_serializable(package="keras_suite")
class SGD(Lion):
    """All of our Lion but the update, which is that of SGD."""

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = momentum, nesterov

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any, applies: Any = True
    ) -> None:
        weight = ops.convert_to_tensor(variable)
        learning_rate, gradient = (
            ops.cast(tensor, weight.dtype) for tensor in (learning_rate, gradient)
        )
        decay = self._weight_decay_of(self._get_variable_index(variable), weight.dtype)
        stepped = weight - learning_rate * (gradient + decay * weight)
        self.assign(variable, select(applies, stepped, weight))

    def get_config(self) -> dict[str, Any]:
        own = {"momentum": self.momentum, "nesterov": self.nesterov}
        return {**super().get_config(), **own}


def get(identifier: Any) -> Any:
    """`keras.optimizers.get`, which finds our Lion under its name."""
    name = identifier["class_name"] if isinstance(identifier, dict) else identifier
    if name in ("lion", "sgd", "adam"):
        config = identifier["config"] if isinstance(identifier, dict) else {}
        return {"lion": Lion, "sgd": SGD, "adam": Adam}[name](**config)
    return keras.optimizers.get(identifier)


serialize = keras.optimizers.serialize
deserialize = keras.optimizers.deserialize
