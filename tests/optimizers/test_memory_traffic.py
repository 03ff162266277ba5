"""On JAX an update overwrites weights and momenta in place, without copies of them."""

import keras
import numpy as np
import pytest

from keras_lion import Lion
from tests.optimizers.test_keras_faults import fault

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the program of XLA is JAX's to show"
)
SHAPE, COUNT = (64, 64), 6
ONE = 4 * int(np.prod(SHAPE))  # bytes


def temporary_bytes(optimizer):
    """What a compiled update needs beside weights, gradients and state."""
    import jax

    weights = [keras.Variable(np.ones(SHAPE, "float32")) for _ in range(COUNT)]
    optimizer.build(weights)
    program = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),  # as `fit` does
    )
    values = [w.value for w in weights], [v.value for v in optimizer.variables]
    gradients = [keras.ops.ones(SHAPE) for _ in weights]
    compiled = program.lower(*values, gradients).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@fault()
def test_27_momenta_are_overwritten_in_place(make):
    assert temporary_bytes(make(1e-3)) < 2 * ONE


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.1},
        {"skip_nonfinite": True},
        {"momentum_dtype": "bfloat16"},
        {"clipnorm": 1.0},
        {"beta_1": 0.9, "beta_2": 0.9},
    ],
    ids=str,
)
def test_options_copy_none_either(options):
    assert temporary_bytes(Lion(1e-3, **options)) < 2 * ONE
