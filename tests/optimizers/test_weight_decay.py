"""Weight decay: what it may be, what it acts on, and what is saved of it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array

CONSTANT = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.2, 0.4])


@keras.saving.register_keras_serializable(package="tests", name="is_wide")
def is_wide(variable):
    return variable.shape[-1] > 2


@keras.saving.register_keras_serializable(package="tests", name="tenth")
def tenth():
    return 0.1


def network():
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(4, name="wide"),
            keras.layers.LayerNormalization(name="norm"),
            keras.layers.Dense(2, name="narrow"),
        ],
        name="net",
    )
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    return model


def decayed(model, optimizer):
    """Paths of the variables that a step without gradients shrinks."""
    zeros = [ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    return {
        v.path.removeprefix("net/")
        for v in model.trainable_variables
        if np.all(array(v) < 1)
    }


EVERYTHING = {
    "wide/kernel",
    "wide/bias",
    "norm/gamma",
    "norm/beta",
    "narrow/kernel",
    "narrow/bias",
}


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (None, EVERYTHING),
        ("matrices", {"wide/kernel", "narrow/kernel"}),
        (["kernel$"], {"wide/kernel", "narrow/kernel"}),
        (["^net/wide/", "gamma"], {"wide/kernel", "wide/bias", "norm/gamma"}),
        (is_wide, {"wide/kernel", "wide/bias", "norm/gamma", "norm/beta"}),
        ([], set()),
    ],
    ids=["everything", "matrices", "pattern", "patterns", "function", "nothing"],
)
def test_mask_says_what_is_decayed(mask, expected):
    optimizer = Lion(0.1, weight_decay=1.0, weight_decay_mask=mask)
    assert decayed(network(), optimizer) == expected
    restored = Lion.from_config(optimizer.get_config())
    assert decayed(network(), restored) == expected


def test_mask_of_variables_survives_saving():
    model = network()
    kernel = model.layers[0].kernel
    optimizer = Lion(0.1, weight_decay=1.0, weight_decay_mask=[kernel])
    assert decayed(model, optimizer) == {"wide/kernel"}
    restored = Lion.from_config(optimizer.get_config())
    assert decayed(network(), restored) == {"wide/kernel"}


def test_exclusions_are_the_same_rule_and_survive_saving_and_loss_scaling():
    model = network()
    optimizer = Lion(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(
        var_list=[model.layers[1].gamma], var_names=["bias", "beta"]
    )
    expected = {"wide/kernel", "narrow/kernel"}
    config = optimizer.get_config()
    assert decayed(model, optimizer) == expected
    assert decayed(network(), Lion.from_config(config)) == expected
    inner = Lion(0.1, weight_decay=1.0)
    inner.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    wrapped = keras.optimizers.LossScaleOptimizer(inner)
    other = network()
    wrapped.build(other.trainable_variables)
    found = {v.path for v in other.trainable_variables if inner.decays(v)}
    assert found == {f"net/{path}" for path in expected}


def test_exclusions_survive_a_saved_model(tmp_path):
    model = network()
    optimizer = Lion(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].bias])
    model.compile(optimizer, "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert decayed(loaded, loaded.optimizer) == EVERYTHING - {"wide/bias"}


def test_late_exclusion_is_refused():
    model, optimizer = network(), Lion(0.1)
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


@pytest.mark.parametrize(
    ("weight_decay", "shrinkage"),
    [(0.5, [0.05, 0.05]), (CONSTANT, [0.02, 0.04]), (tenth, [0.01, 0.01])],
    ids=["number", "schedule", "callable"],
)
def test_number_schedule_or_callable(weight_decay, shrinkage):
    weight = keras.Variable(np.ones(3, "float32"), name="w")
    optimizer = Lion(0.1, weight_decay=weight_decay)
    restored = Lion.from_config(optimizer.get_config())
    for each in (optimizer, restored):
        weight.assign(np.ones(3))
        each.build([weight])
        expected = 1.0
        for part in shrinkage:
            each.apply([ops.zeros(3)])
            expected *= 1 - part
            np.testing.assert_allclose(array(weight), expected, rtol=1e-6)
    assert optimizer.weight_decay is weight_decay


def test_schedule_coupling_does_not_depend_on_the_peak():
    for peak in (0.1, 0.001):
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [0], [peak, peak / 2]
        )
        weight = keras.Variable(np.ones(3, "float32"), name="w")
        optimizer = Lion(schedule, weight_decay=0.2, weight_decay_coupling="schedule")
        optimizer.build([weight])
        optimizer.apply([ops.zeros(3)])
        np.testing.assert_allclose(array(weight), 0.8, rtol=1e-6)
        optimizer.apply([ops.zeros(3)])
        np.testing.assert_allclose(array(weight), 0.8 * 0.9, rtol=1e-6)


schedules = keras.optimizers.schedules


@pytest.mark.parametrize(
    ("schedule", "peak"),
    [
        (0.3, 0.3),
        (schedules.CosineDecay(0.0, 10, warmup_target=0.7, warmup_steps=2), 0.7),
        (schedules.CosineDecay(0.4, 10), 0.4),
        (schedules.PolynomialDecay(0.1, 10, end_learning_rate=0.5), 0.5),
        (schedules.ExponentialDecay(0.2, 10, 0.9), 0.2),
        (CONSTANT, 0.4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_peak_is_read_from_numbers_and_from_schedules_of_keras(schedule, peak):
    optimizer = Lion(schedule, weight_decay=0.5, weight_decay_coupling="schedule")
    found = optimizer._current_weight_decay("float32")
    np.testing.assert_allclose(array(found), 0.5 / peak, rtol=1e-6)


def test_peak_of_a_callable_is_an_argument():
    with pytest.raises(ValueError, match="pass `peak_learning_rate`"):
        Lion(tenth, weight_decay_coupling="schedule")
    optimizer = Lion(
        tenth,
        weight_decay=0.8,
        weight_decay_coupling="schedule",
        peak_learning_rate=0.2,
    )
    assert optimizer.get_config()["peak_learning_rate"] == 0.2
    weight = keras.Variable(np.ones(3, "float32"), name="w")
    optimizer.apply([ops.zeros(3)], [weight])
    np.testing.assert_allclose(array(weight), 0.6, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"weight_decay_coupling": "both"}, "learning_rate, schedule"),
        ({"peak_learning_rate": 0.1}, "with weight_decay_coupling='schedule'"),
        (
            {"weight_decay_coupling": "schedule", "peak_learning_rate": 0.0},
            "must be a positive number",
        ),
        ({"weight_decay_mask": "kernel"}, "'matrices'"),
        ({"weight_decay_mask": 3}, "'matrices'"),
        ({"weight_decay_mask": ["("]}, "not a regular expression"),
        ({"weight_decay_mask": [3]}, "must have variables and regular"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Lion(**arguments)


def test_number_and_schedule_do_not_replace_each_other_once_built():
    weight = keras.Variable(np.ones(3, "float32"), name="w")
    optimizer = Lion(0.1, weight_decay=0.5)
    optimizer.weight_decay = CONSTANT
    optimizer.weight_decay = 0.25
    optimizer.build([weight])
    with pytest.raises(ValueError, match="only be replaced by a number"):
        optimizer.weight_decay = CONSTANT
    assert optimizer.weight_decay == 0.25
