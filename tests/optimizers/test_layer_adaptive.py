"""LayerAdaptive: the inner optimizer's direction, η times the weight norm long."""

from itertools import pairwise

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

RATE = 1e-2
INNER = {
    "sgd": (lambda: keras.optimizers.SGD(RATE, momentum=0.9), sgd(RATE, 0.9)),
    "adamw": (
        lambda: keras.optimizers.AdamW(RATE, weight_decay=0.1),
        adamw(RATE, 0.1),
    ),
    "lion": (lambda: Lion(RATE, weight_decay=0.1), lion(RATE, 0.1)),
}


def layer_adapted(inner, exclude=()):
    def step(name, t, weight, state, gradient):
        change = inner(name, t, weight, state, gradient) - weight
        if name in exclude:
            return weight + change
        norms = np.linalg.norm(weight), np.linalg.norm(change)
        return weight + RATE * norms[0] / norms[1] * change

    return step


def lamb(rate, decay, beta_1=0.9, beta_2=0.999):
    """Algorithm 2 of the paper, without ε and without bounds of the weight norm."""

    def step(name, t, weight, state, gradient):
        state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * gradient
        state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * gradient**2
        m, v = state["m"] / (1 - beta_1**t), state["v"] / (1 - beta_2**t)
        update = m / np.sqrt(v) + decay * weight
        return weight - rate * np.linalg.norm(weight) / np.linalg.norm(update) * update

    return step


@pytest.mark.parametrize("name", INNER)
def test_200_steps_of_the_reference(name):
    make, inner = INNER[name]
    steps = gradients(200)
    found = train(LayerAdaptive(make(), exclude=["bias"]), steps)
    # A step is the difference of two float32 values, which has fewer digits.
    expected = reference(layer_adapted(inner, ["bias"]), steps)
    assert_follows(found, expected, tolerance=1e-5)
    assert_follows(found[:20], expected[:20])


def test_around_adamw_it_is_lamb():
    optimizer = LayerAdaptive(
        keras.optimizers.AdamW(RATE, weight_decay=0.5, epsilon=1e-12)
    )
    found = train(optimizer, gradients(50))
    assert_follows(found, reference(lamb(RATE, 0.5), gradients(50)), tolerance=1e-5)


@pytest.mark.parametrize("name", INNER)
def test_every_step_is_a_share_of_the_norm(name):
    found = [start(), *train(LayerAdaptive(INNER[name][0]()), gradients(10))]
    for before, after in pairwise(found):
        for weight, value in before.items():
            length = np.linalg.norm(after[weight] - value)
            np.testing.assert_allclose(
                length, RATE * np.linalg.norm(value), rtol=1e-4, err_msg=weight
            )


def test_the_rate_is_that_of_the_step_in_a_schedule():
    rates = [0.5, 0.25, 0.125]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [1, 2], [0.5, 0.25, 0.125]
    )
    # PiecewiseConstantDecay changes after its boundaries: steps 0 and 1 have 0.5.
    expected = [rates[0], rates[0], rates[1], rates[2]]
    optimizer = LayerAdaptive(keras.optimizers.SGD(schedule))
    found = [start(), *train(optimizer, gradients(4))]
    for before, after, rate in zip(found, found[1:], expected, strict=False):
        length = np.linalg.norm(after["kernel"] - before["kernel"])
        share = length / np.linalg.norm(before["kernel"])
        np.testing.assert_allclose(share, rate, rtol=1e-5)


def test_where_a_norm_is_0_the_step_is_the_inner_one():
    weights = variables()
    weights[0].assign(np.zeros((4, 3)))
    steps = gradients(1)
    steps[0]["bias"][:] = 0
    found = train(LayerAdaptive(keras.optimizers.SGD(0.5)), steps, weights)
    np.testing.assert_array_equal(found[0]["kernel"], -0.5 * steps[0]["kernel"])
    np.testing.assert_array_equal(found[0]["bias"], start()["bias"].astype("float32"))


def test_accumulation_moves_once_per_window():
    halves = [each for each in gradients(5) for _ in range(2)]
    plain = train(LayerAdaptive(keras.optimizers.SGD(1e-2)), gradients(5))
    inner = keras.optimizers.SGD(1e-2, gradient_accumulation_steps=2)
    assert_follows(train(LayerAdaptive(inner), halves)[1::2], plain)


@pytest.mark.parametrize("name", INNER)
def test_saved_in_mid_training_it_resumes_bit_by_bit(tmp_path, name):
    model = assert_resumes(LayerAdaptive(INNER[name][0](), ["bias"]), tmp_path)
    assert model.optimizer.get_config()["exclude"] == ["bias"]


def test_lookahead_goes_around_it(tmp_path):
    assert_resumes(Lookahead(LayerAdaptive(Lion(1e-2)), 5), tmp_path)


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, x, y = network()
        model.compile(LayerAdaptive(Lion(1e-2), ["bias"]), "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    before = array(model.weights[0])
    fit(model, x, y, 1)
    step = np.linalg.norm(array(model.weights[0]) - before)
    np.testing.assert_allclose(step, 1e-2 * np.linalg.norm(before), rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerAdaptive(LossScaleOptimizer(Lion())), "inside the loss scaling"),
        (lambda: LayerAdaptive(Lookahead(Lion())), r"Use Lookahead\(LayerAdaptive"),
        (lambda: LayerAdaptive(Lion(use_ema=True)), "without `use_ema`"),
        (lambda: LayerAdaptive(Lion(), "bias"), r"pass \['bias'\]"),
        (lambda: LayerAdaptive(Lion(), ["("]), "not a regular expression"),
    ],
)
def test_what_is_not_well_defined_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_variables_without_a_well_defined_step_are_refused_or_excluded():
    low = keras.Variable(np.ones(3, "float32"), dtype="bfloat16", name="low")
    bound = keras.Variable(np.ones(3, "float32"), name="bound")
    bound.constraint = keras.constraints.NonNeg()
    for variable, message in ((low, "bfloat16, and must be"), (bound, "a constraint")):
        with pytest.raises(ValueError, match=message):
            LayerAdaptive(Lion()).build([variable])
    optimizer = LayerAdaptive(Lion(0.5), exclude=["low", "bound"])
    optimizer.apply([np.ones(3, "float32")] * 2, [low, bound])
    assert array(bound).tolist() == [0.5] * 3
