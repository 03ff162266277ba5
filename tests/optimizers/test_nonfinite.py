"""`skip_nonfinite`: one decision a step, and nothing moves."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array

BAD = [np.nan, np.inf, -np.inf]


def variables():
    generator = np.random.default_rng(0)
    return [
        keras.Variable(generator.normal(size=(3, 2)).astype("float32"), name="kernel"),
        keras.Variable(generator.normal(size=2).astype("float32"), name="bias"),
    ]


def gradients(bad=None):
    generator = np.random.default_rng(1)
    values = [generator.normal(size=s).astype("float32") for s in ((3, 2), (2,))]
    if bad is not None:
        values[1][0] = bad
    return [ops.convert_to_tensor(value) for value in values]


def state(weights, optimizer):
    everything = [*weights, *optimizer.variables]
    return [array(v) for v in everything if v.name != "skipped_steps"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"global_clipnorm": 1.0},
        {"clipvalue": 1.0},
        {"use_ema": True},
        {"momentum_dtype": "bfloat16"},
        {"cautious": True},
        {"gradient_accumulation_steps": 2},
        {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
    ],
    ids=str,
)
def test_a_bad_step_changes_nothing_and_is_counted(bad, options):
    weights = variables()
    optimizer = Lion(0.1, weight_decay=0.5, skip_nonfinite=True, **options)
    optimizer.apply(gradients(), weights)
    before = state(weights, optimizer)
    optimizer.apply(gradients(bad), weights)
    for one, other in zip(before, state(weights, optimizer), strict=True):
        np.testing.assert_array_equal(one, other)
    assert optimizer.skipped_steps == 1


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 1.0}, {"use_ema": True}])
def test_good_steps_are_as_without_the_guard(options):
    guarded_weights, weights = variables(), variables()
    options = {"compile_update": False, **options}  # or XLA fuses them differently
    guarded, plain = Lion(0.1, skip_nonfinite=True, **options), Lion(0.1, **options)
    for _ in range(3):
        guarded.apply(gradients(), guarded_weights)
        plain.apply(gradients(), weights)
    guarded.apply(gradients(np.nan), guarded_weights)
    for one, other in zip(
        state(guarded_weights, guarded), state(weights, plain), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_training_goes_on_after_a_bad_batch_in_fit():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 4)).astype("float32")
    x[20, 2] = np.nan
    y = np.arange(64) % 2
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    optimizer = Lion(1e-2, skip_nonfinite=True)
    model.compile(
        optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert optimizer.skipped_steps == 3
    assert int(array(optimizer.iterations)) == 9
    assert all(np.isfinite(array(v)).all() for v in model.trainable_variables)


def test_statistics_of_the_forward_pass_are_not_protected():
    """The limit that docs/combinations.md states, with a callback that mends it."""
    x = np.ones((8, 2), "float32")
    bad = x.copy()
    bad[3, 1] = np.nan
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    )
    optimizer = Lion(1e-3, weight_decay=1.0, skip_nonfinite=True)
    model.compile(optimizer, "mse")
    model.fit(bad, x[:, :1], verbose=0)
    assert optimizer.skipped_steps == 1
    assert all(np.isfinite(array(v)).all() for v in model.trainable_variables)
    assert any(np.isnan(array(v)).any() for v in model.non_trainable_variables)


def test_without_the_guard_nothing_is_counted():
    assert Lion().skipped_steps == 0
    assert "skipped_steps" not in [v.name for v in Lion().variables]
