"""Gradient accumulation: with and without a buffer, it is one step on the mean."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array

STEPS, WINDOWS, SIZE = 4, 6, 50
OPTIONS = {
    "two betas": {},
    "one beta": {"beta_1": 0.9, "beta_2": 0.9},
    "clipped": {"beta_1": 0.9, "beta_2": 0.9, "global_clipnorm": 0.5},
    "cautious": {"beta_1": 0.9, "beta_2": 0.9, "cautious": True},
    "cautious decay": {"cautious_weight_decay": True},
    "one beta, cautious decay": {
        "beta_1": 0.9,
        "beta_2": 0.9,
        "cautious_weight_decay": True,
    },
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "one beta, ema": {
        "beta_1": 0.9,
        "beta_2": 0.9,
        "use_ema": True,
        "ema_momentum": 0.5,
        "ema_overwrite_frequency": 2,
    },
}


def micro_gradients(seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(WINDOWS, STEPS, SIZE)).astype("float32")


def new_weight():
    start = np.random.default_rng(1).normal(size=SIZE).astype("float32")
    return keras.Variable(start, name="kernel")


def slots(optimizer, word):
    return [v for v in optimizer.variables if v.name.endswith(word)]


def accumulated(gradients, **options):
    """Weight and optimizer after all windows, and the weight after each micro-step."""
    weight = new_weight()
    optimizer = Lion(
        0.01, weight_decay=0.3, gradient_accumulation_steps=STEPS, **options
    )
    path = []
    for gradient in gradients.reshape(-1, SIZE):
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
        path.append(array(weight))
    return weight, optimizer, np.stack(path)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_equals_steps_on_the_mean_gradient(options):
    gradients = micro_gradients()
    weight, optimizer, path = accumulated(gradients, **options)
    whole, reference = new_weight(), Lion(0.01, weight_decay=0.3, **options)
    for mean in gradients.astype("float64").mean(axis=1).astype("float32"):
        reference.apply([ops.convert_to_tensor(mean)], [whole])
    np.testing.assert_allclose(array(weight), array(whole), atol=2e-7)
    np.testing.assert_allclose(
        array(slots(optimizer, "_momentum")[0]),
        array(slots(reference, "_momentum")[0]),
        atol=1e-6,
    )
    for one, other in zip(
        slots(optimizer, "_average"), slots(reference, "_average"), strict=True
    ):
        np.testing.assert_allclose(array(one), array(other), atol=2e-7)
    moved = np.any(np.diff(path, axis=0) != 0, axis=1)
    np.testing.assert_array_equal(
        np.flatnonzero(moved) + 1, np.arange(STEPS - 1, STEPS * WINDOWS, STEPS)
    )
    assert int(array(optimizer.iterations)) == WINDOWS


@pytest.mark.parametrize(
    ("options", "buffers"),
    [
        (OPTIONS["one beta"], 0),
        (OPTIONS["two betas"], 1),
        (OPTIONS["clipped"], 1),
        (OPTIONS["cautious"], 1),
        ({"beta_1": 0.9, "beta_2": 0.9, "momentum_dtype": "bfloat16"}, 1),
        ({"beta_1": 0.9, "beta_2": 0.9, "clipvalue": 1.0}, 1),
        ({"beta_1": 0.9, "beta_2": 0.9, "clipnorm": 1.0}, 1),
    ],
)
def test_a_buffer_is_made_only_where_it_is_needed(options, buffers):
    optimizer = Lion(gradient_accumulation_steps=2, **options)
    optimizer.build([new_weight()])
    assert len(slots(optimizer, "_accumulator")) == buffers
    assert len([v for v in optimizer.variables if v.shape == (SIZE,)]) == 1 + buffers


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_accumulator_has_its_own_dtype(dtype):
    weight = keras.Variable(np.ones(3, "float32"), dtype="bfloat16", name="w")
    optimizer = Lion(gradient_accumulation_steps=2, accumulator_dtype=dtype)
    optimizer.build([weight])
    assert slots(optimizer, "_accumulator")[0].dtype == dtype


def test_dropped_micro_steps_are_not_counted_and_leave_the_window_alone():
    gradients = micro_gradients()
    for options in (OPTIONS["one beta"], OPTIONS["two betas"]):
        weight, optimizer, _ = accumulated(gradients, **options)
        guarded_weight = new_weight()
        guarded = Lion(
            0.01,
            weight_decay=0.3,
            gradient_accumulation_steps=STEPS,
            skip_nonfinite=True,
            **options,
        )
        for number, gradient in enumerate(gradients.reshape(-1, SIZE)):
            if number % 3 == 1:
                bad = gradient.copy()
                bad[number % SIZE] = np.nan
                guarded.apply([ops.convert_to_tensor(bad)], [guarded_weight])
            guarded.apply([ops.convert_to_tensor(gradient)], [guarded_weight])
        assert guarded.skipped_steps == len(range(1, STEPS * WINDOWS, 3))
        np.testing.assert_array_equal(array(guarded_weight), array(weight))
        np.testing.assert_array_equal(
            array(slots(guarded, "_momentum")[0]),
            array(slots(optimizer, "_momentum")[0]),
        )


def test_dyadic_window_is_exact():
    """With beta 31/32 and whole gradients nothing is rounded: equal bit for bit."""
    gradients = np.round(micro_gradients() * 8).astype("float32")[:3]
    beta = {"beta_1": 31 / 32, "beta_2": 31 / 32}
    weight, optimizer, _ = accumulated(gradients, **beta)
    whole, reference = new_weight(), Lion(0.01, weight_decay=0.3, **beta)
    for mean in gradients.mean(axis=1):
        reference.apply([ops.convert_to_tensor(mean)], [whole])
    np.testing.assert_array_equal(array(weight), array(whole))
    np.testing.assert_array_equal(
        array(slots(optimizer, "_momentum")[0]), array(slots(reference, "_momentum")[0])
    )


def test_schedule_sees_micro_steps_and_iterations_count_updates():
    seen = []

    @keras.saving.register_keras_serializable(package="tests")
    class Watched(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            seen.append(int(array(ops.convert_to_tensor(step))))
            return 0.01

        def get_config(self):
            return {}

    weight = new_weight()
    optimizer = Lion(Watched(), gradient_accumulation_steps=2)
    optimizer.build([weight])
    for _ in range(4):
        optimizer.apply([ops.ones(SIZE)])
    assert sorted(set(seen)) == [0, 1, 2, 3]
    assert int(array(optimizer.iterations)) == 2
