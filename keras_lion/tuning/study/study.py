"""A study: a declared question, its runs, and the comparison that will decide it."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from keras_lion.tuning.lists import check_list
from keras_lion.tuning.study.columns import COLUMNS
from keras_lion.tuning.study.comparison import MEASURES, Comparison, betas_text
from keras_lion.tuning.study.extension import Extension
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.schedule import Schedule
from keras_lion.tuning.study.search_space import SearchSpace, Value, plain_value
from keras_lion.tuning.tasks.built_in import TASKS, get_task
from keras_lion.tuning.tasks.hyperparameters import reads_of, takes_hyperparameters
from keras_lion.tuning.tasks.task import Task

PRESETS = ("smoke", "standard", "full", "pilot", "gpu")


@dataclass(frozen=True)
class Plan:
    """What one preset runs on one task.

    Args:
        spaces: Optimizer → its search space, or several that are run together. Axes
            other than `learning_rate`, `weight_decay`, `beta_1`, `beta_2` and
            `batch_size` are options of the optimizer (`weight_decay_coupling` of any,
            `cautious` and `cautious_weight_decay` of Lion) or hyperparameters of the
            task's model: numbers, text or booleans. Of one name, all spaces have values
            of one kind.
        epochs: Budget of a run: passes over the training examples. None if the budget
            is in steps.
        seeds: Number of seeds of every configuration, numbered from 0.
        evaluate_every: Epochs (steps, if the budget is in steps) between two looks at
            the validation examples.
        schedule: The learning rate over a run.
        batch_size: Examples per step, where no axis gives it; None: the task's.
        steps: Budget of a run in steps, whatever the batch size. None if it is in
            epochs.
    """

    spaces: Mapping[str, SearchSpace | Sequence[SearchSpace]]
    epochs: int | None
    seeds: int
    evaluate_every: int = 1
    schedule: Schedule = field(default_factory=Schedule)
    batch_size: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(
                "The budget of a plan is either in epochs or in steps. Received: "
                f"epochs={self.epochs}, steps={self.steps}."
            )
        unit, budget = (
            ("epochs", self.epochs) if self.steps is None else ("steps", self.steps)
        )
        assert budget is not None
        if budget < 1 or self.seeds < 1:
            raise ValueError(
                "A plan needs at least one epoch and one seed. "
                f"Received: {unit}={budget}, seeds={self.seeds}."
            )
        if self.evaluate_every < 1 or budget % self.evaluate_every:
            raise ValueError(
                f"`evaluate_every` must divide `{unit}`, so that the end is "
                f"evaluated. Received: {self.evaluate_every} and {budget}."
            )
        self._check_kinds()

    def _check_kinds(self) -> None:
        found: dict[str, bool] = {}
        for name, kind in (
            pair
            for optimizer in self.spaces
            for space in self._spaces_of(optimizer)
            for pair in space.kinds().items()
        ):
            if found.setdefault(name, kind == "text") != (kind == "text"):
                raise ValueError(
                    "A hyperparameter must have values of one kind in all search "
                    "spaces of a plan. Received text and other values for "
                    f"'{name}'."
                )

    @property
    def num_runs(self) -> int:
        """Number of runs: cells times seeds, over all optimizers.

        Where models read only a part of their configuration, fewer are trained.
        """
        return self.seeds * sum(
            len(self.configurations(optimizer)) for optimizer in self.spaces
        )

    def configurations(self, optimizer: str) -> list[dict[str, Value]]:
        """Every configuration of an optimizer, each once."""
        found: list[dict[str, Value]] = []
        for space in self._spaces_of(optimizer):
            found += (c for c in space.configurations() if c not in found)
        return found

    def _spaces_of(self, optimizer: str) -> Sequence[SearchSpace]:
        spaces = self.spaces[optimizer]
        return [spaces] if isinstance(spaces, SearchSpace) else spaces

    def extended(self, extension: Extension) -> Plan:
        """The plan with a longer axis in every search space that has the axis.

        Raises:
            ValueError: If none has it.
        """
        name = extension.axis
        own = {optimizer: self._spaces_of(optimizer) for optimizer in self.spaces}
        spaces = [space for each in own.values() for space in each]
        axes = dict.fromkeys(axis.name for space in spaces for axis in space.axes)
        if name not in axes:
            raise ValueError(
                f"No search space has an axis '{name}' to extend. The axes are: "
                f"{', '.join(axes)}."
            )

        def longer(space: SearchSpace) -> SearchSpace:
            if name not in (axis.name for axis in space.axes):
                return space
            return space.extended(name, down=extension.down, up=extension.up)

        found = {each: [longer(space) for space in own[each]] for each in own}
        return replace(
            self,
            spaces={
                each: spaces[0]
                if isinstance(self.spaces[each], SearchSpace)
                else spaces
                for each, spaces in found.items()
            },
        )

    def contenders(self) -> list[str]:
        """The optimizers by the names that comparisons and reports use.

        An optimizer that runs with several pairs of betas has a name for each, as in
        `keras_lion.robustness.frames.runs.name_contenders`.
        """
        names = []
        for optimizer in self.spaces:
            pairs = dict.fromkeys(
                tuple(each[name] for name in ("beta_1", "beta_2") if name in each)
                for each in self.configurations(optimizer)
            )
            names += (
                [f"{optimizer} {betas_text(pair)}" for pair in pairs]
                if len(pairs) > 1
                else [optimizer]
            )
        return names


@dataclass(frozen=True)
class Study:
    """A declared question.

    Args:
        name: Name of the study; part of every run's key and randomness.
        question: What is asked, one sentence.
        plans: Task name → preset → plan.
        comparison: The comparison that decides, declared before running.
        secondary: Name → another comparison that the runs are read for, declared with
            its margin; none of them decides.
        tasks: Tasks of your own, by name; others are the built-in ones.
        optimizers: Optimizers of your own, by name: functions of the hyperparameters
            that they name, such as `beta_1`, which return a Keras optimizer without
            weight decay or schedule; the engine gives it both.

    Raises:
        ValueError: If a preset or a task is unknown, or a comparison names a task that
            the study does not run, or an optimizer that a task does not run.
    """

    name: str
    question: str
    plans: Mapping[str, Mapping[str, Plan]]
    comparison: Comparison
    tasks: Mapping[str, Task] = field(default_factory=dict)
    optimizers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    secondary: Mapping[str, Comparison] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for task, plans in self.plans.items():
            self.task(task)
            for preset in plans:
                if preset not in PRESETS:
                    raise ValueError(
                        f"A preset is one of {', '.join(PRESETS)}. "
                        f"Received {preset!r} for task '{task}'."
                    )
            for comparison in (self.comparison, *self.secondary.values()):
                self._check_sides(comparison, task)
        self._check_epsilon("comparison", self.comparison)
        for name, comparison in self.secondary.items():
            self._check_epsilon(f"secondary comparison '{name}'", comparison)

    def _check_epsilon(self, place: str, comparison: Comparison) -> None:
        unknown = [name for name in comparison.epsilon if name not in self.plans]
        if unknown:
            raise ValueError(
                f"`epsilon` of the {place} names {', '.join(unknown)}, which study "
                f"'{self.name}' does not run. Its tasks are: {', '.join(self.plans)}."
            )

    def _check_sides(self, comparison: Comparison, task: str) -> None:
        for preset, plan in self.plans[task].items():
            across = MEASURES[comparison.measure].across
            run = list(plan.spaces) if across else plan.contenders()
            absent = [name for name in comparison.sides or () if name not in run]
            if absent:
                raise ValueError(
                    f"`sides` of a comparison must be optimizers that the study "
                    f"'{self.name}' runs. Task '{task}', preset '{preset}' runs "
                    f"{', '.join(run)}. Received: sides={comparison.sides!r}."
                )

    @property
    def default_task(self) -> str:
        """The task that runs when none is named: the first."""
        return next(iter(self.plans))

    def task(self, name: str) -> Task:
        """The study's own task of that name, or the built-in one."""
        if name in self.tasks:
            return self.tasks[name]
        if self.tasks and name not in TASKS:
            raise ValueError(
                f"Study '{self.name}' has no task '{name}': `plans` and `tasks` must "
                f"have the same keys. `tasks` has: {', '.join(self.tasks)}; the "
                f"built-in tasks are: {', '.join(TASKS)}."
            )
        return get_task(name)

    def plan(self, task: str, preset: str) -> Plan:
        """The plan of one task and preset."""
        if task not in self.plans:
            raise ValueError(
                f"Study '{self.name}' has no task '{task}'. It has: "
                f"{', '.join(self.plans)}."
            )
        if preset not in self.plans[task]:
            raise ValueError(
                f"Study '{self.name}' has no preset '{preset}' for task '{task}'. "
                f"Choose one of {', '.join(self.plans[task])}."
            )
        return self.plans[task][preset]

    def extended(self, task: str, preset: str, extensions: Sequence[str]) -> Study:
        """The study with more values at the ends of a plan's axes.

        Args:
            task: One of its tasks.
            preset: One of the task's presets.
            extensions: Such as `"learning_rate=up:2"`: the axis, `up` or `down`, and
                the number of steps, each of the grid's own ratio.

        Raises:
            ValueError: If an extension is malformed, or no search space of the plan
                has such an axis.
        """
        check_list("extensions", extensions)
        plan = self.plan(task, preset)
        for extension in map(Extension.parse, extensions):
            plan = plan.extended(extension)
        plans = {**self.plans, task: {**self.plans[task], preset: plan}}
        return replace(self, plans=plans) if extensions else self

    def runs(self, task: str, preset: str, backend: str) -> list[RunSpecification]:
        """Every run of a task and preset, in a shuffled order that is always the same.

        Neighbours on the grid are seldom neighbours in it, so that an interrupted sweep
        has looked everywhere and diverging runs do not come in a row.

        What the model of a configuration does not read, and that of another does, is
        left out: configurations that differ in nothing else are one. To find out,
        models that have hyperparameters are built.
        """
        plan = self.plan(task, preset)
        definition = self.task(task)
        specifications = [
            specification(
                definition,
                plan,
                optimizer,
                configuration,
                study=self.name,
                preset=preset,
                seed=seed,
                backend=backend,
            )
            for optimizer in plan.spaces
            for configuration in plan.configurations(optimizer)
            for seed in range(plan.seeds)
        ]
        specifications = self._without_inactive(specifications, definition)
        name = hashlib.sha256(f"{self.name}\0{task}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(name[:16], "little"))
        order = generator.permutation(len(specifications))
        return [specifications[index] for index in order]

    def _without_inactive(
        self, runs: list[RunSpecification], task: Task
    ) -> list[RunSpecification]:
        """The runs, each once, without the hyperparameters that their models ignore.

        A name that no model reads stays: it is an option of the optimizer, or refused.
        """
        if not takes_hyperparameters(task.model):
            return runs
        extras = dict.fromkeys(run.extra for run in runs)
        found = {extra: reads_of(task.model, dict(extra)) for extra in extras if extra}
        read = {name for reads in found.values() if reads for name in reads.active}

        def is_active(run: RunSpecification, name: str) -> bool:
            reads = found.get(run.extra)
            if reads is None or name not in read or name in reads.active:
                return True
            make = self.optimizers.get(run.optimizer)
            return make is not None and name in inspect.signature(make).parameters

        active = (
            replace(run, extra=tuple(p for p in run.extra if is_active(run, p[0])))
            for run in runs
        )
        return list({run.key: run for run in active}.values())

    def declaration(self) -> dict[str, Any]:
        """The study as plain JSON values, and the hash of them."""
        declared = {
            "name": self.name,
            "question": self.question,
            "comparison": asdict(self.comparison),
            "secondary": {
                name: asdict(comparison) for name, comparison in self.secondary.items()
            },
            "plans": {
                task: {preset: asdict(plan) for preset, plan in plans.items()}
                for task, plans in self.plans.items()
            },
        }
        text = json.dumps(declared, sort_keys=True)
        return {**declared, "hash": hashlib.sha256(text.encode()).hexdigest()[:16]}


def specification(
    task: Task,
    plan: Plan,
    optimizer: str,
    configuration: Mapping[str, Value],
    *,
    study: str,
    preset: str,
    seed: int,
    backend: str,
) -> RunSpecification:
    """The run of one configuration with one seed.

    Args:
        task: What is trained.
        plan: Budget and schedule.
        optimizer: Name of the optimizer.
        configuration: `learning_rate`, `weight_decay` (0 if it has none), the betas
            that the optimizer has, `batch_size` if it is varied, options of the
            optimizer and hyperparameters of the model.
        study: Name of the study.
        preset: Name of the preset.
        seed: Number of the seed.
        backend: Keras backend that trains.

    Raises:
        ValueError: If there is no learning rate, a name is a record's column, or a
            value is neither a number, text nor a boolean.
    """
    values = {
        name: plain_value(name, value)
        for name, value in configuration.items()
        if value is not None
    }
    if "learning_rate" not in values:
        raise ValueError(
            f"The search space of '{optimizer}' needs a `learning_rate`. It has: "
            f"{', '.join(values)}."
        )

    def take(name: str, default: float | None) -> float | None:
        # As floats: 0 and 0.0 are one configuration, and have one key.
        value = values.pop(name, default)
        return None if value is None else float(value)

    learning_rate = take("learning_rate", None)
    weight_decay = take("weight_decay", 0.0)
    assert learning_rate is not None
    assert weight_decay is not None
    run = RunSpecification(
        study=study,
        preset=preset,
        task=task.name,
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        beta_1=take("beta_1", None),
        beta_2=take("beta_2", None),
        batch_size=int(values.pop("batch_size", plan.batch_size or task.batch_size)),
        seed=seed,
        epochs=plan.epochs,
        evaluate_every=plan.evaluate_every,
        schedule=plan.schedule,
        train_examples=task.train_examples,
        validation_examples=task.validation_examples,
        metric=task.metric,
        target=task.target,
        backend=backend,
        steps=plan.steps,
        extra=tuple(sorted((name, _whole(v)) for name, v in values.items())),
    )
    taken = sorted(set(values) & {*run.__dataclass_fields__, *COLUMNS})
    if taken:
        raise ValueError(
            "A hyperparameter of the model cannot have the name of a record's column. "
            f"Received: {', '.join(taken)}."
        )
    return run


def _whole(value: Value) -> Value:
    """Whole numbers as integers, which is what widths and depths must be."""
    if isinstance(value, bool | str) or not float(value).is_integer():
        return value
    return int(value)
