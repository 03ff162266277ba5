"""AdaX: the paper's update in a form that never leaves float32."""

import keras
import numpy as np
import pytest

from keras_lion.optimizers import AdaX
from tests.arrays import array
from tests.optimizers.related_steps import (
    assert_follows,
    assert_resumes,
    gradients,
    reference,
    train,
)


def adax(rate, decay=0.0, beta_1=0.9, beta_2=1e-4, epsilon=1e-6):
    """The paper's form: a sum with growing weights, divided by that of the weights."""

    def step(name, t, weight, state, gradient):
        state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * gradient
        state["v"] = (1 + beta_2) * state.get("v", 0.0) + beta_2 * gradient**2
        second = state["v"] / ((1 + beta_2) ** t - 1)
        update = state["m"] / (np.sqrt(second) + epsilon) + decay * weight
        return weight - rate * update

    return step


@pytest.mark.parametrize("beta_2", [1e-4, 0.1])
def test_200_steps_of_the_reference(beta_2):
    steps = gradients(200)
    found = train(AdaX(1e-2, beta_2=beta_2, weight_decay=0.1), steps)
    assert_follows(found, reference(adax(1e-2, 0.1, beta_2=beta_2), steps))


def test_the_second_moment_of_a_constant_gradient_is_its_square():
    optimizer = AdaX(1e-2)
    steps = gradients(1) * 30
    train(optimizer, steps)
    np.testing.assert_allclose(
        array(optimizer._velocities[0]), steps[0]["kernel"] ** 2, rtol=1e-6
    )


def test_ten_million_steps_are_no_problem():
    optimizer = AdaX(1e-2)
    train(optimizer, gradients(3))
    before = array(optimizer._velocities[0])
    optimizer.iterations.assign(10_000_000)
    found = train(optimizer, gradients(1), optimizer._trainable_variables)
    assert np.isfinite(found[0]["kernel"]).all()
    np.testing.assert_array_equal(array(optimizer._velocities[0]), before)  # settled


def test_accumulation_is_the_mean():
    halves = [each for each in gradients(6) for _ in range(2)]
    found = train(AdaX(1e-2, gradient_accumulation_steps=2), halves)[1::2]
    assert_follows(found, train(AdaX(1e-2), gradients(6)))


@pytest.mark.filterwarnings("ignore:Training ended inside")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gradient_accumulation_steps": 4},
        {"use_ema": True, "clipnorm": 1.0},
        {"weight_decay": keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)},
    ],
    ids=lambda options: " ".join(options) or "usual",
)
def test_saved_in_mid_training_it_resumes_bit_by_bit(tmp_path, options):
    optimizer = AdaX(1e-2, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert_resumes(optimizer, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1.0}, "not negative"),
        ({"beta_1": 1.0}, "beta_1=1.0"),
        ({"beta_2": 0.0}, "beta_2=0.0"),
        ({"epsilon": -1e-8}, "epsilon=-1e-08"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AdaX(**options)


def test_it_takes_over_no_state():
    with pytest.raises(ValueError, match="cannot take over"):
        AdaX().take_over(keras.optimizers.Adam())
