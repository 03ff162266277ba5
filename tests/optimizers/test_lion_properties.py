"""What holds for any gradients: invariances and bounds of Lion."""

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_lion import Lion
from tests.arrays import array

SIZE = 8
seeds = st.integers(0, 2**16)
rates = st.sampled_from([1e-4, 3e-3, 0.1, 0.5])
decays = st.sampled_from([0.0, 0.01, 0.3, 1.9])
# An example is 8 weights for 12 steps; each step costs a call of the optimizer.
few = settings(max_examples=30)


def problem(seed, steps=12):
    generator = np.random.default_rng(seed)
    start = generator.normal(size=SIZE).astype("float32") * 3
    scales = 10.0 ** generator.uniform(-3, 3, size=(steps, 1))
    return start, (generator.normal(size=(steps, SIZE)) * scales).astype("float32")


def path(start, gradients, learning_rate, weight_decay):
    """Weights before the first and after every step, shape (steps + 1, SIZE)."""
    weight = keras.Variable(start)
    optimizer = Lion(learning_rate, weight_decay=weight_decay)
    weights = [start]
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
        weights.append(array(weight))
    return np.stack(weights)


@few
@given(seeds, rates, decays, st.integers(-20, 20))
def test_scaling_gradients_by_a_power_of_two_changes_no_bit(seed, rate, decay, power):
    start, gradients = problem(seed)
    scaled = (gradients * np.float32(2.0**power)).astype("float32")
    np.testing.assert_array_equal(
        path(start, gradients, rate, decay), path(start, scaled, rate, decay)
    )


@few
@given(seeds, rates, decays)
def test_negated_start_and_gradients_mirror_the_path(seed, rate, decay):
    start, gradients = problem(seed)
    np.testing.assert_array_equal(
        path(start, gradients, rate, decay), -path(-start, -gradients, rate, decay)
    )


@few
@given(seeds, rates, decays)
def test_step_is_at_most_the_learning_rate_and_the_decay(seed, rate, decay):
    start, gradients = problem(seed)
    weights = path(start, gradients, rate, decay).astype("float64")
    steps = np.abs(np.diff(weights, axis=0))
    bound = rate * (1 + decay * np.abs(weights[:-1]))
    rounding = 4 * np.spacing(np.maximum(np.abs(weights[:-1]), bound).astype("float32"))
    assert np.all(steps <= bound + rounding)


@few
@given(seeds, rates, decays.filter(bool))
def test_weights_stay_in_the_box_of_the_decay(seed, rate, decay):
    """max |w| <= max(|w0|, 1 / decay), to an ulp a step, where lr * decay < 1."""
    assert rate * decay < 1
    start, gradients = problem(seed)
    weights = np.abs(path(start, gradients, rate, decay))
    box = np.maximum(np.abs(start), np.float32(1 / decay))
    assert np.all(weights.max(axis=0) <= box + len(gradients) * np.spacing(box))


@few
@given(seeds, rates)
def test_undecayed_step_is_the_learning_rate_or_nothing(seed, rate):
    start, gradients = problem(seed)
    gradients[:, 0] = 0.0
    weights = path(start, gradients, rate, None)
    steps = np.abs(np.diff(weights.astype("float64"), axis=0))
    np.testing.assert_array_equal(steps[:, 0], 0.0)
    spacing = np.spacing(np.abs(weights[:-1, 1:])) + np.spacing(np.float32(rate))
    assert np.all(np.abs(steps[:, 1:] - rate) <= 2 * spacing)
