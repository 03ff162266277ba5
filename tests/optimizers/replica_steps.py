"""Steps of Lion on one device and on several, saved for test_replicas.py.

    python -m tests.optimizers.replica_steps FILE.npz

On TensorFlow a MirroredStrategy over two virtual CPUs, on JAX DataParallel and
ModelParallel over four. Gradients are dyadic numbers, so that sums are exact in any
order and one device must give the same bits.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

JAX = os.environ.get("KERAS_BACKEND") == "jax"
if JAX:
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"

import keras  # noqa: E402
import numpy as np  # noqa: E402

from keras_lion import Lion  # noqa: E402
from keras_lion.optimizers import LossScaleOptimizer  # noqa: E402

STEPS, BATCH = 6, 8
OPTIONS = {"learning_rate": 2.0**-4, "weight_decay": 0.5, "beta_1": 0.5, "beta_2": 0.75}
CLIPPING = {"clipnorm": 0.5, "clipvalue": 0.25, "global_clipnorm": 0.5}
CASES = {
    "plain": {},
    **{name: {name: value} for name, value in CLIPPING.items()},
    "accumulation": {"gradient_accumulation_steps": 2},
    **{
        f"accumulation, {name}": {"gradient_accumulation_steps": 2, name: value}
        for name, value in CLIPPING.items()
    },
    "accumulation without buffer": {"gradient_accumulation_steps": 2, "beta_2": 0.5},
    "nan": {"skip_nonfinite": True},
    "nan, clipped": {"skip_nonfinite": True, "global_clipnorm": 0.5},
    "nan, accumulation": {"skip_nonfinite": True, "gradient_accumulation_steps": 2},
    "average": {"use_ema": True, "ema_momentum": 0.5},
    "average that overwrites": {"use_ema": True, "ema_overwrite_frequency": 2},
    "bfloat16 momentum": {"momentum_dtype": "bfloat16"},
    "cautious": {"cautious": True, "cautious_weight_decay": True},
    "loss scale": {"loss_scale_factor": 4.0},
    "flush": {"gradient_accumulation_steps": 4},
    "flush, average": {
        **{"gradient_accumulation_steps": 4, "global_clipnorm": 0.5},
        **{"use_ema": True, "ema_momentum": 0.5},
    },
    "average at the end": {"use_ema": True, "ema_momentum": 0.5},
    "lazy": {"lazy_embeddings": True},
}
BAD_STEP = 2


def batches(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of every step; a NaN in one, in the part of the last replica only."""
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (STEPS, BATCH, 4)).astype("float32") / 8
    y = rng.integers(-8, 9, (STEPS, BATCH, 6, 2)).astype("float32") / 8
    if case.startswith("nan"):
        x[BAD_STEP, -1, 1] = np.nan
    if case == "lazy":
        y[1::2, :, :3] = 0  # rows that every other step leaves alone
    return x, y


def variables(case: str) -> list[keras.Variable]:
    return [
        keras.Variable(np.linspace(-1, 1, 4, dtype="float32"), name="vector"),
        keras.Variable(
            np.linspace(1, -1, 12, dtype="float32").reshape(6, 2),
            name="embeddings" if case == "lazy" else "matrix",
        ),
    ]


def end(case: str, optimizer: Lion, weights: list[keras.Variable]) -> None:
    """What is called after the last step, outside of the replicas."""
    if case.startswith("flush"):
        optimizer.flush()
    if case == "average at the end":
        optimizer.finalize_variable_values(weights)


def lion(case: str, weights: list[keras.Variable]) -> Lion:
    optimizer = Lion(**{**OPTIONS, **CASES[case]}, name="lion")
    optimizer.build(weights)
    return optimizer


def mirrored(case: str, strategy: Any, *, graph: bool) -> dict[str, np.ndarray]:
    """Weights and state after all steps under a tf.distribute strategy."""
    import tensorflow as tf

    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        weights = variables(case)
        optimizer = lion(case, weights)

    def on_replica(x, y):
        vector, matrix = weights
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(x * vector) + tf.reduce_sum(y * matrix)
            if optimizer.loss_scale_factor:
                loss = optimizer.scale_loss(loss)
        values = [weight.value for weight in weights]
        optimizer.apply(tape.gradient(loss, values), weights)

    def step(x, y):
        strategy.run(on_replica, args=(x, y))

    compiled = tf.function(step) if graph else step
    for x, y in zip(*batches(case), strict=True):
        parts = [
            strategy.experimental_distribute_values_from_function(
                lambda context, part=part: tf.constant(
                    np.split(part, replicas)[context.replica_id_in_sync_group]
                )
            )
            for part in (x, y)
        ]
        compiled(*parts)
    end(case, optimizer, weights)
    found = {}
    for variable in [*weights, *optimizer.variables]:
        copies = strategy.experimental_local_results(variable.value)
        found[variable.path] = np.stack(
            [np.asarray(copy, "float32") for copy in copies]
        )
    return found


def sharded(case: str, distribution: Any) -> dict[str, np.ndarray]:
    """Weights and state after all steps on JAX, the batch spread over devices."""
    import jax

    keras.distribution.set_distribution(distribution)
    weights = variables(case)
    optimizer = lion(case, weights)

    def loss(values, x, y):
        vector, matrix = values
        total = (x * vector).sum() + (y * matrix).sum()
        return total * (optimizer.loss_scale_factor or 1.0)

    @jax.jit
    def step(values, state, x, y):
        gradients = jax.grad(loss)(values, x, y)
        return optimizer.stateless_apply(state, gradients, values)

    values = [weight.value for weight in weights]
    state = [variable.value for variable in optimizer.variables]
    for x, y in zip(*batches(case), strict=True):
        if distribution is not None:
            x, y = (
                jax.device_put(
                    part, distribution.get_data_layout(part.shape).backend_layout
                )
                for part in (x, y)
            )
        values, state = step(values, state, x, y)
    everything = [*weights, *optimizer.variables]
    for variable, value in zip(everything, [*values, *state], strict=True):
        variable.assign(value)
    end(case, optimizer, weights)
    keras.distribution.set_distribution(None)
    return {
        variable.path: np.asarray(variable.value, "float32")[None]
        for variable in everything
    }


def distributions() -> dict[str, Any]:
    mesh = keras.distribution.DeviceMesh((2, 2), ["batch", "model"])
    layouts = keras.distribution.LayoutMap(mesh)
    layouts["matrix|embeddings"] = ("model", None)
    return {
        "one": None,
        "data": keras.distribution.DataParallel(),
        "model": keras.distribution.ModelParallel(
            layout_map=layouts, batch_dim_name="batch"
        ),
    }


FITS: dict[str, dict[str, Any]] = {
    "float32": {},
    "mixed_bfloat16": {},
    "mixed_float16": {},
    "mixed_float16, nan": {"wrap": LossScaleOptimizer, "nan": True},
}


def fit(case: str, scope: Any) -> dict[str, np.ndarray]:
    """Weights after `model.fit`, whose gradients are rounded in another order."""
    options = FITS[case]
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(case.partition(",")[0])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 10)).astype("float32")
    y = rng.integers(0, 3, 128)
    if options.get("nan"):
        x[16:32] = np.nan  # the second half of the first batch
    with scope:
        model = keras.Sequential(
            [
                keras.layers.Dense(16, activation="tanh"),
                keras.layers.Dense(3, dtype="float32"),
            ]
        )
        model.build((None, 10))
        lion = Lion(1e-2, weight_decay=0.1, global_clipnorm=1.0)
        model.compile(
            options.get("wrap", lambda each: each)(lion),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    keras.config.set_dtype_policy("float32")
    found = {
        f"weight_{number}": np.asarray(weight, "float32")[None]
        for number, weight in enumerate(model.get_weights())
    }
    scale = getattr(model.optimizer, "dynamic_scale", None)
    if scale is not None:
        found["scale"] = np.asarray(keras.ops.convert_to_numpy(scale))[None]
    return found


class Distribution:
    """A scope in which variables and data are laid out by a distribution of JAX."""

    def __init__(self, distribution: Any) -> None:
        self.distribution = distribution

    def __enter__(self) -> None:
        keras.distribution.set_distribution(self.distribution)

    def __exit__(self, *_: Any) -> None:
        keras.distribution.set_distribution(None)


def main(file: str) -> None:
    results = {}
    if JAX:
        for name, distribution in distributions().items():
            for case in CASES:
                results[case, name] = sharded(case, distribution)
            for case in FITS:
                results[case, name] = fit(case, Distribution(distribution))
    else:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        # Once each: collective operations of two strategies could mix.
        one = tf.distribute.MirroredStrategy(["CPU:0"])
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        for case in CASES:
            results[case, "one"] = mirrored(case, one, graph=False)
            results[case, "eager"] = mirrored(case, two, graph=False)
            results[case, "graph"] = mirrored(case, two, graph=True)
        for case in FITS:
            results[case, "one"] = fit(case, contextlib.nullcontext())
            results[case, "graph"] = fit(case, two.scope())
    np.savez(
        file,
        **{
            f"{case}|{where}|{path}": value
            for (case, where), values in results.items()
            for path, value in values.items()
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
