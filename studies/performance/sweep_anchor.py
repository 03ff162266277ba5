"""The fair anchor: the same runs in a loop written by hand, which writes nothing.

One function a backend, each about 40 lines: a compiled epoch (or step) that is reused
for every run, with the learning rates and the weight decay as inputs; the data on the
device; what a seed decides (split, order, initial weights) made once a seed. The
updates are written out here and are not keras-lion's.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import numpy as np

from keras_lion.tuning.study import RunSpecification
from keras_lion.tuning.study.seeds import data_order, run_seeds
from keras_lion.tuning.tasks.task import Data, Task

Losses = list[float]


def draw_seed(
    task: Task, data: Data, run: RunSpecification
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Initial weights, indices of every epoch's steps, indices of the validation."""
    assert run.epochs is not None
    seeds = run_seeds(run.study, run.task, run.seed)
    split = task.split(data, np.random.default_rng(seeds.split))
    order = data_order(seeds.order, split.train, run.epochs, run.batch_size)
    keras.utils.set_random_seed(seeds.model_seed)
    weights = [np.asarray(v.numpy()) for v in task.model().trainable_variables]
    return weights, order.reshape(run.epochs, -1, run.batch_size), split.validation


def train_jax(
    task: Task, runs: Sequence[RunSpecification], *, loop: bool = True
) -> list[Losses]:
    """Validation losses after each epoch of each run.

    Args:
        task: What is trained.
        runs: The runs, in any order.
        loop: Compile an epoch; else a step (convolutions in a loop are slow on CPU).
    """
    import jax
    import jax.numpy as jnp

    data, model = task.load(), task.model()
    others = [variable.value for variable in model.non_trainable_variables]
    x, y = jnp.asarray(data.x), jnp.asarray(data.y.astype("int32"))

    @cache
    def of_seed(seed: int) -> Any:
        run = next(run for run in runs if run.seed == seed)
        weights, order, chosen = draw_seed(task, data, run)
        return jax.device_put((weights, order)), x[chosen], y[chosen]

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        logits, _ = model.stateless_call(weights, others, x, training=True)
        of_label = jnp.take_along_axis(logits, y[..., None], axis=-1)[..., 0]
        loss = (jax.nn.logsumexp(logits, axis=-1) - of_label).mean()
        return loss, (logits.argmax(axis=-1) == y).mean()

    def step(state: Any, x: Any, y: Any, row: Any, rate: Any, decay: Any) -> Any:
        weights, slots, t = state
        (loss, _), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            weights, x[row], y[row]
        )
        t, new = t + 1, []
        for w, s, g in zip(weights, slots, gradients, strict=True):
            wd = decay if w.ndim > 1 else 0.0
            if len(s) == 1:  # Lion
                direction = jnp.sign(0.9 * s[0] + 0.1 * g)
                s = [0.99 * s[0] + 0.01 * g]
            else:
                s = [0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g * g]
                correction = jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
                direction = correction * s[0] / (jnp.sqrt(s[1]) + 1e-7)
            new.append((w - rate * (direction + wd * w), s))
        return ([w for w, _ in new], [s for _, s in new], t), loss

    @jax.jit
    def epoch(state: Any, x: Any, y: Any, order: Any, rates: Any, decay: Any) -> Any:
        def body(k: Any, state: Any) -> Any:
            return step(state, x, y, order[k], rates[k], decay)[0]

        return jax.lax.fori_loop(0, len(order), body, state)

    one_step, validate = jax.jit(step), jax.jit(loss_of)
    results = []
    for run in runs:
        (weights, order), x_val, y_val = of_seed(run.seed)
        slots = 1 if run.optimizer == "lion" else 2
        zeros = [[jnp.zeros_like(w)] * slots for w in weights]
        state, losses = (weights, zeros, jnp.float32(0)), []
        epochs, steps = len(order), order.shape[0] * order.shape[1]
        rates = np.float32(run.learning_rate * run.schedule.factors(steps))
        decay = np.float32(run.weight_decay)
        for rows, some in zip(order, np.split(rates, epochs), strict=True):
            if loop:
                state = epoch(state, x, y, rows, some, decay)
            else:
                for row, rate in zip(rows, some, strict=True):
                    state, _ = one_step(state, x, y, row, rate, decay)
            losses.append(validate(state[0], x_val, y_val)[0])
        results.append([float(loss) for loss in losses])
    return results


def train_tensorflow(
    task: Task, runs: Sequence[RunSpecification], *, loop: bool = True
) -> list[Losses]:
    """Validation losses after each epoch of each run.

    Args:
        task: What is trained.
        runs: The runs, in any order.
        loop: Compile an epoch with XLA; else a step, with TensorFlow's own kernels,
            which are faster at convolutions on CPU.
    """
    import tensorflow as tf

    data, model = task.load(), task.model()
    others = [variable.value for variable in model.non_trainable_variables]
    x, y = tf.constant(data.x), tf.constant(data.y.astype("int32"))

    @cache
    def of_seed(seed: int) -> Any:
        run = next(run for run in runs if run.seed == seed)
        weights, order, chosen = draw_seed(task, data, run)
        weights = [tf.constant(w) for w in weights]
        return weights, tf.constant(order), tf.gather(x, chosen), tf.gather(y, chosen)

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        logits, _ = model.stateless_call(weights, others, x, training=True)
        cross = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        correct = tf.argmax(logits, axis=1, output_type=tf.int32) == y
        return tf.reduce_mean(cross), tf.reduce_mean(tf.cast(correct, tf.float32))

    def step(state: Any, x: Any, y: Any, row: Any, rate: Any, decay: Any) -> Any:
        weights, slots, t = state
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss, _ = loss_of(weights, tf.gather(x, row), tf.gather(y, row))
        t, new = t + 1, []
        for w, s, g in zip(weights, slots, tape.gradient(loss, weights), strict=True):
            wd = decay if len(w.shape) > 1 else 0.0
            if len(s) == 1:  # Lion
                direction = tf.sign(0.9 * s[0] + 0.1 * g)
                s = [0.99 * s[0] + 0.01 * g]
            else:
                s = [0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g * g]
                correction = tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
                direction = correction * s[0] / (tf.sqrt(s[1]) + 1e-7)
            new.append((w - rate * (direction + wd * w), s))
        return [w for w, _ in new], [s for _, s in new], t

    @tf.function(jit_compile=True)
    def epoch(state: Any, x: Any, y: Any, order: Any, rates: Any, decay: Any) -> Any:
        def body(k: Any, state: Any) -> Any:
            return k + 1, step(state, x, y, order[k], rates[k], decay)

        return tf.while_loop(lambda k, _: k < len(order), body, (0, state))[1]

    one_step = tf.function(step)
    validate = tf.function(loss_of, jit_compile=loop)
    results = []
    for run in runs:
        weights, order, x_val, y_val = of_seed(run.seed)
        slots = 1 if run.optimizer == "lion" else 2
        zeros = [[tf.zeros_like(w)] * slots for w in weights]
        state, losses = (weights, zeros, tf.constant(0.0)), []
        epochs, steps = len(order), order.shape[0] * order.shape[1]
        rates = np.float32(run.learning_rate * run.schedule.factors(steps))
        decay = tf.constant(np.float32(run.weight_decay))
        for rows, some in zip(order, np.split(rates, epochs), strict=True):
            if loop:
                state = epoch(state, x, y, rows, tf.constant(some), decay)
            else:
                for row, rate in zip(rows, tf.constant(some), strict=True):
                    state = one_step(state, x, y, row, rate, decay)
            losses.append(validate(state[0], x_val, y_val)[0])
        results.append([float(loss) for loss in losses])
    return results


def train(task: Task, runs: Sequence[RunSpecification], *, loop: bool) -> list[Losses]:
    """Validation losses after each epoch of each run, on the active backend."""
    on_backend = {"jax": train_jax, "tensorflow": train_tensorflow}
    return on_backend[keras.backend.backend()](task, runs, loop=loop)


def forget() -> None:
    """Drop all compiled programs and models: the next side starts from nothing."""
    keras.utils.clear_session()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
