"""Modular addition: (a + b) mod 59 for all pairs of numbers below 59."""

from __future__ import annotations

import functools

import numpy as np

from keras_lion.tuning.tasks.data import Data

MODULUS = 59
TEST_EXAMPLES = 870  # 25 % of the 3,481 pairs
TEST_SEED = 0  # of the one permutation that sets the test pairs apart


@functools.cache
def load() -> Data:
    """All 3,481 pairs: a pool of 2,611, a test set of 870.

    Inputs are int32 of shape `(examples, 2)`; the label is their sum mod 59.

    References:
        Power et al. (2022), "Grokking: Generalization Beyond Overfitting on Small
        Algorithmic Datasets".
    """
    first, second = np.divmod(np.arange(MODULUS**2), MODULUS)
    order = np.random.default_rng(TEST_SEED).permutation(MODULUS**2)
    x = np.stack([first, second], axis=1)[order].astype(np.int32)
    y = (x.sum(axis=1) % MODULUS).astype(np.int32)
    return Data(
        x=x[TEST_EXAMPLES:],
        y=y[TEST_EXAMPLES:],
        x_test=x[:TEST_EXAMPLES],
        y_test=y[:TEST_EXAMPLES],
    )
