"""What the parts train: models of the package on generated examples.

Times depend on shapes and not on what the examples show, so nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from keras_lion.tuning.study import Comparison, Plan, RunSpecification, Study
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.study.search_space import Axis, SearchSpace
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Data, Task
from studies.performance.accelerator_parts.measurement import Sizes

TASKS = {
    "mlp": "fashion_mnist_mlp",
    "cnn": "fashion_mnist_cnn",
    "vit": "fashion_mnist_vit",
    "language_model": "python_lm",
}
LENGTH = 128  # bytes of an example of the language model
TEST = 64
CENTRE = (1e-4, 1.0)  # a learning rate and a weight decay with which nothing diverges


@lru_cache(2)
def examples(kind: str, count: int) -> Data:
    """Random pictures of 28 × 28 with random labels, or random bytes."""
    generator = np.random.default_rng(0)
    total = count + TEST
    if kind == "language_model":
        tokens = generator.integers(256, size=(total, LENGTH + 1), dtype=np.int32)
        x, y = tokens[:, :-1], tokens[:, 1:]
        return Data(x[:count], y[:count], x[count:], y[count:])
    pictures = generator.random((total, 28, 28, 1), dtype=np.float32)
    y = generator.integers(10, size=total).astype(np.int32)
    return Data(pictures[:count], y[:count], pictures[count:], y[count:])


def task_of(kind: str, sizes: Sizes) -> Task:
    """The task of a kind of model, on generated examples."""
    return replace(
        get_task(TASKS[kind]),
        data=partial(examples, kind, sizes.train + sizes.validation),
        batch_size=min(128, sizes.train),
        train_examples=sizes.train,
        validation_examples=sizes.validation,
    )


def runs_of(task: Task, count: int, epochs: int = 1) -> list[RunSpecification]:
    """So many runs of Lion that differ in their learning rates alone."""
    rate, decay = CENTRE
    axis = Axis.geometric("learning_rate", centre=rate, ratio=1.001, num=count)
    space = SearchSpace((axis,), {**USUAL_BETAS["lion"], "weight_decay": decay})
    study = Study(
        name="accelerator",
        question="How many runs per minute does a population train?",
        plans={task.name: {"standard": Plan({"lion": space}, epochs=epochs, seeds=1)}},
        comparison=Comparison(
            statement="A population trains more runs a minute than a loop.",
            epsilon={task.name: 0.02},
        ),
        tasks={task.name: task},
    )
    return study.runs(task.name, "standard", "jax")


def batch_of(kind: str, size: int) -> tuple[Any, Any]:
    """The first examples."""
    data = examples(kind, size)
    return data.x, data.y
