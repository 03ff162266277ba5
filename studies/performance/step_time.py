"""How long does an update take, and how near is it to the limit of memory?

Question   Given the gradients: how long does Lion's update take in all its modes, next
           to `keras.optimizers.Lion`, AdamW, SGD with momentum, Adafactor and Optax?
Command    python studies/performance/step_time.py
           python studies/performance/step_time.py --backend tensorflow
           on a machine that does nothing else
Duration   about four minutes each on 2 cores
Result     studies/results/performance/step_time.json, and the table of the README

The optimizers take turns in one process. `large` is one tensor of 32 million weights,
`many` are 320 tensors of 100,000. An update runs in one compiled program (`compiled`,
as in `fit`), in a `tf.function` that is not compiled (`function`), or operation by
operation (`eager`: `optimizer.apply`). A ratio is a median over another median.

The limit is the traffic of memory: float32 Lion reads weight, gradient and momentum and
writes weight and momentum, 20 bytes a weight. `bandwidth` is the rate of that ideal
traffic over the rate at which the same framework scales a tensor in place.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studies import claims
from studies.performance.turns import Step, median_of, ratio_of_medians, turns_of

OUTPUT = claims.RESULTS / "performance" / "step_time.json"
BACKENDS = ("jax", "tensorflow")
TURNS = 21
SECONDS = 0.1  # about, of each turn
SHAPES = {"large": (1, 32_000, 1_000), "many": (320, 400, 250)}
MODES = {"jax": ("compiled", "eager"), "tensorflow": ("compiled", "function", "eager")}
HYPERPARAMETERS: dict[str, Any] = {"learning_rate": 1e-4, "weight_decay": 0.1}
# Bytes a weight that an update must move.
IDEAL_BYTES = {"lion": 20, "lion_bfloat16": 16, "lion_int8": 14.125, "adamw": 28}
SCALE, SCALE_BYTES = "scale_in_place", 8
# What is divided by what.
RATIOS = (
    *(("lion", other) for other in ("keras_lion", "adamw", "sgd_momentum")),
    *(("lion", other) for other in ("adafactor", "optax_lion", "optax_adamw")),
    ("lion_bfloat16", "lion"),
    ("lion_int8", "lion"),
    ("lion_cautious", "lion"),
    ("keras_lion", "adamw"),
    ("adamw", "lion"),
)


def makers(mode: str) -> Mapping[str, Callable[[], Any]]:
    """The optimizers that are compared, by name."""
    from keras import optimizers

    from keras_lion import Lion

    found: dict[str, Callable[[], Any]] = {
        "lion": lambda: Lion(**HYPERPARAMETERS),
        "lion_bfloat16": lambda: Lion(**HYPERPARAMETERS, momentum_dtype="bfloat16"),
        "lion_int8": lambda: Lion(**HYPERPARAMETERS, momentum_dtype="int8"),
        "lion_cautious": lambda: Lion(**HYPERPARAMETERS, cautious=True),
        "keras_lion": lambda: optimizers.Lion(**HYPERPARAMETERS),
        "adamw": lambda: optimizers.AdamW(**HYPERPARAMETERS),
        "sgd_momentum": lambda: optimizers.SGD(**HYPERPARAMETERS, momentum=0.9),
        "adafactor": lambda: optimizers.Adafactor(**HYPERPARAMETERS),
    }
    if mode != "compiled":  # what a user meets there, without the variants
        found = {name: found[name] for name in ("lion", "keras_lion", "adamw")}
    return found


def tensors(shape: tuple[int, int, int]) -> tuple[list[Any], list[Any]]:
    """Variables and gradients."""
    import keras

    generator = np.random.default_rng(0)
    variables, gradients = [], []
    for k in range(shape[0]):
        drawn = generator.standard_normal((2, *shape[1:]), dtype="float32")
        variables.append(keras.Variable(drawn[0], name=f"kernel_{k}"))
        gradients.append(keras.ops.convert_to_tensor(drawn[1]))
    return variables, gradients


def steps_of(mode: str, shape: tuple[int, int, int]) -> dict[str, Step]:
    """The updates that take turns, by name."""
    import keras

    on_jax = keras.backend.backend() == "jax"
    found: dict[str, Step] = {}
    for name, make in makers(mode).items():
        variables, gradients = tensors(shape)
        optimizer = make()
        optimizer.build(variables)
        found[name] = update(optimizer, variables, gradients, mode)
    if mode == "compiled":
        if on_jax:
            found |= optax_updates(shape)
        found[SCALE] = scaling(shape)
    return found


def update(
    optimizer: Any, variables: list[Any], gradients: list[Any], mode: str
) -> Step:
    """The update of an optimizer in one of the modes."""
    import keras

    from studies.performance.compiled_step import compiled, wait_for

    on_jax = keras.backend.backend() == "jax"
    if mode == "compiled":
        return compiled(optimizer, variables, [], lambda *_: gradients, ())

    def apply() -> None:
        optimizer.apply(gradients, variables)

    if mode == "function":
        import tensorflow as tf

        apply = tf.function(apply, autograph=False)

    def take(steps: int) -> None:
        for _ in range(steps):
            apply()
        for variable in variables if on_jax else variables[-1:]:
            wait_for(variable)

    return take


def optax_updates(shape: tuple[int, int, int]) -> dict[str, Step]:
    """Optax's Lion and AdamW, jitted with donated buffers, where it is installed."""
    try:
        import optax  # type: ignore[import-untyped]
    except ImportError:
        return {}
    from studies.performance.compiled_step import compiled_optax

    found = {}
    for name in ("lion", "adamw"):
        variables, gradients = tensors(shape)
        found[f"optax_{name}"], _ = compiled_optax(
            getattr(optax, name)(**HYPERPARAMETERS),
            variables,
            [],
            lambda weights, others, *given: [*given],
            gradients,
        )
    return found


def scaling(shape: tuple[int, int, int]) -> Step:
    """A tensor times a number, in place: 8 bytes a weight."""
    import keras

    from studies.performance.compiled_step import wait_for

    variables, _ = tensors(shape)
    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(lambda values: [0.999 * v for v in values], donate_argnums=0)
        held = [[jax.numpy.array(v.value) for v in variables]]

        def take(steps: int) -> None:
            for _ in range(steps):
                held[0] = run(held[0])
            jax.block_until_ready(held)

        return take
    import tensorflow as tf

    @tf.function(jit_compile=True, autograph=False)
    def scale() -> None:
        for variable in variables:
            variable.assign(0.999 * variable)

    def take_in_tensorflow(steps: int) -> None:
        for _ in range(steps):
            scale()
        wait_for(variables[-1])

    return take_in_tensorflow


def summarize(names: Sequence[str], times: np.ndarray) -> dict[str, claims.Entry]:
    """Medians, ratios and shares of the bandwidth.

    Args:
        names: What took turns.
        times: Seconds a step, shape (turns, names).
    """
    columns = dict(zip(names, times.T, strict=True))
    found = {
        name: claims.entry(median_of(1000 * seconds), "milliseconds")
        for name, seconds in columns.items()
    }
    for one, other in RATIOS:
        if one in columns and other in columns:
            ratio = ratio_of_medians(columns[one], columns[other])
            found[f"{one}_to_{other}"] = claims.entry(ratio, "ratio")
    if SCALE in columns:
        for name in IDEAL_BYTES.keys() & columns.keys():
            ideal = IDEAL_BYTES[name] / SCALE_BYTES * columns[SCALE]
            share = ratio_of_medians(ideal, columns[name])
            found[f"bandwidth.{name}"] = claims.entry(share, "ratio")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one backend, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="jax")
    parser.add_argument("--turns", type=int, default=TURNS, help="20 or more")
    parser.add_argument("--workloads", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--modes", nargs="+", help="of compiled, function, eager")
    parser.add_argument("--rows", type=int, help="of each tensor, fewer for a trial")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    found: dict[str, claims.Entry] = {}
    started = time.perf_counter()
    for workload in options.workloads:
        count, rows, columns = SHAPES[workload]
        shape = (count, options.rows or rows, columns)
        for mode in options.modes or MODES[options.backend]:
            if workload == "large" and mode != "compiled":
                continue  # the cost of many small operations is what is asked there
            steps = steps_of(mode, shape)
            times = turns_of(steps, options.turns, options.seconds)
            for name, entry in summarize(list(steps), times).items():
                found[f"{options.backend}.{workload}.{mode}.{name}"] = entry
            del steps
            print(
                f"# {workload}, {mode}: {time.perf_counter() - started:.0f} s",
                flush=True,
            )
    claims.keep_beside(options.output, options.backend, found)
    claims.show(found)


if __name__ == "__main__":
    main()
