"""Cautious updates and cautious weight decay."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.updates import cautious_direction
from tests.arrays import array


def direction(signs, gradients):
    return array(
        cautious_direction(
            ops.convert_to_tensor(np.asarray(signs, "float32")),
            ops.convert_to_tensor(np.asarray(gradients, "float32")),
        )
    )


def test_only_agreeing_elements_move_and_take_the_share_of_the_others():
    np.testing.assert_array_equal(
        direction([1, 1, -1, -1], [0.5, -0.5, -2.0, 0.0]), [2.0, 0.0, -2.0, 0.0]
    )


@pytest.mark.parametrize("gradient", [3.0, -3.0])
def test_one_element_is_not_halved(gradient):
    expected = 1.0 if gradient > 0 else 0.0
    np.testing.assert_array_equal(direction([1.0], [gradient]), [expected])


def test_scale_is_bounded_by_ten():
    signs, gradients = np.ones(1000), -np.ones(1000)
    gradients[0] = 1.0
    found = direction(signs, gradients)
    np.testing.assert_allclose(found[0], 10.0, rtol=1e-6)
    np.testing.assert_array_equal(found[1:], 0.0)


def test_lion_is_cautious_by_the_gradient_and_not_by_the_momentum():
    weight = keras.Variable(np.zeros(2, "float32"), name="w")
    optimizer = Lion(0.1, cautious=True)
    optimizer.apply([ops.convert_to_tensor([1.0, 1.0])], [weight])
    np.testing.assert_allclose(array(weight), [-0.1, -0.1], rtol=1e-6)
    # 0.9 * 0.01 + 0.1 * g is still positive, and g is not: the second stays.
    optimizer.apply([ops.convert_to_tensor([1.0, -0.01])], [weight])
    np.testing.assert_allclose(array(weight), [-0.3, -0.1], rtol=1e-6)


def test_cautious_weight_decay_acts_where_it_agrees_with_the_step():
    weight = keras.Variable(np.array([2.0, -2.0, 2.0], "float32"), name="w")
    optimizer = Lion(0.1, weight_decay=1.0, cautious_weight_decay=True)
    optimizer.apply([ops.convert_to_tensor([1.0, 1.0, 0.0])], [weight])
    np.testing.assert_allclose(array(weight), [1.7, -2.1, 1.8], rtol=1e-6)
