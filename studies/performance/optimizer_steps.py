"""Are Lion's steps faster than AdamW's?

Question   Chen et al. (2023) report steps that are 2 to 15 % faster. How much time do
           the update itself and a whole training step take, side by side?
Command    python studies/performance/optimizer_steps.py
           python studies/performance/optimizer_steps.py --backend tensorflow
           on a machine that does nothing else
Duration   about two minutes each on 2 cores, half of it compilation
Result     studies/results/performance/optimizer_steps.json (2 cores, 2026-11-21): whole
           steps take the same time as AdamW's, within the noise. The update alone is
           6 % faster on TensorFlow and 20 % on JAX. Keras's Lion takes 2.4 times as
           long as AdamW there: XLA schedules the momentum's update before that of the
           weight which reads the old momentum, and so copies every donated momentum.
           In ours the new momentum depends on the new weight, and nothing is copied.

The optimizers take turns in one process, in an order that rotates, so that whatever
slows the machine meets all of them. A ratio is AdamW's median over another's: above 1,
the other is faster. Its 95 % interval is a bootstrap over turns: it tells whether this
process would measure the same again, and nothing of other machines.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_lion.statistics import Interval, bootstrap_interval
from studies import claims

OUTPUT = claims.RESULTS / "performance" / "optimizer_steps.json"
BACKENDS = ("jax", "tensorflow")
OPTIMIZERS = ("lion", "lion_bfloat16", "keras_lion", "adamw")
WORKLOADS = ("update", "vision_transformer", "language_model")
TURNS = 21
TENSORS, ROWS, COLUMNS = 20, 1000, 500  # 10 million weights
SECONDS_A_TURN = 0.1  # about; at least one step
TASKS = {"vision_transformer": "fashion_mnist_vit", "language_model": "python_lm"}
HYPERPARAMETERS: dict[str, Any] = {"learning_rate": 1e-4, "weight_decay": 0.1}

Step = Callable[[int], None]  # takes so many steps, and waits until they are done


def make_optimizer(name: str) -> Any:
    """A new optimizer, with weight decay as all of them are used."""
    import keras

    from keras_lion import Lion

    if name == "lion_bfloat16":
        return Lion(**HYPERPARAMETERS, momentum_dtype="bfloat16")
    makers = {
        "lion": Lion,
        "keras_lion": keras.optimizers.Lion,
        "adamw": keras.optimizers.AdamW,
    }
    return makers[name](**HYPERPARAMETERS)


def update_step(name: str, rows: int = ROWS) -> Step:
    """The update of big tensors alone, compiled."""
    import keras

    generator = np.random.default_rng(0)
    shape = (rows, COLUMNS)
    variables, gradients = [], []
    for _ in range(TENSORS):
        draw = generator.normal(size=(2, *shape)).astype("float32")
        variables.append(keras.Variable(draw[0]))
        gradients.append(keras.ops.convert_to_tensor(draw[1]))
    optimizer = make_optimizer(name)
    optimizer.build(variables)
    return compiled(optimizer, variables, [], lambda *_: gradients, ())


def training_step(name: str, workload: str, batch_size: int | None = None) -> Step:
    """A whole training step of one of the project's models, compiled."""
    import keras

    from keras_lion.tuning import backend
    from keras_lion.tuning.engine.program import TaskProgram
    from keras_lion.tuning.tasks import get_task
    from keras_lion.tuning.tasks.task import Data

    task = get_task(TASKS[workload])
    keras.utils.set_random_seed(0)
    x, y = _batch(workload, batch_size or task.batch_size)
    program = TaskProgram(task, Data(x, y, x, y))
    model = program.model
    optimizer = make_optimizer(name)
    optimizer.build(model.trainable_variables)

    def gradients_of(weights: list[Any], others: list[Any], x: Any, y: Any) -> Any:
        return backend.value_and_gradients(program.loss, weights, others, x, y)[2]

    variables, others = model.trainable_variables, model.non_trainable_variables
    return compiled(optimizer, variables, others, gradients_of, program.pool)


def _batch(workload: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples of the shapes of a task: time does not depend on what they show."""
    generator = np.random.default_rng(0)
    if workload == "language_model":
        tokens = generator.integers(0, 256, size=(size, 129), dtype=np.int32)
        return tokens[:, :-1], tokens[:, 1:]
    x = generator.normal(size=(size, 28, 28, 1)).astype("float32")
    return x, generator.integers(0, 10, size=size, dtype=np.int32)


def compiled(
    optimizer: Any,
    variables: list[Any],
    others: list[Any],
    gradients_of: Callable[..., Any],
    examples: Sequence[Any],
) -> Step:
    """Gradients and update in one program, which overwrites weights and state.

    JAX donates the buffers and TensorFlow assigns variables, as Keras's `fit` does.
    """
    import keras

    fixed = [v.value for v in others]
    if keras.backend.backend() == "jax":
        import jax

        def step(weights: Any, state: Any, fixed: Any, examples: Any) -> Any:
            gradients = gradients_of(weights, fixed, *examples)
            return optimizer.stateless_apply(state, gradients, weights)

        run = jax.jit(step, donate_argnums=(0, 1))
        # Copies: what is donated is gone, and initial values may be shared.
        held = [
            [jax.numpy.array(v.value) for v in kept]
            for kept in (variables, optimizer.variables)
        ]

        def take(steps: int) -> None:
            for _ in range(steps):
                held[0], held[1] = run(*held, fixed, examples)
            jax.block_until_ready(held)

        return take
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def assign(examples: Any) -> None:
        weights = [tf.convert_to_tensor(v.value) for v in variables]
        optimizer.apply(gradients_of(weights, fixed, *examples), variables)

    def take_in_tensorflow(steps: int) -> None:
        for _ in range(steps):
            assign(examples)
        variables[0].numpy()

    return take_in_tensorflow


def turns_of(steps: dict[str, Step], turns: int, seconds: float) -> np.ndarray:
    """Seconds a step of each, in turn.

    Args:
        steps: By name; all of them do the same work.
        turns: Number of turns.
        seconds: About how long one of them has a turn.

    Returns:
        Shape (turns, len(steps)).
    """
    names = list(steps)
    for step in steps.values():  # compiles
        step(2)
    start = time.perf_counter()
    steps[names[-1]](2)
    count = max(1, round(2 * seconds / (time.perf_counter() - start)))
    found = np.empty((turns, len(names)))
    for turn in range(turns):
        for k in np.roll(np.arange(len(names)), turn):
            start = time.perf_counter()
            steps[names[k]](count)
            found[turn, k] = (time.perf_counter() - start) / count
    return found


def ratio_of_medians(one: np.ndarray, other: np.ndarray) -> Interval:
    """Median of `one` over that of `other`, with a bootstrap interval over turns.

    Args:
        one: Seconds of each turn, 20 or more.
        other: Seconds of the same turns.
    """

    def ratio(turns: np.ndarray, axis: int = -1) -> Any:
        picked = turns.astype(int)
        return np.median(one[picked], axis=axis) / np.median(other[picked], axis=axis)

    return bootstrap_interval(
        np.arange(len(one)),
        ratio,
        generator=np.random.default_rng(0),
        method="percentile",
    )


def summarize(workload: str, times: np.ndarray) -> dict[str, claims.Entry]:
    """The claims of one workload: medians, and AdamW's over each of the others.

    Args:
        workload: Its name.
        times: Seconds a step, shape (turns, optimizers).
    """
    found = {}
    columns = dict(zip(OPTIMIZERS, times.T, strict=True))
    for name, seconds in columns.items():
        median = bootstrap_interval(
            1000 * seconds,
            np.median,
            generator=np.random.default_rng(0),
            method="percentile",
        )
        found[f"{workload}.{name}"] = claims.entry(median, "milliseconds")
    for name in OPTIMIZERS[:-1]:
        ratio = ratio_of_medians(columns["adamw"], columns[name])
        found[f"{workload}.adamw_to_{name}"] = claims.entry(ratio, "ratio")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one backend, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="jax")
    parser.add_argument("--turns", type=int, default=TURNS, help="20 or more")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--rows", type=int, default=ROWS, help="of a big tensor")
    parser.add_argument("--batch-size", type=int, help="the task's, if not given")
    parser.add_argument("--seconds", type=float, default=SECONDS_A_TURN)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras_lion.tuning.sweep.environment import environment

    found: dict[str, claims.Entry] = {}
    started = time.perf_counter()
    for workload in options.workloads:
        steps = {
            name: update_step(name, options.rows)
            if workload == "update"
            else training_step(name, workload, options.batch_size)
            for name in OPTIMIZERS
        }
        times = turns_of(steps, options.turns, options.seconds)
        found |= summarize(workload, times)
        print(f"# {workload}: {time.perf_counter() - started:.0f} s", flush=True)
    path = options.output
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    here = {f"{options.backend}.{name}": value for name, value in found.items()}
    environments = {**kept.get("environments", {}), options.backend: environment()}
    claims.keep(path, {**kept.get("claims", {}), **here}, environments=environments)
    claims.show(here)


if __name__ == "__main__":
    main()
