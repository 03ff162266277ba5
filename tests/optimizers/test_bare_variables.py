"""Variables that are not Keras's, without a path, or of one name."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.discovery import ProgramOptimizer, zoo
from tests.arrays import array

tf = pytest.importorskip("tensorflow")
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"

VALUES = [np.array([[1.0, -2.0], [0.5, 3.0]], "float32"), np.ones(2, "float32")]
OPTIONS = [
    {},
    {"weight_decay": 0.5, "weight_decay_mask": "matrices"},
    {"weight_decay": 0.5, "weight_decay_mask": ["Variable"]},
    {"use_ema": True, "ema_overwrite_frequency": 2},
    {"momentum_dtype": "bfloat16", "cautious": True},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 2, "beta_2": 0.9},
    {"skip_nonfinite": True, "global_clipnorm": 1.0},
]


def trained(optimizer, variables, steps=4):
    generator = np.random.default_rng(0)
    for _ in range(steps):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=v.shape).astype("float32"))
            for v in variables
        ]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return [np.array(v.numpy()) for v in variables]


def of_keras():
    return [keras.Variable(v, name="Variable") for v in VALUES]


def bare():
    return [tf.Variable(v) for v in VALUES]


def mixed():
    return [keras.Variable(VALUES[0], name="Variable"), tf.Variable(VALUES[1])]


pytestmark = pytest.mark.skipif(not ON_TENSORFLOW, reason="variables of TensorFlow")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("variables", [bare, mixed])
def test_steps_are_those_of_keras_variables(variables, options):
    expected = trained(Lion(0.125, **options), of_keras())
    found = trained(Lion(0.125, **options), variables())
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("program", [zoo.LION, zoo.ADAMW])
@pytest.mark.parametrize("variables", [bare, mixed])
def test_programs_take_them_too(variables, program):
    expected = trained(ProgramOptimizer(program), of_keras())
    for one, other in zip(
        expected, trained(ProgramOptimizer(program), variables()), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_compiled_loop_without_a_model(jit_compile):
    variables, optimizer = bare(), Lion(0.125, weight_decay=0.5)
    optimizer.build(variables)

    @tf.function(jit_compile=jit_compile)
    def step():
        with tf.GradientTape() as tape:
            loss = sum(tf.reduce_sum(v**2) for v in variables)
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(8):
        step()
    for variable, start in zip(variables, VALUES, strict=True):
        assert np.abs(variable.numpy()).sum() < np.abs(start).sum()
    assert int(array(optimizer.iterations)) == 8


def test_state_is_saved_by_name_and_continues():
    optimizer, variables = Lion(0.125), bare()
    trained(optimizer, variables)
    store = {}
    optimizer.save_own_variables(store)
    continued = Lion(0.125)
    continued.load_own_variables(store)
    continued.build(bare())
    for one, other in zip(optimizer.variables, continued.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
