"""One of two workers that train with Lion under MultiWorkerMirroredStrategy.

python -m tests.optimizers.worker FILE.npz, with TF_CONFIG in the environment.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from keras_lion import Lion
from tests.optimizers.replica_steps import OPTIONS, batches, variables


def train(strategy: tf.distribute.Strategy, **options: object) -> dict[str, np.ndarray]:
    """Weights and state after steps on dyadic gradients; see replica_steps."""
    with strategy.scope():
        weights = variables()
        optimizer = Lion(**{**OPTIONS, **options}, name="lion")
        optimizer.build(weights)
    values = [weight.value for weight in weights]

    @tf.function
    def step(x, y):
        def on_replica(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(x * weights[0]) + tf.reduce_sum(y * weights[1])
            optimizer.apply(tape.gradient(loss, values), weights)

        strategy.run(on_replica, args=(x, y))

    replicas = strategy.num_replicas_in_sync
    for parts in zip(*batches("nan"), strict=True):
        step(
            *(
                strategy.experimental_distribute_values_from_function(
                    lambda context, part=part: tf.constant(
                        np.split(part, replicas)[context.replica_id_in_sync_group]
                    )
                )
                for part in parts
            )
        )
    return {
        variable.path: np.asarray(
            strategy.experimental_local_results(variable.value)[0], "float32"
        )
        for variable in [*weights, *optimizer.variables]
    }


CASES = {
    "plain": {},
    "clipped": {"global_clipnorm": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
}

if __name__ == "__main__":
    communication = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CollectiveCommunication.RING
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(
        communication_options=communication
    )
    assert strategy.num_replicas_in_sync == 2
    found = {
        f"{case}|{path}": value
        for case, options in CASES.items()
        for path, value in train(strategy, skip_nonfinite=True, **options).items()
    }
    np.savez(sys.argv[1], **found)
