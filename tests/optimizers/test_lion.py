"""`Lion` as a Keras optimizer: its path, its options, its errors."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers import reference
from tests.arrays import array
from tests.optimizers.wrong_lions import PATHS


def variable(value, dtype="float32", name="kernel"):
    return keras.Variable(np.asarray(value, dtype="float32"), dtype=dtype, name=name)


def momentum_of(optimizer, index=0):
    return optimizer.variables[-len(optimizer._trainable_variables) :][index]


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_follows_the_hand_computed_path(path):
    weight = variable([path.start])
    optimizer = Lion(**path.hyperparameters)
    for gradient, w, m in zip(path.gradients, path.weights, path.momenta, strict=True):
        optimizer.apply([ops.convert_to_tensor([gradient], "float32")], [weight])
        np.testing.assert_allclose(array(weight), [w], rtol=1e-6)
        np.testing.assert_allclose(array(momentum_of(optimizer)), [m], rtol=1e-5)


def test_default_hyperparameters_are_the_authors():
    config = Lion().get_config()
    assert config["learning_rate"] == pytest.approx(1e-4, rel=1e-6)
    assert (config["beta_1"], config["beta_2"]) == (0.9, 0.99)
    assert config["weight_decay"] is None


def test_learning_rate_may_be_an_integer():
    weight = variable([3.0])
    Lion(1).apply([ops.ones(1)], [weight])
    np.testing.assert_array_equal(array(weight), [2.0])


def test_schedule_is_followed_and_multiplies_decay():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    weight = variable([2.0])
    optimizer = Lion(schedule, weight_decay=0.4)
    optimizer.build([weight])
    start, gradients = np.array([2.0]), np.array([[1.0], [1.0], [-1.0]])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient, "float32")])
    expected, _ = reference.lion(
        start,
        gradients,
        learning_rate=lambda step: 0.5 if step <= 1 else 0.25,
        weight_decay=0.4,
    )
    np.testing.assert_allclose(array(weight), expected, rtol=1e-6)


def small_model():
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = np.arange(32) % 3
    return model, x, y


def compiled_model(optimizer):
    model, x, y = small_model()
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model, x, y


def test_weight_decay_is_live_after_compilation():
    """With a frozen direction, only the changed decay can tell two runs apart."""
    optimizer = Lion(0.1, weight_decay=0.0)
    model, x, y = compiled_model(optimizer)
    kernel = model.trainable_variables[0]
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    before, optimizer.weight_decay = array(kernel), 5.0
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    undecayed = before - 0.5 * before
    step = np.abs(array(kernel) - undecayed)
    np.testing.assert_allclose(step, 0.1, rtol=1e-4)
    before, optimizer.weight_decay = array(kernel), None
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    np.testing.assert_allclose(np.abs(array(kernel) - before), 0.1, rtol=1e-4)


def test_weight_decay_reads_as_it_was_set():
    optimizer = Lion(weight_decay=0.1)
    assert optimizer.weight_decay == 0.1
    optimizer.weight_decay = 3
    assert optimizer.weight_decay == 3.0
    assert optimizer.get_config()["weight_decay"] == 3.0
    optimizer.weight_decay = None
    assert optimizer.weight_decay is None


def test_weight_decay_is_a_tracked_variable():
    assert "weight_decay" in [v.name for v in Lion().variables]


def test_decay_is_applied_once_in_fit():
    """The base class and each backend have a decay of their own."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(Lion(0.5, weight_decay=0.2), "mse")
    model.layers[0].kernel.assign([[2.0]])
    x = np.zeros((4, 1), "float32")  # no gradient: decay alone
    model.fit(x, x, batch_size=2, verbose=0)
    np.testing.assert_allclose(
        array(model.layers[0].kernel), [[2.0 * 0.9**2]], rtol=1e-6
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_weights_keep_a_float32_momentum(dtype):
    weight = variable([1.0], dtype)
    optimizer = Lion(0.25, beta_2=0.999)
    for _ in range(10):
        optimizer.apply([ops.ones(1, dtype)], [weight])
    assert momentum_of(optimizer).dtype == "float32"
    expected = 1 - 0.999**10
    np.testing.assert_allclose(array(momentum_of(optimizer)), [expected], rtol=1e-4)
    np.testing.assert_array_equal(array(ops.cast(weight, "float32")), [1.0 - 2.5])


def test_state_is_one_slot_per_weight():
    model, _, _ = small_model()
    optimizer = Lion()
    optimizer.build(model.trainable_variables)
    sizes = sum(int(np.prod(v.shape)) for v in optimizer.variables)
    assert sizes == model.count_params() + len(["iteration", "lr", "weight_decay"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"learning_rate": -1.0}, "not negative"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"learning_rate": "fast"}, "a number ≥ 0"),
        ({"learning_rate": True}, "a number ≥ 0"),
        ({"beta_1": 1.0}, r"\[0, 1\)"),
        ({"beta_1": -0.1}, r"\[0, 1\)"),
        ({"beta_2": 1.5}, r"\[0, 1\)"),
        ({"beta_2": "0.9"}, r"\[0, 1\)"),
        ({"beta_2": float("nan")}, r"\[0, 1\)"),
        ({"weight_decay": -0.1}, "not negative"),
        ({"weight_decay": float("inf")}, "finite"),
        ({"momentum": 0.9}, "Use `beta_1` and `beta_2`"),
    ],
)
def test_bad_hyperparameters_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Lion(**arguments)


def test_refused_weight_decay_leaves_the_old_one():
    optimizer = Lion(weight_decay=0.1)
    with pytest.raises(ValueError, match="not negative"):
        optimizer.weight_decay = -1.0
    assert optimizer.weight_decay == 0.1


@pytest.mark.parametrize("beta", ["beta_1", "beta_2"])
def test_betas_of_zero_are_allowed(beta):
    weight = variable([1.0])
    Lion(0.5, weight_decay=0.0, **{beta: 0.0}).apply([ops.ones(1)], [weight])
    np.testing.assert_array_equal(array(weight), [0.5])


def test_config_round_trip_is_complete():
    optimizer = Lion(
        2e-4, 0.95, 0.98, 0.3, global_clipnorm=1.0, use_ema=True, name="my_lion"
    )
    config = optimizer.get_config()
    assert Lion.from_config(config).get_config() == config
    assert config["weight_decay"] == 0.3
    assert config["name"] == "my_lion"


def test_serialization_needs_no_custom_objects():
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(Lion(3e-4)))
    assert type(restored) is Lion
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(Lion(schedule)))
    assert restored.get_config() == Lion(schedule, name="lion").get_config() | {
        "name": restored.name
    }


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch runs every step eagerly"
)
def test_compiled_step_is_traced_once():
    traces = []

    class CountedLion(Lion):
        def update_step(self, gradient, variable, learning_rate):
            traces.append(variable.shape)
            super().update_step(gradient, variable, learning_rate)

    optimizer = CountedLion(0.1)
    model, x, y = compiled_model(optimizer)
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    first = len(traces)
    optimizer.weight_decay, optimizer.learning_rate = 0.5, 0.01
    model.fit(x, y, batch_size=32, epochs=3, verbose=0)
    assert len(traces) == first
