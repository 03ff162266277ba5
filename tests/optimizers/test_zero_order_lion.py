"""ZeroOrderLion: slopes along random directions, with Lion's update."""

import keras
import numpy as np
import pytest

from keras_lion.optimizers import ZeroOrderLion
from tests.arrays import array
from tests.optimizers.related_steps import (
    SHAPES,
    assert_follows,
    lion,
    reference,
    start,
    variables,
)

SLOPES = {
    name: np.random.default_rng(5).normal(size=shape) for name, shape in SHAPES.items()
}


def linear(weights):
    """An objective whose gradient is SLOPES."""
    return lambda: sum(
        (array(w).astype("float64") * SLOPES[w.name]).sum() for w in weights
    )


def directions(optimizer, weights, step, probe=0):
    return {
        w.name: array(optimizer.direction(w, index, step, probe)).astype("float64")
        for index, w in enumerate(weights)
    }


def test_200_steps_of_the_reference():
    weights = variables()
    optimizer = ZeroOrderLion(1e-2, weight_decay=0.1, radius=0.1)
    found, steps = [], []
    for step in range(200):
        optimizer.step(linear(weights), weights)
        found.append({w.name: array(w) for w in weights})
        u = directions(optimizer, weights, step)
        slope = sum((SLOPES[name] * u[name]).sum() for name in SHAPES)
        steps.append({name: slope * u[name] for name in SHAPES})
    # The moves leave rounding errors, which add up.
    assert_follows(found, reference(lion(1e-2, 0.1), steps), tolerance=5e-6)
    assert_follows(found[:20], reference(lion(1e-2, 0.1), steps)[:20])


def estimate(objective, weights, **options):
    """The estimate of the gradient: the momentum after one step, with β₂ = 0."""
    optimizer = ZeroOrderLion(0.0, beta_1=0.0, beta_2=0.0, weight_decay=0.0, **options)
    optimizer.step(objective, weights)
    return optimizer, {
        w.name: array(m).astype("float64")
        for w, m in zip(weights, optimizer._momentums, strict=True)
    }


def steps_of_a_stair(weights):
    """An objective without a derivative: it is constant nearly everywhere."""
    return lambda: float(np.floor(4 * linear(weights)()))


def test_it_is_the_policy_gradient_of_weights_drawn_at_random():
    """REINFORCE: the mean of reward × gradient of the log-density of what was drawn."""
    weights, radius, probes = variables(), 0.25, 7
    optimizer, found = estimate(
        steps_of_a_stair(weights), weights, radius=radius, probes=probes
    )
    total = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    centre = {name: value.astype("float32") for name, value in start().items()}
    for probe in range(probes):
        u = directions(optimizer, weights, 0, probe)
        for sign in (1, -1):  # a direction and its opposite are both drawn
            drawn = {name: centre[name] + sign * radius * u[name] for name in SHAPES}
            value = sum((SLOPES[name] * drawn[name]).sum() for name in SHAPES)
            for name in SHAPES:
                score = gradient_of_log_density(drawn[name], centre[name], radius)
                total[name] += np.floor(4 * value) * score / (2 * probes)
    for name in SHAPES:
        np.testing.assert_allclose(found[name], total[name], rtol=1e-5, atol=1e-5)


def gradient_of_log_density(drawn, mean, width):
    """With respect to the mean of a normal density, by complex steps."""
    found = np.empty(mean.shape)
    for place in np.ndindex(mean.shape):
        moved = mean.astype(complex)
        moved[place] += 1e-20j
        found[place] = (-((drawn - moved) ** 2).sum() / (2 * width**2)).imag / 1e-20
    return found


def test_its_mean_is_the_gradient():
    weight = [keras.Variable(np.zeros(3, "float32"), name="bias")]
    _, found = estimate(linear(weight), weight, probes=300)
    # The variance of one estimate is |a|² + a_i² with the gradient a.
    error = np.linalg.norm(SLOPES["bias"]) * np.sqrt(2 / 300)
    np.testing.assert_allclose(found["bias"], SLOPES["bias"], atol=4 * error)


def test_weights_return_to_where_they_were():
    weights = variables()
    estimate(linear(weights), weights, probes=3)
    for weight, value in zip(weights, start().values(), strict=True):
        np.testing.assert_allclose(array(weight), value, atol=1e-6)


def test_directions_differ_by_step_probe_variable_and_seed():
    weight = keras.Variable(np.zeros((2, 3), "float32"), name="w")
    optimizer = ZeroOrderLion()
    drawn = [
        array(optimizer.direction(weight, index, step, probe))
        for index, step, probe in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    drawn.append(array(ZeroOrderLion(seed=1).direction(weight, 0, 0)))
    assert len({each.tobytes() for each in drawn}) == 5
    again = array(ZeroOrderLion().direction(weight, 0, 0))
    np.testing.assert_array_equal(again, drawn[0])


@pytest.mark.parametrize("score", ["accuracy", "F1"])
def test_it_trains_a_score_without_a_derivative(score):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5] > 0.8  # 35 %
    kernel = keras.Variable(np.zeros(3, "float32"), name="kernel")
    bias = keras.Variable(np.full((), 0.5, "float32"), name="bias")

    def value():
        guess = x @ array(kernel) + array(bias) > 0
        if score == "accuracy":
            return (guess == y).mean()
        return 2 * (guess & y).sum() / (guess.sum() + y.sum())

    before = value()
    optimizer = ZeroOrderLion(2e-2, radius=0.2)
    for _ in range(200):
        optimizer.step(lambda: -value(), [kernel, bias])
    assert before < 0.6
    assert value() > 0.85


def test_saved_state_continues_bit_by_bit():
    expected, weights = variables(), variables()
    optimizer = ZeroOrderLion(1e-2, seed=3)
    for _ in range(5):
        optimizer.step(linear(expected), expected)
    first, state = ZeroOrderLion(1e-2, seed=3), {}
    for _ in range(2):
        first.step(linear(weights), weights)
    first.save_own_variables(state)
    second = ZeroOrderLion.from_config(first.get_config())
    second.build(weights)
    second.load_own_variables(state)
    for _ in range(3):
        second.step(linear(weights), weights)
    for one, two in zip(expected, weights, strict=True):
        np.testing.assert_array_equal(array(one), array(two))


def test_a_value_that_is_not_finite_moves_nothing():
    weight = keras.Variable(np.ones(2, "float32"), name="w")
    optimizer = ZeroOrderLion(0.5)
    optimizer.step(lambda: float("nan"), [weight])
    np.testing.assert_allclose(array(weight), 1, atol=1e-6)
    assert int(array(optimizer.iterations)) == 1  # the next direction is another one


def test_gradients_are_refused():
    with pytest.raises(ValueError, match=r"optimizer.step\(objective"):
        ZeroOrderLion().apply([np.ones(2)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius=0.0"),
        ({"probes": 0}, "probes=0"),
        ({"seed": -1}, "seed=-1"),
        ({"probes": 1.5}, "probes=1.5"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ZeroOrderLion(**options)
