"""A search in a folder: what a kill cannot take away.

`search.json` says what the search is. `evaluations.jsonl` gets a line for every
evaluation, as soon as it is done. `checkpoint.json` is the state at some generation,
replaced as a whole now and then. To resume is to go on from the checkpoint, make the
same children again, and read from the log what they had been measured to have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_lion.discovery.search.evolution import EvaluateAll, Fitness, Search
from keras_lion.discovery.search.search_state import (
    Measured,
    SearchSettings,
    SearchState,
    fitness_from_json,
    fitness_to_json,
)

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

CHECKPOINT_INTERVAL = 2000  # children

# Folders that this process writes to → open files; the system unlocks what is killed.
_locks: dict[Path, int] = {}


class SearchFolder:
    """The files of one search.

    Args:
        path: The folder.
        interval: Children between checkpoints.

    Example:

    ```python
    import tempfile
    from pathlib import Path
    from keras_lion.discovery import ProxyFitness, SearchFolder, SearchSettings

    folder = SearchFolder(Path(tempfile.mkdtemp()))
    fitness = ProxyFitness.named("heavy_tailed_logistic")
    search = folder.open(SearchSettings(population=10), fitness)
    search.run(32, after_generation=folder.record)
    folder.save(search)
    ```
    """

    def __init__(self, path: Path, interval: int = CHECKPOINT_INTERVAL) -> None:
        self.path = path
        self.interval = interval
        self._saved = 0

    def open(
        self,
        settings: SearchSettings,
        fitness: Fitness,
        *,
        evaluate_all: EvaluateAll | None = None,
        description: Mapping[str, Any] | None = None,
    ) -> Search:
        """The search of this folder, from where it stopped, or from its start.

        The folder is made where it is missing, and is this process's until it ends or
        calls `close`: two that write would spoil each other's log.

        Args:
            settings: What to do.
            fitness: Program → fitness.
            evaluate_all: See `Search`.
            description: What the fitness is, as JSON, so that no search goes on with
                another one.

        Raises:
            ValueError: If the folder is of another search, or of another process.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        is_new = self._lock()
        try:
            self._check(
                {"settings": settings.to_json(), "fitness": dict(description or {})}
            )
        except ValueError:  # who was refused keeps nobody out
            if is_new:
                self.close()
            raise
        state = self.state()
        count = state.num_children if state is not None else -1
        log = self._log()
        self._saved = max(count, 0)
        return Search(
            settings,
            fitness,
            evaluate_all=evaluate_all,
            state=state,
            known={x.functional_hash: x.fitness for x in log if x.number <= count},
            measured={x.number: x for x in log if x.number > count},
        )

    def close(self) -> None:
        """Let other processes open the search."""
        lock = _locks.pop(self.path.resolve(), None)
        if lock is not None:
            os.close(lock)

    def record(self, search: Search, measured: Sequence[Measured]) -> None:
        """Write down what was measured, and the state where it is time."""
        lines = [
            json.dumps([x.number, x.functional_hash, fitness_to_json(x.fitness)]) + "\n"
            for x in measured
        ]
        # A kill leaves a part of them and tears one line at worst.
        with (self.path / "evaluations.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        if search.state.num_children - self._saved >= self.interval:
            self.save(search)

    def save(self, search: Search) -> None:
        """Write down the state, once the disk has all that it rests on."""
        with (self.path / "evaluations.jsonl").open("a") as log:
            os.fsync(log.fileno())
        write_json(self.path / "checkpoint.json", search.state.to_json())
        self._saved = search.state.num_children

    def state(self) -> SearchState | None:
        """The state of the last checkpoint, or None."""
        value = self._read("checkpoint.json")
        return None if value is None else SearchState.from_json(value)

    def settings(self) -> SearchSettings:
        """What the search of this folder does.

        Raises:
            FileNotFoundError: If there is none.
        """
        return SearchSettings.from_json(self._search()["settings"])

    def description(self) -> dict[str, Any]:
        """What the fitness of this folder's search is.

        Raises:
            FileNotFoundError: If there is none.
        """
        return dict(self._search()["fitness"])

    def _search(self) -> Any:
        value = self._read("search.json")
        if value is None:
            raise FileNotFoundError(
                f"There is no program search in {self.path}: search.json is missing. "
                "Start one with keras-lion discover run --output DIR."
            )
        return value

    def _read(self, name: str) -> Any:
        file = self.path / name
        if not file.exists():
            return None
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"Expected JSON in {file}, as `discover run` writes it. Received what "
                f"is none: {error}. Begin in an empty folder."
            ) from None

    def _lock(self) -> bool:
        """Take the folder for this process; False if it was its own."""
        path = self.path.resolve()
        if fcntl is None or path in _locks:
            return False
        lock = os.open(path / ".lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ValueError(
                f"Expected a folder that no other process writes to. Received: "
                f"{self.path}, in which another process runs its search. Wait until "
                "it has ended, or give another folder."
            ) from None
        _locks[path] = lock
        return True

    def _check(self, expected: dict[str, Any]) -> None:
        # Through JSON, which knows no tuples.
        expected = json.loads(json.dumps(expected))
        found = self._read("search.json")
        if found is None:
            write_json(self.path / "search.json", expected)
        elif found != expected:
            names = [
                name
                for part in ("settings", "fitness")
                for name in {**found[part], **expected[part]}
                if found[part].get(name) != expected[part].get(name)
            ]
            raise ValueError(
                f"{self.path} holds another search: {', '.join(names)} differ. Give "
                "the same settings to resume it, or another folder."
            )

    def _log(self) -> list[Measured]:
        file = self.path / "evaluations.jsonl"
        if not file.exists():
            return []
        text = file.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            with file.open("a", encoding="utf-8") as log:
                log.write("\n")
        found = []
        for line in text.splitlines():
            try:
                number, key, fitness = json.loads(line)
            except ValueError:  # torn by a kill; its child is evaluated again
                continue
            found.append(Measured(number, key, fitness_from_json(fitness)))
        return found


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
