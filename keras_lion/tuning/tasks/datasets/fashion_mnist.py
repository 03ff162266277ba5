"""Fashion-MNIST: 70,000 pictures of clothes, 28 × 28 pixels, through TFDS."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets.cache import Arrays, cached
from keras_lion.tuning.tasks.datasets.tfds_reading import (
    check_connection,
    decoded,
    import_tfds,
    root_logger_untouched,
    scaled,
)

BUILDER = "fashion_mnist:3.0.1"

# Debian's package dataset-fashion-mnist puts its files here.
DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"

# Debian's files hold the upstream streams under gzip headers without name and time.
# With these times (seconds since 1970) back, they are the upstream files to the byte,
# and TFDS's own checksums vouch for them.
TIMESTAMPS = {
    "t10k-images-idx3-ubyte.gz": 1504176627,
    "t10k-labels-idx1-ubyte.gz": 1504176627,
    "train-images-idx3-ubyte.gz": 1504176606,
    "train-labels-idx1-ubyte.gz": 1504176606,
}


@functools.cache
def load() -> Data:
    """Fashion-MNIST: a pool of 60,000 (its training set), its test set of 10,000.

    Inputs are float32 in [0, 1] of shape `(examples, 28, 28, 1)`. The first call has
    TensorFlow Datasets prepare the data set in its own folder (`$TFDS_DATA_DIR`, else
    `~/tensorflow_datasets`): from the files of Debian's package dataset-fashion-mnist
    where they are installed (or lie in `$KERAS_LION_FASHION_MNIST`), else by
    downloading 30 MB. The decoded pictures are then kept in the cache folder.

    Raises:
        ImportError: If TensorFlow or TensorFlow Datasets is missing at the first call.
        FileNotFoundError: If there are neither files nor a network at the first call.
    """
    arrays = cached("fashion-mnist", {"builder": BUILDER}, _decode)
    return Data(
        x=scaled(arrays["x"]),
        y=arrays["y"],
        x_test=scaled(arrays["x_test"]),
        y_test=arrays["y_test"],
    )


def restore_header(compressed: bytes, name: str, timestamp: int) -> bytes:
    """Put name and time back into the header of a gzip file that lacks them.

    Args:
        compressed: A gzip file. One that has a name or other extra fields in its
            header is returned as it is.
        name: Name of the file that was compressed.
        timestamp: When it was last changed, in seconds since 1970.

    Raises:
        ValueError: If it is no gzip file.
    """
    if len(compressed) < 18 or compressed[:3] != b"\x1f\x8b\x08":
        raise ValueError(
            f"Expected a gzip file for '{name}'. Received {len(compressed)} bytes that "
            f"start with {compressed[:3]!r}. Install the files anew."
        )
    flags = compressed[3]
    if flags:
        return compressed
    has_name = 0x08
    # RFC 1952: magic, method, flags, time, extra flags, system (3 = Unix), name, 0
    header = compressed[:3] + bytes([has_name]) + timestamp.to_bytes(4, "little")
    header += b"\x00\x03" + name.encode("latin-1") + b"\x00"
    return header + compressed[10:]


def restore_files(source: Path, target: Path) -> None:
    """Write the four files of `source` to `target` as they are upstream."""
    for name, timestamp in TIMESTAMPS.items():
        compressed = (source / name).read_bytes()
        original = name.removesuffix(".gz")
        (target / name).write_bytes(restore_header(compressed, original, timestamp))


def _decode() -> Arrays:
    """The pictures as bytes, in the order in which TFDS keeps them."""
    with root_logger_untouched():
        tfds = import_tfds("Fashion-MNIST")
        builder = tfds.builder(BUILDER)
        if not builder.data_path.exists():
            _prepare(tfds, builder)
        return decoded(tfds, builder)


def _prepare(tfds: Any, builder: Any) -> None:
    """Have the stock builder write its records, from local files where they are."""
    source = Path(os.environ.get("KERAS_LION_FASHION_MNIST") or DEBIAN_FOLDER)
    if all((source / name).is_file() for name in TIMESTAMPS):
        with tempfile.TemporaryDirectory() as folder:
            restore_files(source, Path(folder))
            # With all four files in `manual_dir`, the builder downloads nothing.
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(manual_dir=folder)
            )
        return
    try:
        check_connection(builder.URL + "train-labels-idx1-ubyte.gz")
        builder.download_and_prepare()
    except (OSError, tfds.download.DownloadError) as error:
        raise FileNotFoundError(
            f"Fashion-MNIST is neither in {source} nor in TFDS's folder "
            f"{builder.data_path.parent.parent}, and the download failed "
            f"({type(error).__name__}). Install Debian's package "
            f"dataset-fashion-mnist, or connect to a network, or set TFDS_DATA_DIR to "
            f"a folder in which it was prepared."
        ) from error
