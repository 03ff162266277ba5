"""State by path: rebuilt, reordered and changed optimizers, and taking over."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.state.matching import Described
from keras_lion.optimizers.state.saved_state import read_keras_lion
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


def test_a_name_that_changed_in_its_place_loads_with_one_warning():
    optimizer = trained(network(order=("first", "second")))
    other = built(network(order=("first", "third")))
    with pytest.warns(UserWarning, match="other paths"):
        other.load_own_variables(saved(optimizer))
    for one, taken in zip(
        momenta(optimizer).values(), momenta(other).values(), strict=True
    ):
        np.testing.assert_array_equal(one, taken)


def grown(order=("first", "second", "third")):
    return network(order=order)


def test_what_does_not_fit_starts_fresh_and_is_named_once():
    optimizer = trained(network())
    other = trained(grown())
    with pytest.warns(UserWarning, match=r"third/kernel \(4, 4\), third/bias") as said:
        other.load_own_variables(saved(optimizer))
    assert len([w for w in said if w.category is UserWarning]) == 1
    own, there = momenta(other), momenta(optimizer)
    for name in there:
        np.testing.assert_array_equal(own[name], there[name])
    assert not own["third_kernel"].any()
    assert not own["third_bias"].any()


def test_another_shape_starts_fresh_and_is_named():
    store = saved(trained(network()))
    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(4, name="first")(inputs)
    wider = built(keras.Model(inputs, keras.layers.Dense(4, name="second")(outputs)))
    with pytest.warns(UserWarning, match=r"fresh: first/kernel \(5, 4\)\."):
        wider.load_own_variables(store)
    assert not momenta(wider)["first_kernel"].any()
    assert momenta(wider)["first_bias"].any()


@pytest.mark.parametrize(
    "load", ["load_own_variables", "load_state"], ids=["store", "load_state"]
)
@pytest.mark.parametrize(
    ("order", "words"),
    [
        (("first", "second", "third"), "starting fresh: third/kernel"),
        (("first",), "not used: second/kernel"),
    ],
)
def test_strict_raises_before_anything_changes(load, order, words):
    store = saved(trained(network()))
    other = trained(network(order=order), steps=5)
    before = [array(v) for v in other.variables]
    with pytest.raises(ValueError, match=words):
        getattr(other, load)(store, strict=True)
    for one, value in zip(other.variables, before, strict=True):
        np.testing.assert_array_equal(array(one), value)


def test_strict_is_silent_where_all_fits():
    optimizer, other = trained(network()), built(network())
    other.load_state(saved(optimizer), strict=True)
    assert_same_momenta(momenta(optimizer), momenta(other))


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_state_alone_is_loaded_from_a_file(tmp_path, suffix):
    model, other = network(), network(seed=1)
    model.compile(trained(model, momentum_dtype="bfloat16"), "mse")
    save = model.save if suffix == ".keras" else model.save_weights
    save(tmp_path / f"model{suffix}")
    weights = [array(v) for v in other.weights]
    optimizer = built(other, momentum_dtype="bfloat16")
    optimizer.load_state(tmp_path / f"model{suffix}", strict=True)
    assert_same_momenta(momenta(model.optimizer), momenta(optimizer))
    for one, value in zip(other.weights, weights, strict=True):
        np.testing.assert_array_equal(array(one), value)


def test_state_alone_is_found_below_a_loss_scale(tmp_path):
    model, other = network(), network(seed=1)
    scaled = keras.optimizers.LossScaleOptimizer(trained(model))
    scaled.build(model.trainable_variables)
    model.compile(scaled, "mse")
    model.save_weights(tmp_path / "model.weights.h5")
    optimizer = built(other)
    optimizer.load_state(tmp_path / "model.weights.h5", strict=True)
    assert_same_momenta(momenta(scaled.inner_optimizer), momenta(optimizer))


@pytest.mark.parametrize("format", [".keras", ".weights.h5", ".weights.json"])
@pytest.mark.parametrize("before_build", [True, False])
def test_without_the_loss_scaling_it_was_saved_with(tmp_path, format, before_build):
    """A model of mixed_float16 in a new process, where the policy is not set."""
    model, file = network(), tmp_path / f"model{format}"
    scaled = keras.optimizers.LossScaleOptimizer(trained(model), name="any")
    scaled.build(model.trainable_variables)
    model.compile(scaled, "mse")
    if format == ".keras":
        model.save(file)
    else:
        model.save_weights(
            file, **({"max_shard_size": 1e-6} if "json" in format else {})
        )
    other = network(seed=1)
    other.compile(Lion(0.5) if before_build else built(other), "mse")
    with pytest.warns(UserWarning, match=r"set_dtype_policy\('mixed_float16'\)"):
        other.load_weights(file)
    other.optimizer.build(other.trainable_variables)
    assert_same_momenta(momenta(scaled.inner_optimizer), momenta(other.optimizer))
    assert int(array(other.optimizer.iterations)) == 3
    assert float(array(other.optimizer.learning_rate)) == pytest.approx(0.01)


def test_another_optimizer_in_a_loss_scaling_is_not_taken_for_ours(tmp_path):
    model, file = network(), tmp_path / "model.weights.h5"
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW())
    scaled.build(model.trainable_variables)
    model.compile(scaled, "mse")
    model.save_weights(file)
    model.compile(trained(model), "mse")
    with pytest.warns(UserWarning, match="that of another optimizer.*take_over"):
        model.load_weights(file)
    assert not any(m.any() for m in momenta(model.optimizer).values())


def test_a_warning_points_at_the_line_that_loads(tmp_path):
    model, other = network(), network()
    model.save_weights(tmp_path / "model.weights.h5")
    other.compile(Lion(), "mse")
    with pytest.warns(UserWarning, match="no state of optimizer") as said:
        other.load_weights(tmp_path / "model.weights.h5")
    (warning,) = (w for w in said if w.category is UserWarning)
    assert warning.filename == __file__


def test_strict_needs_a_built_optimizer():
    with pytest.raises(ValueError, match="must be built"):
        Lion().load_state(saved(trained(network())), strict=True)


def test_a_file_without_such_a_state_says_so(tmp_path):
    model = network()
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="no state of an optimizer of keras-lion"):
        built(model).load_state(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"`\.keras` or `\.weights\.h5` file"):
        built(model).load_state(tmp_path / "model.npz")


def test_a_file_of_weights_alone_leaves_the_optimizer_as_it_is(tmp_path):
    model, other = network(), network(seed=1)
    model.save_weights(tmp_path / "model.weights.h5")
    other.compile(trained(other), "mse")
    before = momenta(other.optimizer)
    with pytest.warns(UserWarning, match="no state of optimizer"):
        other.load_weights(tmp_path / "model.weights.h5")
    assert_same_momenta(before, momenta(other.optimizer))


@pytest.mark.parametrize("name", ["AdamW", "Adam", "SGD", "RMSprop"])
def test_the_state_of_another_optimizer_is_not_taken_for_ours(tmp_path, name):
    model = network()
    options = {"momentum": 0.9} if name == "SGD" else {}
    model.compile(getattr(keras.optimizers, name)(0.5, **options), "mse")
    gradients = [ops.ones(v.shape) for v in model.trainable_variables]
    model.optimizer.apply(gradients, model.trainable_variables)
    model.save_weights(tmp_path / "model.weights.h5")
    other = network(seed=1)
    other.compile(trained(other, steps=2), "mse")
    with pytest.warns(UserWarning, match="starts fresh, with its own learning rate"):
        other.load_weights(tmp_path / "model.weights.h5")
    assert not any(m.any() for m in momenta(other.optimizer).values())
    assert float(array(other.optimizer.learning_rate)) == pytest.approx(0.01)
    for one, loaded in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(loaded))
    with pytest.raises(ValueError, match="another optimizer"):
        other.optimizer.load_own_variables(saved(model.optimizer), strict=True)


@pytest.mark.parametrize("schedule", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"use_ema": True}, {"gradient_accumulation_steps": 2}], ids=str
)
@pytest.mark.parametrize("before_build", [True, False])
def test_kerass_lion_is_continued(tmp_path, before_build, options, schedule):
    def rate(value):
        if not schedule:
            return value
        return keras.optimizers.schedules.ExponentialDecay(value, 10, 0.5)

    model = network()
    model.compile(keras.optimizers.Lion(rate(0.25), **options), "mse")
    generator = np.random.default_rng(0)
    for _ in range(4):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=v.shape).astype("float32"))
            for v in model.trainable_variables
        ]
        model.optimizer.apply(gradients, model.trainable_variables)
    model.save_weights(tmp_path / "model.weights.h5")
    other = network(seed=1)
    other.compile(Lion(rate(0.125)), "mse")
    if not before_build:
        other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "model.weights.h5")
    other.optimizer.build(other.trainable_variables)
    assert_same_momenta(momenta(model.optimizer), momenta(other.optimizer))
    assert any(m.any() for m in momenta(other.optimizer).values())
    assert int(array(other.optimizer.variables[0])) == 4
    if not schedule:
        assert float(array(other.optimizer.learning_rate)) == 0.25


@pytest.mark.parametrize("how", ["fit", "train_on_batch", "eager"])
def test_a_state_that_is_kept_until_the_first_batch_is_used_once(tmp_path, how):
    """TensorFlow builds an optimizer while it traces the first step."""
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")

    def compiled(seed):
        model = network(seed=seed)
        model.compile(Lion(0.125, weight_decay=0.5), "mse", run_eagerly=how == "eager")
        return model

    def train(model):
        if how == "train_on_batch":
            for start in range(0, 32, 8):
                model.train_on_batch(x[start : start + 8], x[start : start + 8])
        else:
            model.fit(x, x, batch_size=8, shuffle=False, verbose=0)

    first = compiled(0)
    train(first)
    first.save_weights(tmp_path / "model.weights.h5")
    ends = []
    for build_first in (True, False):
        model = compiled(1)
        if build_first:
            model.optimizer.build(model.trainable_variables)
        model.load_weights(tmp_path / "model.weights.h5")
        train(model)
        ends.append([array(v) for v in (*model.weights, *model.optimizer.variables)])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unbuilt_optimizer_keeps_a_state_until_it_is_built():
    optimizer = trained(network(), skip_nonfinite=True)
    other = Lion(0.5, skip_nonfinite=True)
    other.load_own_variables(saved(optimizer))
    assert int(array(other.iterations)) == 3
    assert float(array(other.learning_rate)) == pytest.approx(0.01)
    other.learning_rate = 0.25  # set after loading: it stays
    again = Lion(0.5, skip_nonfinite=True)
    again.load_own_variables(saved(other))  # what is kept is saved, too
    for one in (other, again):
        one.build(network().trainable_variables)
        assert_same_momenta(momenta(optimizer), momenta(one))
        assert float(array(one.learning_rate)) == 0.25


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
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Training ended inside an accumulation")
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
    with pytest.warns(UserWarning, match="other paths"):
        built(network(order=("first", "third"))).take_over(optimizer)
    with pytest.raises(ValueError, match="no momentum for the variables"):
        built(grown()).take_over(optimizer)
    with pytest.raises(ValueError, match="must be built"):
        Lion().take_over(optimizer)
    adamw = keras.optimizers.SGD(0.01)
    adamw.build(model.trainable_variables)
    with pytest.raises(ValueError, match="has no momentum"):
        built(model).take_over(adamw)


def test_numbered_momenta_of_other_shapes_are_not_taken():
    model = network()
    optimizer = keras.optimizers.Lion(0.25)
    optimizer.build(model.trainable_variables)
    store = saved(optimizer)
    here = [Described(v.path, tuple(v.shape)) for v in model.trainable_variables]
    assert read_keras_lion(store, here, with_learning_rate=True) is not None
    turned = [here[1], here[0], *here[2:]]
    assert read_keras_lion(store, turned, with_learning_rate=True) is None
    assert read_keras_lion(store, here[:3], with_learning_rate=True) is None
