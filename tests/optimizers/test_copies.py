"""Copies of an optimizer continue as the original would, before and after `build`."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.discovery import ProgramOptimizer, zoo
from tests.arrays import array

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda optimizer: pickle.loads(pickle.dumps(optimizer)),
}
OPTIMIZERS = {
    "plain": lambda: Lion(0.125, weight_decay=0.5),
    "options": lambda: Lion(
        0.125,
        momentum_dtype="bfloat16",
        use_ema=True,
        gradient_accumulation_steps=3,
        skip_nonfinite=True,
        weight_decay_mask=["kernel"],
        weight_decay=0.5,
        name="named",
    ),
    "accumulates in the momentum": lambda: Lion(
        0.125, 0.9, 0.9, gradient_accumulation_steps=3
    ),
    "schedule": lambda: Lion(
        keras.optimizers.schedules.ExponentialDecay(0.25, 2, 0.5),
        weight_decay=keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5),
    ),
    "program": lambda: ProgramOptimizer(zoo.LION),
    "program with options": lambda: ProgramOptimizer(zoo.ADAMW, use_ema=True),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(Lion(0.125)),
}


def weights():
    generator = np.random.default_rng(0)
    return [
        keras.Variable(generator.normal(size=shape).astype("float32"), name=name)
        for name, shape in (("kernel", (3, 2)), ("bias", (2,)))
    ]


def step(optimizer, variables, seed):
    generator = np.random.default_rng(seed)
    gradients = [
        ops.convert_to_tensor(generator.normal(size=v.shape).astype("float32"))
        for v in variables
    ]
    getattr(optimizer, "inner_optimizer", optimizer).apply(gradients, variables)


# Keras's wrapper does not restore its own scale into a copy that is not built.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer 'loss_sc")
@pytest.mark.parametrize("how", COPIES.values(), ids=COPIES.keys())
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
@pytest.mark.parametrize("steps", [0, 4], ids=["not built", "built"])
def test_a_copy_continues_as_the_original(how, make, steps):
    optimizer, variables = make(), weights()
    for seed in range(steps):
        step(optimizer, variables, seed)
    copied, copied_variables = how(optimizer), weights()
    assert copied is not optimizer
    assert copied.get_config() == optimizer.get_config()
    for one, other in zip(copied_variables, variables, strict=True):
        one.assign(other)
    copied.build(copied_variables)
    for seed in range(10, 14):
        step(optimizer, variables, seed)
        step(copied, copied_variables, seed)
    for one, other in zip(variables, copied_variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
    assert int(array(copied.iterations)) == int(array(optimizer.iterations))


@pytest.mark.parametrize("how", COPIES.values(), ids=COPIES.keys())
def test_a_copy_of_a_copy_that_is_not_built_has_the_state(how):
    optimizer, variables = OPTIMIZERS["plain"](), weights()
    step(optimizer, variables, 0)
    copied = how(how(optimizer))
    copied.build(variables)
    for one, other in zip(optimizer.variables, copied.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))


def test_a_copy_shares_nothing_with_the_original():
    optimizer, variables = OPTIMIZERS["plain"](), weights()
    step(optimizer, variables, 0)
    before = [array(v) for v in optimizer.variables]
    copied = copy.deepcopy(optimizer)
    other = weights()
    for seed in range(3):
        step(copied, other, seed)
    copied.learning_rate = 0.5
    for one, value in zip(optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(array(one), value)


def test_a_cloned_model_has_a_working_optimizer_of_the_same_options():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(Lion(0.125, weight_decay=0.5, momentum_dtype="bfloat16"), "mse")
    x = np.ones((8, 4), "float32")
    model.fit(x, x[:, :1], verbose=0)
    clone = keras.models.clone_model(model)
    assert clone.optimizer is not model.optimizer
    assert type(clone.optimizer) is Lion
    expected = {**model.optimizer.get_config(), "name": clone.optimizer.name}
    assert clone.optimizer.get_config() == expected
    clone.fit(x, x[:, :1], verbose=0)
    assert int(array(clone.optimizer.iterations)) == 1
