"""Is Lion's update larger than AdamW's, and by how much?

Question   Chen et al. (2023) give it as the reason for Lion's smaller learning rate:
           every weight moves by the learning rate, while AdamW's moves by less. How
           much less, over a training?
Command    python studies/update_norm.py
Duration   a minute on 2 cores
Result     studies/results/update_norm/update_norm.json, updates.csv (mnist1d_mlp,
           6 seeds, 2026-11-21). Over the training Lion's update is 6.1 times as large,
           [6.06, 6.17]: 4.5 times in its first tenth and 9.7 times in its last. With
           the learning rates of the best cells Lion's steps are still 1.8 times as
           large as AdamW's.

The update is u in θ ← θ − η (u + λ θ), of all weights, at the best cells of the main
study; its RMS is over the weights and the steps of a part of the training.

Predictions, written before the first run:
  - Lion's RMS is 1, except for weights whose gradient has always been zero.
  - AdamW's is 1 at the first step, where its update is a sign, and falls to that of
    noise, √((1 − β₁) / (1 + β₁)) = 0.229, within some ten steps: 1 / 4.36 of Lion's.
  - It is above it while gradients have a signal, and where they grow (the second moment
    lags behind); below it where they shrink, at the end of a training that fits. (It
    was below it from the second tenth on.)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from keras_lion import theory
from keras_lion.statistics import t_interval
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import RULES
from keras_lion.tuning.engine.training import TrainingProgram, step_numbers
from keras_lion.tuning.tasks import get_task
from studies import best_cells, claims

OUTPUT = claims.RESULTS / "update_norm"
OPTIMIZERS = ("lion", "adamw")
SEEDS = 6
PARTS = 10  # of the training
FIRST = (1, 10, 100)  # single steps that are looked at


def mean_squares(
    name: str, program: TaskProgram, seeds: int = SEEDS, epochs: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Train an optimizer's best cell and look at every update.

    Returns:
        Mean u² of every step, and share of the weights with u = 0, each of shape
        (seeds, steps); and the learning rates of the steps.
    """
    cell = best_cells.best_cells()[name]
    cell = {**cell, "epochs": epochs or cell["epochs"]}
    runs = [
        best_cells.inputs_of(
            best_cells.run_of(name, cell, seed, program.task), program.data
        )
        for seed in range(seeds)
    ]
    rule = RULES[name]
    training = TrainingProgram(program, rule)
    x, y = program.pool

    def step(state: Any, inputs: Any, hyperparameters: Any) -> Any:
        weights, slots = state
        rows, rate, number = inputs
        loss = jax.grad(lambda w: program.loss(w, [], x[rows], y[rows])[0])
        gradients = loss(weights)
        settings = {"step": number, "hyperparameters": hyperparameters}
        # From weights of zero, at a learning rate of 1, a step is the update itself.
        zeros = [jnp.zeros_like(w) for w in weights]
        moved, _ = rule.apply(zeros, slots, gradients, learning_rate=1.0, **settings)
        update = jnp.concatenate([u.ravel() for u in moved])
        state = rule.apply(weights, slots, gradients, learning_rate=rate, **settings)
        return state, (jnp.mean(update**2), jnp.mean(update == 0))

    def train(state: Any, order: Any, rates: Any, numbers: Any, vector: Any) -> Any:
        return jax.lax.scan(
            lambda carry, inputs: step(carry, inputs, vector),
            state,
            (order, rates, numbers),
        )[1]

    compiled = jax.jit(jax.vmap(train, in_axes=(0, 0, 0, None, 0)))
    starts = [training.start(run.model_seed) for run in runs]
    state = jax.tree.map(
        lambda *leaves: jnp.stack(leaves),
        *[(s.weights, s.values.slots) for s in starts],
    )
    squares, zeros = compiled(
        state,
        np.stack([run.order for run in runs]),
        np.stack([run.rates for run in runs]),
        step_numbers(0, len(runs[0].order)),
        np.stack([run.hyperparameters for run in runs]),
    )
    return np.asarray(squares, float), np.asarray(zeros, float), runs[0].rates


def rows_of(
    name: str, squares: np.ndarray, zeros: np.ndarray, rates: np.ndarray
) -> list[dict[str, Any]]:
    """One row a seed and place: single steps, parts and the whole of the training.

    Args:
        name: Of the optimizer.
        squares: Mean u² of every step, shape (seeds, steps).
        zeros: Share of the weights with u = 0, of the same shape.
        rates: Learning rates, shape (steps,).
    """
    steps = squares.shape[1]
    ends = np.linspace(0, steps, PARTS + 1).astype(int)
    places = {f"step_{n}": slice(n - 1, n) for n in FIRST if n <= steps}
    for k in range(PARTS):
        places[f"part_{k + 1}_of_{PARTS}"] = slice(ends[k], ends[k + 1])
    places["whole"] = slice(0, steps)
    return [
        {
            "optimizer": name,
            "seed": seed,
            "place": place,
            "first_step": part.start + 1,
            "last_step": part.stop,
            "update_rms": float(np.sqrt(squares[seed, part].mean())),
            "step_rms": float(np.sqrt((rates[part] ** 2 * squares[seed, part]).mean())),
            "zero_updates": float(zeros[seed, part].mean()),
        }
        for place, part in places.items()
        for seed in range(len(squares))
    ]


def summarize(frame: pd.DataFrame) -> dict[str, claims.Entry]:
    """The claims: the RMS of each optimizer, and Lion's over AdamW's."""
    found: dict[str, claims.Entry] = {}
    predicted = 1 / theory.adamw_update_rms()
    found["predicted_ratio"] = claims.exact(predicted, "ratio")
    for place in frame["place"].unique():
        here = frame[frame["place"] == place].sort_values("seed")
        lion, adamw = (here[here["optimizer"] == name] for name in OPTIMIZERS)
        for name, runs in zip(OPTIMIZERS, (lion, adamw), strict=True):
            entry = claims.entry(t_interval(runs["update_rms"]), "learning rates")
            found[f"{place}.update_rms.{name}"] = entry
        for measure in ("update_rms", "step_rms"):
            ratio = claims.paired_ratio(lion[measure], adamw[measure])
            found[f"{place}.{measure}.lion_to_adamw"] = claims.entry(ratio, "ratio")
    whole = claims.paired_ratio(
        *(
            frame[(frame["place"] == "whole") & (frame["optimizer"] == name)]
            .sort_values("seed")["update_rms"]
            .to_numpy()
            for name in OPTIMIZERS
        )
    )
    found["whole.update_rms.ratio_to_predicted"] = claims.entry(
        whole.scaled(1 / predicted), "ratio"
    )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--epochs", type=int, help="fewer, to try it")
    options = parser.parse_args(arguments)
    task = get_task(best_cells.TASK)
    program = TaskProgram(task, task.load())
    rows = [
        row
        for name in OPTIMIZERS
        for row in rows_of(name, *mean_squares(name, program, epochs=options.epochs))
    ]
    options.output.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows)
    path = options.output / "updates.csv"
    frame.to_csv(path, index=False, float_format="%.6g")
    found = summarize(pd.read_csv(path))
    cells = best_cells.best_cells()
    claims.keep(options.output / "update_norm.json", found, cells=cells)
    claims.show(found)


if __name__ == "__main__":
    main()
