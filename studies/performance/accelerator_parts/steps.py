"""`steps`: time of an update and of a whole training step, in turn with AdamW.

A measurement is of one optimizer and one workload. In every turn Lion's mode, Keras's
AdamW and, where the update alone is measured, a copy of as many bytes are timed; the
ratio to AdamW and the share of the copy's bandwidth are of the same turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from studies.performance.accelerator_parts.measurement import (
    Measurement,
    Sizes,
    SkippedError,
)
from studies.performance.turns import Step, ratio_of_medians, turns_of

COLUMNS = ("milliseconds", "adamw_to_it", "low", "high", "of_copy_bandwidth")
TENSORS, WIDTH = 20, 500
WORKLOADS = {"vit": 128, "language_model": 32}  # kind of model → batch size
HYPERPARAMETERS: dict[str, Any] = {"learning_rate": 1e-4, "weight_decay": 0.1}
REFERENCE = "keras AdamW"

LION_MODES: dict[str, dict[str, Any]] = {
    "Lion": {},
    "Lion, bfloat16 momentum": {"momentum_dtype": "bfloat16"},
    "Lion, int8 momentum": {"momentum_dtype": "int8"},
    "Lion, cautious": {"cautious": True},
    "Lion, cautious decay": {"cautious_weight_decay": True},
    "Lion, decay of matrices": {"weight_decay_mask": "matrices"},
    "Lion, skip_nonfinite": {"skip_nonfinite": True},
    "Lion, clipped": {"global_clipnorm": 1.0},
    "Lion, averaged weights": {"use_ema": True},
    "Lion, accumulation": {"gradient_accumulation_steps": 2},
}
OTHERS = ("keras Lion", REFERENCE, "optax lion", "optax adamw")


def measurements(sizes: Sizes) -> list[Measurement]:
    """Every mode with the update alone, then with whole steps of each model."""
    found = []
    names = [*LION_MODES, *OTHERS]
    if sizes.small:
        names = ["Lion", "optax lion"]
    for name in names:
        if name != REFERENCE:
            key = f"update of {TENSORS} x {sizes.rows} x {WIDTH} / {name}"
            found.append(Measurement(key, partial(of_update, name, sizes)))
    for kind, size in WORKLOADS.items() if not sizes.small else [("mlp", 8)]:
        for name in names:
            if name != REFERENCE:
                key = f"step of {kind}, batch of {size} / {name}"
                run = partial(of_training, name, kind, size, sizes)
                found.append(Measurement(key, run))
    return found


def of_update(name: str, sizes: Sizes) -> dict[str, Any]:
    """The update alone: weights, gradients and state of big tensors."""
    import keras

    generator = np.random.default_rng(0)
    shape = (sizes.rows, WIDTH)

    def step(name: str) -> tuple[Step, int]:
        arrays = [generator.normal(size=shape).astype("float32")] * TENSORS
        variables = [keras.Variable(array) for array in arrays]
        gradients = [keras.ops.convert_to_tensor(0.01 * array) for array in arrays]
        return optimizer_step(
            name, variables, [], lambda weights, others, *found: [*found], gradients
        )

    (mine, traffic), (reference, _) = step(name), step(REFERENCE)
    size = 4 * TENSORS * sizes.rows * WIDTH
    sides = {"copy": copy_step(size), REFERENCE: reference, name: mine}
    times = turns_of(sides, sizes.turns, sizes.seconds)
    bandwidth = 2 * size / np.median(times[:, 0])
    return {
        **_row(times[:, 2], times[:, 1]),
        "gigabytes_per_second_of_copy": bandwidth / 1e9,
        "bytes_moved": traffic,
        "of_copy_bandwidth": traffic / np.median(times[:, 2]) / bandwidth,
    }


def of_training(name: str, kind: str, batch_size: int, sizes: Sizes) -> dict[str, Any]:
    """A whole training step of one of the package's models."""
    sides = {each: training_step(each, kind, batch_size) for each in (REFERENCE, name)}
    times = turns_of(sides, sizes.turns, sizes.seconds)
    return _row(times[:, 1], times[:, 0])


def training_step(name: str, kind: str, batch_size: int) -> Step:
    """Forward, backward and update of a model in one program."""
    import keras

    from keras_lion.tuning import backend
    from keras_lion.tuning.engine.program import TaskProgram
    from keras_lion.tuning.tasks import get_task
    from keras_lion.tuning.tasks.task import Data
    from studies.performance.accelerator_parts import workloads

    keras.utils.set_random_seed(0)
    x, y = workloads.batch_of(kind, batch_size)
    program = TaskProgram(get_task(workloads.TASKS[kind]), Data(x, y, x, y))
    model = program.model

    def gradients_of(weights: list[Any], others: list[Any], x: Any, y: Any) -> Any:
        return backend.value_and_gradients(program.loss, weights, others, x, y)[2]

    variables, others = model.trainable_variables, model.non_trainable_variables
    return optimizer_step(name, variables, others, gradients_of, program.pool)[0]


def optimizer_step(
    name: str,
    variables: list[Any],
    others: list[Any],
    gradients_of: Callable[..., Any],
    examples: Any,
) -> tuple[Step, int]:
    """The compiled step of an optimizer, and the bytes that its update must move.

    These are weights and state, read and written, and gradients, read.
    """
    from studies.performance.compiled_step import compiled

    weights = sum(_bytes(v.value) for v in variables)
    if name.startswith("optax "):
        step, state = _optax_step(
            name.removeprefix("optax "), variables, others, gradients_of, examples
        )
    else:
        optimizer = make(name)
        optimizer.build(variables)
        state = sum(_bytes(v.value) for v in optimizer.variables)
        step = compiled(optimizer, variables, others, gradients_of, examples)
    return step, 3 * weights + 2 * state


def make(name: str) -> Any:
    """A new optimizer of Keras or of this package."""
    import keras

    from keras_lion import Lion

    if name in LION_MODES:
        return Lion(**HYPERPARAMETERS, **LION_MODES[name])
    makers = {"keras Lion": keras.optimizers.Lion, REFERENCE: keras.optimizers.AdamW}
    return makers[name](**HYPERPARAMETERS)


def copy_step(size: int) -> Step:
    """Reads so many bytes and writes as many."""
    import jax
    import jax.numpy as jnp

    run = jax.jit(lambda x: x + 1.0, donate_argnums=0)
    held = [jnp.zeros(max(size // 4, 1), "float32")]

    def take(steps: int) -> None:
        for _ in range(steps):
            held[0] = run(held[0])
        jax.block_until_ready(held)

    return take


def _optax_step(
    name: str,
    variables: list[Any],
    others: list[Any],
    gradients_of: Callable[..., Any],
    examples: Any,
) -> tuple[Step, int]:
    import jax

    from studies.performance.compiled_step import compiled_optax

    try:
        import optax  # type: ignore[import-untyped]
    except ImportError:
        raise SkippedError("optax is not installed") from None
    transform = getattr(optax, name)(**HYPERPARAMETERS)
    step, state = compiled_optax(transform, variables, others, gradients_of, examples)
    return step, sum(_bytes(leaf) for leaf in jax.tree.leaves(state))


def _bytes(array: Any) -> int:
    return int(array.size) * int(np.dtype(array.dtype).itemsize)


def _row(mine: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    ratio = ratio_of_medians(reference, mine)
    return {
        "milliseconds": 1000 * float(np.median(mine)),
        "adamw_to_it": ratio.estimate,
        "low": ratio.low,
        "high": ratio.high,
        "turns": len(mine),
    }
