"""A sweep in several processes of this machine: their start, supervision and end.

Who trains what is KerasTuner's business: one process is its chief, the others are its
workers. This process starts them, restarts those that die, with their ids, and reports
what they record.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_lion.start_up import is_start_up
from keras_lion.tuning import backend
from keras_lion.tuning.runs.files import FolderWriteError, Record
from keras_lion.tuning.runs.records import RecordTail
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.sweep.role import LOOPBACK, ORACLE_IP, ORACLE_PORT, TUNER_ID
from keras_lion.tuning.sweep.threads import thread_variables

CHIEF = "chief"
CHILD = "keras_lion.tuning.sweep.child"
LIVES = 3  # a process that dies so often without a new record in between is given up
LOOK_SECONDS = 0.1
FAREWELL_SECONDS = 5.0
# How a child ends: what a user can mend is the last line of its standard error.
WRONG, CANNOT_WRITE = 2, 74


def run_workers(
    study: Study,
    *,
    task: str,
    preset: str,
    folder: Path,
    workers: int,
    executor: str,
    population: int,
    extend: Sequence[str],
    waiting: set[str],
    note: Callable[[Record], None],
) -> None:
    """Train runs in `workers` processes of one thread each.

    The processes end with this one, however it ends.

    Args:
        study: Which study; a module-level `STUDY` of a Python file.
        task: Which of its tasks.
        preset: Which preset.
        folder: The study's folder.
        workers: Number of processes that train.
        executor: Name of their executor.
        population: Number of runs that each trains together.
        extend: Extensions of the study's grid.
        waiting: Keys of the runs to train.
        note: Called with every new record.

    Raises:
        FolderWriteError: If a process cannot write the folder.
        ValueError: If the study is in no file, or a process refuses to work.
        ChildProcessError: If a process dies again and again.
    """
    arguments = {
        "file": str(study_file(study)),
        "task": task,
        "preset": preset,
        "output": str(folder),
        "executor": executor,
        "population": population,
        "extend": list(extend),
        "path": sys.path,
    }
    tail = RecordTail(folder)
    tail.read()
    with _reserved_port() as port:
        family = Family(
            arguments,
            port,
            [f"worker{n}" for n in range(workers)],
            devices=backend.device_count(),
        )
        try:
            family.start()
            while True:
                # In this order: what a process recorded before it ended is seen.
                ended = family.has_ended()
                for record in tail.read():
                    if record["key"] in waiting:
                        waiting.discard(record["key"])
                        note(record)
                    family.forgive()
                if ended and not waiting:
                    return
                family.look_after(work_left=bool(waiting))
                time.sleep(LOOK_SECONDS)
        finally:
            family.stop()


def share_accelerator() -> None:
    """Take an accelerator's memory as it is needed, here and in the processes to come.

    Each would otherwise take most of it when its backend starts.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def study_file(study: Study) -> Path:
    """The Python file whose `STUDY` this is.

    Raises:
        ValueError: If no imported module declares it.
    """
    for module in list(sys.modules.values()):
        if vars(module).get("STUDY") is study and getattr(module, "__file__", None):
            return Path(str(module.__file__)).resolve()
    raise ValueError(
        "Several workers need a study that is the module-level STUDY of a Python file, "
        f"because each of them reads it from there. Received study '{study.name}', "
        "which no imported module has as its STUDY."
    )


@dataclass
class Child:
    """One process, and how it has fared.

    Attributes:
        name: Its id.
        process: The process.
        errors: What it wrote to its standard error.
        deaths: How often it has died since the last new record.
    """

    name: str
    process: subprocess.Popen[bytes]
    errors: Any
    deaths: int = 0

    def last_words(self) -> str:
        """The last line of its standard error that is not a backend's log."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and not is_start_up(line)]
        return said[-1] if said else "it said nothing"


@dataclass
class Family:
    """The chief and its workers.

    Args:
        arguments: The arguments of a child.
        port: Where the chief listens.
        workers: Ids of the workers.
        devices: Number of devices; each worker keeps to one, in turn.
    """

    arguments: dict[str, Any]
    port: int
    workers: list[str]
    devices: int = 1
    children: dict[str, Child] = field(default_factory=dict)
    _without_work: float | None = None

    def start(self) -> None:
        """Start every process."""
        for name in (CHIEF, *self.workers):
            self.children[name] = self._born(name)

    def has_ended(self) -> bool:
        """True when every worker has ended by itself."""
        return all(self.children[name].process.poll() == 0 for name in self.workers)

    def forgive(self) -> None:
        """Forget earlier deaths: the sweep gets on."""
        for child in self.children.values():
            child.deaths = 0

    def look_after(self, *, work_left: bool) -> None:
        """Start dead processes again.

        Args:
            work_left: Some runs are not recorded yet.

        Raises:
            FolderWriteError, ValueError, ChildProcessError: As `run_workers`.
        """
        idle = self.has_ended()
        for name, child in self.children.items():
            status = child.process.poll()
            # A worker has nothing to do while others train the last runs.
            if status is None or (status == 0 and not (work_left and idle)):
                continue
            self._restart(name, status)
        chief = self.children[CHIEF].process.poll()
        if chief is not None and not self.has_ended() and work_left:
            self._restart(CHIEF, chief)
        if not work_left:
            self._send_home()

    def stop(self) -> None:
        """End every process that is left."""
        for child in self.children.values():
            child.process.kill()
        for child in self.children.values():
            child.process.wait()
            if child.process.stdin is not None:
                child.process.stdin.close()
            child.errors.close()

    def _send_home(self) -> None:
        """End workers that report to a chief which has ended: all is recorded."""
        now = time.monotonic()
        self._without_work = self._without_work or now
        if now - self._without_work > FAREWELL_SECONDS:
            for name in self.workers:
                child = self.children[name]
                if child.process.poll() is None:
                    child.process.kill()
                    child.process.wait()
                child.process.returncode = 0

    def _restart(self, name: str, status: int) -> None:
        old = self.children[name]
        words = old.last_words()
        if status == CANNOT_WRITE:
            raise FolderWriteError(words)
        if status == WRONG:
            raise ValueError(words)
        if old.deaths + 1 >= LIVES:
            raise ChildProcessError(
                f"Process '{name}' of the sweep ended {LIVES} times without a new "
                f"record in between, the last time with {_ending(status)}: {words}. "
                "Finished runs are recorded; --workers 1 shows more."
            )
        old.errors.close()
        if old.process.stdin is not None:
            old.process.stdin.close()
        self.children[name] = self._born(name, old.deaths + 1)

    def _born(self, name: str, deaths: int = 0) -> Child:
        errors = tempfile.TemporaryFile()  # noqa: SIM115, closed with the child
        variables = {
            **os.environ,
            **thread_variables(1),
            TUNER_ID: name,
            ORACLE_IP: LOOPBACK,
            ORACLE_PORT: str(self.port),
        }
        if name == CHIEF:
            # It trains nothing, and an accelerator's memory is the workers'.
            variables |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
        device = None
        if self.devices > 1 and name in self.workers:
            device = self.workers.index(name) % self.devices
        arguments = json.dumps({**self.arguments, "device": device})
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD, arguments],
            env=variables,
            # Nothing is ever written to it: its end tells a child that we are gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Ctrl-C goes to this process, which then ends the others.
            start_new_session=True,
        )
        return Child(name, process, errors, deaths)


def _ending(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
    return f"status {status}"


@contextlib.contextmanager
def _reserved_port() -> Iterator[int]:
    """A free port that no one else is given before the chief listens on it."""
    with socket.socket() as holder:
        if hasattr(socket, "SO_REUSEPORT"):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((LOOPBACK, 0))
        port = int(holder.getsockname()[1])
        if not hasattr(socket, "SO_REUSEPORT"):
            holder.close()
        yield port
