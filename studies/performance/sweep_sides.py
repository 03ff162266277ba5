"""Our engine, the loop written by hand and stock KerasTuner in turn, in a process."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from keras_lion.tuning import backend, run_study
from keras_lion.tuning.runs.records import read_records
from keras_lion.tuning.study import RunSpecification
from keras_lion.tuning.sweep.environment import environment
from studies.performance import sweep_anchor
from studies.performance.sweep_workload import (
    STUDY,
    TRAIN_EXAMPLES,
    VALIDATION_EXAMPLES,
)

# Lion's sign and AdamW's first steps amplify rounding, the more the larger the rate. At
# the smallest rate of each optimizer the sides must agree to this.
TOLERANCE = 1e-3

Losses = dict[str, float]  # key of a run → final validation loss


def ours(task: str, preset: str, **options: Any) -> Losses:
    """Train with keras-lion: KerasTuner, records and fsync."""
    with tempfile.TemporaryDirectory() as folder:
        run_study(STUDY, task=task, preset=preset, output=folder, **options)
        return {r["key"]: r["final_loss"] for r in read_records(Path(folder))}


def anchor(task: str, preset: str) -> Losses:
    """Train the same runs in the loop written by hand."""
    runs = STUDY.runs(task, preset, keras.backend.backend())
    losses = sweep_anchor.train(STUDY.task(task), runs, loop=in_loop(task))
    return {run.key: loss[-1] for run, loss in zip(runs, losses, strict=True)}


def in_loop(task: str) -> bool:
    """Whether an epoch is compiled as a whole: convolutions on a CPU are faster not."""
    return not (task.endswith("_cnn") and backend.runs_on_cpu())


def disagreement(
    one: Losses, other: Losses, runs: Sequence[RunSpecification]
) -> dict[str, float]:
    """Largest relative difference of final losses: at the smallest rates, and of all.

    Raises:
        RuntimeError: If the two have not trained the same thing.
    """
    relative = {run.key: abs(one[run.key] / other[run.key] - 1) for run in runs}
    smallest = {
        name: min(run.learning_rate for run in runs if run.optimizer == name)
        for name in {run.optimizer for run in runs}
    }
    at_smallest = max(
        relative[run.key]
        for run in runs
        if run.learning_rate == smallest[run.optimizer]
    )
    if not at_smallest <= TOLERANCE:
        raise RuntimeError(
            f"The sides do not train the same: final losses differ by {at_smallest:.1e}"
            f" at the smallest learning rates; {TOLERANCE:.0e} is rounding."
        )
    return {"at_smallest_rates": at_smallest, "of_all_runs": max(relative.values())}


def measure(
    tasks: Sequence[str],
    *,
    preset: str,
    repeats: int,
    trials: int,
    populations: Sequence[int],
) -> dict[str, Any]:
    """Runs a minute of every side on this backend, and ours relative to each.

    Args:
        tasks: Names of tasks of the study.
        preset: Its preset.
        repeats: How often every side takes its turn.
        trials: Trials of stock KerasTuner in a turn.
        populations: Sizes of the populations of `map` and `vmap`; of networks without
            convolutions, which are slow in populations on a CPU.
    """
    rows = []
    for task in tasks:
        print(f"{keras.backend.backend()}, {task}", flush=True)
        sizes = populations if in_loop(task) else ()
        rows += _measure_task(task, preset, repeats, trials, sizes)
    return {
        "environment": environment(),
        "threads": backend.thread_count(),
        "load": os.getloadavg(),
        "rows": rows,
    }


def _measure_task(
    task: str, preset: str, repeats: int, trials: int, populations: Sequence[int]
) -> list[dict[str, Any]]:
    from studies.performance import sweep_stock

    runs = STUDY.runs(task, preset, keras.backend.backend())
    STUDY.task(task).load()  # from the disk, for every side alike
    ours_sides: dict[str, Callable[[], Losses]] = {
        "ours": partial(ours, task, preset, executor="loop"),
        **{
            f"{name} {size}": partial(
                ours, task, preset, executor=name, population=size
            )
            for name in ("map", "vmap")
            for size in populations
        },
    }
    sides: dict[str, Callable[[], Any]] = {
        "anchor": partial(anchor, task, preset),
        **ours_sides,
        "stock": partial(sweep_stock.search, STUDY.task(task), runs, trials),
    }
    _warm_up()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in sides}
    losses: dict[str, Losses] = {}
    names = list(sides)
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            sweep_anchor.forget()
            started, cpu = time.perf_counter(), time.process_time()
            found = sides[name]()
            scale = 1.0
            if name == "stock":
                scale = len(runs) / trials
            else:
                losses[name] = found
            seconds[name].append(scale * (time.perf_counter() - started))
            cpu_seconds[name].append(scale * (time.process_time() - cpu))
            print(f"  {name:<8}{seconds[name][-1]:8.2f} s", flush=True)
    agreement = {
        name: disagreement(losses[name], losses["anchor"], runs) for name in ours_sides
    }
    return [
        {
            **_row(task, name, seconds, len(runs)),
            "trained": trials if name == "stock" else len(runs),
            # On a busy machine these are steadier; they count all threads.
            "cpu_seconds": [round(value, 4) for value in cpu_seconds[name]],
            "disagreement": agreement.get(name),
        }
        for name in names
    ]


def _warm_up() -> None:
    """What only the first sweep of a process pays for: imports and first calls."""
    from studies.performance import sweep_stock

    ours("digits_mlp", "smoke", executor="loop")
    ours("digits_mlp", "smoke", executor="map", population=2)
    anchor("digits_mlp", "smoke")
    runs = STUDY.runs("digits_mlp", "smoke", keras.backend.backend())
    sweep_stock.search(STUDY.task("digits_mlp"), runs, trials=1)


def _row(
    task: str, side: str, seconds: Mapping[str, list[float]], runs: int
) -> dict[str, Any]:
    """One side of one task; `ratio` is our runs a minute over this side's.

    For populations, which are ours too, it is theirs over the anchor's.
    """
    over, under = seconds["anchor"], seconds[side]
    if side in ("anchor", "stock"):
        over, under = seconds[side], seconds["ours"]
    return {
        "task": task,
        "side": side,
        "runs": runs,
        "train_examples": TRAIN_EXAMPLES[task],
        "validation_examples": VALIDATION_EXAMPLES[task],
        "seconds": [round(value, 4) for value in seconds[side]],
        "runs_per_minute": 60 * runs / statistics.median(seconds[side]),
        "ratio": statistics.median(over) / statistics.median(under),
        "ratios": [a / b for a, b in zip(over, under, strict=True)],
    }
