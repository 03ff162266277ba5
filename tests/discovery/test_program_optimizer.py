"""Programs as Keras optimizers: equality, state, compilation, saving."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.discovery import Program, ProgramOptimizer, step_function, zoo
from keras_lion.discovery.language.abstract import InvalidProgram
from tests.arrays import array

SHAPES = ((3, 4), (5,), ())
STEPS = 40


def streams(seed=0, steps=STEPS):
    """Weights, and gradients that stay away from where signs turn by rounding."""
    generator = np.random.default_rng(seed)
    weights = [generator.normal(size=s).astype("float32") for s in SHAPES]
    gradients = [
        [(0.3 * generator.normal(size=s)).astype("float32") for s in SHAPES]
        for _ in range(steps)
    ]
    return weights, gradients


def path(optimizer, dtype="float32"):
    """The weights after each step, one row a step."""
    weights, gradients = streams()
    variables = [keras.Variable(w, dtype=dtype) for w in weights]
    optimizer.build(variables)
    rows = []
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(g, dtype) for g in gradient], variables)
        rows.append(np.concatenate([np.ravel(array(v)) for v in variables]))
    return np.array(rows)


def numpy_path(program, dtype="float32", lr=lambda step: 1.0):
    weights, gradients = streams()
    w = [x.astype(dtype) for x in weights]
    m = v = [np.zeros_like(x) for x in w]
    step, rows = step_function(program), []
    for number, gradient in enumerate(gradients):
        g = [x.astype(dtype) for x in gradient]
        update, m, v = step(w, g, m, v, lr(number))
        w = [x - y for x, y in zip(w, update, strict=True)]
        rows.append(np.concatenate([np.ravel(x) for x in w]))
    return np.array(rows)


def assert_ulps(found, expected, ulps):
    assert found.dtype == expected.dtype == np.float32
    gap = np.abs(found.view(np.int32) - expected.view(np.int32))
    assert gap.max() <= ulps, gap.max()


def test_lion_through_it_is_lion():
    """Signs and steps are the same; momenta differ in the last digit.

    Lion adds (1 − β₂)(g − m) to its momentum, a program interpolates. Only where the
    interpolated momentum is about 0 could that turn a sign: not in this stream.
    """
    expected = path(Lion(1e-4, weight_decay=1.0))
    assert_ulps(path(ProgramOptimizer(zoo.LION)), expected, 1)


def test_sgd_through_it_is_keras_sgd():
    expected = path(keras.optimizers.SGD(0.01))
    assert_ulps(path(ProgramOptimizer(zoo.SGD)), expected, 1)


def test_sgd_with_momentum_through_it_is_keras_sgd():
    """Keras has the learning rate inside of the momentum: another rounding."""
    expected = path(keras.optimizers.SGD(0.01, momentum=0.9))
    found = path(ProgramOptimizer(zoo.SGD_MOMENTUM))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def correction(t):
    """Adam's bias correction of the learning rate at step t, counted from 1."""
    return np.sqrt(1 - 0.999**t) / (1 - 0.9**t)


class Uncorrected(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate divided by Adam's bias correction, in double precision."""

    def __init__(self, learning_rate):
        rates = learning_rate / correction(np.arange(1, STEPS + 1))
        self.values = rates.astype("float32")

    def __call__(self, step):
        return ops.take(ops.convert_to_tensor(self.values), ops.cast(step, "int32"))


class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW whose decay is not divided by the bias correction."""

    def apply(self, grads, trainable_variables=None):
        self.weight_decay = 0.01 * correction(int(array(self.iterations)) + 1)
        super().apply(grads, trainable_variables)


def test_adamw_through_it_is_the_program_in_numpy():
    found = path(ProgramOptimizer(zoo.ADAMW))
    np.testing.assert_allclose(found, numpy_path(zoo.ADAMW), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("decay", [True, False])
def test_adamw_through_it_is_keras_adamw_without_bias_correction(decay):
    """Keras is given the learning rate divided by its bias correction, and ε = 1e-8.

    Keras decays with the learning rate that it is given: its λ is multiplied by the
    correction here. Otherwise only rounding differs: Keras multiplies m by the learning
    rate before the division, and adds (1 − β)(x − m) instead of interpolating.
    """
    text = str(zoo.ADAMW)
    if decay:
        expected = path(AdamW(Uncorrected(1e-3), epsilon=1e-8))
    else:
        text = text.replace("w * 0.01", "w * 0.0")
        expected = path(keras.optimizers.Adam(Uncorrected(1e-3), epsilon=1e-8))
    found = path(ProgramOptimizer(text))
    np.testing.assert_allclose(found, expected, atol=3e-6, rtol=0)
    # Decay and bias correction make differences that this sees.
    other = path(
        ProgramOptimizer(
            zoo.ADAMW if not decay else text.replace("w * 0.01", "w * 0.0")
        )
    )
    assert np.abs(found - other).max() > 1e-4
    usual = path(keras.optimizers.AdamW(1e-3, weight_decay=0.01, epsilon=1e-8))
    assert np.abs(found - usual).max() > 1e-2


@pytest.mark.parametrize("name", sorted(set(zoo.ZOO) - {"lion", "sgd", "adamw"}))
def test_the_zoo_through_it_is_numpy(name):
    found = path(ProgramOptimizer(zoo.ZOO[name]))
    # Single signs may turn where an average is about 0; none does in this stream.
    np.testing.assert_allclose(found, numpy_path(zoo.ZOO[name]), rtol=1e-5, atol=1e-6)


def test_program_4_without_cosh_moves_bitwise_as_with_it():
    without = str(zoo.PROGRAM_4).replace("m = cosh(update)\n", "")
    assert "cosh" not in without
    np.testing.assert_array_equal(
        path(ProgramOptimizer(without)), path(ProgramOptimizer(zoo.PROGRAM_4))
    )


@pytest.mark.parametrize("name", zoo.ZOO)
def test_states_are_those_that_updates_depend_on(name):
    optimizer = ProgramOptimizer(zoo.ZOO[name])
    variables = [keras.Variable(w) for w in streams()[0]]
    optimizer.build(variables)
    states = optimizer.variables[2:]  # after iteration and learning_rate
    expected = [tuple(v.shape) for v in variables] * zoo.ZOO[name].num_state_buffers
    assert [tuple(state.shape) for state in states] == expected


@pytest.mark.parametrize(
    ("dtype", "kept"), [("bfloat16", "float32"), ("float64", "float64")]
)
def test_arithmetic_and_states_are_in_float32_at_least(dtype, kept):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has float64 only where it is enabled")
    variable = keras.Variable(np.ones(2), dtype=dtype)
    optimizer = ProgramOptimizer(zoo.SIGNUM)
    optimizer.build([variable])
    optimizer.apply([ops.ones(2, dtype)], [variable])
    assert variable.dtype == dtype
    assert optimizer.variables[-1].dtype == kept
    expected = 1 - np.float64(1e-4) if dtype == "float64" else 1.0
    np.testing.assert_allclose(array(ops.cast(variable, "float32")), expected)


def test_norms_see_all_variables():
    program = Program.parse("a = global_norm(g)\nupdate = g / a")
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(1))]
    optimizer = ProgramOptimizer(program)
    optimizer.build(variables)
    optimizer.apply([ops.array([3.0, 4.0]), ops.array([12.0])], variables)
    np.testing.assert_allclose(array(variables[0]), [-3 / 13, -4 / 13], rtol=1e-6)
    np.testing.assert_allclose(array(variables[1]), [-12 / 13], rtol=1e-6)


def test_variables_without_a_gradient_stay_and_keep_their_state():
    variables = [keras.Variable(np.ones(2)) for _ in range(2)]
    optimizer = ProgramOptimizer(zoo.SIGNUM, 1000)
    optimizer.build(variables)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, ops.ones(2)], variables)
    np.testing.assert_array_equal(array(variables[0]), [1.0, 1.0])
    np.testing.assert_allclose(array(variables[1]), [0.9, 0.9], rtol=1e-6)
    first, second = optimizer.variables[-2:]
    np.testing.assert_array_equal(array(first), 0.0)
    np.testing.assert_allclose(array(second), 0.1, rtol=1e-6)


def test_the_learning_rate_may_be_a_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.25])
    found = path(ProgramOptimizer(zoo.ADAMW, schedule))
    expected = numpy_path(zoo.ADAMW, lr=lambda step: 1.0 if step <= 1 else 0.25)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


def test_the_learning_rate_can_be_set():
    optimizer = ProgramOptimizer(zoo.SGD, learning_rate=100)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    optimizer.apply([ops.ones(1)], [weight])
    optimizer.learning_rate = 50.0
    optimizer.apply([ops.ones(1)], [weight])
    np.testing.assert_allclose(array(weight), [-1.5], rtol=1e-6)


def model_and_data():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3),
        ]
    )
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    return model, x, x[:, :3]


def weights_of(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("name", ["adamw", "lion", "program_8", "sgd"])
def test_compiled_it_does_what_it_does_step_by_step(name, jit_compile):
    ends = []
    for eager in (True, False):
        model, x, y = model_and_data()
        model.compile(
            optimizer=ProgramOptimizer(zoo.ZOO[name], 5.0),
            loss="mse",
            run_eagerly=eager,
            jit_compile=jit_compile and not eager,
        )
        history = model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        ends.append(weights_of(model))
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("learning_rate", [2.0, "schedule"])
def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened(
    learning_rate, tmp_path
):
    if learning_rate == "schedule":
        learning_rate = keras.optimizers.schedules.CosineDecay(1.0, 100)
    model, x, y = model_and_data()
    model.compile(optimizer=ProgramOptimizer(zoo.PROGRAM_8, learning_rate), loss="mse")
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, ProgramOptimizer)
    assert loaded.optimizer.program == zoo.PROGRAM_8
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for one in (model, loaded):
        one.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(weights_of(loaded), weights_of(model))
    for ours, theirs in zip(
        loaded.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(array(ours), array(theirs))


def test_its_config_holds_the_program_as_text():
    config = ProgramOptimizer(zoo.LION, 3e-4, clipnorm=1.0, name="found").get_config()
    assert config["program"] == str(zoo.LION)
    copy = ProgramOptimizer.from_config(config)
    assert copy.program == zoo.LION
    assert (copy.name, copy.clipnorm) == ("found", 1.0)
    assert copy.get_config() == config


def test_programs_that_cannot_run_are_refused():
    with pytest.raises(InvalidProgram, match="`x` is read before it is assigned"):
        ProgramOptimizer("update = x * lr")
    with pytest.raises(ValueError, match="Line 1 is no statement"):
        ProgramOptimizer("update = ")
    with pytest.raises(TypeError, match="Expected a Program, or the text of one"):
        ProgramOptimizer(None)


def test_a_state_that_is_never_assigned_takes_no_memory():
    program = Program.parse("update = g + m\nupdate = update * lr")
    assert program.num_state_buffers == 0
    weight = keras.Variable(np.array([1.0, -2.0], "float32"))
    optimizer = ProgramOptimizer(program, learning_rate=0.5)
    for _ in range(2):
        optimizer.apply(
            [ops.convert_to_tensor(np.array([0.5, 1.0], "float32"))], [weight]
        )
    np.testing.assert_array_equal(array(weight), [0.5, -3.0])
    names = [variable.name for variable in optimizer.variables]
    assert names == [variable.name for variable in ProgramOptimizer(zoo.SGD).variables]


@pytest.mark.parametrize("name", ["lion", "adamw"])
def test_accumulated_gradients_are_averaged(name):
    """Keras's accumulation works around the program."""
    weights, gradients = streams(steps=6)
    ends = []
    for steps in (2, None):
        optimizer = ProgramOptimizer(zoo.ZOO[name], gradient_accumulation_steps=steps)
        variables = [keras.Variable(w) for w in weights]
        optimizer.build(variables)
        pairs = zip(gradients[::2], gradients[1::2], strict=True)
        for one, other in pairs:
            if steps:
                for gradient in (one, other):
                    optimizer.apply(list(map(ops.convert_to_tensor, gradient)))
            else:
                means = [(x + y) / 2 for x, y in zip(one, other, strict=True)]
                optimizer.apply(list(map(ops.convert_to_tensor, means)))
        ends.append(np.concatenate([np.ravel(array(v)) for v in variables]))
    np.testing.assert_allclose(*ends, rtol=1e-6, atol=1e-7)
