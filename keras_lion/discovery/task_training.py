"""Programs on the tasks of the studies, as Keras optimizers."""

from __future__ import annotations

import keras
import numpy as np

from keras_lion.discovery.program import Program
from keras_lion.discovery.program_optimizer import ProgramOptimizer
from keras_lion.tuning.study.seeds import run_seeds
from keras_lion.tuning.tasks.task import Task


def train_on_task(
    program: Program,
    task: Task,
    *,
    seed: int = 0,
    epochs: int = 5,
    learning_rate: float = 1.0,
) -> float:
    """Train a task's model with a program and return its validation score.

    Split and initial weights follow from the seed as in the studies, so that programs
    are paired.

    Args:
        program: A valid program.
        task: What to train, with accuracy or loss as its metric.
        seed: Of split, initial weights and order.
        epochs: Passes over the training examples. The learning rate falls to 0 along a
            cosine.
        learning_rate: Peak of the program's input `lr`.

    Returns:
        The validation accuracy or the negated validation loss at the end; −inf if it is
        not finite.

    Raises:
        ValueError: If the task's score is another.

    Example:

    ```python
    from keras_lion.discovery import train_on_task, zoo
    from keras_lion.tuning.tasks import get_task

    score = train_on_task(zoo.LION, get_task("digits_mlp"), epochs=1)
    assert 0 <= score <= 1
    ```
    """
    if task.metric not in ("accuracy", "loss"):
        raise ValueError(
            "Programs are trained on tasks whose metric is accuracy or loss. Received "
            f"task '{task.name}' with metric {task.metric!r}."
        )
    seeds = run_seeds("discovery", task.name, seed)
    data = task.load()
    split = task.split(data, np.random.default_rng(seeds.split))
    steps = epochs * -(-len(split.train) // task.batch_size)
    keras.utils.set_random_seed(seeds.model_seed)
    model = task.model()
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        optimizer=ProgramOptimizer(program, learning_rate=schedule),
        loss=task.loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if task.metric == "accuracy" else [],
    )
    model.fit(
        data.x[split.train],
        data.y[split.train],
        batch_size=task.batch_size,
        epochs=epochs,
        verbose=0,
    )
    found = model.evaluate(
        data.x[split.validation],
        data.y[split.validation],
        batch_size=512,
        verbose=0,
        return_dict=True,
    )
    if not np.isfinite(found["loss"]):
        return -np.inf
    score = found["accuracy"] if task.metric == "accuracy" else -found["loss"]
    return float(score)
