"""What the tests of the related optimizers share: gradients, runs and references.

The references are NumPy in float64, written from the papers, not from the package.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tests.arrays import array

SHAPES = {"kernel": (4, 3), "bias": (3,), "filters": (2, 3, 5)}
TOLERANCE = 1e-6


def start():
    """Weights before the first step, by name."""
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape) for name, shape in SHAPES.items()}


def gradients(steps, seed=0):
    """For each step the gradient of each weight, by name, in float32's values."""
    rng = np.random.default_rng(seed)
    scale = {"kernel": 1.0, "bias": 1e-2, "filters": 10.0}
    return [
        {
            name: (scale[name] * rng.normal(size=shape)).astype("float32")
            for name, shape in SHAPES.items()
        }
        for _ in range(steps)
    ]


def variables(dtype="float32"):
    return [
        keras.Variable(value.astype(dtype), name=name)
        for name, value in start().items()
    ]


def train(optimizer, steps, weights=None):
    """Weights by name after each step of a Keras optimizer."""
    weights = weights or variables()
    optimizer.build(weights)
    step, found = compiled_step(optimizer, weights), []
    for each in steps:
        step([ops.convert_to_tensor(each[name]) for name in SHAPES])
        found.append({v.name: array(v) for v in weights})
    return found


def compiled_step(optimizer, weights):
    """`optimizer.apply`, compiled as `fit` compiles it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda tensors: optimizer.apply(tensors, weights))
    if keras.backend.backend() != "jax":
        return lambda tensors: optimizer.apply(tensors, weights)
    import jax

    apply = jax.jit(optimizer.stateless_apply)

    def step(tensors):
        state = [v.value for v in optimizer.variables], [v.value for v in weights]
        new_weights, new_state = apply(state[0], tensors, state[1])
        for variable, value in zip(
            [*weights, *optimizer.variables], [*new_weights, *new_state], strict=True
        ):
            variable.assign(value)

    return step


def reference(step, steps):
    """Weights by name after each step of `step(name, t, weight, state, gradient)`.

    `state` is a dictionary that the step keeps what it likes in, t counts from 1.
    """
    weights, state = start(), {name: {} for name in SHAPES}
    found = []
    for t, each in enumerate(steps, start=1):
        for name, gradient in each.items():
            weights[name] = step(
                name, t, weights[name], state[name], gradient.astype("float64")
            )
        found.append(dict(weights))
    return found


def assert_follows(found, expected, tolerance=TOLERANCE):
    """Every weight at every step agrees, as a share of the largest value."""
    for now, then in zip(found, expected, strict=True):
        for name, value in then.items():
            scale = max(1.0, np.abs(value).max())
            np.testing.assert_allclose(now[name], value, rtol=0, atol=tolerance * scale)


def sgd(rate, momentum=0.0):
    def step(name, t, weight, state, gradient):
        state["m"] = momentum * state.get("m", 0.0) - rate * gradient
        return weight + state["m"]

    return step


def lion(rate, decay=0.0, beta_1=0.9, beta_2=0.99):
    def step(name, t, weight, state, gradient):
        m = state.get("lion", 0.0)
        c = beta_1 * m + (1 - beta_1) * gradient
        state["lion"] = beta_2 * m + (1 - beta_2) * gradient
        return weight - rate * (np.sign(c) + decay * weight)

    return step


def adamw(rate, decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Keras's: ε is added to the uncorrected root."""

    def step(name, t, weight, state, gradient):
        state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * gradient
        state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * gradient**2
        size = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return weight * (1 - rate * decay) - size * state["m"] / (
            np.sqrt(state["v"]) + epsilon
        )

    return step


def network(seed=0):
    """A small model, with inputs and targets of 40 examples."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )
    x = np.random.default_rng(seed).normal(size=(40, 6)).astype("float32")
    return model, x, x[:, :1] * x[:, 1:2]


def fit(model, x, y, steps, seed=0):
    """As many steps of one batch of 4 each, compiled as the backend likes."""
    order = np.random.default_rng(seed).integers(0, len(x), 4 * steps)
    model.fit(x[order], y[order], batch_size=4, shuffle=False, verbose=0)


def assert_resumes(optimizer, folder, steps=7, more=6, **compiled):
    """A model that is saved in mid-training and loaded goes on bit by bit as it was."""
    model, x, y = network()
    model.compile(optimizer, "mse", **compiled)
    fit(model, x, y, steps)
    model.save(folder / "model.keras")
    other = keras.saving.load_model(folder / "model.keras")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert_same_state(model, other)
    for each in (model, other):
        fit(each, x, y, more, seed=1)
    assert_same_state(model, other)
    return model


def assert_same_state(model, other):
    assert len(model.optimizer.variables) == len(other.optimizer.variables)
    pairs = zip(
        [*model.weights, *model.optimizer.variables],
        [*other.weights, *other.optimizer.variables],
        strict=True,
    )
    for one, two in pairs:
        np.testing.assert_array_equal(array(one), array(two), err_msg=one.path)
