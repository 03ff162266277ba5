"""Are Lion's training steps faster than AdamW's?

Question   Chen et al. (2023) report steps that are 2 to 15 % faster. How much of a
           training step is the update, and how do whole steps compare?
Command    python studies/performance/model_step.py
           python studies/performance/model_step.py --backend tensorflow
           on a machine that does nothing else
Duration   about two minutes each on 2 cores, half of it compilation
Result     studies/results/performance/model_step.json, and the table of the README

Forward and backward pass and update are one compiled program, as in Keras's `fit`. The
optimizers take turns in one process. A ratio is AdamW's median over another's: above 1,
the other is faster. The share of an update is the time of the same update alone, of
given gradients, over that of the whole step: a bound from above, since a program of its
own has to be started.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studies import claims
from studies.performance.optimizer_memory import make_optimizer
from studies.performance.turns import Step, median_of, ratio_of_medians, turns_of

OUTPUT = claims.RESULTS / "performance" / "model_step.json"
BACKENDS = ("jax", "tensorflow")
OPTIMIZERS = ("lion", "lion_bfloat16", "keras_lion", "adamw")
SHARES = ("lion", "adamw")  # whose updates are timed alone too
ALONE = "update_of_"
TIMED = (*OPTIMIZERS, *(f"{ALONE}{name}" for name in SHARES))
TURNS = 21
SECONDS = 0.1  # about, of each turn
TASKS = {
    "mlp": "mnist1d_mlp",
    "vision_transformer": "fashion_mnist_vit",
    "language_model": "python_lm",
}
HYPERPARAMETERS: dict[str, Any] = {"learning_rate": 1e-4, "weight_decay": 0.1}


def training_step(name: str, workload: str, batch_size: int | None = None) -> Step:
    """A training step of one of the project's models, or its update alone."""
    import keras

    from keras_lion.tuning import backend
    from keras_lion.tuning.engine.program import TaskProgram
    from keras_lion.tuning.tasks import get_task
    from keras_lion.tuning.tasks.task import Data
    from studies.performance.compiled_step import compiled

    task = get_task(TASKS[workload])
    keras.utils.set_random_seed(0)
    x, y = _batch(workload, batch_size or task.batch_size)
    program = TaskProgram(task, Data(x, y, x, y))
    variables = program.model.trainable_variables
    others = program.model.non_trainable_variables
    optimizer = make_optimizer(name.removeprefix(ALONE), **HYPERPARAMETERS)
    optimizer.build(variables)
    if name.startswith(ALONE):
        gradients = [keras.ops.ones(v.shape) for v in variables]
        return compiled(optimizer, variables, [], lambda *_: gradients, ())

    def gradients_of(weights: list[Any], others: list[Any], x: Any, y: Any) -> Any:
        return backend.value_and_gradients(program.loss, weights, others, x, y)[2]

    return compiled(optimizer, variables, others, gradients_of, program.pool)


def _batch(workload: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples of the shapes of a task: time does not depend on what they show."""
    generator = np.random.default_rng(0)
    if workload == "language_model":
        tokens = generator.integers(0, 256, size=(size, 129), dtype=np.int32)
        return tokens[:, :-1], tokens[:, 1:]
    shape = (40,) if workload == "mlp" else (28, 28, 1)
    x = generator.normal(size=(size, *shape)).astype("float32")
    return x, generator.integers(0, 10, size=size, dtype=np.int32)


def summarize(workload: str, times: np.ndarray) -> dict[str, claims.Entry]:
    """Medians, AdamW's over each of the others, and the shares of the updates.

    Args:
        workload: Its name.
        times: Seconds a step, shape (turns, len(TIMED)).
    """
    columns = dict(zip(TIMED, times.T, strict=True))
    found = {
        f"{workload}.{name}": claims.entry(median_of(1000 * seconds), "milliseconds")
        for name, seconds in columns.items()
    }
    for name in SHARES:
        share = ratio_of_medians(columns[f"{ALONE}{name}"], columns[name])
        found[f"{workload}.share_of_{name}"] = claims.entry(share, "ratio")
    for name in OPTIMIZERS[:-1]:
        ratio = ratio_of_medians(columns["adamw"], columns[name])
        found[f"{workload}.adamw_to_{name}"] = claims.entry(ratio, "ratio")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one backend, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="jax")
    parser.add_argument("--turns", type=int, default=TURNS, help="20 or more")
    parser.add_argument("--workloads", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--batch-size", type=int, help="the task's, if not given")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    found: dict[str, claims.Entry] = {}
    started = time.perf_counter()
    for workload in options.workloads:
        steps = {
            name: training_step(name, workload, options.batch_size) for name in TIMED
        }
        times = turns_of(steps, options.turns, options.seconds)
        for name, entry in summarize(workload, times).items():
            found[f"{options.backend}.{name}"] = entry
        print(f"# {workload}: {time.perf_counter() - started:.0f} s", flush=True)
    claims.keep_beside(options.output, options.backend, found)
    claims.show(found)


if __name__ == "__main__":
    main()
