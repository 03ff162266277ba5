"""A compiled update overwrites weights and state in place, without copies of them."""

import re

import keras
import numpy as np
import pytest

from keras_lion import Lion
from tests.optimizers.test_keras_faults import fault

pytestmark = pytest.mark.skipif(
    keras.backend.backend() not in ("jax", "tensorflow"), reason="XLA compiles for both"
)
SHAPE, COUNT = (64, 64), 6
OPTIONS = [
    {"weight_decay": 0.1},
    {"skip_nonfinite": True},
    {"momentum_dtype": "bfloat16"},
    {"clipnorm": 1.0},
    {"cautious": True},
    {"beta_1": 0.9, "beta_2": 0.9},
    {"momentum_dtype": "int8"},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
]


def copies(optimizer):
    """Copies of whole tensors in the program that XLA makes of an update."""
    weights = [keras.Variable(np.ones(SHAPE, "float32")) for _ in range(COUNT)]
    gradients = [keras.ops.ones(SHAPE) for _ in weights]
    optimizer.build(weights)
    on_jax = keras.backend.backend() == "jax"
    program = (of_jax if on_jax else of_tensorflow)(optimizer, weights, gradients)
    assert program.count("-alias)") >= 2 * COUNT  # weights and momenta are overwritten
    shape = ",".join(map(str, SHAPE))
    return re.findall(rf"\w+\[{shape}\]\S* copy\(", program)


def of_jax(optimizer, weights, gradients):
    import jax

    program = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),  # as `fit` does
    )
    values = [w.value for w in weights], [v.value for v in optimizer.variables]
    return program.lower(*values, gradients).compile().as_text()


def of_tensorflow(optimizer, weights, gradients):
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def step(gradients):
        optimizer.apply(gradients, weights)

    step(gradients)
    return step.experimental_get_compiler_ir(gradients)(stage="optimized_hlo")


@fault()
def test_27_momenta_are_overwritten_in_place(make):
    assert not copies(make(1e-3))


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: ", ".join(map(str, options.values()))
)
def test_options_copy_none_either(options):
    assert not copies(Lion(1e-3, **options))
