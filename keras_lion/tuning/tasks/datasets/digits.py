"""Digits: 1,797 handwritten digits of 8 × 8 pixels, part of scikit-learn."""

from __future__ import annotations

import functools

import numpy as np

from keras_lion.tuning.tasks.data import Data

TEST_EXAMPLES = 360
TEST_SEED = 0  # of the one permutation that sets the test examples apart


@functools.cache
def load() -> Data:
    """The digits: a pool of 1,437, a test set of 360.

    Inputs are float32 in [0, 1] of shape `(examples, 64)`.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The data set Digits is part of scikit-learn, which is not installed. "
            "Run: pip install 'keras-lion[studies]'"
        ) from error

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(TEST_SEED).permutation(len(x))
    x = (x[order] / 16).astype(np.float32)  # pixels count from 0 to 16
    y = y[order].astype(np.int32)
    return Data(
        x=x[TEST_EXAMPLES:],
        y=y[TEST_EXAMPLES:],
        x_test=x[:TEST_EXAMPLES],
        y_test=y[:TEST_EXAMPLES],
    )
