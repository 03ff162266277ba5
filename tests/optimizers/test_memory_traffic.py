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
ONE = 4 * int(np.prod(SHAPE))  # bytes
OPTIONS = [
    {"weight_decay": 0.1},
    {"skip_nonfinite": True},
    {"momentum_dtype": "bfloat16"},
    {"clipnorm": 1.0},
    {"cautious": True},
    {"beta_1": 0.9, "beta_2": 0.9},
    {"beta_1": 0.99, "beta_2": 0.9},
    {"gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
    {"gradient_accumulation_steps": 2, "momentum_dtype": "int8"},
]


def in_place(optimizer):
    """Whether the program of an update neither copies nor keeps what it overwrites."""
    weights = [keras.Variable(np.ones(SHAPE, "float32")) for _ in range(COUNT)]
    gradients = [keras.ops.ones(SHAPE) for _ in weights]
    optimizer.build(weights)
    if keras.backend.backend() == "jax":
        return temporary_bytes(optimizer, weights, gradients) < 2 * ONE
    return not copies_of_parameters(optimizer, weights, gradients)


def temporary_bytes(optimizer, weights, gradients):
    """What a compiled update needs beside weights, gradients and state."""
    import jax

    program = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),  # as `fit` does
    )
    values = [w.value for w in weights], [v.value for v in optimizer.variables]
    compiled = program.lower(*values, gradients).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def copies_of_parameters(optimizer, weights, gradients):
    """Copies of whole tensors in the program that XLA makes of an update."""
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def step(gradients):
        optimizer.apply(gradients, weights)

    step(gradients)
    program = step.experimental_get_compiler_ir(gradients)(stage="optimized_hlo")
    assert program.count("-alias)") >= 2 * COUNT  # weights and momenta
    shape = ",".join(map(str, SHAPE))
    return re.findall(rf"\w+\[{shape}\]\S* copy\(", program)


@fault()
def test_27_momenta_are_overwritten_in_place(make):
    assert in_place(make(1e-3))


@pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: ", ".join(map(str, options.values()))
)
def test_options_copy_none_either(options):
    assert in_place(Lion(1e-3, **options))
