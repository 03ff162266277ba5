"""Names of files and folders for texts that anybody may have written."""

from __future__ import annotations

import hashlib
import re

LONGEST = 60


def file_name(task: str) -> str:
    """A file name for a task of any name, different for different tasks."""
    plain = _plain(task)
    if plain == task:
        return plain
    return f"{plain or 'task'}-{_digest(task)}"


def run_folder_name(words: list[str], key: str) -> str:
    """A folder name for a run: readable words, and its unique key."""
    readable = "-".join(filter(None, (_plain(word, dots=True)[:24] for word in words)))
    plain = re.fullmatch(r"[0-9a-f]{16}", key)
    return f"{readable or 'run'}-{key if plain else _digest(key)}"


def _plain(text: str, *, dots: bool = False) -> str:
    other = r"[^a-z0-9_.-]+" if dots else r"[^a-z0-9_-]+"
    return re.sub(other, "-", text.lower()).strip("-.")[:LONGEST]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
