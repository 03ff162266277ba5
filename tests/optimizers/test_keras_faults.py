"""The faults of `keras.optimizers.Lion` (Keras 3.15.1) that ours does not have.

Every test is a check that passes with ours and is shown to fail with Keras's. The
numbers are those of docs/differences-from-keras-lion.md, which says more of each.
"""

import copy
import functools
import tempfile
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.reference import lion_step
from tests.arrays import array
from tests.optimizers.wrong_lions import MIXED_SIGNS, WRONG_LIONS, Path

schedules = keras.optimizers.schedules
needs_sparse_gradients = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Only TensorFlow makes sparse gradients",
)


def fault(*, error=AssertionError, **options):
    """A test: ours, made with these options, passes the check, and Keras's fails."""

    def decorate(check):
        @pytest.mark.parametrize("whose", ["ours", "keras"])
        def test(whose):
            if whose == "ours":
                check(functools.partial(Lion, **options))
            else:
                with pytest.raises(error):
                    check(keras.optimizers.Lion)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def new_weight(value, dtype="float32", name="kernel"):
    return keras.Variable(np.asarray(value, "float32"), dtype=dtype, name=name)


def tensors(*values, dtype="float32"):
    return [ops.cast(np.asarray(value, "float32"), dtype) for value in values]


def as_float32(variable):
    return array(ops.cast(variable, "float32"))


def momentum_of(optimizer):
    return next(v for v in optimizer.variables if v.name.endswith("_momentum"))


def network(order=("first", "second")):
    """Two layers of one shape, so that only their names tell them apart."""
    inputs = outputs = keras.Input((3,))
    for layer in order:
        outputs = keras.layers.Dense(3, name=layer)(outputs)
    model = keras.Model(inputs, outputs, name="net")
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    return model


def decayed(optimizer):
    """Paths of the variables that a step without gradients shrinks."""
    model = network()
    zeros = [ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    return {
        variable.path.removeprefix("net/")
        for variable in model.trainable_variables
        if np.all(array(variable) < 1)
    }


EVERYTHING = {"first/kernel", "first/bias", "second/kernel", "second/bias"}


# Low precision


@fault()
def test_01_betas_are_not_rounded_to_bfloat16(make):
    weight = new_weight([1.0], "bfloat16")
    optimizer = make(1e-3, beta_2=0.999)
    for _ in range(10):
        optimizer.apply(tensors([1.0], dtype="bfloat16"), [weight])
    momentum = as_float32(momentum_of(optimizer))
    np.testing.assert_allclose(momentum, [1 - 0.999**10], rtol=1e-4)


@fault()
def test_03_float16_weights_have_a_momentum_of_small_gradients(make):
    weight, gradient = new_weight([1.0], "float16"), tensors([1e-6], dtype="float16")
    optimizer = make(1e-3)
    optimizer.apply(gradient, [weight])
    expected = 0.01 * as_float32(gradient[0])
    np.testing.assert_allclose(
        as_float32(momentum_of(optimizer)), expected, rtol=1e-4, atol=0
    )


# Weight decay


@fault(compile_update=False)  # XLA contracts products and sums
def test_05_decay_is_part_of_the_step(make):
    """θ − η (sign(c) + λ θ) to the last bit, not θ − η λ θ rounded on the way."""
    generator = np.random.default_rng(0)
    theta, gradient = generator.normal(size=(2, 1000)).astype("float32")
    weight = new_weight(theta)
    make(0.1, weight_decay=0.3).apply(tensors(gradient), [weight])
    step = np.sign(gradient) + np.float32(0.3) * theta
    np.testing.assert_array_equal(array(weight), theta - np.float32(0.1) * step)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch runs every step eagerly"
)
@fault()
def test_06_weight_decay_is_live_after_compilation(make):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    optimizer = make(0.1, weight_decay=0.0)
    model.compile(optimizer, "mse")
    x, y = np.zeros((4, 1), "float32"), np.zeros((4, 1), "float32")
    model.fit(x, y, verbose=0)
    optimizer.weight_decay = 5.0
    kernel = model.trainable_variables[0]
    kernel.assign([[1.0]])
    model.fit(x, y, verbose=0)
    np.testing.assert_allclose(array(kernel), [[0.5]], rtol=1e-6)


@fault(weight_decay_coupling="schedule")
def test_07_decay_need_not_depend_on_the_peak_learning_rate(make):
    found = []
    for peak in (0.1, 0.001):
        weight = new_weight([1.0])
        optimizer = make(schedules.CosineDecay(peak, 10), weight_decay=0.2)
        optimizer.build([weight])
        for _ in range(3):
            optimizer.apply(tensors([0.0]))
        found.append(array(weight))
    np.testing.assert_allclose(*found, rtol=1e-6)


@fault()
def test_08a_exclusions_are_saved(make):
    optimizer = make(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    config = keras.optimizers.serialize(optimizer)
    restored = keras.optimizers.deserialize(config)
    assert decayed(restored) == {"first/kernel", "second/kernel"}


@fault()
def test_08b_late_exclusions_are_refused(make):
    model, optimizer = network(), make(0.1, weight_decay=1.0)
    optimizer.build(model.trainable_variables)
    assert refuses(optimizer.exclude_from_weight_decay, var_names=["bias"])


@fault()
def test_08d_exclusions_name_paths_on_every_backend(make):
    """Keras reads `bias` on JAX, and `net/first/bias:0` on TensorFlow."""
    optimizer = make(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["first/bias$"])
    assert decayed(optimizer) == EVERYTHING - {"first/bias"}


@fault(weight_decay_mask="matrices")
def test_08e_a_rule_leaves_vectors_out(make):
    assert decayed(make(0.1, weight_decay=1.0)) == {"first/kernel", "second/kernel"}


def test_09_variables_without_a_gradient_stay_as_they_are():
    """As with Keras's: such a variable took no part in the loss."""
    weights = [new_weight([1.0], name="used"), new_weight([1.0], name="unused")]
    optimizer = Lion(0.1, weight_decay=1.0)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([*tensors([0.0]), None], weights)
    np.testing.assert_allclose([array(w)[0] for w in weights], [0.9, 1.0])


# Gradient accumulation


@fault()
def test_10a_bfloat16_gradients_accumulate_in_float32(make):
    """256 + 1 is 256 in bfloat16; the sum of these is 2, or nothing."""
    weight = new_weight([1.0], "bfloat16")
    optimizer = make(0.25, gradient_accumulation_steps=4)
    for gradient in (256.0, 1.0, 1.0, -256.0):
        optimizer.apply(tensors([gradient], dtype="bfloat16"), [weight])
    np.testing.assert_array_equal(as_float32(weight), [0.75])


@fault()
def test_10b_one_beta_needs_no_accumulator(make):
    weight = new_weight(np.ones(50))
    optimizer = make(0.1, beta_1=0.9, beta_2=0.9, gradient_accumulation_steps=4)
    optimizer.build([weight])
    assert len([v for v in optimizer.variables if v.shape == weight.shape]) == 1


@fault()
def test_11_averages_count_updates(make):
    def average(repeats, **accumulation):
        weight = new_weight([1.0])
        optimizer = make(0.5, use_ema=True, ema_momentum=0.5, **accumulation)
        for _ in range(3 * repeats):
            optimizer.apply(tensors([1.0]), [weight])
        return array(next(v for v in optimizer.variables if "average" in v.name))

    accumulated = average(2, gradient_accumulation_steps=2)
    np.testing.assert_allclose(accumulated, average(1), rtol=1e-6)


# Gradients that are not finite


@pytest.mark.parametrize(
    ("bad", "clipping"),
    [(np.nan, {}), (np.inf, {"global_clipnorm": 1.0}), (np.nan, {"clipvalue": 1.0})],
    ids=["NaN", "Inf, global_clipnorm", "NaN, clipvalue"],
)
@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_16_one_bad_gradient_ruins_nothing(whose, bad, clipping):
    def check(make):
        weight = new_weight([1.0, 1.0])
        optimizer = make(0.25, **clipping)
        for gradient in ([1.0, 1.0], [bad, 1.0], [1.0, 1.0]):
            optimizer.apply(tensors(gradient), [weight])
        np.testing.assert_array_equal(array(weight), [0.5, 0.5])

    if whose == "ours":
        check(functools.partial(Lion, skip_nonfinite=True))
    else:
        with pytest.raises(AssertionError):
            check(keras.optimizers.Lion)


# Sparse gradients


def twice_the_same_row():
    import tensorflow as tf

    rows, indices = tf.constant([[3.0], [4.0]]), tf.constant([1, 1])
    return tf.IndexedSlices(rows, indices, dense_shape=tf.constant([2, 1]))


@fault(lazy_embeddings=True)
def test_18_lazy_rows_without_a_gradient_stay(make):
    table = new_weight([[1.0], [1.0]], name="embeddings")
    optimizer = make(0.25)
    for gradient in tensors([[1.0], [0.0]], [[0.0], [1.0]]):
        optimizer.apply([gradient], [table])
    np.testing.assert_array_equal(array(table), [[0.75], [0.75]])


@needs_sparse_gradients
@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm", "clipvalue"])
@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_19_clipping_adds_rows_of_one_index_first(whose, clipping):
    def check(make):
        momenta = []
        for gradient in (twice_the_same_row(), *tensors([[0.0], [7.0]])):
            weight = new_weight([[1.0], [1.0]])
            optimizer = make(0.1, **{clipping: 1.0})
            optimizer.apply([gradient], [weight])
            momenta.append(array(momentum_of(optimizer)))
        np.testing.assert_allclose(*momenta, rtol=1e-6)

    if whose == "ours":
        check(Lion)
    else:
        with pytest.raises(AssertionError):
            check(keras.optimizers.Lion)


@needs_sparse_gradients
@fault(error=TypeError)
def test_20_sparse_gradients_are_divided_by_the_loss_scale(make):
    weight = new_weight([[1.0], [1.0]])
    optimizer = make(0.25, loss_scale_factor=2.0)
    optimizer.apply([twice_the_same_row()], [weight])
    np.testing.assert_array_equal(array(weight), [[1.0], [0.75]])
    np.testing.assert_allclose(array(momentum_of(optimizer)), [[0.0], [0.035]])


# State, configuration, validation


def momenta_after_loading(make, *, order=("first", "second"), before, after):
    """Momenta by name: of an optimizer, and of another that loaded its state."""
    model, other = network(), network(order)
    optimizer, restored = make(0.1, **before), make(0.1, **after)
    gradients = [
        ops.full(variable.shape, float(number))
        for number, variable in enumerate(model.trainable_variables, start=1)
    ]
    optimizer.apply(gradients, model.trainable_variables)
    restored.build(other.trainable_variables)
    store = {}
    optimizer.save_own_variables(store)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns, and loads nothing
        restored.load_own_variables(store)
    return [
        {v.name: array(v) for v in each.variables if v.name.endswith("_momentum")}
        for each in (optimizer, restored)
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"order": ("second", "first"), "before": {}, "after": {}},
        {"before": {}, "after": {"use_ema": True}},
        {"before": {}, "after": {"gradient_accumulation_steps": 2}},
    ],
    ids=["reordered", "averages turned on", "accumulation turned on"],
)
@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_21_state_is_loaded_by_path(whose, changed):
    def check(make):
        saved, loaded = momenta_after_loading(make, **changed)
        assert saved.keys() == loaded.keys()
        for name, momentum in saved.items():
            np.testing.assert_array_equal(loaded[name], momentum)

    if whose == "ours":
        check(Lion)
    else:
        with pytest.raises(AssertionError):
            check(keras.optimizers.Lion)


@fault()
def test_22_a_new_learning_rate_may_win_over_the_saved_one(make):
    model = network()
    optimizer, restored = make(0.1), make(0.01)
    store = {}
    for each in (optimizer, restored):
        each.build(model.trainable_variables)
    optimizer.save_own_variables(store)
    restored.restore_hyperparameters = False
    restored.load_own_variables(store)
    assert float(restored.learning_rate) == pytest.approx(0.01)


def refuses(function, **arguments):
    try:
        function(**arguments)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"beta_2": -1.0}, True),
        ({"beta_2": 1.5}, True),
        ({"beta_1": 1.0}, True),
        ({"beta_1": 0.0, "weight_decay": 0.0}, False),
        ({"learning_rate": 1}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_23_ranges_are_checked(whose, arguments, refused):
    make = Lion if whose == "ours" else keras.optimizers.Lion
    assert (refuses(make, **arguments) == refused) == (whose == "ours")


@fault()
def test_24_default_learning_rate_is_the_authors(make):
    assert float(make().learning_rate) == pytest.approx(1e-4, rel=1e-6)


# The path of Keras's own test: positive gradients, and weights only.
GOLDEN_OF_KERAS = Path(
    start=1.0,
    gradients=(0.01, 0.1, 0.2, 0.3, 0.4),
    weights=(0.999, 0.998, 0.997, 0.996, 0.995),
    momenta=(),
    hyperparameters={"learning_rate": 0.001},
)


@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_26_golden_path_tells_lion_from_sign_descent(whose):
    def check(path):
        assert not np.allclose(weights(WRONG_LIONS["sign_sgd"], path), path.weights)

    for path in (MIXED_SIGNS, GOLDEN_OF_KERAS):
        np.testing.assert_allclose(weights(lion_step, path), path.weights)
    if whose == "ours":
        check(MIXED_SIGNS)
    else:
        with pytest.raises(AssertionError):
            check(GOLDEN_OF_KERAS)


def weights(step, path):
    """The weight after each step of a NumPy optimizer along a path."""
    w, m, found = np.float64(path.start), np.float64(0.0), []
    for gradient in path.gradients:
        w, m = step(w, m, np.float64(gradient), **path.hyperparameters)
        found.append(w)
    return found


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@fault()
def test_28_a_new_process_continues_from_a_file_of_weights(make):
    model, other = network(), network()
    for each in (model, other):
        each.compile(make(), "mse")
    model.optimizer.build(model.trainable_variables)
    momentum_of(model.optimizer).assign(np.full((3, 3), 0.5))
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(f"{folder}/model.weights.h5")
        other.load_weights(f"{folder}/model.weights.h5")  # not built yet, as in `fit`
    other.optimizer.build(other.trainable_variables)
    found = momentum_of(other.optimizer)
    np.testing.assert_array_equal(array(found), np.full((3, 3), 0.5))


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
@fault()
def test_29_a_last_gradient_of_none_loses_no_window(make):
    weights = [new_weight([1.0], name="a"), new_weight([1.0], name="b")]
    optimizer = make(0.125, gradient_accumulation_steps=2)
    optimizer.apply([*tensors([1.0]), None], weights)
    optimizer.apply([None, *tensors([1.0])], weights)
    np.testing.assert_allclose([array(w)[0] for w in weights], 0.875)


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@fault()
def test_30_a_copy_has_the_momentum(make):
    weight = new_weight([1.0])
    optimizer = make(0.125)
    optimizer.apply(tensors([1.0]), [weight])
    copied = copy.deepcopy(optimizer)
    copied.build([weight])
    np.testing.assert_array_equal(
        array(momentum_of(copied)), array(momentum_of(optimizer))
    )
