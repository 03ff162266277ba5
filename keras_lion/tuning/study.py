"""A study: a declared question, its runs, and the comparison that will decide it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from keras_lion.tuning.schedule import Schedule
from keras_lion.tuning.search_space import SearchSpace
from keras_lion.tuning.task import Task
from keras_lion.tuning.tasks import get_task

PRESETS = ("smoke", "standard", "full", "pilot")


@dataclass(frozen=True)
class Comparison:
    """The comparison that decides a study, declared before any run.

    Args:
        statement: The claim under test, one sentence.
        measure: Name of the headline measure.
        value: What the measure reads: `"final_loss"` (validation negative
            log-likelihood, negated) or `"score"`.
        epsilon: Task → how far from the common best still counts as good, in units of
            `value`.
    """

    statement: str
    epsilon: Mapping[str, float]
    measure: str = "tolerance_width"
    value: str = "final_loss"


@dataclass(frozen=True)
class Plan:
    """What one preset runs on one task.

    Args:
        spaces: Optimizer → its search space.
        epochs: Passes over the training examples.
        seeds: Number of seeds of every configuration, numbered from 0.
        evaluate_every: Epochs between two looks at the validation examples.
        schedule: The learning rate over a run.
        batch_size: Examples a step; None: the task's.
    """

    spaces: Mapping[str, SearchSpace]
    epochs: int
    seeds: int
    evaluate_every: int = 1
    schedule: Schedule = field(default_factory=Schedule)
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.seeds < 1:
            raise ValueError(
                "A plan needs at least one epoch and one seed. "
                f"Received: epochs={self.epochs}, seeds={self.seeds}."
            )
        if self.evaluate_every < 1 or self.epochs % self.evaluate_every:
            raise ValueError(
                "`evaluate_every` must divide `epochs`, so that the last epoch is "
                f"evaluated. Received: {self.evaluate_every} and {self.epochs}."
            )

    @property
    def num_runs(self) -> int:
        """Number of runs: cells times seeds, over all optimizers."""
        return self.seeds * sum(len(space) for space in self.spaces.values())


@dataclass(frozen=True)
class RunSpecification:
    """All that identifies the result of one run, but for the data themselves."""

    study: str
    preset: str
    task: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    beta_1: float
    beta_2: float
    batch_size: int
    seed: int
    epochs: int
    evaluate_every: int
    schedule: Schedule
    train_examples: int | None
    validation_examples: int | None
    metric: str
    target: float
    backend: str

    @property
    def key(self) -> str:
        """Hash of what decides the result, and not of when or where it is computed.

        The preset is left out: a run that two presets share is one run.
        """
        identity = asdict(self)
        del identity["preset"]
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def columns(self) -> dict[str, Any]:
        """The specification as columns of a record."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in (
            "evaluate_every",
            "train_examples",
            "validation_examples",
            "target",
        ):
            del columns[name]
        return {"key": self.key, **columns, "schedule": str(self.schedule)}


@dataclass(frozen=True)
class Study:
    """A declared question.

    Args:
        name: Name of the study; part of every run's key and randomness.
        question: What is asked, one sentence.
        plans: Task name → preset → plan.
        comparison: The comparison that decides, declared before running.
        tasks: Tasks of your own, by name; others are the built-in ones.

    Raises:
        ValueError: If a preset or a task is unknown.
    """

    name: str
    question: str
    plans: Mapping[str, Mapping[str, Plan]]
    comparison: Comparison
    tasks: Mapping[str, Task] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for task, plans in self.plans.items():
            self.task(task)
            for preset in plans:
                if preset not in PRESETS:
                    raise ValueError(
                        f"A preset is one of {', '.join(PRESETS)}. "
                        f"Received {preset!r} for task '{task}'."
                    )

    @property
    def default_task(self) -> str:
        """The task that runs when none is named: the first."""
        return next(iter(self.plans))

    def task(self, name: str) -> Task:
        """The study's own task of that name, or the built-in one."""
        return self.tasks[name] if name in self.tasks else get_task(name)

    def plan(self, task: str, preset: str) -> Plan:
        """The plan of one task and preset."""
        if task not in self.plans:
            raise ValueError(
                f"Study '{self.name}' has no task '{task}'. It has: "
                f"{', '.join(self.plans)}."
            )
        if preset not in self.plans[task]:
            raise ValueError(
                f"Study '{self.name}' has no preset '{preset}' for task '{task}'. It "
                f"has: {', '.join(self.plans[task])}."
            )
        return self.plans[task][preset]

    def runs(self, task: str, preset: str, backend: str) -> list[RunSpecification]:
        """Every run of a task and preset, in a shuffled order that is always the same.

        Neighbours on the grid are seldom neighbours in it, so that an interrupted sweep
        has looked everywhere and diverging runs do not come in a row.
        """
        plan = self.plan(task, preset)
        definition = self.task(task)
        specifications = [
            RunSpecification(
                study=self.name,
                preset=preset,
                task=task,
                optimizer=optimizer,
                # As floats: 0 and 0.0 are one configuration, and have one key.
                learning_rate=float(configuration["learning_rate"]),
                weight_decay=float(configuration["weight_decay"]),
                beta_1=float(configuration["beta_1"]),
                beta_2=float(configuration["beta_2"]),
                batch_size=plan.batch_size or definition.batch_size,
                seed=seed,
                epochs=plan.epochs,
                evaluate_every=plan.evaluate_every,
                schedule=plan.schedule,
                train_examples=definition.train_examples,
                validation_examples=definition.validation_examples,
                metric=definition.metric,
                target=definition.target,
                backend=backend,
            )
            for optimizer, space in plan.spaces.items()
            for configuration in space.configurations()
            for seed in range(plan.seeds)
        ]
        name = hashlib.sha256(f"{self.name}\0{task}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(name[:16], "little"))
        order = generator.permutation(len(specifications))
        return [specifications[index] for index in order]

    def declaration(self) -> dict[str, Any]:
        """The study as plain JSON values, and the hash of them."""
        declared = {
            "name": self.name,
            "question": self.question,
            "comparison": asdict(self.comparison),
            "plans": {
                task: {preset: asdict(plan) for preset, plan in plans.items()}
                for task, plans in self.plans.items()
            },
        }
        text = json.dumps(declared, sort_keys=True)
        return {**declared, "hash": hashlib.sha256(text.encode()).hexdigest()[:16]}
