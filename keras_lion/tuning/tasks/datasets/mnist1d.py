"""MNIST-1D: ten digit shapes as noisy signals of 40 samples."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import random
from collections.abc import Iterator

import numpy as np

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets.cache import Arrays, cached

SEED = 42
POOL_EXAMPLES = 14_000
TEST_EXAMPLES = 10_000


@functools.cache
def load() -> Data:
    """MNIST-1D, generated with a fixed seed: a pool of 14,000, a test set of 10,000.

    Inputs are float32 of shape `(examples, 40)`, standardised over all examples by
    the generator. The generator is the authors' (package `mnist1d`) with its default
    parameters; nothing is downloaded.

    Raises:
        ImportError: If the package `mnist1d` is not installed.

    References:
        Greydanus & Kobak (2024), "Scaling Down Deep Learning with MNIST-1D".
    """
    try:
        version = importlib.metadata.version("mnist1d")
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            "The data set MNIST-1D needs the package `mnist1d`, which is not "
            "installed. Run: pip install 'keras-lion[studies]'"
        ) from error
    key = {
        "version": version,
        "seed": SEED,
        "examples": POOL_EXAMPLES + TEST_EXAMPLES,
    }
    arrays = cached("mnist1d", key, _generate)
    x, y = arrays["x"], arrays["y"]
    return Data(
        x=x[:POOL_EXAMPLES],
        y=y[:POOL_EXAMPLES],
        x_test=x[POOL_EXAMPLES:],
        y_test=y[POOL_EXAMPLES:],
    )


def _generate() -> Arrays:
    """All examples in the generator's order, which is shuffled."""
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.seed = SEED
    arguments.num_samples = POOL_EXAMPLES + TEST_EXAMPLES
    arguments.train_split = 1.0  # all in one piece; `load` cuts off the test set
    with _global_random_state_restored():
        dataset = make_dataset(arguments)
    return {"x": dataset["x"].astype(np.float32), "y": dataset["y"].astype(np.int32)}


@contextlib.contextmanager
def _global_random_state_restored() -> Iterator[None]:
    """The generator seeds the global generators of Python and NumPy: undo that."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
