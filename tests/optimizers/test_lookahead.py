"""Lookahead: k steps of the inner optimizer, then a part of the way back."""

import keras
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.optimizers import LayerAdaptive, Lookahead, LossScaleOptimizer
from tests.arrays import array
from tests.optimizers.related_steps import (
    adamw,
    assert_follows,
    assert_resumes,
    fit,
    gradients,
    lion,
    network,
    reference,
    sgd,
    start,
    train,
    variables,
)

INNER = {
    "sgd": (lambda: keras.optimizers.SGD(1e-3, momentum=0.9), sgd(1e-3, 0.9)),
    "adamw": (
        lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1),
        adamw(1e-2, 0.1),
    ),
    "lion": (lambda: Lion(1e-2, weight_decay=0.1), lion(1e-2, 0.1)),
}


def with_slow_weights(inner, period, slow_step):
    def step(name, t, weight, state, gradient):
        slow = state.setdefault("slow", weight)
        weight = inner(name, t, weight, state, gradient)
        if t % period:
            return weight
        state["slow"] = slow_step * weight + (1 - slow_step) * slow
        return state["slow"]

    return step


@pytest.mark.parametrize("name", INNER)
def test_200_steps_of_the_reference(name):
    make, inner = INNER[name]
    steps = gradients(200)
    found = train(Lookahead(make(), sync_period=6, slow_step=0.3), steps)
    assert_follows(found, reference(with_slow_weights(inner, 6, 0.3), steps))


@pytest.mark.parametrize("name", INNER)
def test_slow_step_of_1_is_the_inner_optimizer(name):
    make, _ = INNER[name]
    found = train(Lookahead(make(), sync_period=3, slow_step=1.0), gradients(10))
    assert_follows(found, train(make(), gradients(10)))


def test_period_of_1_is_an_average_that_overwrites():
    averaged = keras.optimizers.SGD(
        0.01, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=1
    )
    weights, looking = variables(), variables()
    # Keras's average starts from the weights after its first step, ours before it.
    train(averaged, gradients(1), weights)
    for one, two in zip(looking, weights, strict=True):
        one.assign(array(two))
    optimizer = Lookahead(keras.optimizers.SGD(0.01), sync_period=1, slow_step=0.25)
    found = train(optimizer, gradients(8, seed=1), looking)
    assert_follows(found, train(averaged, gradients(8, seed=1), weights))


def test_weights_that_are_set_after_building_are_where_it_starts():
    optimizer, weights = Lookahead(keras.optimizers.SGD(0.01), 2), variables()
    optimizer.build(weights)
    for weight in weights:
        weight.assign(array(weight) + 100)
    found = train(optimizer, gradients(2), weights)
    assert found[-1]["kernel"].min() > 90  # half of it, if it remembered the others


def test_state_in_a_dictionary_has_the_inner_state_with_it():
    steps = gradients(12)
    expected = train(Lookahead(Lion(1e-2), 5), steps)
    optimizer, weights, state = Lookahead(Lion(1e-2), 5), variables(), {}
    train(optimizer, steps[:7], weights)
    optimizer.save_own_variables(state)
    other = Lookahead(Lion(1e-2), 5)
    other.build(weights)
    other.load_own_variables(state)
    assert_follows(train(other, steps[7:], weights), expected[7:], tolerance=0)


def test_slow_weights_are_found_by_path():
    """Keras saves by number; a new variable in front would shift every one."""
    weights, state = variables(), {}
    optimizer = Lookahead(Lion(1e-2), 50)
    train(optimizer, gradients(3), weights)
    optimizer.save_own_variables(state)
    new = keras.Variable(np.ones((4, 3), "float32"), name="new")
    other = Lookahead(Lion(1e-2), 50)
    other.build([new, *weights])
    with pytest.warns(UserWarning, match="starting fresh: new"):
        other.load_own_variables(state)
    slow = [array(each) for each in other._slow_weights]
    np.testing.assert_array_equal(slow[0], 1)
    for one, two in zip(slow[1:], start().values(), strict=True):
        np.testing.assert_array_equal(one, two.astype("float32"))


def test_accumulation_counts_updates():
    halves = [each for each in gradients(8) for _ in range(2)]
    plain = train(Lookahead(keras.optimizers.SGD(1e-2), 3), gradients(8))
    inner = keras.optimizers.SGD(1e-2, gradient_accumulation_steps=2)
    assert_follows(train(Lookahead(inner, 3), halves)[1::2], plain)


def test_skipped_steps_do_not_count():
    steps = gradients(9)
    bad = {name: np.full_like(value, np.nan) for name, value in steps[0].items()}
    expected = train(Lookahead(Lion(1e-2), 3), steps)
    for place in (0, 2, 3):
        optimizer = Lookahead(Lion(1e-2, skip_nonfinite=True), 3)
        found = train(optimizer, [*steps[:place], bad, *steps[place:]])
        assert_follows([found[-1]], [expected[-1]], tolerance=0)


@pytest.mark.parametrize(
    "scaling", [keras.optimizers.LossScaleOptimizer, LossScaleOptimizer]
)
def test_loss_scaling_around_it_changes_nothing(scaling):
    results = []
    for wrap in (lambda optimizer: optimizer, scaling):
        model, x, y = network()
        model.compile(wrap(Lookahead(Lion(1e-3), 3)), "mse")
        fit(model, x, y, 7)
        results.append([array(weight) for weight in model.weights])
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_loss_scale_of_the_inner_optimizer_reaches_the_loss():
    results = []
    for scale in (None, 1024.0):
        model, x, y = network()
        inner = keras.optimizers.SGD(1e-2, loss_scale_factor=scale)
        model.compile(Lookahead(inner, 3), "mse")
        fit(model, x, y, 7)
        results.append([array(weight) for weight in model.weights])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)  # the scale is a power of two


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, x, y = network()
        model.compile(Lookahead(Lion(1e-2), 3), "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before = [array(weight) for weight in model.weights]
    fit(model, x, y, 6)
    assert int(array(model.optimizer.iterations)) == 6
    for slow, weight, old in zip(
        model.optimizer.inner_optimizer._slow_weights,
        model.weights,
        before,
        strict=True,
    ):
        assert (array(weight) != old).any()
        assert (array(slow) != array(weight)).any()  # of the last period's start


def test_averages_are_of_the_weights_before_a_synchronization():
    inner = keras.optimizers.SGD(1e-2, use_ema=True, ema_momentum=0.5)
    optimizer, weights = Lookahead(inner, 2), variables()
    steps = gradients(5)
    found = train(optimizer, steps, weights)
    fast = [
        before["kernel"] - 1e-2 * each["kernel"]
        for before, each in zip([start(), *found], steps, strict=False)
    ]
    expected = fast[0]
    for each in fast[1:]:
        expected = 0.5 * expected + 0.5 * each
    optimizer.finalize_variable_values(weights)
    np.testing.assert_allclose(array(weights[0]), expected, atol=1e-6)


def test_constraints_hold_after_a_synchronization():
    weight = keras.Variable(np.eye(3, dtype="float32"), name="w")
    weight.constraint = keras.constraints.UnitNorm()
    optimizer = Lookahead(keras.optimizers.SGD(0.5), 2)
    for each in np.random.default_rng(0).normal(size=(4, 3, 3)).astype("float32"):
        optimizer.apply([each], [weight])
        np.testing.assert_allclose(np.linalg.norm(array(weight), axis=0), 1, rtol=1e-5)


def test_learning_rate_is_that_of_the_inner_optimizer():
    optimizer = Lookahead(Lion(1e-3))
    optimizer.learning_rate = 0.25
    assert float(array(optimizer.inner_optimizer.learning_rate)) == 0.25
    assert float(array(optimizer.learning_rate)) == 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lookahead(Lion(), 0), "sync_period=0"),
        (lambda: Lookahead(Lion(), 2.5), "sync_period=2.5"),
        (lambda: Lookahead(Lion(), True), "sync_period=True"),
        (lambda: Lookahead(Lion(), 5, 0.0), "slow_step=0.0"),
        (lambda: Lookahead(Lion(), 5, 1.5), "slow_step=1.5"),
        (lambda: Lookahead("lion"), "one Keras optimizer"),
        (lambda: Lookahead(LossScaleOptimizer(Lion())), "inside the loss scaling"),
        (
            lambda: Lookahead(Lion(use_ema=True, ema_overwrite_frequency=2)),
            "both overwrite",
        ),
        (
            lambda: Lookahead(LayerAdaptive(Lookahead(Lion()))),
            "no step of one length",
        ),
    ],
)
def test_what_is_not_well_defined_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_there_is_no_momentum_to_take_over():
    with pytest.raises(ValueError, match="inner_optimizer"):
        Lookahead(Lion()).take_over(Lion())


@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_saved_in_mid_period_it_resumes_bit_by_bit(tmp_path, name, jit_compile):
    make, _ = INNER[name]
    assert_resumes(Lookahead(make(), 5, 0.5), tmp_path, 7, jit_compile=jit_compile)
