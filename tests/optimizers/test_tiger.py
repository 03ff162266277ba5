"""Tiger: Lion of one β with steps in proportion to the weights."""

import keras
import numpy as np
import pytest

from keras_lion.optimizers import Tiger
from tests.arrays import array
from tests.optimizers.related_steps import (
    assert_follows,
    assert_resumes,
    gradients,
    reference,
    start,
    train,
    variables,
)


def tiger(rate=1e-3, beta=0.965, decay=0.01, micro_steps=1):
    """The authors' form, whose momentum gathers the gradients of a window."""

    def step(name, t, weight, state, gradient):
        first, last = (t - 1) % micro_steps == 0, t % micro_steps == 0
        kept = beta if first else 1.0
        m = kept * state.get("m", 0.0) + (1 - beta) / micro_steps * gradient
        state["m"] = m
        if not last:
            return weight
        vector = name == "bias"
        size = 0.5 * rate if vector else rate * np.sqrt((weight**2).mean())
        return weight - size * (np.sign(m) + (0 if vector else decay) * weight)

    return step


@pytest.mark.parametrize("micro_steps", [1, 4])
def test_200_steps_of_the_reference(micro_steps):
    steps = gradients(200)
    base = {} if micro_steps == 1 else {"gradient_accumulation_steps": micro_steps}
    found = train(Tiger(1e-2, weight_decay=0.1, **base), steps)
    expected = reference(tiger(1e-2, decay=0.1, micro_steps=micro_steps), steps)
    assert_follows(found, expected)


def test_accumulation_is_the_step_on_the_mean_and_needs_no_buffer():
    quarters = [each for each in gradients(6) for _ in range(4)]
    optimizer = Tiger(1e-2, gradient_accumulation_steps=4)
    found = train(optimizer, quarters)[3::4]
    assert_follows(found, train(Tiger(1e-2), gradients(6)))
    assert optimizer.accumulates_in_momentum
    large = [v for v in optimizer.variables if len(v.shape) > 1]
    assert len(large) == 2  # the momenta of the kernel and of the filters


def test_learning_rates_are_in_proportion_to_the_weights():
    """Without decay, weights that are twice as large move twice as far."""
    small, large = variables(), variables()
    for weight in large:
        weight.assign(2 * array(weight))
    one = train(Tiger(1e-2, weight_decay=None), gradients(10), small)[-1]
    two = train(Tiger(1e-2, weight_decay=None), gradients(10), large)[-1]
    np.testing.assert_allclose(two["kernel"], 2 * one["kernel"], rtol=1e-5, atol=1e-6)


def test_rows_of_an_embedding_have_a_scale_each():
    rows = np.array([[1.0, -1.0], [10.0, 10.0]], "float32")
    table = keras.Variable(rows, name="embeddings")
    Tiger(0.5, weight_decay=None).apply([np.ones((2, 2), "float32")], [table])
    np.testing.assert_allclose(array(table), rows - [[0.5, 0.5], [5, 5]])


@pytest.mark.parametrize("steps", [None, 2])
def test_bad_gradients_shrink_the_weights_and_leave_the_momentum(steps):
    names = ["kernel", "gamma", "bias"]
    weights = [keras.Variable(np.full(2, 3, "float32"), name=name) for name in names]
    optimizer = Tiger(1e-2, shrink=0.5, gradient_accumulation_steps=steps)
    good = np.ones(2, "float32")
    optimizer.apply([good, good, good], weights)
    before = [array(weight) for weight in weights]
    state = [array(variable) for variable in optimizer._momentums]
    optimizer.apply([good, good, np.array([1, np.nan], "float32")], weights)
    for old, now, target in zip(before, weights, [0, 1, 0], strict=True):
        np.testing.assert_array_equal(array(now), target + 0.5 * (old - target))
    for old, variable in zip(state, optimizer._momentums, strict=True):
        np.testing.assert_array_equal(array(variable), old)
    assert optimizer.skipped_steps == 1
    assert int(array(optimizer._iterations)) == 1


def test_weights_of_zero_move():
    weight = keras.Variable(np.zeros((2, 2), "float32"), name="kernel")
    Tiger(0.5).apply([np.ones((2, 2), "float32")], [weight])
    np.testing.assert_allclose(array(weight), -0.5e-3)


def test_decay_leaves_vectors_alone_and_takes_exclusions():
    optimizer = Tiger(1e-2, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["filters"])
    zeros = {name: np.zeros_like(value) for name, value in gradients(1)[0].items()}
    found = train(optimizer, [zeros])[0]
    before = {name: value.astype("float32") for name, value in start().items()}
    np.testing.assert_array_equal(found["bias"], before["bias"])
    np.testing.assert_array_equal(found["filters"], before["filters"])
    scale = np.sqrt((before["kernel"] ** 2).mean())
    np.testing.assert_allclose(
        found["kernel"], before["kernel"] * (1 - 1e-2 * scale), rtol=1e-6
    )


@pytest.mark.filterwarnings("ignore:Training ended inside")
@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 4}], ids=str)
def test_saved_in_mid_training_it_resumes_bit_by_bit(tmp_path, options):
    assert_resumes(Tiger(1e-2, **options), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 1.0}, "beta=1.0"),
        ({"shrink": 0.0}, "shrink=0.0"),
        ({"smallest_scale": -1.0}, "smallest_scale=-1.0"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"cautious": True}, "no argument cautious"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Tiger(**options)
