"""Paths as names of a saved state: none is lost where two variables share one."""

import keras
import numpy as np
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers.checkpoint import unique_paths
from tests.arrays import array


def weights(*names):
    return [keras.Variable(np.zeros(2, "float32"), name=name) for name in names]


def test_paths_become_different_names():
    assert len(set(unique_paths(weights("a", "a", "a#1", "b", "a")))) == 5


def test_variables_of_one_path_keep_a_momentum_each():
    trained = weights("w", "other", "w")
    optimizer = Lion()
    gradients = [ops.full((2,), float(number)) for number in (1, 2, 3)]
    optimizer.apply(gradients, trained)
    store = {}
    optimizer.save_own_variables(store)
    loaded = Lion()
    loaded.build(weights("w", "other", "w"))
    loaded.load_own_variables(store)
    momenta = [array(v) for v in loaded.variables if v.name.endswith("_momentum")]
    expected = [[0.01, 0.01], [0.02, 0.02], [0.03, 0.03]]
    np.testing.assert_allclose(momenta, expected, rtol=1e-6)
