"""`populations`: runs per minute with each executor and size, and the largest size.

The runs go straight to the executor and their records to the disk, synced: neither
KerasTuner nor TensorFlow has a part in it. A population is trained twice; the first
time compiles. The hand-written loop of `sweep_anchor.py` trains some runs and then four
times as many, so that the difference is without compilation.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from studies.performance.accelerator_parts import device
from studies.performance.accelerator_parts.measurement import (
    Measurement,
    Sizes,
    SkippedError,
    largest_that_fits,
)

COLUMNS = ("runs_per_minute", "first_seconds", "runs", "largest")
ALONE = 8  # runs that are trained one at a time
MOST = 2**16


def measurements(sizes: Sizes) -> list[Measurement]:
    """Every task: by hand, in a loop, with `map` and `vmap`; then the largest."""
    found = []
    for kind in sizes.kinds:
        place = f"{kind}, {sizes.train} examples"
        found.append(Measurement(f"{place} / by hand", partial(by_hand, kind, sizes)))
        sides = [("loop", 1)]
        sides += [(e, k) for e in ("map", "vmap") for k in sizes.populations]
        for executor, size in sides:
            run = partial(of_executor, kind, executor, size, sizes)
            found.append(Measurement(f"{place} / {executor} {size}", run))
        largest = partial(of_largest, kind, sizes)
        found.append(Measurement(f"{place} / largest vmap", largest, alone=True))
    return found


def of_executor(kind: str, name: str, size: int, sizes: Sizes) -> dict[str, Any]:
    """Runs per minute of an executor, from the second population on."""
    from keras_lion.tuning.engine.executors import choose_executor
    from keras_lion.tuning.engine.trainer import Trainer
    from keras_lion.tuning.runs.files import RecordWriter
    from studies.performance.accelerator_parts.workloads import runs_of, task_of

    task = task_of(kind, sizes)
    later = size if size > 1 else ALONE
    runs = runs_of(task, size + later)
    executor = choose_executor(Trainer(task), runs, wanted=name, population=size)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        writer = RecordWriter(Path(folder))
        for part in (runs[:size], runs[size:]):
            started = time.perf_counter()
            for first in range(0, len(part), size):
                for record in executor.run(part[first : first + size]):
                    if record["status"] == "failed":
                        raise RuntimeError(record["reason"])
                    writer.append(record)
            seconds.append(time.perf_counter() - started)
    if executor.population < size:
        raise SkippedError(f"{size} runs do not fit: {executor.population} do")
    return {
        "runs_per_minute": 60 * later / seconds[1],
        "first_seconds": seconds[0],
        "runs": later,
    }


def by_hand(kind: str, sizes: Sizes) -> dict[str, Any]:
    """Runs per minute of a loop written by hand, which writes nothing."""
    from keras_lion.tuning import backend
    from studies.performance import sweep_anchor
    from studies.performance.accelerator_parts.workloads import runs_of, task_of

    task = task_of(kind, sizes)
    runs = runs_of(task, 4 * ALONE)
    in_loop = not (kind == "cnn" and backend.runs_on_cpu())
    seconds = []
    for count in (ALONE, 4 * ALONE):
        device.forget()
        started = time.perf_counter()
        sweep_anchor.train_jax(task, runs[:count], loop=in_loop)
        seconds.append(time.perf_counter() - started)
    difference = seconds[1] - seconds[0]
    if difference <= 0:
        raise SkippedError("compilation varied by more than the runs took")
    return {
        "runs_per_minute": 60 * 3 * ALONE / difference,
        "first_seconds": seconds[0],
        "runs": 3 * ALONE,
    }


def of_largest(kind: str, sizes: Sizes) -> dict[str, Any]:
    """The largest population, of powers of two, that `vmap` trains without an error."""
    from keras_lion.tuning import backend
    from keras_lion.tuning.engine.trainer import Trainer
    from studies.performance.accelerator_parts.workloads import runs_of, task_of

    if device.memory("bytes_limit") is None:
        raise SkippedError("this device does not say how much memory it has")
    task = task_of(kind, sizes)
    trainer = Trainer(task)

    def fits(size: int) -> bool:
        try:
            trainer.run_together(runs_of(task, size), "vmap", size)
        except Exception as error:
            if not backend.is_out_of_memory(error):
                raise
            return False
        return True

    return {"largest": largest_that_fits(fits, sizes.populations[-1], MOST)}
