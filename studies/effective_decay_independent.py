"""Two networks of studies/effective_decay.py again, in plain JAX, without keras_lion.

Command    python studies/effective_decay_independent.py
Duration   5 minutes on 2 cores
Result     studies/results/effective_decay/independent.json

Accuracy at each lr × λ, and its standard deviation over five learning rates.
"""

import json
import math
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from mnist1d.data import get_dataset_args, make_dataset

STEPS, BATCH, TRAIN, SEEDS = 3_720, 128, 4_000, (0, 1)
RATES, FACTORS = {"adamw": 2.0**-8, "lion": 2.0**-10}, (1 / 16, 1 / 4, 1.0, 4.0, 16.0)
PRODUCTS = (2.0**-9, 2.0**-7, 2.0**-5, 2.0**-3)


def logits(weights: Any, x: Any, exact: Any) -> Any:
    """exact: every product is normalized; otherwise layers have biases instead."""
    for layer, (kernel, bias) in enumerate(weights):
        x = jax.nn.relu(x) if layer else x
        x = x @ kernel + (0.0 if exact else bias)
        if exact:
            x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    return 2.0 * x if exact else x


def loss(weights: Any, x: Any, y: Any, exact: Any) -> Any:
    log_p = jax.nn.log_softmax(logits(weights, x, exact))
    return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))


def update(
    optimizer: Any, w: Any, m: Any, v: Any, g: Any, t: Any, rate: Any, decay: Any
) -> Any:
    if optimizer == "lion":
        direction, m = jnp.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g
    else:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        direction = m / (1 - 0.9**t) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-30)
    return w - rate * (direction + (decay * w if w.ndim > 1 else 0.0)), m, v


def train(
    weights: Any,
    batches: Any,
    rates: Any,
    decay: Any,
    x: Any,
    y: Any,
    optimizer: Any,
    exact: Any,
) -> Any:
    def step(leaves: Any, inputs: Any) -> Any:
        batch, rate, t = inputs
        g = jax.grad(loss)(tree.unflatten(leaves[0]), x[batch], y[batch], exact)
        new = [
            update(optimizer, w, m, v, gradient, t, rate, decay)
            for w, m, v, gradient in zip(*leaves, jax.tree.leaves(g), strict=True)
        ]
        return tuple(map(list, zip(*new, strict=True))), None

    leaves, tree = jax.tree.flatten(weights)
    zeros = [jnp.zeros_like(w) for w in leaves]
    inputs = (batches, rates, 1.0 + jnp.arange(STEPS))
    return tree.unflatten(jax.lax.scan(step, (leaves, zeros, zeros), inputs)[0][0])


def accuracy(
    data: Any, optimizer: Any, exact: Any, factor: Any, product: Any, seed: Any
) -> float:
    draw = np.random.default_rng(seed)
    order = draw.permutation(2 * TRAIN)
    x, y = (jnp.asarray(each[order]) for each in data)
    epochs = STEPS // (TRAIN // BATCH)
    orders = [draw.permutation(TRAIN)[: TRAIN // BATCH * BATCH] for _ in range(epochs)]
    shapes, scale = ((40, 100), (100, 100), (100, 10)), factor if exact else 1.0
    limits = [scale * math.sqrt(6 / sum(shape)) for shape in shapes]
    weights = [
        (
            jnp.asarray(draw.uniform(-limit, limit, shape), "float32"),
            jnp.zeros(shape[1]),
        )
        for limit, shape in zip(limits, shapes, strict=True)
    ]
    t, warm = np.arange(STEPS), STEPS // 20
    cosine = (1 + np.cos(np.pi * (t - warm) / (STEPS - warm))) / 2
    rate = factor * RATES[optimizer]
    rates = np.where(t < warm, (t + 1) / warm, cosine).astype("float32") * rate
    batches = jnp.asarray(np.reshape(orders, (STEPS, BATCH)))
    end = jax.jit(train, static_argnames=("optimizer", "exact"))(
        weights, batches, rates, product / rate, x, y, optimizer=optimizer, exact=exact
    )
    guesses = logits(end, x[TRAIN:], exact).argmax(-1)
    return 100 * float((guesses == y[TRAIN:]).mean())


def main() -> None:
    arguments = get_dataset_args()
    arguments.num_samples, arguments.train_split = 2 * TRAIN, 1.0
    made = make_dataset(arguments)
    data, rows = (made["x"].astype("float32"), made["y"].astype("int32")), []
    for optimizer in RATES:
        for exact in (True, False):
            for product in PRODUCTS:
                points = np.array(
                    [
                        [accuracy(data, optimizer, exact, f, product, s) for s in SEEDS]
                        for f in FACTORS
                    ]
                )
                row = {
                    "optimizer": optimizer,
                    "network": "exact" if exact else "plain",
                    "log2_product": int(math.log2(product)),
                    "accuracy": round(points.mean(), 2),
                    "deviation": round(points.mean(axis=1).std(ddof=1), 3),
                }
                rows.append(row)
                print(*row.values(), sep="  ", flush=True)
    path = pathlib.Path(__file__).parent / "results/effective_decay/independent.json"
    path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
