"""Data sets: sizes, types, disjoint parts, the cache, and what must not be touched."""

from __future__ import annotations

import gzip
import hashlib
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.datasets import (
    cache,
    digits,
    fashion_mnist,
    mnist1d,
    modular_addition,
    python_source,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("KERAS_LION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_disjoint(x: np.ndarray, x_test: np.ndarray) -> None:
    pool = {row.tobytes() for row in x}
    assert not pool & {row.tobytes() for row in x_test}


def test_loading_the_modules_imports_no_backend() -> None:
    heavy = ("keras", "tensorflow", "jax", "sklearn", "mnist1d", "tensorflow_datasets")
    code = (
        "import sys, keras_lion.tuning.tasks\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


# The cache.


class Builder:
    """Counts how often it had to build."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> cache.Arrays:
        self.calls += 1
        return {"x": np.arange(1000.0), "y": np.array([1, 2])}


def test_cache_builds_once(folder: Path) -> None:
    build = Builder()
    first = cache.cached("numbers", {"version": 1}, build)
    second = cache.cached("numbers", {"version": 1}, build)
    assert build.calls == 1
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], strict=True)
    # Nothing but the one finished file is left.
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


def test_cache_tells_keys_and_names_apart(folder: Path) -> None:
    build = Builder()
    cache.cached("numbers", {"version": 1}, build)
    cache.cached("numbers", {"version": 2}, build)
    cache.cached("others", {"version": 1}, build)
    assert build.calls == 3


@pytest.mark.parametrize("damage", ["empty", "torn", "flipped", "text"])
def test_cache_rebuilds_a_damaged_file(folder: Path, damage: str) -> None:
    build = Builder()
    cache.cached("numbers", {}, build)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "torn": whole[:middle],
            "flipped": whole[:middle]
            + bytes([whole[middle] ^ 255])
            + whole[middle + 1 :],
            "text": b"not an archive",
        }[damage]
    )
    arrays = cache.cached("numbers", {}, build)
    assert build.calls == 2
    np.testing.assert_array_equal(arrays["x"], np.arange(1000.0))
    assert path.read_bytes() == whole


def test_cache_does_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where a folder is needed: cannot be created, not even by root.
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_LION_CACHE", str(tmp_path / "file" / "cache"))
    build = Builder()
    for _ in range(2):
        np.testing.assert_array_equal(
            cache.cached("numbers", {}, build)["x"], np.arange(1000.0)
        )
    assert build.calls == 2


def test_a_failed_write_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    assert cache.cached("numbers", {}, Builder()).keys() == {"x", "y"}
    assert list(folder.iterdir()) == []


def test_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_LION_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "own"
    monkeypatch.delenv("KERAS_LION_CACHE")
    assert cache.cache_folder() == tmp_path / "xdg" / "keras-lion"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == tmp_path / ".cache" / "keras-lion"


# MNIST-1D.


def test_mnist1d() -> None:
    pytest.importorskip("mnist1d")
    data = mnist1d.load()
    assert data.x.shape == (14_000, 40)
    assert data.x_test.shape == (10_000, 40)
    assert data.x.dtype == np.float32
    assert data.y.dtype == np.int32
    assert data.y.max() + 1 == 10
    # Shuffled: each part has about a tenth of each class.
    for y in (data.y, data.y_test):
        np.testing.assert_allclose(np.bincount(y) / len(y), 0.1, atol=0.01)
    assert_disjoint(data.x, data.x_test)


def test_mnist1d_is_the_same_from_generator_and_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mnist1d")
    monkeypatch.setattr(mnist1d, "POOL_EXAMPLES", 300)
    monkeypatch.setattr(mnist1d, "TEST_EXAMPLES", 200)
    generated = mnist1d.load.__wrapped__()
    (path,) = folder.iterdir()
    read = mnist1d.load.__wrapped__()
    path.unlink()
    generated_again = mnist1d.load.__wrapped__()
    prints = {data.fingerprint() for data in (generated, read, generated_again)}
    assert len(prints) == 1
    monkeypatch.setattr(mnist1d, "SEED", 43)
    assert mnist1d.load.__wrapped__().fingerprint() not in prints


def test_mnist1d_leaves_the_global_random_state_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mnist1d")
    monkeypatch.setattr(mnist1d, "POOL_EXAMPLES", 20)
    monkeypatch.setattr(mnist1d, "TEST_EXAMPLES", 10)

    def draw() -> tuple[float, float]:
        return random.random(), float(np.random.random())  # noqa: NPY002

    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    undisturbed = [draw(), draw()]
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    disturbed = [draw()]
    mnist1d.load.__wrapped__()
    disturbed.append(draw())
    assert disturbed == undisturbed


# Digits and modular addition.


def test_digits() -> None:
    pytest.importorskip("sklearn")
    data = digits.load()
    assert data.x.shape == (1_437, 64)
    assert data.x_test.shape == (360, 64)
    assert data.x.dtype == np.float32
    assert data.y.dtype == np.int32
    assert (data.x.min(), data.x.max()) == (0.0, 1.0)
    assert np.bincount(data.y_test).min() >= 20
    assert_disjoint(data.x, data.x_test)
    assert digits.load.__wrapped__().fingerprint() == data.fingerprint()


def test_modular_addition_has_every_pair_once() -> None:
    data = modular_addition.load()
    assert data.x.shape == (2_611, 2)
    assert data.x_test.shape == (870, 2)
    assert data.x.dtype == data.y.dtype == np.int32
    pairs = np.concatenate([data.x, data.x_test])
    assert {tuple(pair) for pair in pairs.tolist()} == {
        (a, b) for a in range(59) for b in range(59)
    }
    assert len(pairs) == 59**2
    labels = np.concatenate([data.y, data.y_test])
    assert all((a + b - y) % 59 == 0 for (a, b), y in zip(pairs, labels, strict=True))
    assert data.y.max() + 1 == 59
    assert modular_addition.load.__wrapped__().fingerprint() == data.fingerprint()


# Python source.


def test_windows_are_followed_by_their_labels() -> None:
    x, y = python_source.windows(bytes(range(11)), 3)
    np.testing.assert_array_equal(x, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    np.testing.assert_array_equal(y, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize(("size", "count"), [(0, 0), (1, 0), (3, 0), (4, 1), (6, 1)])
def test_windows_need_a_byte_to_follow(size: int, count: int) -> None:
    x, y = python_source.windows(bytes(size), 3)
    assert x.shape == y.shape == (count, 3)


def test_python_source() -> None:
    data = python_source.load()
    assert data.x.shape == data.y.shape
    assert data.x.shape[1] == 128
    assert 9_000 <= len(data.x) <= 13_000
    assert len(data.x_test) >= 1_500
    assert data.x.dtype == data.y.dtype == np.int32
    assert data.x.min() >= 0
    assert data.y.max() + 1 <= 256
    np.testing.assert_array_equal(data.x[:, 1:], data.y[:, :-1])
    assert data.groups is not None
    sizes = np.bincount(data.groups)
    assert len(sizes) == len(python_source.POOL_MODULES)
    assert sizes.min() >= 100


def test_python_source_keeps_text_and_module_together() -> None:
    import textwrap

    data = python_source.load()
    assert data.groups is not None
    number = python_source.POOL_MODULES.index("textwrap.py")
    text = data.x[data.groups == number].astype(np.uint8).tobytes()
    source = Path(str(textwrap.__file__)).read_bytes()
    assert source.startswith(text)
    assert len(source) - len(text) <= 128


def test_modules_are_sorted_and_stand_on_one_side() -> None:
    pool, test = python_source.POOL_MODULES, python_source.TEST_MODULES
    assert list(pool) == sorted(set(pool))
    assert list(test) == sorted(set(test))
    assert not set(pool) & set(test)


def test_a_missing_source_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no readable .*os\.py"):
        python_source._read(tmp_path, ("os.py",))


# Fashion-MNIST.


def debian_files() -> Path:
    folder = Path(fashion_mnist.DEBIAN_FOLDER)
    if not all((folder / name).is_file() for name in fashion_mnist.TIMESTAMPS):
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    return folder


def gzip_with_name(content: bytes, name: str, timestamp: int) -> bytes:
    """A gzip file as the command `gzip` writes it, from `zlib`'s bare stream."""
    import zlib

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (
        b"\x1f\x8b\x08\x08"
        + struct.pack("<I", timestamp)
        + b"\x00\x03"
        + name.encode()
        + b"\x00"
        + deflate.compress(content)
        + deflate.flush()
        + struct.pack("<II", zlib.crc32(content), len(content))
    )


def test_restored_header_is_that_of_the_original() -> None:
    content = b"pictures of clothes " * 20
    original = gzip_with_name(content, "train-images", 1504176606)
    stripped = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\x03" + original[10 + 13 :]
    assert gzip.decompress(stripped) == content
    restored = fashion_mnist.restore_header(stripped, "train-images", 1504176606)
    assert restored == original
    assert gzip.decompress(restored) == content


def test_upstream_files_stay_as_they_are() -> None:
    original = gzip_with_name(b"pictures", "train-images", 1504176606)
    assert fashion_mnist.restore_header(original, "other-name", 1) == original


@pytest.mark.parametrize("content", [b"", b"no gzip file, but long enough"])
def test_restoring_no_gzip_file(content: bytes) -> None:
    with pytest.raises(ValueError, match="Expected a gzip file for 'train-images'"):
        fashion_mnist.restore_header(content, "train-images", 1)


def test_restored_debian_files_are_the_upstream_files(tmp_path: Path) -> None:
    fashion_mnist.restore_files(debian_files(), tmp_path)
    # The checksums that TFDS has on record.
    upstream = {
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a4",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3c",
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed27",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc",
    }
    for name, start in upstream.items():
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert digest.startswith(start), name


def test_fashion_mnist_scales_what_the_cache_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1, 1)
    labels = np.zeros(256, dtype=np.int32)
    arrays = {"x": pixels, "y": labels, "x_test": pixels[:2], "y_test": labels[:2]}
    monkeypatch.setattr(fashion_mnist, "_decode", lambda: arrays)
    data = fashion_mnist.load.__wrapped__()
    assert data.x.dtype == np.float32
    np.testing.assert_array_equal(data.x.ravel() * 255, np.arange(256))
    # What is in the cache is not decoded again.
    monkeypatch.setattr(fashion_mnist, "_decode", None)
    assert fashion_mnist.load.__wrapped__().fingerprint() == data.fingerprint()


def test_missing_fashion_mnist_says_how_to_get_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Builder:
        URL = "http://localhost/"
        data_path = tmp_path / "tfds" / "fashion_mnist" / "3.0.1"

    def no_network(url: str) -> None:
        raise OSError("Network is unreachable")

    class Tfds:
        class download:  # noqa: N801
            DownloadError = RuntimeError

    monkeypatch.setenv("KERAS_LION_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(fashion_mnist, "check_connection", no_network)
    with pytest.raises(FileNotFoundError) as caught:
        fashion_mnist._prepare(Tfds, Builder())
    message = str(caught.value)
    assert "\n" not in message
    for remedy in ("dataset-fashion-mnist", "network", "TFDS_DATA_DIR"):
        assert remedy in message


def test_missing_tensorflow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-lion\[tensorflow"):
        fashion_mnist.import_tfds("Fashion-MNIST")


# TFDS's own dependencies use what newer versions of others have deprecated.
@pytest.mark.filterwarnings("ignore")
def test_fashion_mnist_through_the_stock_builder() -> None:
    if not any(cache.cache_folder().glob("fashion-mnist-*.npz")):
        debian_files()
        pytest.importorskip("tensorflow")
        pytest.importorskip("tensorflow_datasets")
    import logging

    handlers = list(logging.root.handlers)
    data: Data = fashion_mnist.load()
    assert logging.root.handlers == handlers
    assert data.x.shape == (60_000, 28, 28, 1)
    assert data.x_test.shape == (10_000, 28, 28, 1)
    assert data.x.dtype == np.float32
    assert data.y.dtype == np.int32
    assert (data.x.min(), data.x.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(np.bincount(data.y), [6_000] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [1_000] * 10)
    # The data set's mean pixel, known from the idx files.
    assert float(data.x.mean(dtype=np.float64)) == pytest.approx(0.2860406, abs=1e-6)


def test_fingerprint_changes_with_the_data() -> None:
    data = modular_addition.load()
    y = data.y.copy()
    y[17] = (y[17] + 1) % 59
    changed = Data(data.x, y, data.x_test, data.y_test)
    assert changed.fingerprint() != data.fingerprint()
    swapped = Data(data.x_test, data.y_test, data.x, data.y)
    assert swapped.fingerprint() != data.fingerprint()
