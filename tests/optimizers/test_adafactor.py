"""Adafactor: the paper's update, with one row and one column per matrix."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion.optimizers import Adafactor
from keras_lion.optimizers.related.adafactor import factored_axes
from tests.arrays import array
from tests.optimizers.related_steps import (
    assert_follows,
    assert_resumes,
    gradients,
    reference,
    train,
)

# Which two axes of each weight are factored, and in which order they are removed.
FACTORED = {"kernel": (0, 1), "bias": None, "filters": (1, 2)}


def root_mean_square(x):
    return np.sqrt((x**2).mean())


def adafactor(rate=None, beta_1=None, decay=0.0, scale=True, power=0.8, bound=1.0):
    def step(name, t, weight, state, gradient):
        eta = min(0.01, t**-0.5) if rate is None else rate
        kept = 1 - t**-power
        square = gradient**2 + 1e-30
        if FACTORED[name] is None:
            state["v"] = kept * state.get("v", 0.0) + (1 - kept) * square
            second = state["v"]
        else:
            row, column = FACTORED[name]
            for axis in (row, column):
                mean = square.mean(axis=axis, keepdims=True)
                state[axis] = kept * state.get(axis, 0.0) + (1 - kept) * mean
            total = state[column].mean(axis=row, keepdims=True)
            second = state[row] * state[column] / total
        update = gradient / np.sqrt(second)
        update = update / max(1.0, root_mean_square(update) / bound)
        if beta_1 is not None:
            update = beta_1 * state.get("m", 0.0) + (1 - beta_1) * update
            state["m"] = update
        size = max(1e-3, root_mean_square(weight)) if scale else 1.0
        return weight - eta * (size * update + decay * weight)

    return step


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta_1": 0.9},
        {"rate": 1e-2, "beta_1": 0.5, "decay": 0.1, "scale": False},
        {"rate": 1e-2, "power": 0.5, "bound": 0.5},
    ],
    ids=str,
)
def test_200_steps_of_the_reference(options):
    named = {
        "learning_rate": options.get("rate"),
        "beta_1": options.get("beta_1"),
        "weight_decay": options.get("decay"),
        "scale_by_weights": options.get("scale", True),
        "beta_2_decay": -options.get("power", 0.8),
        "clip_threshold": options.get("bound", 1.0),
    }
    found = train(Adafactor(**named, min_dimension=2), gradients(200))
    assert_follows(found, reference(adafactor(**options), gradients(200)))


def test_optax_agrees():
    optax = pytest.importorskip("optax")
    theirs = optax.adafactor(1e-2, min_dim_size_to_factor=2)
    weight, grads = np.random.default_rng(0).normal(size=(2, 30, 6, 5, 7))
    params, updates = weight[0].astype("float32"), []
    state = theirs.init(params)
    variable = keras.Variable(params, name="w")
    ours = Adafactor(1e-2, min_dimension=2)
    for each in grads.astype("float32"):
        change, state = theirs.update(each, state, params)
        params = np.asarray(optax.apply_updates(params, change))
        ours.apply([ops.convert_to_tensor(each)], [variable])
        updates.append((array(variable), params))
    for one, two in updates:
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_state_is_a_row_and_a_column():
    matrix = keras.Variable(np.ones((200, 300), "float32"), name="matrix")
    narrow = keras.Variable(np.ones((200, 100), "float32"), name="narrow")
    vector = keras.Variable(np.ones(300, "float32"), name="vector")

    def values(**options):
        optimizer = Adafactor(**options)
        optimizer.build([matrix, narrow, vector])
        return [
            sum(
                np.prod(slot[k].shape)
                for slot in optimizer._slots().values()
                if slot[k] is not None
            )
            for k in range(3)
        ]

    assert values() == [500, 20_000, 300]
    assert values(min_dimension=100) == [500, 300, 300]
    assert values(beta_1=0.9) == [60_500, 40_000, 600]


def test_first_step_on_a_square_of_rank_one_is_the_sign():
    rng = np.random.default_rng(0)
    magnitude = np.outer(rng.uniform(1, 9, 4), rng.uniform(1, 9, 5))
    gradient = (magnitude * rng.choice([-1, 1], (4, 5))).astype("float32")
    variable = keras.Variable(np.zeros((4, 5), "float32"), name="w")
    optimizer = Adafactor(0.5, scale_by_weights=False, min_dimension=2)
    optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(array(variable), -0.5 * np.sign(gradient), rtol=1e-5)


def test_a_row_and_a_column_of_zeros_stay_finite():
    """Keras's Adafactor divides 0 by 0 there."""
    gradient = np.ones((4, 5), "float32")
    gradient[0] = gradient[:, 0] = 0
    variable = keras.Variable(np.ones((4, 5), "float32"), name="w")
    optimizer = Adafactor(0.5, min_dimension=2)
    for _ in range(3):
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    assert np.isfinite(array(variable)).all()
    np.testing.assert_array_equal(array(variable)[0], 1)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((300,), None),
        ((127, 300), None),
        ((128, 300), (0, 1)),
        ((300, 2, 200), (0, 2)),
        ((3, 3, 128, 256), (2, 3)),
        ((256, 256, 3), (0, 1)),
    ],
)
def test_the_two_largest_axes_are_factored(shape, axes):
    assert factored_axes(shape, 128) == axes


@pytest.mark.filterwarnings("ignore:Training ended inside")
@pytest.mark.parametrize(
    "options",
    [{}, {"beta_1": 0.9, "min_dimension": 2}, {"gradient_accumulation_steps": 4}],
    ids=str,
)
def test_saved_in_mid_training_it_resumes_bit_by_bit(tmp_path, options):
    assert_resumes(Adafactor(**options), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta_1": 1.0}, "beta_1=1.0"),
        ({"beta_2_decay": 0.8}, "beta_2_decay"),
        ({"clip_threshold": 0.0}, "clip_threshold=0.0"),
        ({"epsilon_2": -1.0}, "epsilon_2=-1.0"),
        ({"min_dimension": 0}, "min_dimension=0"),
        ({"scale_by_weights": "no"}, "scale_by_weights='no'"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Adafactor(**options)
