"""Numbers keep their digits: betas, the learning rate and gradients are not rounded."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array


def after_steps(optimizer, gradients, dtype="float32"):
    """Weight and momentum after gradients of one element, as float64."""
    weight = keras.Variable(np.zeros(1, "float32"), dtype=dtype, name="kernel")
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor([gradient], "float32")], [weight])
    momentum = next(v for v in optimizer.variables if v.name.endswith("_momentum"))
    return [float(array(ops.cast(v, "float32"))[0]) for v in (weight, momentum)]


@pytest.mark.parametrize("beta_2", [0.99, 0.999, 0.9999])
def test_one_minus_beta_has_all_digits(beta_2):
    """In float32, 1 - 0.9999 is wrong in its fourth digit."""
    _, momentum = after_steps(Lion(beta_2=beta_2), [1.0])
    assert momentum == pytest.approx(1 - beta_2, rel=1e-7)


def test_bfloat16_weight_moves_by_the_unrounded_learning_rate():
    """Rounded to bfloat16, 1.00390625 would be 1, and the weight 0."""
    weight = keras.Variable(np.ones(1, "float32"), dtype="bfloat16", name="kernel")
    Lion(1.00390625).apply([ops.ones(1)], [weight])
    np.testing.assert_array_equal(array(ops.cast(weight, "float32")), [-0.00390625])


def test_float32_gradient_of_a_bfloat16_weight_keeps_its_digits():
    _, momentum = after_steps(
        Lion(beta_1=0.5, beta_2=0.5), [1.00390625], dtype="bfloat16"
    )
    assert momentum == 0.501953125


def test_bfloat16_weight_keeps_the_digits_of_the_betas():
    """In bfloat16, 0.999 is 1: the momentum would stay 0 for ever."""
    _, momentum = after_steps(Lion(beta_2=0.999), [1.0] * 10, dtype="bfloat16")
    assert momentum == pytest.approx(1 - 0.999**10, rel=1e-6)
