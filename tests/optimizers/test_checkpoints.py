"""State by path: rebuilt, reordered and changed optimizers, and taking over."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array


def network(order=("first", "second"), name="net", seed=0):
    """Two layers of one shape, so that only their names tell them apart."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    outputs = inputs
    for layer in order:
        outputs = keras.layers.Dense(4, activation="tanh", name=layer)(outputs)
    return keras.Model(inputs, outputs, name=name)


def trained(model, steps=3, **options):
    optimizer = Lion(0.01, weight_decay=0.1, **options)
    generator = np.random.default_rng(3)
    for _ in range(steps):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=v.shape).astype("float32"))
            for v in model.trainable_variables
        ]
        optimizer.apply(gradients, model.trainable_variables)
    return optimizer


def saved(optimizer):
    store = {}
    optimizer.save_own_variables(store)
    return store


def built(model, **options):
    options = {"learning_rate": 0.01, "weight_decay": 0.1, **options}
    optimizer = Lion(**options)
    optimizer.build(model.trainable_variables)
    return optimizer


def momenta(optimizer):
    """Variable path without the model's name → momentum."""
    values = [v for v in optimizer.variables if v.name.endswith("_momentum")]
    return {v.name.removesuffix("_momentum"): array(v) for v in values}


def assert_same_momenta(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum_dtype": "bfloat16"},
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
        {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
        {"skip_nonfinite": True},
    ],
    ids=str,
)
def test_whole_state_comes_back(options):
    model = network()
    optimizer = trained(model, **options)
    restored = built(model, **options)
    restored.load_own_variables(saved(optimizer))
    for one, other in zip(optimizer.variables, restored.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


def test_reordered_layers_get_their_own_momentum():
    optimizer = trained(network())
    other = built(network(order=("second", "first")))
    other.load_own_variables(saved(optimizer))
    assert_same_momenta(momenta(optimizer), momenta(other))
    assert list(momenta(optimizer)) != list(momenta(other))


def test_other_automatic_names_load_in_order_with_one_warning():
    optimizer = trained(network(order=("a", "b")))
    other = built(network(order=("c", "d")))
    with pytest.warns(UserWarning, match="other paths") as warnings:
        other.load_own_variables(saved(optimizer))
    assert len([w for w in warnings if "other paths" in str(w.message)]) == 1
    for one, taken in zip(
        momenta(optimizer).values(), momenta(other).values(), strict=True
    ):
        np.testing.assert_array_equal(one, taken)


def test_partly_other_names_are_refused_by_name():
    store = saved(trained(network(order=("first", "second"))))
    other = built(network(order=("first", "third")))
    before = momenta(other)
    with pytest.raises(ValueError, match=r"third/kernel.*second/kernel"):
        other.load_own_variables(store)
    assert_same_momenta(before, momenta(other))


def test_another_shape_is_refused_by_name():
    store = saved(trained(network()))
    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(4, name="first")(inputs)
    wider = keras.Model(inputs, keras.layers.Dense(4, name="second")(outputs))
    with pytest.raises(ValueError, match=r"first/kernel \(\(4, 4\) saved, \(5, 4\)"):
        built(wider).load_own_variables(store)


def test_a_state_that_keras_saved_by_number_is_refused():
    model = network()
    optimizer = keras.optimizers.Lion()
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="take_over"):
        built(model).load_own_variables(saved(optimizer))


def test_an_unbuilt_optimizer_says_what_to_do():
    with pytest.raises(ValueError, match="must be built"):
        Lion().load_own_variables(saved(trained(network())))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"use_ema": True}),
        ({"use_ema": True}, {}),
        ({}, {"gradient_accumulation_steps": 3}),
        ({"gradient_accumulation_steps": 3}, {}),
        ({}, {"skip_nonfinite": True}),
    ],
    ids=str,
)
def test_toggled_options_keep_the_rest(before, after):
    model = network()
    optimizer = trained(model, **before)
    other = built(model, **after)
    other.load_own_variables(saved(optimizer))
    assert_same_momenta(momenta(optimizer), momenta(other))
    if after.get("use_ema"):
        averages = [v for v in other.variables if v.name.endswith("_average")]
        for average, weight in zip(averages, model.trainable_variables, strict=True):
            np.testing.assert_array_equal(array(average), array(weight))


@pytest.mark.parametrize("dtypes", [(None, "bfloat16"), ("bfloat16", None)], ids=str)
def test_changed_momentum_dtype_converts(dtypes):
    model = network()
    optimizer = trained(model, momentum_dtype=dtypes[0])
    other = built(model, momentum_dtype=dtypes[1])
    other.load_own_variables(saved(optimizer))
    for one, taken in zip(
        momenta(optimizer).values(), momenta(other).values(), strict=True
    ):
        np.testing.assert_allclose(
            np.asarray(one, "float32"), np.asarray(taken, "float32"), rtol=2**-8
        )
        assert np.abs(np.asarray(one, "float32")).max() > 0


@pytest.mark.parametrize("restore", [True, False])
def test_caller_chooses_whose_hyperparameters_win(restore):
    model = network()
    store = saved(trained(model))
    other = built(model, learning_rate=0.5, weight_decay=0.7)
    other.restore_hyperparameters = restore
    other.load_own_variables(store)
    learning_rate, weight_decay = (0.01, 0.1) if restore else (0.5, 0.7)
    assert float(array(other.learning_rate)) == pytest.approx(learning_rate)
    assert other.weight_decay == pytest.approx(weight_decay)
    assert int(array(other.iterations)) == 3


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
@pytest.mark.parametrize("momentum_dtype", [None, "bfloat16"])
def test_paths_with_slashes_survive_the_stores(tmp_path, suffix, momentum_dtype):
    model = network()
    optimizer = Lion(0.01, momentum_dtype=momentum_dtype)
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    model.fit(x, x, verbose=0)
    file = tmp_path / f"model{suffix}"
    if suffix == ".keras":
        model.save(file)
        other = keras.saving.load_model(file)
    else:
        model.save_weights(file)
        other = network(seed=1)
        other.compile(Lion(0.01, momentum_dtype=momentum_dtype), "mse")
        other.optimizer.build(other.trainable_variables)
        other.load_weights(file)
    assert_same_momenta(momenta(optimizer), momenta(other.optimizer))
    assert int(array(other.optimizer.iterations)) == 1


@pytest.mark.parametrize("momentum_dtype", [None, "float32", "bfloat16"])
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.9)])
def test_saved_in_mid_window_goes_on_bit_for_bit(tmp_path, momentum_dtype, betas):
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")

    def compiled():
        model = network()
        model.compile(
            Lion(
                0.01,
                *betas,
                gradient_accumulation_steps=3,
                momentum_dtype=momentum_dtype,
                use_ema=True,
                ema_overwrite_frequency=2,
            ),
            "mse",
        )
        return model

    def fit(model, epochs):
        model.fit(x, x, batch_size=8, epochs=epochs, shuffle=False, verbose=0)

    whole, half = compiled(), compiled()
    for _ in range(4):
        fit(whole, 1)
    fit(half, 1)
    fit(half, 1)
    assert int(array(half.optimizer.variables[0])) % 3 != 0
    half.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    fit(loaded, 1)
    fit(loaded, 1)
    for one, other in zip(whole.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
    for one, other in zip(
        whole.optimizer.variables, loaded.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(array(one), array(other))


@pytest.mark.parametrize("source", ["Lion", "AdamW"])
def test_state_of_keras_is_taken_over(source):
    model = network()
    optimizer = getattr(keras.optimizers, source)(0.01)
    gradients = [ops.ones(v.shape) for v in model.trainable_variables]
    optimizer.apply(gradients, model.trainable_variables)
    other = built(network(order=("first", "second")))
    other.take_over(optimizer)
    expected = {"Lion": 0.01, "AdamW": 0.1}[source]
    for momentum in momenta(other).values():
        np.testing.assert_allclose(momentum, expected, rtol=1e-5)
    assert int(array(other.iterations)) == 1


def test_take_over_goes_by_name_and_refuses_other_variables():
    model = network()
    optimizer = keras.optimizers.Lion(0.01)
    gradients = [
        ops.full(v.shape, float(k)) for k, v in enumerate(model.trainable_variables)
    ]
    optimizer.apply(gradients, model.trainable_variables)
    reordered = built(network(order=("second", "first")))
    reordered.take_over(optimizer)
    own = momenta(reordered)
    assert own["first_bias"].max() < own["second_bias"].max()
    with pytest.raises(ValueError, match="no momentum for the variables"):
        built(network(order=("first", "third"))).take_over(optimizer)
    with pytest.raises(ValueError, match="must be built"):
        Lion().take_over(optimizer)
    adamw = keras.optimizers.SGD(0.01)
    adamw.build(model.trainable_variables)
    with pytest.raises(ValueError, match="has no momentum"):
        built(model).take_over(adamw)
