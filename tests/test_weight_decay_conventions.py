"""What one step does to a weight without a gradient, in Keras, Optax and here.

The formulas of docs/weight-decay.md, on weights that nothing but decay moves.
"""

import keras
import numpy as np
import pytest

from keras_lion import Lion

optax = pytest.importorskip("optax")

PEAK, STEPS, DECAY = 1e-2, 6, 0.3


@pytest.fixture
def schedule():
    """A warm-up and a cosine, so that every step has another rate."""
    return keras.optimizers.schedules.CosineDecay(
        PEAK / 10, decay_steps=STEPS, warmup_target=PEAK, warmup_steps=2, alpha=0.1
    )


@pytest.fixture
def rates(schedule):
    return np.array([float(schedule(step)) for step in range(STEPS)])


def factors_of_keras(optimizer):
    """What each step multiplies a weight by."""
    weight = keras.Variable([1.0])
    seen = [1.0]
    for _ in range(STEPS):
        optimizer.apply([keras.ops.zeros(1)], [weight])
        seen.append(float(keras.ops.convert_to_numpy(weight.value)[0]))
    return np.array(seen[1:]) / seen[:-1]


def factors_of_optax(transformation):
    """Likewise, of an Optax optimizer."""
    weight = np.ones(1, "float32")
    state, seen = transformation.init(weight), [1.0]
    for _ in range(STEPS):
        update, state = transformation.update(np.zeros(1, "float32"), state, weight)
        weight = np.asarray(optax.apply_updates(weight, update))
        seen.append(float(weight[0]))
    return np.array(seen[1:]) / seen[:-1]


def test_keras_optax_and_this_lion_couple_decay_to_the_learning_rate(schedule, rates):
    expected = 1 - rates * DECAY
    for optimizer in (
        Lion(schedule, weight_decay=DECAY),
        keras.optimizers.AdamW(schedule, weight_decay=DECAY),
        keras.optimizers.Lion(schedule, weight_decay=DECAY),
        keras.optimizers.Adam(schedule, weight_decay=DECAY),
    ):
        found = factors_of_keras(optimizer)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for make in (optax.adamw, optax.lion):
        found = factors_of_optax(
            make(lambda step: _at(rates, step), weight_decay=DECAY)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def _at(rates, step):
    import jax.numpy as jnp

    return jnp.asarray(rates, "float32")[step]


def test_coupled_to_the_schedule_is_lambda_over_the_peak(schedule, rates):
    own = Lion(schedule, weight_decay=DECAY, weight_decay_coupling="schedule")
    converted = Lion(schedule, weight_decay=DECAY / PEAK)
    expected = 1 - rates / PEAK * DECAY
    for optimizer in (own, converted):
        np.testing.assert_allclose(factors_of_keras(optimizer), expected, rtol=1e-5)


def test_independent_decay_with_a_constant_rate_is_lambda_over_the_rate():
    found = factors_of_keras(Lion(PEAK, weight_decay=0.001 / PEAK))
    np.testing.assert_allclose(found, 1 - 0.001, rtol=1e-6)


def test_independent_decay_with_a_schedule_agrees_in_total(schedule, rates):
    small = 1e-4
    total = small * STEPS / rates.sum()
    left = np.prod(factors_of_keras(Lion(schedule, weight_decay=total)))
    assert left == pytest.approx((1 - small) ** STEPS, rel=1e-6)


def test_defaults_are_those_that_the_page_names():
    import inspect

    def default(function):
        return inspect.signature(function).parameters["weight_decay"].default

    assert default(keras.optimizers.AdamW) == 0.004
    assert default(optax.adamw) == 1e-4
    assert default(Lion) is None
