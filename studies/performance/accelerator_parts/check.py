"""`check`: what must be true of the optimizer wherever it runs.

Equality with the NumPy reference, rounding, storage of the momentum, checkpoints, and a
compiled update without copies. Each check compares a number with the largest that is
allowed, and fails above it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from studies.performance.accelerator_parts.measurement import Measurement, Sizes
from studies.performance.accelerator_parts.optimizer_runs import (
    difference,
    from_reference,
    in_numpy,
    problem,
    trained,
)

COLUMNS = ("found", "allowed")
# Powers of two, and their ratio too: every sum is exact in float32, whichever way it is
# computed, and no rounding can differ.
EXACT: dict[str, Any] = {
    "learning_rate": 0.125,
    "beta_1": 0.25,
    "beta_2": 0.5,
    "weight_decay": 0.5,
}
USUAL: dict[str, Any] = {
    "learning_rate": 1e-3,
    "beta_1": 0.9,
    "beta_2": 0.99,
    "weight_decay": 0.1,
}


def measurements(sizes: Sizes) -> list[Measurement]:
    """Every check; they are of one size."""
    del sizes
    checks: dict[str, Callable[[], tuple[float, float]]] = {
        "exact arithmetic is that of the reference": exact_arithmetic,
        "usual betas follow the reference": usual_betas,
        "bfloat16 momentum is next to the reference's": bfloat16_momentum,
        "int8 momentum is next to the reference's": int8_momentum,
        "stochastic rounding keeps the mean": rounding_keeps_the_mean,
        "bfloat16 weights move below half a unit": small_steps,
        "a non-finite gradient changes nothing": nonfinite_gradient,
        "a program repeats bit for bit": repeats,
        "a checkpoint continues bit for bit": checkpoint,
        "a compiled update copies no parameter": copies,
        "loop, map and vmap begin alike": executors_agree,
    }

    def of(check: Callable[[], tuple[float, float]]) -> Callable[[], dict[str, Any]]:
        return lambda: judged(*check())

    return [Measurement(name, of(check), light=True) for name, check in checks.items()]


def judged(found: float, allowed: float) -> dict[str, Any]:
    """The row of a check.

    Raises:
        AssertionError: If what was found is not within what is allowed.
    """
    if not found <= allowed:
        raise AssertionError(f"Expected at most {allowed:.3g}. Received {found:.3g}.")
    return {"found": float(found), "allowed": float(allowed)}


def exact_arithmetic() -> tuple[float, float]:
    """Largest difference of weights and momenta where nothing is rounded."""
    weights, gradients = problem(exact=True)
    return from_reference(
        trained(weights, gradients, EXACT), EXACT, weights, gradients
    ), 0.0


def usual_betas() -> tuple[float, float]:
    """Share of the weights that do not follow the reference: signs of sums near 0."""
    weights, gradients = problem(exact=False)
    found, _ = trained(weights, gradients, USUAL)
    expected, _ = in_numpy(weights, gradients, USUAL)
    apart = [abs(a - b) > 1e-6 for a, b in zip(found, expected, strict=True)]
    return float(np.mean(np.concatenate([each.ravel() for each in apart]))), 1e-3


def bfloat16_momentum() -> tuple[float, float]:
    """Largest relative error of the momentum after one step: a bfloat16 has 8 bits."""
    weights, gradients = problem(exact=False)
    _, found = trained(weights, gradients[:1], USUAL, momentum_dtype="bfloat16")
    _, expected = in_numpy(weights, gradients[:1], USUAL)
    return max(
        float(np.max(abs(a - b) / (abs(b) + 1e-30)))
        for a, b in zip(found, expected, strict=True)
    ), 2.0**-7


def int8_momentum() -> tuple[float, float]:
    """Largest error of a step's momentum through the code of one byte, of its block."""
    from keras import ops

    from keras_lion.optimizers.storage.int8_code import BLOCK, decode, encode

    value = np.random.default_rng(2).normal(size=(64, BLOCK)).astype("float32")
    error = abs(
        ops.convert_to_numpy(decode(*encode(ops.convert_to_tensor(value)))).reshape(
            value.shape
        )
        - value
    )
    return float(np.max(error / abs(value).max(axis=1, keepdims=True))), 1 / 127


def rounding_keeps_the_mean() -> tuple[float, float]:
    """Standard errors between the share that is rounded up and what it should be."""
    from keras import ops

    from keras_lion.optimizers.storage.stochastic_rounding import (
        OF_MOMENTA,
        round_stochastically,
    )

    value, count = np.float32(1.001), 200_000
    low, high = 1.0, 1.0 + 2.0**-7
    tensor = ops.convert_to_tensor(np.full(count, value))
    rounded = round_stochastically(tensor, stream=OF_MOMENTA, step=3, index=1)
    found = ops.convert_to_numpy(ops.cast(rounded, "float32"))
    if set(np.unique(found).tolist()) != {low, high}:
        return np.inf, 5.0
    probability = float((value - low) / (high - low))
    error = np.sqrt(probability * (1 - probability) / count)
    return float(abs(np.mean(found == high) - probability) / error), 5.0


def small_steps() -> tuple[float, float]:
    """Standard errors between the mean path of bfloat16 weights and 200 steps of η."""
    from keras import ops

    rate, steps, count = 1e-4, 200, 4096
    gradients = [[np.ones(count, "float32")]] * steps
    weights, _ = trained(
        [np.ones(count, "float32")],
        gradients,
        {"learning_rate": rate},
        dtype="bfloat16",
    )
    moved = 1 - ops.convert_to_numpy(weights[0]).mean()
    # In jumps of 2⁻⁸, as long as a weight is between 0.5 and 1.
    jump = 2.0**-8
    error = np.sqrt(steps * rate * jump / count)
    return float(abs(moved - steps * rate) / error), 6.0


def nonfinite_gradient() -> tuple[float, float]:
    """Largest change through a step whose gradient has one NaN."""
    weights, gradients = problem(exact=True)
    bad = [g.copy() for g in gradients[0]]
    bad[0].flat[7] = np.nan
    given = [*gradients, bad]
    found = trained(weights, given, EXACT, skip_nonfinite=True)
    return from_reference(found, EXACT, weights, gradients), 0.0


def repeats() -> tuple[float, float]:
    """Largest difference between two runs of one program."""
    weights, gradients = problem(exact=False)
    one, other = (
        trained(weights, gradients, USUAL, momentum_dtype="bfloat16") for _ in range(2)
    )
    return difference(one, other), 0.0


def checkpoint() -> tuple[float, float]:
    """Largest difference of weights between a resumed and an unbroken training."""
    import keras

    from keras_lion import Lion

    generator = np.random.default_rng(4)
    x = generator.normal(size=(64, 8)).astype("float32")
    y = generator.normal(size=(64, 1)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16), keras.layers.Dense(1)]
    )
    model.compile(Lion(**USUAL, momentum_dtype="bfloat16"), loss="mse")
    fit = {"batch_size": 16, "shuffle": False, "verbose": 0}
    model.fit(x, y, **fit)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        resumed = keras.saving.load_model(path)
    for each in (model, resumed):
        each.fit(x, y, **fit)
    pairs = zip(model.get_weights(), resumed.get_weights(), strict=True)
    return max(float(np.max(abs(a - b))) for a, b in pairs), 0.0


def copies() -> tuple[float, float]:
    """Temporary bytes of a compiled update, in parameters: below 2, none is copied."""
    import jax
    import keras

    from keras_lion import Lion

    shape, count = (512, 256), 6
    weights = [keras.Variable(np.ones(shape, "float32")) for _ in range(count)]
    optimizer = Lion(**USUAL)
    optimizer.build(weights)
    program = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),
    )
    values = [w.value for w in weights], [v.value for v in optimizer.variables]
    gradients = [keras.ops.ones(shape) for _ in weights]
    analysis = program.lower(*values, gradients).compile().memory_analysis()
    return analysis.temp_size_in_bytes / (4 * np.prod(shape)), 2.0


def executors_agree() -> tuple[float, float]:
    """Largest relative difference of a first validation loss between executors."""
    from keras_lion.tuning.engine.executors import choose_executor
    from keras_lion.tuning.engine.trainer import Trainer
    from studies.performance.accelerator_parts.measurement import SMALL
    from studies.performance.accelerator_parts.workloads import runs_of, task_of

    task = task_of("mlp", SMALL)
    runs = runs_of(task, 4)
    losses = []
    for name in ("loop", "map", "vmap"):
        executor = choose_executor(Trainer(task), runs, wanted=name, population=4)
        losses.append([record["history"]["loss"][0] for record in executor.run(runs)])
    found = np.asarray(losses)
    return float(np.max(abs(found / found[0] - 1))), 1e-4
