"""Do weights in real training do what the noise theory of Lion and AdamW predicts?

Question   `keras_lion.theory` predicts RMS and rotation of weights from learning rate,
           weight decay and betas, if gradients are noise and layers are normalized.
           How far off is it in training, and why?
Command    python studies/theory.py
Duration   about 6 minutes on 2 cores
Result     studies/results/theory/summary.json (an MLP on MNIST-1D, 6 seeds,
           2026-11-21). Weight RMS over what the recursion predicts, from
           3 / (2 lr wd) steps on, with 95 % intervals: Lion -7.3 % [-7.6, -7.0], AdamW
           +10.1 % [+9.6, +10.5]. With Gaussian gradients both are within 0.1 %.

           AdamW: the size of gradients changes, and the second moment lags behind.
           Scaled to one size they make it -1.7 %; without a signal too, -0.1 %.
           Lion, whose deviations partly cancel:
           - The loss pushes weights back, so that signs flip more often than in noise
             (+5.6 %): -36 % with batches of 512, -3.7 % where steps turn weights less.
           - Gradients are not Gaussian: +22 % with batches of 8, +18 % if each of their
             gradients gets a random sign; signs flip less (-14 %, -12 %).
           - Gradients of a normalized layer are at right angles to its weights, and
             their signs are not: +11 % without signal, +4 % with a sign drawn for each
             weight. AdamW sees neither this nor the shape of the noise.
           - Where units fall silent, signs go on in one direction: 3.7 times the RMS,
             up to the bound 1 / wd, while AdamW's weights decay.
           Without normalization the theory fails: Lion +62 %, AdamW +43 %. At the end
           of a cosine the static equilibria are off by factors of 19 and 24, the
           recursion by -7 % and +16 %. Lion's sup-norm bound held in every run.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pandas as pd

from keras_lion import Lion, theory
from keras_lion.statistics import t_interval
from keras_lion.tuning.runs.files import write_json
from keras_lion.tuning.tasks.datasets import mnist1d

RESULTS = Path(__file__).parent / "results" / "theory"
WIDTH, SEEDS, EVERY = 64, 6, 200
TENSORS = ("dense_1", "dense_2")
QUANTITIES = ("weight_rms", "rotation", "update_rms", "flip_rate")
# learning rate, β₁, β₂; λ follows from ηλ. Lion's weights settle where they begin.
OPTIMIZERS = {"lion": (1e-3, 0.9, 0.99), "adamw": (4e-3, 0.9, 0.999)}


@dataclass(frozen=True)
class Condition:
    """One way to train; each differs from the baseline in what its `tests` says.

    Attributes:
        tests: Explanation of a deviation that this condition tests.
        gradients: `"real"`; `"random labels"`: of labels drawn anew at every step;
            `"random sign"`: real ones times +1 or −1, drawn at every step;
            `"random signs"`: the same, drawn for each weight;
            `"gaussian"`: drawn, not computed.
        product: ηλ; λ differs, not η.
        schedule: `"constant"`, or `"cosine"` with 5 % warm-up.
        normalised: Whether both layers are followed by batch normalisation.
        gains: Whether the normalization has a trained scale and center, which can
            silence a unit: then its weights get no gradient.
        unit: Whether the gradient of each tensor is scaled to one norm at every step.
        activation: Of both layers; the gradients of ReLU are often zero.
        replacement: Whether a batch is drawn anew at every step, instead of each
            example once an epoch.
        initial_scale: Factor of the initial weights of both layers.
        batch_size: Examples a step.
        steps: Steps of the training.
    """

    tests: str
    gradients: str = "real"
    product: float = 1e-3
    schedule: str = "constant"
    normalised: bool = True
    gains: bool = False
    unit: bool = False
    activation: str = "relu"
    replacement: bool = False
    initial_scale: float = 1.0
    batch_size: int = 64
    steps: int = 6000


CONDITIONS = {
    "baseline": Condition("how far off is the theory?"),
    "gaussian": Condition(
        "the measurement: with gradients as assumed there is no deviation",
        gradients="gaussian",
    ),
    "random_sign": Condition(
        "signal: without any, the other properties of the gradients remain",
        gradients="random sign",
    ),
    "random_sign_unit": Condition(
        "size of the gradients that changes from step to step: without signal and that",
        gradients="random sign",
        unit=True,
    ),
    "random_signs_unit": Condition(
        "gradients at right angles to the weights: a sign for each weight, so that not",
        gradients="random signs",
        unit=True,
    ),
    "random_sign_unit_tanh": Condition(
        "gradients that are not Gaussian: the same with tanh",
        gradients="random sign",
        unit=True,
        activation="tanh",
    ),
    "random_labels": Condition(
        "signal of the labels: there is nothing to learn", gradients="random labels"
    ),
    "random_labels_unit": Condition(
        "size of the gradients that changes: nothing to learn, one size",
        gradients="random labels",
        unit=True,
    ),
    "unit": Condition("size of the gradients that changes: one size", unit=True),
    "gains": Condition("units that can fall silent, by trained gains", gains=True),
    "gains_random_labels": Condition(
        "units that can fall silent, where nothing keeps them alive",
        gains=True,
        gradients="random labels",
    ),
    "replacement": Condition(
        "noise that cancels within an epoch: batches drawn anew at every step",
        replacement=True,
    ),
    "replacement_unit": Condition(
        "the same, and one size of gradients", replacement=True, unit=True
    ),
    "batch_512": Condition(
        "a loss that pushes weights back: less noise next to it", batch_size=512
    ),
    "batch_512_replacement": Condition(
        "the same, with batches drawn anew", batch_size=512, replacement=True
    ),
    "batch_8": Condition(
        "a loss that pushes weights back: more noise next to it", batch_size=8
    ),
    "batch_8_random_signs": Condition(
        "gradients that are not Gaussian: nothing else is left",
        gradients="random signs",
        unit=True,
        batch_size=8,
    ),
    "large_product": Condition("size of lr * wd: 10 times as large", product=1e-2),
    "small_product": Condition(
        "size of lr * wd: a third, for twice the steps", product=3e-4, steps=12_000
    ),
    "large_weights": Condition(
        "length of training: initial weights 4 times as large", initial_scale=4.0
    ),
    "cosine": Condition("the schedule: warm-up and cosine", schedule="cosine"),
    "not_normalised": Condition("normalisation: none", normalised=False),
}


def make_model(condition: Condition) -> keras.Model:
    """Two decayed layers without biases, and an undecayed head."""
    inputs = x = keras.Input((40,))
    for name in TENSORS:
        x = keras.layers.Dense(WIDTH, use_bias=False, name=name)(x)
        if condition.normalised:
            x = keras.layers.BatchNormalization(
                center=condition.gains, scale=condition.gains, name=f"{name}_norm"
            )(x)
        x = keras.layers.Activation(condition.activation)(x)
    return keras.Model(inputs, keras.layers.Dense(10, name="head")(x))


def make_optimizer(name: str, condition: Condition, model: keras.Model) -> Any:
    """The optimizer, which decays the two layers only."""
    rate, beta_1, beta_2 = OPTIMIZERS[name]
    schedule: Any = rate
    if condition.schedule == "cosine":
        warmup = condition.steps // 20
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0,
            condition.steps - warmup,
            warmup_target=rate,
            warmup_steps=warmup,
        )
    optimizer = {"lion": Lion, "adamw": keras.optimizers.AdamW}[name](
        learning_rate=schedule,
        weight_decay=condition.product / rate,
        beta_1=beta_1,
        beta_2=beta_2,
    )
    decayed = [model.get_layer(tensor).kernel for tensor in TENSORS]
    ids = {id(variable) for variable in decayed}
    optimizer.exclude_from_weight_decay(
        [v for v in model.trainable_variables if id(v) not in ids]
    )
    optimizer.build(model.trainable_variables)
    return optimizer


def learning_rates(name: str, condition: Condition) -> np.ndarray:
    """The learning rate of every step."""
    optimizer = make_optimizer(name, condition, make_model(condition))
    steps = np.arange(condition.steps)
    if condition.schedule == "constant":
        return np.full(condition.steps, OPTIMIZERS[name][0])
    schedule = optimizer._learning_rate
    return np.asarray(jax.vmap(schedule)(jnp.asarray(steps)), float)


def measured(
    name: str, condition: Condition, seeds: int = SEEDS, every: int = EVERY
) -> Iterator[tuple[int, np.ndarray]]:
    """Train all seeds side by side; measure every step and average over `every`.

    Yields:
        Number of steps done, and an array of shape (seeds, tensors, 7): means of
        w², of the squared angle of a neuron and of u², share of flipped signs, share of
        gradients that are zero, kurtosis of a weight's gradients over these steps, and
        largest |w|.
    """
    data = mnist1d.load()
    examples, labels = jnp.asarray(data.x), jnp.asarray(data.y)
    starts = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        model = make_model(condition)
        for tensor in TENSORS:
            kernel = model.get_layer(tensor).kernel
            kernel.assign(condition.initial_scale * kernel)
        values = [v.value for v in model.trainable_variables]
        starts.append((values, [v.value for v in model.non_trainable_variables]))
    optimizer = make_optimizer(name, condition, model)
    slots = [v.value for v in optimizer.variables]
    places = [
        [v is model.get_layer(t).kernel for v in model.trainable_variables].index(True)
        for t in TENSORS
    ]
    weight_decay = condition.product / OPTIMIZERS[name][0]
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(weights: Any, others: Any, x: Any, y: Any) -> Any:
        outputs, others = model.stateless_call(weights, others, x, training=True)
        return loss_of(y, outputs), others

    def step(state: Any, inputs: Any) -> Any:
        weights, others, slots, before, powers = state
        rows, key, rate = inputs
        x, y = examples[rows], labels[rows]
        if condition.gradients == "random labels":
            y = jax.random.randint(key, y.shape, 0, 10)
        gradients, others = jax.grad(loss, has_aux=True)(weights, others, x, y)
        if condition.gradients == "random sign":
            sign = jax.random.rademacher(key, (), dtype="float32")
            gradients = [sign * g for g in gradients]
        if condition.gradients == "random signs":
            keys = jax.random.split(key, len(gradients))
            drawn = zip(keys, gradients, strict=True)
            gradients = [
                jax.random.rademacher(k, g.shape, g.dtype) * g for k, g in drawn
            ]
        if condition.unit:
            gradients = [g / (jnp.linalg.norm(g) + 1e-30) for g in gradients]
        if condition.gradients == "gaussian":
            keys = jax.random.split(key, len(gradients))
            drawn = zip(keys, gradients, strict=True)
            gradients = [jax.random.normal(k, g.shape) for k, g in drawn]
        new, slots = optimizer.stateless_apply(slots, gradients, weights)
        rows, updates = [], []
        powers = [
            (s + gradients[p] ** 2, f + gradients[p] ** 4)
            for p, (s, f) in zip(places, powers, strict=True)
        ]
        for place, old_update in zip(places, before, strict=True):
            w, v = weights[place], new[place]
            update = ((1 - rate * weight_decay) * w - v) / rate
            updates.append(update)
            unit, turned = (a / jnp.linalg.norm(a, axis=0) for a in (w, v))
            half = jnp.linalg.norm(unit - turned, axis=0) / 2
            rows.append(
                jnp.stack(
                    [
                        jnp.mean(w**2),
                        jnp.mean((2 * jnp.arcsin(half)) ** 2),
                        jnp.mean(update**2),
                        jnp.mean(update * old_update < 0),
                        jnp.mean(gradients[place] == 0),
                        jnp.abs(w).max(),
                    ]
                )
            )
        return (new, others, slots, updates, powers), jnp.stack(rows)

    def several(state: Any, rows: Any, keys: Any, rates: Any) -> Any:
        powers = [(jnp.zeros_like(u), jnp.zeros_like(u)) for u in state[-1]]
        state, measures = jax.lax.scan(step, (*state, powers), (rows, keys, rates))
        *state, powers = state
        kurtosis = [jnp.nanmean(f * len(rates) / s**2) for s, f in powers]
        means, largest = measures.mean(axis=0), measures[:, :, -1:].max(axis=0)
        parts = (means[:, :-1], jnp.stack(kurtosis)[:, None], largest)
        return tuple(state), jnp.concatenate(parts, axis=1)

    train = jax.jit(jax.vmap(several, in_axes=(0, 0, 0, None)))
    states = [
        (values, others, slots, [jnp.zeros_like(values[p]) for p in places])
        for values, others in starts
    ]
    state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    rates = learning_rates(name, condition)
    orders = [batches(len(labels), condition, seed) for seed in range(seeds)]
    keys = jnp.stack(
        [
            jax.random.split(jax.random.key(seed), condition.steps)
            for seed in range(seeds)
        ]
    )
    for first in range(0, condition.steps, every):
        part = slice(first, first + every)
        rows = jnp.asarray(np.stack([order[part] for order in orders]))
        state, measures = train(state, rows, keys[:, part], jnp.asarray(rates[part]))
        yield min(first + every, condition.steps), np.asarray(measures, float)


def batches(examples: int, condition: Condition, seed: int) -> np.ndarray:
    """Indices of the examples of every step, shape (steps, batch_size)."""
    generator = np.random.default_rng([seed, condition.batch_size])
    shape = (condition.steps, condition.batch_size)
    if condition.replacement:
        return generator.integers(examples, size=shape)
    epochs = math.ceil(math.prod(shape) / examples)
    order = np.concatenate([generator.permutation(examples) for _ in range(epochs)])
    return order[: math.prod(shape)].reshape(shape)


def predicted(
    name: str, condition: Condition, initial_rms: float
) -> tuple[theory.WeightPath, np.ndarray, dict[str, np.ndarray]]:
    """The path, the bound of |w|, and the static predictions of every step."""
    rate, beta_1, beta_2 = OPTIMIZERS[name]
    rates = learning_rates(name, condition)
    decay = condition.product / rate
    if name == "lion":
        path = theory.lion_path(
            rates, decay, initial_rms=initial_rms, beta_1=beta_1, beta_2=beta_2
        )
        rms = [theory.lion_equilibrium_rms(r, decay, beta_1, beta_2) for r in rates[1:]]
        turn = [theory.lion_rotation(r, decay, beta_1, beta_2) for r in rates[1:]]
        update, flips = 1.0, theory.sign_flip_probability(beta_1, beta_2)
    else:
        path = theory.adamw_path(rates, decay, initial_rms=initial_rms, beta_1=beta_1)
        rms = [theory.adamw_equilibrium_rms(r, decay, beta_1) for r in rates[1:]]
        turn = [theory.adamw_rotation(r, decay, beta_1) for r in rates[1:]]
        update, flips = theory.adamw_update_rms(beta_1), math.acos(beta_1) / math.pi
    static = {
        # A warm-up begins at 0, where nothing settles.
        "weight_rms": np.array([rms[0], *rms]),
        "rotation": np.array([turn[0], *turn]),
        "update_rms": np.full(len(rates), update),
        "flip_rate": np.full(len(rates), flips),
    }
    return path, rates, static


def rows_of(
    name: str, condition: Condition, seeds: int = SEEDS, every: int = EVERY
) -> list[dict[str, Any]]:
    """What was measured and predicted: one row a seed, tensor and part of training."""
    decay = condition.product / OPTIMIZERS[name][0]
    kernels = [make_model(condition).get_layer(t).kernel for t in TENSORS]
    predictions = []
    for kernel in kernels:  # Glorot's uniform initial weights
        start = condition.initial_scale * math.sqrt(2 / sum(kernel.shape))
        path, rates, static = predicted(name, condition, start)
        largest = condition.initial_scale * math.sqrt(6 / sum(kernel.shape))
        bound = theory.sup_norm_bound(largest, rates, decay)
        predictions.append((path, static, bound))
    rows = []
    for step, values in measured(name, condition, seeds, every):
        part = slice(step - every, step)
        for tensor, (path, static, bound) in enumerate(predictions):
            recursion = {
                "weight_rms": math.sqrt(np.mean(path.rms[part] ** 2)),
                "rotation": math.sqrt(np.mean(path.rotation[part] ** 2)),
            }
            for seed in range(seeds):
                (squares, turns, updates, flips), rest = np.split(
                    values[seed, tensor], [4]
                )
                numbers = (*np.sqrt([squares, turns, updates]), flips)
                row: dict[str, Any] = {
                    "optimizer": name,
                    "seed": seed,
                    "tensor": TENSORS[tensor],
                    "step": step,
                }
                for quantity, number in zip(QUANTITIES, numbers, strict=True):
                    row[quantity] = number
                    row[f"{quantity}_static"] = math.sqrt(
                        np.mean(static[quantity][part] ** 2)
                    )
                    if quantity in recursion:
                        row[f"{quantity}_recursion"] = recursion[quantity]
                row["zero_gradients"], row["kurtosis"], largest = rest
                row["max_weight_times_decay"] = largest * decay
                row["bound_times_decay"] = bound[part].max() * decay
                rows.append(row)
    return rows


def summarize(frame: pd.DataFrame, condition: Condition) -> dict[str, Any]:
    """Deviation of what was measured, measured / predicted − 1, with its interval.

    `early` is before 3 / (2ηλ) steps, `settled` after it, `end` the last part. One
    number a seed: the mean over tensors and parts.
    """
    settling = 1.5 / condition.product
    summary: dict[str, Any] = {}
    for name, runs in frame.groupby("optimizer"):
        steps = runs["step"]
        windows = {
            "early": steps <= settling,
            "settled": steps > settling,
            "end": steps == steps.max(),
        }
        found: dict[str, Any] = {}
        for quantity in QUANTITIES:
            for kind in ("static", "recursion"):
                if f"{quantity}_{kind}" not in runs:
                    continue
                deviation = runs[quantity] / runs[f"{quantity}_{kind}"] - 1
                for window, chosen in windows.items():
                    if not chosen.any():
                        continue
                    by_seed = deviation[chosen].groupby(runs["seed"]).mean()
                    interval = asdict(t_interval(by_seed))
                    interval = {
                        key: round(value, 4) if isinstance(value, float) else value
                        for key, value in interval.items()
                    }
                    found.setdefault(quantity, {}).setdefault(kind, {})[window] = (
                        interval
                    )
        for name_of in ("zero_gradients", "kurtosis"):
            found[name_of] = round(runs.loc[windows["settled"], name_of].mean(), 4)
        largest, bound = runs["max_weight_times_decay"], runs["bound_times_decay"]
        found["max_weight_times_decay"] = round(largest.max(), 4)
        if name == "lion":  # of AdamW the bound holds in the long run and without noise
            found["within_bound"] = bool((largest <= bound * (1 + 1e-5)).all())
        summary[str(name)] = found
    return summary


def report(name: str, summary: dict[str, Any]) -> None:
    """Print the deviations of one condition."""
    for optimizer, found in summary.items():
        for quantity in QUANTITIES:
            for kind, windows in found[quantity].items():
                texts = [
                    f"{window} {100 * w['estimate']:+6.1f} % "
                    f"[{100 * w['low']:+.1f}, {100 * w['high']:+.1f}]"
                    for window, w in windows.items()
                ]
                print(f"{name:15} {optimizer:6} {quantity:11} {kind:10}", *texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=CONDITIONS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        start = time.perf_counter()
        condition = CONDITIONS[name]
        rows = [row for each in OPTIMIZERS for row in rows_of(each, condition)]
        frame = pd.DataFrame(rows)
        frame.to_csv(options.output / f"{name}.csv", index=False, float_format="%.5g")
        print(f"# {name} ({condition.tests}), {time.perf_counter() - start:.0f} s")
        report(name, summarize(frame, condition))
    summarize_folder(options.output)


def summarize_folder(folder: Path) -> None:
    """Write `summary.json` from the CSV files of the conditions."""
    conditions = {
        name: {
            **asdict(condition),
            "optimizers": summarize(pd.read_csv(folder / f"{name}.csv"), condition),
        }
        for name, condition in CONDITIONS.items()
        if (folder / f"{name}.csv").exists()
    }
    betas = {
        name: dict(zip(("learning_rate", "beta_1", "beta_2"), values, strict=True))
        for name, values in OPTIMIZERS.items()
    }
    write_json(
        folder / "summary.json",
        {"optimizers": betas, "seeds": SEEDS, "conditions": conditions},
    )


if __name__ == "__main__":
    main()
