"""Arguments that are refused, or warned of, because something else was meant."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion

schedules = keras.optimizers.schedules


def network():
    layers = [keras.Input((3,)), keras.layers.Dense(2, name="dense")]
    return keras.Sequential(layers, name="net")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cautious": "no"}, "`cautious` must be True or False. Received: cautious"),
        ({"cautious_weight_decay": 0.5}, "`cautious_weight_decay` must be True or"),
        ({"skip_nonfinite": "yes"}, "`skip_nonfinite` must be True or False"),
        ({"skip_nonfinite": None}, "`skip_nonfinite` must be True or False"),
        ({"use_ema": "no"}, "`use_ema` must be True or False"),
        ({"clipnorm": 0}, "`clipnorm` must be a positive number"),
        ({"clipnorm": "1"}, "`clipnorm` must be a positive number, or None"),
        ({"clipvalue": True}, "`clipvalue` must be a positive number"),
        ({"global_clipnorm": -1.0}, "Received: global_clipnorm=-1.0"),
        ({"global_clipnorm": float("nan")}, "`global_clipnorm` must be a positive"),
        ({"gradient_accumulation_steps": 0}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": 1}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": -3}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": 2.5}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": True}, "must be a whole number of 2 or more"),
        ({"lr": 1e-4}, "`lr` is not an argument of Lion. Use `learning_rate`"),
        ({"betas": (0.9, 0.99)}, "Use `beta_1` and `beta_2`"),
        ({"decay": 0.1}, "Use `weight_decay`. Received: decay=0.1"),
        ({"epsilon": 1e-8}, "Leave it out: the update has no denominator"),
        ({"momentum_dtype": "bf16"}, "Did you mean bfloat16?"),
        ({"momentum_dtype": "float16"}, "Small gradients vanish in float16"),
        ({"weight_decay_mask": "kernel"}, r"pass a list: \['kernel'\]"),
        ({"weight_decay_mask": [True, False]}, "`weight_decay_mask` must have"),
        ({"weight_decay_mask": ["("]}, "`weight_decay_mask`: '\\(' is not a regular"),
        ({"beta_1": 1.0}, "Lion takes beta_1. Pass `weight_decay=1.0`"),
    ],
    ids=str,
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Lion(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"cautious": np.bool_(True)},
        {"cautious": 1},
        {"clipnorm": 1},
        {"global_clipnorm": np.float32(0.5)},
        {"clipvalue": None},
        {"gradient_accumulation_steps": np.int64(2)},
        {"gradient_accumulation_steps": None},
        {"beta_1": 0.5},
        {"beta_1": 0.1, "weight_decay": 0.0},
        {"learning_rate": 0.5, "weight_decay": 1.9},
        {
            "learning_rate": schedules.CosineDecay(1.0, 10),
            "weight_decay": 0.9,
            "weight_decay_coupling": "schedule",
        },
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_accepted_without_a_warning(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Lion(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1e-4, 0.1), "Lion takes beta_1. Pass the weight decay by name"),
        ((1e-4, 0.0), "or `weight_decay=0.0` if this beta_1 is meant"),
        ((1.0, 0.9, 0.99, 10.0), "learning_rate × weight_decay is 10: every step"),
        ((0.5, 0.9, 0.99, 2.0), "learning_rate × weight_decay is 1: every step"),
    ],
)
def test_values_in_the_wrong_place_are_warned_of(arguments, message):
    with pytest.warns(UserWarning, match=message) as caught:
        Lion(*arguments)
    assert [warning.filename for warning in caught] == [__file__]


def test_decay_that_follows_the_schedule_has_its_own_limit():
    with pytest.warns(UserWarning, match="^weight_decay is 1.5: every step"):
        Lion(1e-3, weight_decay=1.5, weight_decay_coupling="schedule")


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_learning_rate_is_checked_when_it_is_set(value):
    optimizer = Lion(1e-3)
    with pytest.raises(ValueError, match="finite and not negative"):
        optimizer.learning_rate = value
    assert float(optimizer.learning_rate) == np.float32(1e-3)
    optimizer.learning_rate = 2e-3
    assert float(optimizer.learning_rate) == np.float32(2e-3)
    optimizer.learning_rate = ops.convert_to_tensor(3e-3)
    assert float(optimizer.learning_rate) == np.float32(3e-3)


def test_pattern_that_matches_nothing_is_warned_of():
    variables = network().trainable_variables
    optimizer = Lion(weight_decay=1.0, weight_decay_mask=["kernel", "nothing_like"])
    with pytest.warns(UserWarning, match="weight_decay_mask.*'nothing_like'.*paths"):
        optimizer.build(variables)
    optimizer = Lion(weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bais", "kernel"])
    with pytest.warns(UserWarning, match="matches 'bais'.*'net/dense/kernel'"):
        optimizer.build(variables)


def test_names_to_exclude_are_a_list():
    """A string would be taken for patterns of one letter each."""
    with pytest.raises(ValueError, match=r"pass \['bias'\]"):
        Lion().exclude_from_weight_decay(var_names="bias")


def test_each_variable_needs_a_gradient():
    variables = network().trainable_variables
    gradients = [ops.ones(v.shape) for v in variables]
    optimizer = Lion()
    with pytest.raises(ValueError, match="1 gradients and 2 variables"):
        optimizer.apply(gradients[:1], variables)
    optimizer.apply(gradients, iter(variables))
    assert int(optimizer.iterations) == 1


def built(optimizer):
    variable = keras.Variable([1.0, 2.0], name="w")
    optimizer.build([variable])
    return optimizer


@pytest.mark.parametrize("state", [built, lambda optimizer: optimizer])
@pytest.mark.parametrize(
    "given",
    [
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),  # holds − learning rate × g
        lambda: keras.optimizers.RMSprop(0.1, momentum=0.9),
    ],
)
def test_a_sum_of_steps_is_not_taken_over(given, state):
    with pytest.raises(ValueError, match="has no momentum that is an average of gr"):
        state(Lion()).take_over(state(given()))


@pytest.mark.parametrize("name", ["nope.weights.h5", "nope.keras"])
def test_a_state_file_that_does_not_exist(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"There is no file .*{name}"):
        Lion().load_state(tmp_path / name)
