"""Does Lion find flatter minima than AdamW, and does its sign regularize?

Question   Chen et al. (2023) say that the sign adds noise, that noise regularizes, and
           that Lion's minima are flatter. Is that so at the best cells of the main
           study, and at one training loss?
Command    python studies/flatness.py
Duration   about 3 minutes on 2 cores; optimizers that runs.csv holds are left out
Result     studies/results/flatness/flatness.json, runs.csv (mnist1d_mlp, 6 seeds,
           2026-11-21). At one training loss Lion's minima are sharper than AdamW's, by
           every measure: the largest relative eigenvalue is 13 to 15 times as large,
           the absolute one 1.5 to 3 times. Without its sign Lion finds flatter minima
           and scores higher: 75.6 against 70.2 % at Lion's own best cell, AdamW 74.1 %.
           There Lion's absolute curvature is a hundredth of AdamW's, and its training
           loss too.

Predictions, written before the first run:
  - At its own best cell Lion fits the training examples 100 times closer than AdamW.
    The curvature of a cross-entropy vanishes with the loss, so that Lion looks flatter
    there whatever its sign does. Only a comparison at one training loss says more.
    (Held, except for noise of 0.1, under which Lion's loss rises ten times as much.)
  - At one training loss the relative curvatures are within a factor of 2.
    (Failed: see above.)
  - The sign is no regularizer: at one training loss Lion's validation loss is not below
    that of the same optimizer with c / RMS(c) in place of sign(c). (Held.)

Every optimizer trains at the learning rate of its best cell with five weight decays,
which give a range of training losses; what it would have at a loss between is read off
by interpolation, for each seed, of logarithms. `unsigned` is Lion without its sign, at
Lion's learning rate and best cell, with updates of the same size. (A first look at its
training losses, with two seeds, chose its weight decays.)

Flatness is measured in weights relative to their tensor: the loss is a function of v in
w = w₀ + r v, with r the RMS of the tensor at w₀. A ReLU network computes the same if a
layer is scaled up and the next one down, which changes the Hessian of w by any factor,
and that of v not: of two minima with the same function, the one with larger weights
would look flatter for that alone. The Hessian of w is given next to it. Lion keeps
weights large whose gradients are small, which counts against it in relative terms; the
absolute ones do not see that.
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
from jax.flatten_util import ravel_pytree
from keras import ops
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator, eigsh

from keras_lion.statistics import t_interval
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import RULES, TensorRule, UpdateRule
from keras_lion.tuning.tasks import get_task
from studies import best_cells, claims

OUTPUT = claims.RESULTS / "flatness"
SEEDS = 6
NOISES = (0.01, 0.03, 0.1)
DRAWS = 8  # of the noise, the same ones for all optimizers
PROBES = 32  # Rademacher vectors of a trace
# Factors of the best cell's weight decay that bring the training losses together.
DECAYS = {
    "adamw": tuple(10 ** (-k / 4) for k in range(5)),
    "lion": tuple(10 ** (k / 8) for k in range(5)),
    "unsigned": tuple(10 ** (k / 8) for k in (0, 2, 4, 5, 6)),
}
TRAINING_LOSSES = (0.01, 0.05)  # nats, where optimizers are compared
RATIOS = (
    *(f"rise_at_{noise:g}" for noise in NOISES),
    "relative_largest_eigenvalue",
    "relative_trace",
    "largest_eigenvalue",
    "trace",
    "weight_rms",
)
DIFFERENCES = {"validation_loss": "nats", "gap": "nats", "accuracy": "share"}
PAIRS = (("lion", "adamw"), ("lion", "unsigned"))


def unsigned_update(
    weight: Any,
    slots: list[Any],
    gradient: Any,
    step: Any,
    *,
    learning_rate: Any,
    weight_decay: Any,
    betas: Any,
) -> tuple[Any, list[Any]]:
    """Lion's step with c / RMS(c) of the tensor in place of sign(c)."""
    del step
    (momentum,) = slots
    c = betas.beta_1 * momentum + betas.one_minus_beta_1 * gradient
    direction = c / (ops.sqrt(ops.mean(c * c)) + 1e-12)
    momentum = momentum + betas.one_minus_beta_2 * (gradient - momentum)
    return weight - learning_rate * (direction + weight_decay * weight), [momentum]


OPTIMIZERS: dict[str, UpdateRule] = {
    "lion": RULES["lion"],
    "adamw": RULES["adamw"],
    "unsigned": TensorRule(num_slots=1, update=unsigned_update),
}


class Flatness:
    """Compiled measures of how fast a loss grows around some weights.

    Args:
        loss: Function of a list of weight tensors and of the examples, to a number.
        scale: `"relative"`: weights in units of their tensor's RMS; `"absolute"`.
    """

    def __init__(self, loss: Any, scale: str = "relative") -> None:
        def around(
            v: Any, weights: list[Any], examples: Any
        ) -> Any:  # the loss at w₀ + r v
            sizes = [jnp.sqrt(jnp.mean(w**2)) for w in weights]
            units = sizes if scale == "relative" else [1.0] * len(weights)
            parts = ravel_pytree(weights)[1](v)
            moved = [w + r * p for w, r, p in zip(weights, units, parts, strict=True)]
            return loss(moved, examples)

        def product(v: Any, weights: list[Any], examples: Any) -> Any:
            def slope(at: Any) -> Any:
                return jax.grad(around)(at, weights, examples)

            return jax.jvp(slope, (jnp.zeros_like(v),), (v,))[1]

        def trace(vectors: Any, weights: list[Any], examples: Any) -> Any:
            def form(v: Any) -> Any:
                return v @ product(v, weights, examples)

            return jnp.mean(jax.lax.map(form, vectors))

        def rise(vectors: Any, weights: list[Any], examples: Any) -> Any:
            here = around(jnp.zeros_like(vectors[0]), weights, examples)
            there = jax.lax.map(lambda v: around(v, weights, examples), vectors)
            return jnp.mean(there) - here

        self._product = jax.jit(product)
        self._trace = jax.jit(trace)
        self._rise = jax.jit(rise)

    def rise(self, noise: float, weights: list[Any], examples: Any, seed: int) -> float:
        """Mean rise of the loss under Gaussian noise of this standard deviation."""
        drawn = np.random.default_rng(seed).normal(size=(DRAWS, _size(weights)))
        return float(
            self._rise(jnp.asarray(noise * drawn, "float32"), weights, examples)
        )

    def trace(self, weights: list[Any], examples: Any, seed: int) -> float:
        """Hutchinson's estimate of the trace of the Hessian."""
        generator = np.random.default_rng(seed)
        signs = generator.choice([-1.0, 1.0], size=(PROBES, _size(weights)))
        return float(self._trace(jnp.asarray(signs, "float32"), weights, examples))

    def largest_eigenvalue(self, weights: list[Any], examples: Any, seed: int) -> float:
        """Of the Hessian, by Lanczos' method, to a thousandth."""
        n = _size(weights)

        def multiply(v: np.ndarray) -> np.ndarray:
            vector = jnp.asarray(v.ravel(), "float32")
            return np.asarray(self._product(vector, weights, examples), float)

        operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)
        start = np.random.default_rng(seed).normal(size=n)
        found = eigsh(
            operator, k=1, which="LA", tol=1e-3, v0=start, return_eigenvectors=False
        )
        return float(found[0])


def _size(weights: list[Any]) -> int:
    return sum(int(np.size(w)) for w in weights)


def rows_of(
    name: str, program: TaskProgram, seeds: int = SEEDS, epochs: int | None = None
) -> list[dict[str, Any]]:
    """Train an optimizer's runs and measure each: one row a weight decay and seed."""
    cells = best_cells.best_cells()
    cell = cells["lion" if name == "unsigned" else name]
    task, data = program.task, program.data
    cell = {**cell, "epochs": epochs or cell["epochs"]}
    placed = [(factor, seed) for factor in DECAYS[name] for seed in range(seeds)]
    inputs = []
    for factor, seed in placed:
        decayed = {**cell, "weight_decay": cell["weight_decay"] * factor}
        run = best_cells.run_of(
            "lion" if name != "adamw" else name, decayed, seed, task
        )
        inputs.append(best_cells.inputs_of(run, data))
    finals = best_cells.final_weights(program, OPTIMIZERS[name], inputs)

    def loss(weights: list[Any], examples: Any) -> Any:
        return program.loss(weights, [], *examples)[0]

    relative, absolute = Flatness(loss), Flatness(loss, "absolute")
    rows = []
    for (factor, seed), run_inputs, weights in zip(placed, inputs, finals, strict=True):
        split = run_inputs.split
        examples = tuple(jnp.take(a, split.train, axis=0) for a in program.pool)
        tensors = [jnp.asarray(w) for w in weights]
        train = program.evaluate(tensors, [], split.train)
        validation = program.evaluate(tensors, [], split.validation)
        matrices = np.concatenate([w.ravel() for w in weights if w.ndim > 1])
        at = (tensors, examples, seed)
        rows.append(
            {
                "optimizer": name,
                "learning_rate": cell["learning_rate"],
                "weight_decay": claims.rounded(cell["weight_decay"] * factor, 6),
                "decay_factor": claims.rounded(factor, 6),
                "seed": seed,
                "training_loss": train.loss,
                "validation_loss": validation.loss,
                "gap": validation.loss - train.loss,
                "accuracy": validation.accuracy,
                "weight_rms": float(np.sqrt(np.mean(matrices**2))),
                **{f"rise_at_{s:g}": relative.rise(s, *at) for s in NOISES},
                "relative_largest_eigenvalue": relative.largest_eigenvalue(*at),
                "relative_trace": relative.trace(*at),
                "largest_eigenvalue": absolute.largest_eigenvalue(*at),
                "trace": absolute.trace(*at),
            }
        )
    return rows


def at_training_loss(runs: pd.DataFrame, measure: str, loss: float) -> float:
    """What a seed's runs would have at a training loss, between two of them.

    Linear in the logarithm of the training loss; of the logarithm of the measure, where
    it is positive in all runs.

    Raises:
        ValueError: If no run lies on one of the sides.
    """
    ordered = runs.sort_values("training_loss")
    losses, values = (
        ordered[name].to_numpy(float) for name in ("training_loss", measure)
    )
    if not losses[0] <= loss <= losses[-1]:
        raise ValueError(
            f"The training losses must enclose {loss:g}. "
            f"Received: {losses[0]:.3g} to {losses[-1]:.3g}."
        )
    positive = bool((values > 0).all())
    found = np.interp(
        np.log(loss), np.log(losses), np.log(values) if positive else values
    )
    return float(np.exp(found) if positive else found)


def compare(first: ArrayLike, second: ArrayLike, measure: str) -> claims.Entry:
    """First over second, or minus it for some; both in one order of the seeds."""
    if measure in DIFFERENCES:
        difference = t_interval(np.asarray(first) - np.asarray(second))
        return claims.entry(difference, DIFFERENCES[measure])
    return claims.entry(claims.paired_ratio(first, second), "ratio")


def summarize(frame: pd.DataFrame) -> dict[str, claims.Entry]:
    """The claims, from one row a run."""
    found: dict[str, claims.Entry] = {}
    measures = (*RATIOS, *DIFFERENCES)
    best = {
        str(name): runs[runs["decay_factor"] == 1].sort_values("seed")
        for name, runs in frame.groupby("optimizer")
    }
    for name, runs in best.items():
        for measure in ("training_loss", *DIFFERENCES):
            unit = DIFFERENCES.get(measure, "nats")
            interval = t_interval(runs[measure])
            found[f"best_cell.{measure}.{name}"] = claims.entry(interval, unit)
    for one, other in PAIRS:
        for measure in ("training_loss", *measures):
            place = f"best_cell.{measure}.{one}_to_{other}"
            found[place] = compare(best[one][measure], best[other][measure], measure)
    for loss in TRAINING_LOSSES:
        at = {
            (name, measure): [
                at_training_loss(runs, measure, loss)
                for _, runs in frame[frame["optimizer"] == name].groupby("seed")
            ]
            for name in OPTIMIZERS
            for measure in measures
        }
        for one, other in PAIRS:
            for measure in measures:
                place = f"training_loss_{loss:g}.{measure}.{one}_to_{other}"
                found[place] = compare(at[one, measure], at[other, measure], measure)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    path = options.output / "runs.csv"
    options.output.mkdir(parents=True, exist_ok=True)
    frames = [pd.read_csv(path)] if path.exists() else []
    done = {str(name) for frame in frames for name in frame["optimizer"]}
    task = get_task(best_cells.TASK)
    program = TaskProgram(task, task.load())
    for name in OPTIMIZERS:
        if name not in done:
            frames.append(pd.DataFrame(rows_of(name, program)))
            pd.concat(frames).to_csv(path, index=False, float_format="%.6g")
    found = summarize(pd.read_csv(path))
    claims.keep(
        options.output / "flatness.json",
        found,
        cells=best_cells.best_cells(),
        noise_draws=DRAWS,
        trace_probes=PROBES,
    )
    claims.show(found)


if __name__ == "__main__":
    main()
