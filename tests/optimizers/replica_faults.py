"""What ours and Keras's optimizers do on two replicas, for test_replica_faults.py.

python -m tests.optimizers.replica_faults, on TensorFlow, prints JSON.
"""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_lion import Lion
from keras_lion.optimizers import LossScaleOptimizer

OPTIMIZERS = {"ours": Lion, "keras": keras.optimizers.Lion}
WRAPPERS = {"ours": LossScaleOptimizer, "keras": keras.optimizers.LossScaleOptimizer}


def apply(strategy: Any, make: Any, gradients: list[Any], steps: int = 1) -> Any:
    """Weight after some steps on one gradient per replica, and the optimizer."""
    with strategy.scope():
        weight = keras.Variable(np.zeros(2, "float32"), name="weight")
        optimizer = make()
        optimizer.build([weight])

    @tf.function
    def step():
        def on_replica(gradient):
            optimizer.apply([gradient], [weight])

        values = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(gradients[context.replica_id_in_sync_group])
        )
        strategy.run(on_replica, args=(values,))

    for _ in range(steps):
        step()
    return weight, optimizer


def accumulation(strategy: Any, whose: str) -> Any:
    """Weight after a window of two micro-steps."""
    weight, _ = apply(
        strategy,
        lambda: OPTIMIZERS[whose](0.5, gradient_accumulation_steps=2),
        [[1.0, -1.0], [1.0, -1.0]],
        steps=2,
    )
    return np.asarray(weight.value).tolist()


def clipping(strategy: Any, whose: str) -> Any:
    """Norm of the gradient in the momentum after it was clipped to norm 1."""
    _, optimizer = apply(
        strategy,
        lambda: OPTIMIZERS[whose](0.5, beta_2=0.75, global_clipnorm=1.0),
        [[3.0, 0.0], [1.0, 0.0]],
    )
    momentum = next(v for v in optimizer.variables if v.name.endswith("momentum"))
    return float(np.linalg.norm(np.asarray(momentum.value)) / 0.25)


def overflow(strategy: Any, whose: str) -> Any:
    """Whether weights are finite, and the factor of the scale, after a bad replica."""
    weight, optimizer = apply(
        strategy,
        lambda: WRAPPERS[whose](OPTIMIZERS[whose](0.5), initial_scale=4.0),
        [[1.0, 1.0], [np.nan, 1.0]],
    )
    finite = bool(np.isfinite(np.asarray(weight.value)).all())
    return finite, float(np.asarray(optimizer.dynamic_scale.value)) / 4


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found: dict[str, Any] = {}
    for check in (accumulation, clipping, overflow):
        for whose in OPTIMIZERS:
            try:
                found[f"{check.__name__}, {whose}"] = check(strategy, whose)
            except RuntimeError as error:
                found[f"{check.__name__}, {whose}"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
