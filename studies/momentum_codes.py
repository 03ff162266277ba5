"""Which code of one byte keeps the signs of Lion's steps?

Question   A momentum in one byte per weight has 255 values per block of weights. Lion
           takes the sign of β₁ m + (1 − β₁) g: which code leaves most signs as they
           are with a float32 momentum, on the gradients of real training?
Command    python studies/momentum_codes.py
Duration   ten minutes on 2 cores
Result     studies/results/momentum_codes/momentum_codes.json

A model trains with float32 Lion. Next to it, momenta that see the same gradients are
stored in each code after every step. Counted are the weights of the tensors that Lion
stores in one byte, whose sign is another one than with float32, over the second half of
the steps. Rounding never feeds back into the gradients, so that codes are compared on
one path. Each code stores r = f(|m| / max|m|), rounded to k / 127:

    linear        r = x          square root   r = √x
    soft sign     r = 2x/(1+x)   fourth root   r = x^(1/4)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np

from keras_lion.optimizers.storage.int8_code import FEWEST
from keras_lion.optimizers.updates import Betas, lion_update, updated_momentum
from keras_lion.statistics import t_interval
from keras_lion.tuning import backend
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.tasks import get_task
from studies import claims

OUTPUT = claims.RESULTS / "momentum_codes" / "momentum_codes.json"
# Learning rates near the best ones of studies/learning_rate_weight_decay.py.
TASKS = {"fashion_mnist_mlp": 1e-3, "fashion_mnist_vit": 3e-4, "python_lm": 2e-3}
WEIGHT_DECAY = 0.1
BETAS = Betas.of(0.9, 0.99)
SEEDS, STEPS = 3, 300
BLOCK = 64
LEVELS = 127

Array = Any
Code = Callable[[Array], Array]  # of numbers in [0, 1]

# Name → what is rounded, and its inverse.
CODES: dict[str, tuple[Code, Code]] = {
    "linear": (lambda x: x, lambda r: r),
    "soft_sign": (lambda x: 2 * x / (1 + x), lambda r: r / (2 - r)),
    "square_root": (jnp.sqrt, jnp.square),
    "fourth_root": (lambda x: jnp.sqrt(jnp.sqrt(x)), lambda r: r**4),
}
BLOCKS = {"square_root": (32, 128), "linear": (32,)}  # besides BLOCK


def rounded(value: Array, name: str, block: int = BLOCK) -> Array:
    """A tensor after it was stored in a code."""
    forward, inverse = CODES[name]
    flat = jnp.ravel(value)
    blocks = jnp.pad(flat, (0, -flat.size % block)).reshape(-1, block)
    largest = jnp.max(jnp.abs(blocks), axis=1, keepdims=True)
    safe = jnp.where(largest > 0, largest, 1)
    levels = jnp.round(LEVELS * forward(jnp.abs(blocks) / safe)) / LEVELS
    found = jnp.sign(blocks) * inverse(levels) * largest
    return found.reshape(-1)[: flat.size].reshape(value.shape)


def storages() -> dict[str, Code]:
    """Name → a tensor after it was stored."""
    found: dict[str, Code] = {"bfloat16": in_bfloat16}
    for name in CODES:
        found[name] = partial(rounded, name=name, block=BLOCK)
        for block in BLOCKS.get(name, ()):
            found[f"{name}_block_{block}"] = partial(rounded, name=name, block=block)
    return found


def in_bfloat16(value: Array) -> Array:
    """A tensor after it was rounded to the nearest bfloat16."""
    return value.astype("bfloat16").astype("float32")


def interpolated(momentum: Array, gradient: Array) -> Array:
    """c of Lion's step."""
    return BETAS.beta_1 * momentum + BETAS.one_minus_beta_1 * gradient


def changed_signs(name: str, seed: int, steps: int) -> dict[str, float]:
    """The share of signs that each storage changes, in percent.

    Args:
        name: Of the task.
        seed: Of initial weights and order of the examples.
        steps: Of training; the second half is counted.
    """
    task = get_task(name)
    program = TaskProgram(task, task.data())
    weights, others = program.initial_weights(seed)
    stored = storages()

    def counted(momentum: Array) -> bool:
        return bool(momentum.size >= FEWEST)

    @jax.jit
    def step(weights: Any, others: Any, momenta: Any, shadows: Any, x: Any, y: Any):  # type: ignore[no-untyped-def]
        (_, others), gradients = jax.value_and_grad(program.loss, has_aux=True)(
            weights, others, x, y
        )
        signs = [
            jnp.sign(interpolated(m, g))
            for m, g in zip(momenta, gradients, strict=True)
        ]
        changed, new_shadows = {}, {}
        for key, store in stored.items():
            changed[key] = sum(
                jnp.sum(jnp.sign(interpolated(m, g)) != sign)
                for m, g, sign in zip(shadows[key], gradients, signs, strict=True)
                if counted(m)
            )
            new_shadows[key] = [
                store(updated_momentum(m, g, BETAS))
                for m, g in zip(shadows[key], gradients, strict=True)
            ]
        pairs = [
            lion_update(
                w,
                m,
                g,
                learning_rate=TASKS[name],
                weight_decay=WEIGHT_DECAY,
                betas=BETAS,
            )
            for w, m, g in zip(weights, momenta, gradients, strict=True)
        ]
        return (
            [w for w, _ in pairs],
            others,
            [m for _, m in pairs],
            new_shadows,
            changed,
        )

    momenta = [jnp.zeros_like(w) for w in weights]
    shadows = dict.fromkeys(stored, momenta)
    generator = np.random.default_rng(seed)
    x, y = program.pool
    total = dict.fromkeys(stored, 0)
    for number in range(steps):
        batch = generator.choice(len(x), task.batch_size, replace=False)
        weights, others, momenta, shadows, changed = step(
            weights, others, momenta, shadows, x[batch], y[batch]
        )
        if number >= steps // 2:
            total = {key: total[key] + int(changed[key]) for key in total}
    size = sum(m.size for m in momenta if counted(m)) * (steps - steps // 2)
    return {key: 100 * count / size for key, count in total.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, count, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="2 or more")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(arguments)
    backend.check_backend()
    found: dict[str, claims.Entry] = {}
    for name in options.tasks:
        runs = [
            changed_signs(name, seed, options.steps) for seed in range(options.seeds)
        ]
        for key in runs[0]:
            interval = t_interval([run[key] for run in runs])
            found[f"{name}.{key}"] = claims.entry(interval, "% of signs")
    claims.keep(options.output, found, steps=options.steps, weight_decay=WEIGHT_DECAY)
    claims.show(found)


if __name__ == "__main__":
    main()
