"""What does `LionDiagnostics` cost?

Question   How much longer does `fit` take when every tenth update is measured?
Command    python studies/performance/diagnostics_overhead.py
           python studies/performance/diagnostics_overhead.py --backend tensorflow
           on a machine that does nothing else
Duration   about two minutes each on 2 cores

The same model is trained with and without the callback in turn, 100 steps at a time.
The ratio is that of the medians over turns: 1.02 is 2 % more time. Compilation, once in
a process, is left out. The MLP's steps are short, so that fixed costs show; next to
those of the vision transformer they are small.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studies import claims
from studies.performance.turns import ratio_of_medians

OUTPUT = claims.RESULTS / "performance" / "diagnostics_overhead.json"
BACKENDS = ("jax", "tensorflow")
TASKS = {"mlp": "mnist1d_mlp", "vision_transformer": "fashion_mnist_vit"}
SHAPES = {"mlp": (40,), "vision_transformer": (28, 28, 1)}
EVERY = 10
STEPS = 100
TURNS = 21

Fit = Callable[[], None]


def fits(workload: str, steps: int, batch_size: int | None) -> tuple[Fit, Fit]:
    """Functions that train one model for some steps, without diagnostics and with."""
    import keras

    from keras_lion.optimizers import Lion, LionDiagnostics
    from keras_lion.tuning.tasks import get_task

    task = get_task(TASKS[workload])
    size = batch_size or task.batch_size
    generator = np.random.default_rng(0)
    x = generator.normal(size=(steps * size, *SHAPES[workload])).astype("float32")
    y = generator.integers(0, 10, size=steps * size, dtype=np.int32)
    keras.utils.set_random_seed(0)
    model = task.model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(Lion(1e-4, weight_decay=0.1), loss=loss)

    def fit_with(callbacks: list[Any]) -> Fit:
        def fit() -> None:
            model.fit(x, y, batch_size=size, verbose=0, callbacks=callbacks)

        return fit

    return fit_with([]), fit_with([LionDiagnostics(EVERY)])


def turns_of(both: Sequence[Fit], turns: int) -> np.ndarray:
    """Seconds of each, in turn and in an order that alternates, shape (turns, 2)."""
    for fit in both:  # compiles
        fit()
    found = np.empty((turns, len(both)))
    for turn in range(turns):
        for k in np.roll(np.arange(len(both)), turn).tolist():
            start = time.perf_counter()
            both[k]()
            found[turn, k] = time.perf_counter() - start
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one backend, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="jax")
    parser.add_argument("--turns", type=int, default=TURNS, help="20 or more")
    parser.add_argument("--steps", type=int, default=STEPS, help="of a turn")
    parser.add_argument("--workloads", nargs="+", choices=TASKS, default=[*TASKS])
    parser.add_argument("--batch-size", type=int, help="the task's, if not given")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    found: dict[str, claims.Entry] = {}
    for workload in options.workloads:
        both = fits(workload, options.steps, options.batch_size)
        without, measured = turns_of(both, options.turns).T
        name = f"{options.backend}.{workload}"
        ratio = ratio_of_medians(measured, without)
        found[f"{name}.with_to_without"] = claims.entry(ratio, "ratio")
        step = 1000 * float(np.median(without)) / options.steps
        found[f"{name}.step"] = claims.exact(step, "milliseconds")
    load = round(os.getloadavg()[0], 1)
    claims.keep_beside(options.output, options.backend, found, load_average=load)
    claims.show(found)


if __name__ == "__main__":
    main()
