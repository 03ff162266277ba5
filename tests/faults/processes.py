"""A sweep as a process of its own, with its children, seen through /proc."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import keras

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds
COMMAND = "import sys; from keras_lion.cli import main; sys.exit(main())"


def environment(**variables):
    """The variables of a sweep's process."""
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "KERAS_BACKEND": keras.backend.backend(),
        **variables,
    }


def start(study_file, folder, *arguments, variables=None, file_limit=None):
    """Start `keras-lion run`, whose files may be `file_limit` bytes long."""
    command = ["run", str(study_file), "--preset", "smoke", "--output", str(folder)]
    limit = ""
    if file_limit is not None:
        limit = (
            "import resource; "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({file_limit},) * 2); "
        )
    return subprocess.Popen(
        [sys.executable, "-c", limit + COMMAND, *command, *arguments],
        cwd=REPOSITORY,
        env=environment(**(variables or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(process):
    """Id among the processes of the sweep → process id, of the living children."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (
                path.joinpath("stat").read_text().rpartition(")")[2].split()[:2]
            )
            if int(parent) == process.pid and state != "Z":
                variables = path.joinpath("environ").read_bytes().split(b"\0")
                names = [v for v in variables if v.startswith(b"KERASTUNER_TUNER_ID=")]
                if names:
                    found[names[0].partition(b"=")[2].decode()] = int(path.name)
        except (OSError, ValueError):  # gone in between
            continue
    return found


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def num_lines(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("runs-*.jsonl"))


def wait_until(true, process=None):
    """Wait for a condition, while the process lives."""
    end = time.monotonic() + PATIENCE
    while not true():
        if process is not None:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
