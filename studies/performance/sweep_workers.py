"""Two one-thread workers against one, as commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

from keras_lion.tuning.sweep.threads import thread_variables

FILE = Path(__file__).with_name("sweep_workload.py")
TASK = "fashion_mnist_mlp"
WORKERS = (1, 2)


def measure(preset: str) -> dict[str, Any]:
    """Runs a minute of `keras-lion run --workers N`, one thread a worker.

    `ratio` is taken between the first record and the last: what a sweep gains that is
    long enough for its start not to count. `end_to_end_ratio` is of the whole command,
    from the start of Python to the written report.
    """
    rows = [_run(workers, preset) for workers in WORKERS]
    one, two = rows
    return {
        "backend": keras.backend.backend(),
        "task": TASK,
        "preset": preset,
        "rows": rows,
        "ratio": two["runs_per_minute"] / one["runs_per_minute"],
        "end_to_end_ratio": two["end_to_end_per_minute"] / one["end_to_end_per_minute"],
    }


def _run(workers: int, preset: str) -> dict[str, Any]:
    program = Path(sys.executable).with_name("keras-lion")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        command = [str(program), "run", str(FILE), "--task", TASK, "--preset", preset]
        command += ["--executor", "loop", "--workers", str(workers)]
        command += ["--output", str(folder)]
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, **thread_variables(1)},
            stdout=subprocess.DEVNULL,
        )
        seen = [(0.0, 0)]  # (seconds, records)
        while process.poll() is None:
            time.sleep(0.05)
            records = sum(
                path.read_bytes().count(b"\n") for path in folder.glob("runs-*.jsonl")
            )
            if records > seen[-1][1]:
                seen.append((time.perf_counter() - started, records))
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.")
    (first, before), (last, runs) = seen[1], seen[-1]
    return {
        "workers": workers,
        "runs": runs,
        "seconds": seconds,
        "seconds_to_first_record": first,
        "seconds_to_last_record": last,
        "runs_per_minute": 60 * (runs - before) / (last - first),
        "end_to_end_per_minute": 60 * runs / seconds,
    }
