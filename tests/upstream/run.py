"""Minimal reproductions of faults of Keras, and which of them Keras has mended.

Each function returns True while the fault is there. Nothing here imports keras_lion, so
that a function can be pasted into a report as it stands.

Command    KERAS_BACKEND=jax python -m tests.upstream.run
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

X = np.ones((8, 4), "float32")


def linear(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(4)])
    model.compile(optimizer, "mse")
    return model


def momentum_freezes_in_bfloat16() -> bool:
    """keras.optimizers.Lion rounds beta_2 to the dtype of a bfloat16 weight."""
    weight = keras.Variable(np.ones(3, "float32"), dtype="bfloat16")
    optimizer = keras.optimizers.Lion(beta_2=0.999)
    for _ in range(10):
        optimizer.apply([ops.ones(3, "bfloat16")], [weight])
    return float(ops.max(ops.cast(optimizer.variables[-1], "float32"))) == 0.0


def beta_2_is_not_checked() -> bool:
    """keras.optimizers.Lion accepts beta_2 = 7."""
    try:
        keras.optimizers.Lion(beta_2=7.0)
    except ValueError:
        return False
    return True


def weight_decay_is_baked_into_the_trace() -> bool:
    """Changing `optimizer.weight_decay` after the first `fit` has no effect."""
    model = linear(keras.optimizers.Lion(0.1, weight_decay=0.0))
    model.fit(X, X, verbose=0)
    before = np.array(ops.convert_to_numpy(model.layers[0].kernel.value))
    model.optimizer.weight_decay = 5.0
    model.fit(X, X, verbose=0)
    after = np.array(ops.convert_to_numpy(model.layers[0].kernel.value))
    return bool(np.allclose(np.abs(after - before), 0.1, atol=1e-3))


def exclusions_are_lost_on_saving() -> bool:
    """`exclude_from_weight_decay` is not in the config."""
    weight = keras.Variable(np.ones(3, "float32"), name="bias")
    optimizer = keras.optimizers.Lion(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    restored = keras.optimizers.Lion.from_config(optimizer.get_config())
    restored.apply([ops.zeros(3)], [weight])
    return bool(np.any(ops.convert_to_numpy(weight.value) != 1.0))


def loss_scale_wrapper_ignores_exclusions() -> bool:
    """`LossScaleOptimizer.exclude_from_weight_decay` does not reach the inner one."""
    weight = keras.Variable(np.ones(3, "float32"), name="bias")
    inner = keras.optimizers.Lion(0.1, weight_decay=1.0)
    wrapper = keras.optimizers.LossScaleOptimizer(inner)
    wrapper.exclude_from_weight_decay(var_list=[weight])
    inner.apply([ops.zeros(3)], [weight])
    return bool(np.any(ops.convert_to_numpy(weight.value) != 1.0))


def averages_tick_on_every_micro_step() -> bool:
    """With accumulation, EMA of the weights counts micro-steps, not updates."""
    averages = []
    for steps in (None, 2):
        weight = keras.Variable(np.ones(3, "float32"))
        optimizer = keras.optimizers.SGD(
            1.0, use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=steps
        )
        for _ in range(3 * (steps or 1)):
            optimizer.apply([ops.ones(3)], [weight])
        average = next(v for v in optimizer.variables if "average" in v.name)
        averages.append(ops.convert_to_numpy(average.value))
    return not np.allclose(*averages)


def state_is_saved_by_number() -> bool:
    """Turning on averages makes a saved optimizer state unloadable."""
    weight = keras.Variable(np.ones(3, "float32"))
    optimizer = keras.optimizers.Lion()
    optimizer.apply([ops.ones(3)], [weight])
    store: dict[str, np.ndarray] = {}
    optimizer.save_own_variables(store)
    other = keras.optimizers.Lion(use_ema=True)
    other.build([weight])
    other.load_own_variables(store)
    return int(ops.convert_to_numpy(other.iterations)) == 0


def sequential_loses_its_name_in_paths() -> bool:
    """A `.keras` round trip changes the paths of a Sequential model's variables."""
    model = linear(keras.optimizers.SGD())
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.saving.load_model(f"{folder}/model.keras")
    return [v.path for v in model.weights] != [v.path for v in loaded.weights]


def second_fit_with_averages_fails_on_jax() -> bool:
    """After `fit` with use_ema, a weight and its average share a donated buffer."""
    model = linear(keras.optimizers.SGD(use_ema=True))
    model.fit(X, X, verbose=0)
    try:
        model.fit(X, X, verbose=0)
    except (TypeError, ValueError):
        return True
    return False


FAULTS: tuple[Callable[[], bool], ...] = (
    momentum_freezes_in_bfloat16,
    beta_2_is_not_checked,
    weight_decay_is_baked_into_the_trace,
    exclusions_are_lost_on_saving,
    loss_scale_wrapper_ignores_exclusions,
    averages_tick_on_every_micro_step,
    state_is_saved_by_number,
    sequential_loses_its_name_in_paths,
    second_fit_with_averages_fails_on_jax,
)


def main() -> None:
    """Print every fault, and whether this version of Keras has it."""
    if keras.backend.backend() != "jax":
        raise SystemExit("Run this with KERAS_BACKEND=jax: one fault is JAX's alone.")
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    for fault in FAULTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            there = fault()
        print(f"{'still there' if there else 'KERAS HAS MENDED'}: {fault.__doc__}")


if __name__ == "__main__":
    main()
