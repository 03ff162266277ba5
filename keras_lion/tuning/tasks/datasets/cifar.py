"""CIFAR-10 and CIFAR-100: 60,000 color pictures of 32 × 32 pixels, through TFDS."""

from __future__ import annotations

import functools

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets.cache import Arrays, cached
from keras_lion.tuning.tasks.datasets.tfds_reading import (
    check_connection,
    decoded,
    import_tfds,
    root_logger_untouched,
    scaled,
)

VERSION = "3.0.2"  # of TFDS's builders
# What they download.
URLS = {
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "cifar100": "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
}


def load_cifar10() -> Data:
    """CIFAR-10: a pool of 50,000 (its training set), its test set of 10,000.

    Inputs are float32 in [0, 1] of shape `(examples, 32, 32, 3)`, labels 0 to 9. The
    first call has TensorFlow Datasets download 160 MB and prepare them in its own
    folder (`$TFDS_DATA_DIR`, else `~/tensorflow_datasets`). The decoded pictures are
    then kept in the cache folder.

    Raises:
        ImportError: If TensorFlow or TensorFlow Datasets is missing at the first call.
        FileNotFoundError: If there is no network at the first call.
    """
    return _load("cifar10")


def load_cifar100() -> Data:
    """CIFAR-100: as `load_cifar10`, with 100 classes."""
    return _load("cifar100")


@functools.cache
def _load(name: str) -> Data:
    key = {"builder": f"{name}:{VERSION}"}
    arrays = cached(name, key, functools.partial(_decode, name))
    return Data(
        x=scaled(arrays["x"]),
        y=arrays["y"],
        x_test=scaled(arrays["x_test"]),
        y_test=arrays["y_test"],
    )


def _decode(name: str) -> Arrays:
    with root_logger_untouched():
        tfds = import_tfds(name)
        builder = tfds.builder(f"{name}:{VERSION}")
        if not builder.data_path.exists():
            try:
                check_connection(URLS[name])
                builder.download_and_prepare()
            except (OSError, tfds.download.DownloadError) as error:
                raise FileNotFoundError(
                    f"{name} is not in TFDS's folder "
                    f"{builder.data_path.parent.parent}, and the download failed "
                    f"({type(error).__name__}). Connect to a network, or set "
                    "TFDS_DATA_DIR to a folder in which it was prepared."
                ) from error
        return decoded(tfds, builder)
