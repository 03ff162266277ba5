"""Arrays that are costly to build, kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """`$KERAS_LION_CACHE`, else `$XDG_CACHE_HOME/keras-lion`, else `~/.cache/...`."""
    if folder := os.environ.get("KERAS_LION_CACHE"):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "keras-lion"
    return Path.home() / ".cache" / "keras-lion"


def cached(name: str, key: Mapping[str, object], build: Callable[[], Arrays]) -> Arrays:
    """The arrays that `build` returns, from the cache folder where they are there.

    A file that cannot be read, or was torn, is built anew. Where the folder cannot be
    written, nothing is kept and nothing fails.

    Args:
        name: Start of the file's name.
        key: All that the arrays depend on: versions and parameters, as JSON values.
        build: Function without arguments that returns the arrays by name.
    """
    text = json.dumps(key, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        path = cache_folder() / f"{name}-{digest}.npz"
    except RuntimeError:  # a user without a home folder
        return build()
    arrays = _read(path)
    if arrays is None:
        arrays = build()
        # Only the cache is lost with a full, read-only or missing disk.
        with contextlib.suppress(OSError):
            _write(path, arrays)
    return arrays


def _read(path: Path) -> Arrays | None:
    """The arrays of a file; None if it is missing or unreadable (CRCs are checked)."""
    try:
        # np.load leaves a damaged file open that it has opened itself.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except Exception:  # a damaged file raises almost anything; it is built anew
        return None


def _write(path: Path, arrays: Arrays) -> None:
    """Write under another name, then rename: no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
