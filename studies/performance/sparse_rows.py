"""What does a step cost that touches 64 rows of an embedding of a million?

Question   With `lazy_embeddings=True` on TensorFlow, the work of a step is proportional
           to the rows that were looked up. How much time and memory does that save?
Command    python studies/performance/sparse_rows.py
           on a machine that does nothing else, on Linux
Duration   about three minutes on 2 cores, with 4 GB of memory

The update alone, of a table of 1,000,000 × 64 float32 weights, from the sparse gradient
of 64 rows: eager, in a `tf.function`, and compiled by XLA. The lazy and the dense
update take turns in one process. A ratio is the dense median over the lazy one, with a
bootstrap interval over turns.

Memory is what steps need besides table, momentum and counters: the largest resident
size of a process after its first three steps, above that before them. One step of a
small table comes first, so that TensorFlow is loaded. What is below 1 MiB cannot be
told from what the allocator keeps, and counts as 1 MiB; under XLA, most of the lazy
steps' memory is the compiler's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studies import claims
from studies.performance.turns import median_of, ratio_of_medians

OUTPUT = claims.RESULTS / "performance" / "sparse_rows.json"
MODES = ("eager", "graph", "xla")
SIDES = ("lazy", "dense")
ROWS, COLUMNS, TOUCHED = 1_000_000, 64, 64
SMALL = 200  # rows
TURNS = 21
LAZY_STEPS = 20  # of a turn; one of the dense update takes longer
MEMORY_STEPS = 3
KIBIBYTES_PER_MEBIBYTE = 1024  # less than 1 MiB counts as 1

Step = Callable[[int], None]  # takes so many steps, and waits until they are done


def update(side: str, mode: str, rows: int = ROWS) -> Step:
    """The update of one table from the sparse gradient of a few of its rows."""
    import keras
    import tensorflow as tf

    from keras_lion import Lion

    generator = np.random.default_rng(0)
    numbers = tf.constant(generator.choice(rows, TOUCHED, replace=False))
    values = tf.constant(generator.normal(size=(TOUCHED, COLUMNS)).astype("float32"))
    table = keras.Variable(keras.ops.ones((rows, COLUMNS)), name="embeddings")
    optimizer = Lion(1e-4, weight_decay=0.1, lazy_embeddings=side == "lazy")
    optimizer.build([table])

    def step(numbers: Any, values: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, numbers, table.shape)], [table])

    if mode != "eager":
        step = tf.function(step, jit_compile=mode == "xla", autograph=False)

    def take(steps: int) -> None:
        for _ in range(steps):
            step(numbers, values)
        table.value.sparse_read([0]).numpy()

    return take


def seconds_of(steps: Sequence[tuple[Step, int]], turns: int) -> np.ndarray:
    """Seconds per step of each, in turn, shape (turns, len(steps)).

    Args:
        steps: Each with the number of steps of its turn.
        turns: Number of turns; the order is reversed in every second one.
    """
    found = np.empty((turns, len(steps)))
    for turn in range(turns):
        for k in np.roll(np.arange(len(steps)), turn).tolist():
            take, count = steps[k]
            start = time.perf_counter()
            take(count)
            found[turn, k] = (time.perf_counter() - start) / count
    return found


def resident(name: str) -> int:
    """A field of the process' memory in KiB: `VmRSS`, or its largest value `VmHWM`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/self/status must have {name}. Received a file without it.")


def extra_memory(side: str, mode: str, rows: int = ROWS) -> int:
    """KiB that the first steps need besides what is kept, in this process."""
    update(side, mode, SMALL)(1)
    take = update(side, mode, rows)
    before = resident("VmRSS")
    take(MEMORY_STEPS)
    return max(resident("VmHWM") - before, KIBIBYTES_PER_MEBIBYTE)


def extra_memory_of_a_process(side: str, mode: str, rows: int = ROWS) -> int:
    """`extra_memory` of a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory-of", side, mode, "--rows", str(rows)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


def measure(mode: str, turns: int, rows: int = ROWS) -> dict[str, claims.Entry]:
    """The claims of one mode."""
    steps = [
        (update(side, mode, rows), count)
        for side, count in zip(SIDES, (LAZY_STEPS, 1), strict=True)
    ]
    for take, _ in steps:
        take(2)  # traces and compiles
    lazy, dense = seconds_of(steps, turns).T
    memory = {side: extra_memory_of_a_process(side, mode, rows) for side in SIDES}
    found = {}
    for side, seconds in (("lazy", lazy), ("dense", dense)):
        found[f"{mode}.{side}.time"] = claims.entry(
            median_of(1000 * seconds), "milliseconds"
        )
        found[f"{mode}.{side}.memory"] = claims.exact(
            memory[side] / KIBIBYTES_PER_MEBIBYTE, "MiB"
        )
    ratio = ratio_of_medians(dense, lazy)
    found[f"{mode}.dense_to_lazy.time"] = claims.entry(ratio, "ratio")
    found[f"{mode}.dense_to_lazy.memory"] = claims.exact(
        memory["dense"] / memory["lazy"], "ratio"
    )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--turns", type=int, default=TURNS, help="20 or more")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.memory_of:
        side, mode = options.memory_of
        print(extra_memory(side, mode, options.rows))
        return
    from keras_lion.tuning.sweep.environment import environment

    found: dict[str, claims.Entry] = {}
    for mode in options.modes:
        found |= measure(mode, options.turns, options.rows)
    load = os.getloadavg()[0]
    claims.keep(
        options.output, found, environment=environment(), load_average=round(load, 1)
    )
    claims.show(found)


if __name__ == "__main__":
    main()
