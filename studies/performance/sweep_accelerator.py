"""Populations on an accelerator, JAX: `loop`, `map` and `vmap` by size, and the anchor.

`sweep_throughput.py` runs it. It needs neither TensorFlow nor KerasTuner nor a data
set: the runs go straight to the executor, their records to the disk, and the pictures
are drawn at random in the shape of Fashion-MNIST, which changes no time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_lion.tuning import backend
from keras_lion.tuning.engine.executors import arrange, choose_executor
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.study import Comparison, RunSpecification, Study
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Data, Task
from studies.performance import sweep_anchor
from studies.performance.sweep_workload import plan, space

TASKS = ("fashion_mnist_mlp", "fashion_mnist_cnn", "fashion_mnist_vit")
POPULATIONS = (1, 4, 16, 64)
NONE = "none: there was no GPU or TPU; populations are measured on the CPU only"


@cache
def pictures(examples: int = 26_384, test: int = 1_000) -> Data:
    """Random pictures of the shape of Fashion-MNIST, with random labels."""
    generator = np.random.default_rng(0)
    x = generator.random((examples + test, 28, 28, 1), dtype=np.float32)
    y = generator.integers(10, size=examples + test).astype(np.int32)
    return Data(x[:examples], y[:examples], x[examples:], y[examples:])


def tasks(
    names: Sequence[str] = TASKS, train: int = 16_384, validation: int = 10_000
) -> dict[str, Task]:
    """The tasks, on these pictures."""
    return {
        name: replace(
            get_task(name),
            data=pictures,
            batch_size=128,
            train_examples=train,
            validation_examples=validation,
        )
        for name in names
    }


def study(found: dict[str, Task], points: int = 8) -> Study:
    """2 optimizers × `points`² configurations, one seed: 128 runs."""
    assert len(space("lion", points)) == points**2
    return Study(
        name="sweep_accelerator",
        question="How many runs per minute does a population train?",
        plans={name: {"standard": plan(points, seeds=1)} for name in found},
        comparison=Comparison(
            statement="A population trains 20 times as many runs a minute.",
            epsilon=dict.fromkeys(found, 0.02),
        ),
        tasks=found,
    )


def ours(task: Task, runs: Sequence[RunSpecification], name: str, size: int) -> None:
    """Train with an executor, from placing the data to the last synced record."""
    executor = choose_executor(Trainer(task), runs, wanted=name, population=size)
    ordered = arrange(executor, runs)
    with tempfile.TemporaryDirectory() as folder:
        writer = RecordWriter(Path(folder))
        for start in range(0, len(ordered), executor.population):
            for record in executor.run(ordered[start : start + executor.population]):
                if record["status"] == "failed":
                    raise RuntimeError(record["reason"])
                writer.append(record)


def measure(repeats: int) -> dict[str, Any]:
    """Runs a minute of every executor and size, if there is an accelerator."""
    if backend.runs_on_cpu():
        return {"device": NONE, "rows": []}
    found = tasks()
    rows = []
    for name, task in found.items():
        rows += compare(study(found).runs(name, "standard", "jax"), task, repeats)
    return {"device": backend.device_name(), "rows": rows}


def compare(
    runs: Sequence[RunSpecification],
    task: Task,
    repeats: int,
    populations: Sequence[int] = POPULATIONS,
) -> list[dict[str, Any]]:
    """Runs a minute of every executor and size, and relative to the anchor."""
    sides: dict[str, Callable[[], Any]] = {
        "anchor": partial(sweep_anchor.train, task, runs, loop=True),
        "loop": partial(ours, task, runs, "loop", 1),
        **{
            f"{executor} {size}": partial(ours, task, runs, executor, size)
            for executor in ("map", "vmap")
            for size in populations
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            sweep_anchor.forget()
            started = time.perf_counter()
            sides[name]()
            seconds[name].append(time.perf_counter() - started)
            print(f"  {task.name} {name} {seconds[name][-1]:.2f} s", flush=True)
    reference = statistics.median(seconds["anchor"])
    return [
        {
            "task": task.name,
            "side": name,
            "runs": len(runs),
            "seconds": seconds[name],
            "runs_per_minute": 60 * len(runs) / statistics.median(seconds[name]),
            "ratio": reference / statistics.median(seconds[name]),
        }
        for name in names
    ]
