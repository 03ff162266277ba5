"""Gradient accumulation: with and without a buffer, it is one step on the mean."""

import warnings

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


BETAS = {"two betas": (0.9, 0.99), "one beta": (0.9, 0.9)}


def heads():
    return [
        keras.Variable(np.full(3, value, "float32"), name=name)
        for name, value in (("a", 1.0), ("b", -2.0))
    ]


def apply(optimizer, variables, gradients):
    """One micro-step; Keras warns of variables without a gradient."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist for variables")
        optimizer.apply(gradients, variables)


@pytest.mark.parametrize("betas", BETAS.values(), ids=BETAS.keys())
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.5},
        {"weight_decay": 0.5, "use_ema": True, "ema_overwrite_frequency": 2},
        {"global_clipnorm": 0.01},
        {"skip_nonfinite": True},
    ],
    ids=str,
)
def test_a_gradient_of_none_in_a_micro_step_counts_as_zeros(betas, options):
    generator = np.random.default_rng(0)
    some, zeros = heads(), heads()
    first, second = (
        Lion(0.125, *betas, gradient_accumulation_steps=3, **options) for _ in range(2)
    )
    for pattern in ("10", "01", "11", "01", "01", "10", "10", "11", "11"):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=3).astype("float32"))
            for _ in pattern
        ]
        present = [bit == "1" for bit in pattern]
        given = [g if p else None for g, p in zip(gradients, present, strict=True)]
        filled = [ops.zeros(3) if g is None else g for g in given]
        apply(first, some, given)
        apply(second, zeros, filled)
        ends = int(array(first.variables[0])) % 3 == 0
        for one, other in zip(
            [*some, *(first.variables if ends else ())],
            [*zeros, *(second.variables if ends else ())],
            strict=True,
        ):
            np.testing.assert_array_equal(array(one), array(other), one.name)


@pytest.mark.parametrize("betas", BETAS.values(), ids=BETAS.keys())
def test_a_variable_without_any_gradient_in_a_window_stays_as_it_is(betas):
    one = ops.ones(3)
    variables = heads()
    optimizer = Lion(0.125, *betas, weight_decay=0.5, gradient_accumulation_steps=2)
    for _ in range(2):
        apply(optimizer, variables, [one, one])
    before = array(variables[1]), array(slots(optimizer, "_momentum")[1])
    for _ in range(4):
        apply(optimizer, variables, [one, None])
    after = array(variables[1]), array(slots(optimizer, "_momentum")[1])
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert array(variables[0])[0] != array(variables[1])[0]
    assert int(array(optimizer.iterations)) == 3


@pytest.mark.parametrize("betas", BETAS.values(), ids=BETAS.keys())
def test_constraints_hold_for_variables_without_a_last_gradient(betas):
    variable, other = heads()
    variable.constraint = keras.constraints.MaxNorm(0.5)
    optimizer = Lion(0.125, *betas, gradient_accumulation_steps=2)
    apply(optimizer, [variable, other], [-ops.ones(3), ops.ones(3)])
    apply(optimizer, [variable, other], [None, ops.ones(3)])
    assert np.linalg.norm(array(variable)) <= 0.5 + 1e-6


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
def test_none_in_a_window_of_a_compiled_fit():
    """A head whose output has no loss; TensorFlow gives None, JAX zeros."""
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name=name)(inputs) for name in ("left", "right")]
    model = keras.Model(inputs, outputs)
    model.compile(
        Lion(0.125, gradient_accumulation_steps=2),
        ["mse", None],
        loss_weights=[1.0, 0.0],
    )
    x = np.ones((24, 4), "float32")  # 3 updates of one size cannot cancel
    start = [array(v) for v in model.trainable_variables]
    model.fit(x, [x[:, :1], x[:, :1]], batch_size=4, verbose=0)
    moved = [
        bool((array(v) != s).any())
        for v, s in zip(model.trainable_variables, start, strict=True)
    ]
    assert moved == [True, True, False, False]


def flushed(count, *betas, **options):
    """A weight after two windows, `count` micro-steps of a third, and `flush`."""
    gradients = micro_gradients().reshape(-1, SIZE)[: 2 * STEPS + count]
    weight = new_weight()
    optimizer = Lion(
        0.01, *betas, weight_decay=0.3, gradient_accumulation_steps=STEPS, **options
    )
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
    optimizer.flush()
    return weight, optimizer, gradients


@pytest.mark.parametrize(
    "options",
    [{}, {"use_ema": True, "ema_momentum": 0.5}, {"global_clipnorm": 0.5}],
    ids=str,
)
@pytest.mark.parametrize("count", [1, 3])
def test_flush_makes_the_step_on_the_mean_of_what_is_gathered(count, options):
    weight, optimizer, gradients = flushed(count, 0.9, 0.99, **options)
    whole, reference = new_weight(), Lion(0.01, weight_decay=0.3, **options)
    for start in range(0, len(gradients), STEPS):
        mean = gradients[start : start + STEPS].astype("float64").mean(axis=0)
        reference.apply([ops.convert_to_tensor(mean.astype("float32"))], [whole])
    np.testing.assert_allclose(array(weight), array(whole), atol=2e-7)
    for ending in ("_momentum", "_average"):
        for one, other in zip(
            slots(optimizer, ending), slots(reference, ending), strict=True
        ):
            np.testing.assert_allclose(array(one), array(other), atol=1e-6)
    assert not array(slots(optimizer, "_accumulator")[0]).any()
    assert int(array(optimizer.iterations)) == 3
    assert int(array(optimizer.variables[0])) == 3 * STEPS


def test_flush_of_a_momentum_that_gathers_counts_missing_gradients_as_zeros():
    weight, optimizer, gradients = flushed(3, 0.9, 0.9)
    assert optimizer.accumulates_in_momentum
    whole, reference = new_weight(), Lion(0.01, 0.9, 0.9, weight_decay=0.3)
    for start in range(0, len(gradients), STEPS):
        mean = gradients[start : start + STEPS].astype("float64").sum(axis=0) / STEPS
        reference.apply([ops.convert_to_tensor(mean.astype("float32"))], [whole])
    np.testing.assert_allclose(array(weight), array(whole), atol=2e-7)
    assert int(array(optimizer.iterations)) == 3


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": STEPS}])
def test_flush_does_nothing_without_an_open_window(options):
    Lion(**options).flush()
    weight, optimizer = new_weight(), Lion(0.01, **options)
    for gradient in micro_gradients().reshape(-1, SIZE)[:STEPS]:
        optimizer.apply([ops.convert_to_tensor(gradient)], [weight])
    before = [array(v) for v in (weight, *optimizer.variables)]
    optimizer.flush()
    for one, value in zip((weight, *optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(array(one), value)


def test_a_training_that_ends_in_a_window_warns_once_and_is_continued():
    x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")

    def compiled():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(Lion(0.125, gradient_accumulation_steps=4), "mse")
        return model

    def fit(model, part):
        model.fit(part, part[:, :1], batch_size=4, shuffle=False, verbose=0)

    whole, parts = compiled(), compiled()
    start = [array(v) for v in whole.weights]
    with pytest.warns(UserWarning, match="2 of 4 gradients are gathered"):
        fit(whole, x)
    with pytest.warns(UserWarning, match=r"3 of 4.*`optimizer.flush\(\)`"):
        fit(parts, x[:12])
    for one, value in zip(parts.weights, start, strict=True):
        np.testing.assert_array_equal(array(one), value)
    fit(parts, x[12:])  # no second warning
    for one, other in zip(parts.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


def test_an_open_window_is_continued_where_the_variables_are_reordered():
    """What a window has gathered, and of which variable, goes by path."""
    ones = ops.ones(3)
    options = {"beta_2": 0.9, "weight_decay": 0.5, "gradient_accumulation_steps": 2}
    whole, variables = Lion(0.125, **options), heads()
    apply(whole, variables, [ones, None])
    state = {}
    whole.save_own_variables(state)
    reordered = [variables[1], variables[0]]
    start = [array(v) for v in reordered]
    continued = Lion(0.125, **options)
    continued.build(reordered)
    continued.load_own_variables(state)
    apply(whole, variables, [ones, None])
    expected = [array(v) for v in reordered]
    for variable, value in zip(reordered, start, strict=True):
        variable.assign(value)
    apply(continued, reordered, [None, ones])
    for variable, value in zip(reordered, expected, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    assert (expected[0] == start[0]).all()
    assert (expected[1] != start[1]).all()
