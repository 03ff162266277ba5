"""The NumPy reference, and the power of the hand-computed paths."""

import numpy as np
import pytest

from keras_lion.optimizers.reference import lion, lion_step
from tests.optimizers.wrong_lions import PATHS, WRONG_LIONS, follows


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_reference_follows_the_paths(path):
    assert follows(lion_step, path)


@pytest.mark.parametrize("wrong", WRONG_LIONS.values(), ids=WRONG_LIONS.keys())
def test_every_wrong_lion_leaves_a_path(wrong):
    assert not all(follows(wrong, path) for path in PATHS.values())


def test_whole_run_is_the_steps_one_after_another():
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(5, 3))
    theta, m = np.ones(3), np.zeros(3)
    for t, g in enumerate(gradients):
        theta, m = lion_step(theta, m, g, learning_rate=0.1 / (t + 1), weight_decay=0.5)
    whole = lion(
        np.ones(3),
        gradients,
        learning_rate=lambda t: 0.1 / (t + 1),
        weight_decay=0.5,
    )
    np.testing.assert_array_equal(whole, (theta, m))
