"""Equality with independent Lions: NumPy, Keras and optax, over hundreds of steps."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers import reference
from keras_lion.optimizers.updates import Betas, adamw_update
from tests.arrays import array

SIZE, STEPS = 20_000, 500
HYPERPARAMETERS = {"learning_rate": 1e-3, "weight_decay": 0.1}


@pytest.fixture(scope="module")
def gradients():
    """Mixed signs, and a scale of its own in every coordinate."""
    generator = np.random.default_rng(7)
    scale = 10.0 ** generator.uniform(-2, 2, size=SIZE)
    return [
        (generator.normal(size=SIZE) * scale).astype("float32") for _ in range(STEPS)
    ]


@pytest.fixture(scope="module")
def start():
    return np.random.default_rng(8).normal(size=SIZE).astype("float32")


@pytest.fixture(scope="module")
def path(gradients, start):
    return run_keras(Lion(**HYPERPARAMETERS), gradients, start)


def run_keras(optimizer, gradients, start):
    """Weights after every step, shape (STEPS, SIZE), and the last momentum."""
    weight = keras.Variable(start, name="kernel")
    weights = []
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
        weights.append(array(weight))
    return np.stack(weights), array(optimizer.variables[-1])


def assert_same_path(one, other):
    """Momentum to 1e-6 of its largest; at most 1e-6 of the updates differ in sign."""
    (weights, momentum), (other_weights, other_momentum) = one, other
    tolerance = 1e-6 * np.abs(other_momentum).max()
    np.testing.assert_allclose(momentum, other_momentum, rtol=0, atol=tolerance)
    # A flipped sign moves a weight by two learning rates, and the weights stay apart.
    apart = np.abs(weights - other_weights) > HYPERPARAMETERS["learning_rate"]
    flips = np.count_nonzero(np.diff(apart, axis=0, prepend=False))
    assert flips <= 1e-6 * weights.size


def test_equals_the_numpy_reference(path, gradients, start):
    weights, theta = [], start.astype("float64")
    m = np.zeros_like(theta)
    for gradient in gradients:
        theta, m = reference.lion_step(theta, m, gradient, **HYPERPARAMETERS)
        weights.append(theta)
    assert_same_path(path, (np.stack(weights), m))


def test_equals_keras_lion(path, gradients, start):
    assert_same_path(
        path, run_keras(keras.optimizers.Lion(**HYPERPARAMETERS), gradients, start)
    )


def test_equals_optax_lion(path, gradients, start):
    optax = pytest.importorskip("optax")
    optimizer = optax.lion(HYPERPARAMETERS["learning_rate"], weight_decay=0.1)
    weight, state = start, optimizer.init(start)
    weights = []
    for gradient in gradients:
        update, state = optimizer.update(gradient, state, weight)
        weight = optax.apply_updates(weight, update)
        weights.append(np.array(weight))
    assert_same_path(path, (np.stack(weights), np.array(state[0].mu)))


@pytest.mark.skipif(
    keras.backend.backend() == "torch",
    reason="the engine's AdamW; studies run on TensorFlow and JAX",
)
def test_adamw_update_equals_keras_adamw():
    generator = np.random.default_rng(3)
    start = generator.normal(size=50).astype("float32")
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.3)
    weight = keras.Variable(start)
    w, m, v = (ops.convert_to_tensor(x) for x in (start, 0 * start, 0 * start))
    for step in range(1, 101):
        scale = 10.0 ** (step % 5 - 2)
        gradient = (generator.normal(size=50) * scale).astype("float32")
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
        w, m, v = adamw_update(
            w,
            m,
            v,
            ops.convert_to_tensor(gradient),
            step=ops.convert_to_tensor(step, "float32"),
            learning_rate=1e-2,
            weight_decay=0.3,
            betas=Betas.of(0.9, 0.999),
        )
        tolerance = 1e-6 * np.abs(array(weight)).max()
        np.testing.assert_allclose(array(w), array(weight), rtol=0, atol=tolerance)
