"""A task and a study so small that a run takes a few milliseconds."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_lion.tuning import Axis, Data, SearchSpace, Study, Task
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.study import Comparison, Plan, RunSpecification

BETAS = {
    "adamw": {"beta_1": 0.9, "beta_2": 0.999},
    "cautious_lion": {"beta_1": 0.9, "beta_2": 0.99},
    "lion": {"beta_1": 0.9, "beta_2": 0.99},
    "signum": {"beta_1": 0.9},
}
RATES, DECAYS = (1e-3, 1e-2), (0.0, 0.1)


def blobs(num_examples: int = 240, num_test: int = 90) -> Data:
    """Three clouds in four dimensions, which a small network tells apart."""
    generator = np.random.default_rng(5)
    y = np.arange(num_examples + num_test) % 3
    x = generator.normal(size=(len(y), 4)) + 2 * np.eye(3, 4)[y]
    x = x.astype("float32")
    return Data(x[:num_examples], y[:num_examples], x[num_examples:], y[num_examples:])


def network() -> Any:
    return keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(3),
        ]
    )


def tiny_task(name: str = "blobs", **arguments: Any) -> Task:
    arguments = {"data": blobs, "model": network, "batch_size": 16, **arguments}
    return Task(name, **arguments)


def tiny_plan(
    rates: tuple[float, ...] = RATES,
    decays: tuple[float, ...] = DECAYS,
    *,
    optimizers: tuple[str, ...] = ("adamw", "lion"),
    epochs: int = 2,
    seeds: int = 2,
    **arguments: Any,
) -> Plan:
    axes = (Axis("weight_decay", decays), Axis("learning_rate", rates))
    spaces = {name: SearchSpace(axes, BETAS.get(name, {})) for name in optimizers}
    return Plan(spaces, epochs=epochs, seeds=seeds, **arguments)


def tiny_study(
    plan: Plan | None = None, task: Task | None = None, name: str = "tiny"
) -> Study:
    """A study of one task with the preset `smoke`."""
    task = task or tiny_task()
    return Study(
        name=name,
        question="Does it run?",
        plans={task.name: {"smoke": plan or tiny_plan()}},
        comparison=Comparison("Lion is wider.", {task.name: 0.1}),
        tasks={task.name: task},
    )


def only_run(study: Study, **columns: Any) -> RunSpecification:
    """The one run of a tiny study with these columns."""
    runs = [
        run
        for run in study.runs(study.default_task, "smoke", keras.backend.backend())
        if all(getattr(run, name) == value for name, value in columns.items())
    ]
    assert len(runs) == 1
    return runs[0]


def record_of(study: Study, trainer: Trainer | None = None, **columns: Any) -> Any:
    """The record of that run, without what depends on the clock."""
    trainer = trainer or Trainer(study.task(study.default_task))
    record = trainer.run(only_run(study, **columns))
    del record["seconds"]
    return record
