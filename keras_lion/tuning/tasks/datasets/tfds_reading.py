"""Pictures with class numbers through TensorFlow Datasets, decoded once."""

from __future__ import annotations

import contextlib
import logging
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_lion.tuning.tasks.datasets.cache import Arrays

BATCH_SIZE = 1000  # that are read at once


def import_tfds(data_set: str) -> Any:
    """TFDS, with TensorFlow quiet, and off the GPU where another backend trains.

    Args:
        data_set: Name of the data set, for the error.

    Raises:
        ImportError: If TensorFlow or TensorFlow Datasets is missing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when it is imported
    try:
        import tensorflow_datasets as tfds

        from keras_lion.tuning.backend import leave_accelerators_to_keras

        leave_accelerators_to_keras()
    except ImportError as error:
        raise ImportError(
            f"Preparing {data_set} needs TensorFlow and TensorFlow Datasets. "
            f"Received: {error}. Run: pip install 'keras-lion[tensorflow,studies]'"
        ) from error
    tfds.disable_progress_bar()
    return tfds


def decoded(tfds: Any, builder: Any) -> Arrays:
    """The examples of a prepared builder: bytes, in the order in which TFDS keeps them.

    Returns:
        Inputs and class numbers as `x`, `y`, `x_test` and `y_test`.
    """
    arrays: Arrays = {}
    for split, suffix in (("train", ""), ("test", "_test")):
        pictures = builder.as_dataset(
            split=split, batch_size=BATCH_SIZE, as_supervised=True
        )
        x, y = map(np.concatenate, zip(*tfds.as_numpy(pictures), strict=True))
        arrays["x" + suffix] = x
        arrays["y" + suffix] = y.astype(np.int32)
    return arrays


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Bytes as float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(255)


@contextlib.contextmanager
def root_logger_untouched() -> Iterator[None]:
    """TFDS adds a handler to the root logger, for messages of everybody: undo that."""
    handlers = list(logging.root.handlers)
    try:
        yield
    finally:
        logging.root.handlers[:] = handlers


def check_connection(url: str) -> None:
    """Fail at once without a network: TFDS tries again and again for minutes.

    Raises:
        OSError: If the address cannot be reached.
    """
    request = urllib.request.Request(url, method="HEAD")
    urllib.request.urlopen(request, timeout=10).close()
