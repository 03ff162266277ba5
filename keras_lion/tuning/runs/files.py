"""Writing the files of a study's folder: whole or not at all, and synced."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class FolderWriteError(OSError):
    """A file of a study's folder could not be written: the disk is full, say."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in the error where it cannot be written."""
    try:
        yield
    except OSError as error:
        raise FolderWriteError(
            f"{path} could not be written: {error.strerror or error}."
        ) from error


def strict_json(value: Any) -> Any:
    """The value with every non-finite number replaced by None, which is valid JSON."""
    if isinstance(value, Mapping):
        return {str(key): strict_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        FolderWriteError: If it cannot be written; the old file is still there then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(strict_json(value), file, indent=2, allow_nan=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


class LineWriter:
    """Appends JSON objects to a file, one per line; each is on disk before the next.

    Args:
        path: The file, which one process writes at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Record) -> None:
        """Write one object and wait until the disk has it.

        Raises:
            FolderWriteError: If it cannot be written; no part of it is left then.
        """
        line = json.dumps(strict_json(record), allow_nan=False) + "\n"
        # Without a buffer nothing is left that `close` would try to write again.
        with writing(self.path), self.path.open("ab", buffering=0) as file:
            size = file.tell()
            if size and not self._ends_with_newline():
                # The rest of a line that was cut in half stays a line of its own.
                line = "\n" + line
            try:
                rest = line.encode()
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def _ends_with_newline(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


class RecordWriter(LineWriter):
    """Appends records to `runs-<process>.jsonl`.

    Args:
        folder: The study's folder.
        process: Name of the writing process; no two at a time share one.
    """

    def __init__(self, folder: Path, process: str = "0") -> None:
        super().__init__(folder / f"runs-{process}.jsonl")
