"""Python source: the bytes of the standard library's own modules."""

from __future__ import annotations

import functools
import sysconfig
from pathlib import Path

import numpy as np

from keras_lion.tuning.tasks.data import Data

LENGTH = 128  # bytes a window

# Modules of 15 kB or more that Python 3.11, 3.12 and 3.13 have under these names.
POOL_MODULES = (
    "_collections_abc.py",
    "_strptime.py",
    "asyncio/events.py",
    "asyncio/selector_events.py",
    "asyncio/streams.py",
    "asyncio/tasks.py",
    "bdb.py",
    "calendar.py",
    "codecs.py",
    "concurrent/futures/_base.py",
    "concurrent/futures/process.py",
    "contextlib.py",
    "csv.py",
    "dis.py",
    "email/generator.py",
    "email/headerregistry.py",
    "email/message.py",
    "fractions.py",
    "ftplib.py",
    "functools.py",
    "gettext.py",
    "heapq.py",
    "html/parser.py",
    "importlib/metadata/__init__.py",
    "mimetypes.py",
    "multiprocessing/connection.py",
    "multiprocessing/managers.py",
    "multiprocessing/pool.py",
    "os.py",
    "platform.py",
    "plistlib.py",
    "posixpath.py",
    "random.py",
    "selectors.py",
    "smtplib.py",
    "socket.py",
    "socketserver.py",
    "tempfile.py",
    "textwrap.py",
    "trace.py",
    "tracemalloc.py",
    "urllib/parse.py",
    "uuid.py",
    "weakref.py",
    "xmlrpc/server.py",
)
TEST_MODULES = (
    "difflib.py",
    "http/cookiejar.py",
    "pstats.py",
    "statistics.py",
)


@functools.cache
def load() -> Data:
    """Windows of 128 bytes, each with the same bytes one place on as its labels.

    Windows do not overlap; what is left at the end of a module is dropped. `groups`
    numbers the module of each window, so that a split does not cut modules in two. The
    text is that of the running Python: between two versions of Python (the last digit
    included) the examples and their `Data.fingerprint()` differ, and scores are not to
    be compared.

    Raises:
        FileNotFoundError: If the standard library has no source files.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    x, y, groups = _read(folder, POOL_MODULES)
    x_test, y_test, _ = _read(folder, TEST_MODULES)
    return Data(x=x, y=y, x_test=x_test, y_test=y_test, groups=groups)


def _read(
    folder: Path, modules: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows, their labels and the number of each one's module."""
    x, y, groups = [], [], []
    for group, module in enumerate(modules):
        try:
            text = (folder / module).read_bytes()
        except OSError as error:
            raise FileNotFoundError(
                f"The data set Python source reads the standard library's own source "
                f"files. Received no readable {folder / module}. Use a Python that "
                f"comes with them (3.11 to 3.13)."
            ) from error
        inputs, labels = windows(text, LENGTH)
        x.append(inputs)
        y.append(labels)
        groups.append(np.full(len(inputs), group, dtype=np.int32))
    return np.concatenate(x), np.concatenate(y), np.concatenate(groups)


def windows(text: bytes, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into windows, and into the bytes that follow each of theirs.

    Returns:
        Two int32 arrays of shape `(windows, length)`.
    """
    values = np.frombuffer(text, dtype=np.uint8).astype(np.int32)
    count = max(len(values) - 1, 0) // length  # the last window needs one byte more
    end = count * length
    return values[:end].reshape(-1, length), values[1 : end + 1].reshape(-1, length)
