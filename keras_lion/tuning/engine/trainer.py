"""From the specifications of runs to their records."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from keras_lion.tuning.engine.callbacks import RunCallbacks
from keras_lion.tuning.engine.keras_rules import (
    OptimizerFactory,
    compiles_betas,
    get_rule,
    option_names,
)
from keras_lion.tuning.engine.population import PopulationProgram
from keras_lion.tuning.engine.program import SEEDS_IN_MEMORY, Evaluation, TaskProgram
from keras_lion.tuning.engine.rules import (
    COUPLING,
    RULES,
    UpdateRule,
    coupled_weight_decay,
    hyperparameter_vector,
)
from keras_lion.tuning.engine.run import Run
from keras_lion.tuning.engine.training import TrainingProgram
from keras_lion.tuning.runs.files import Record
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.seeds import RunSeeds, data_order, run_seeds
from keras_lion.tuning.tasks.task import Split, Task

ORDERS_IN_MEMORY = 8  # each may be many megabytes

Named = tuple[tuple[str, Any], ...]  # hyperparameters with their values


class Trainer:
    """Trains runs of one task, reusing one compiled program for each shape.

    Args:
        task: What is trained.
        optimizers: The study's own optimizers, by name.
    """

    def __init__(
        self, task: Task, optimizers: Mapping[str, OptimizerFactory] | None = None
    ) -> None:
        self.task = task
        self.optimizers = dict(optimizers or {})
        self.data = task.load()
        self._programs: dict[tuple[Any, ...], TaskProgram] = {}
        self._training: dict[tuple[Any, ...], Any] = {}
        self._initial: dict[tuple[Any, ...], Evaluation] = {}
        # Runs of one seed share these.
        self._split = lru_cache(SEEDS_IN_MEMORY)(self._new_split)
        self._order = lru_cache(ORDERS_IN_MEMORY)(self._new_order)

    @property
    def program(self) -> TaskProgram:
        """The task's program, where the model has no hyperparameters."""
        return self.program_of(())

    def program_of(self, model: Named) -> TaskProgram:
        """The task's program for these hyperparameters of the model."""
        if model not in self._programs:
            self._programs[model] = TaskProgram(self.task, self.data, dict(model))
        return self._programs[model]

    def rule(self, specification: RunSpecification) -> UpdateRule:
        """The update rule of a run's optimizer."""
        spec = specification
        betas = {"beta_1": spec.beta_1, "beta_2": spec.beta_2}
        return get_rule(
            spec.optimizer,
            {name: value for name, value in betas.items() if value is not None},
            self.program_of(self.model_of(spec)),
            self.optimizers,
            dict(self.options_of(spec)),
        )

    def options_of(
        self, specification: RunSpecification
    ) -> tuple[tuple[str, Any], ...]:
        """The options of a run's optimizer, with their values."""
        names = option_names(specification.optimizer, self.optimizers)
        return tuple(pair for pair in specification.extra if pair[0] in names)

    def model_of(self, specification: RunSpecification) -> tuple[tuple[str, Any], ...]:
        """The hyperparameters of a run's model: those that are no option."""
        names = option_names(specification.optimizer, self.optimizers)
        return tuple(
            pair for pair in specification.extra if pair[0] not in {COUPLING, *names}
        )

    def check(self, specifications: Sequence[RunSpecification]) -> None:
        """Build the first run's model, and refuse options that cannot be used.

        Raises:
            ValueError: If a hyperparameter has no meaning, or an option does not take
                a value.
        """
        self.program_of(self.model_of(specifications[0]))
        for spec in {(s.optimizer, s.extra): s for s in specifications}.values():
            self.weight_decay_of(spec)
            if spec.optimizer in RULES and spec.optimizer not in self.optimizers:
                RULES[spec.optimizer].with_options(dict(self.options_of(spec)))

    @staticmethod
    def weight_decay_of(specification: RunSpecification) -> float:
        """λ as the update takes it, which each step's learning rate multiplies."""
        return coupled_weight_decay(
            specification.weight_decay,
            specification.learning_rate,
            dict(specification.extra).get(COUPLING, "learning_rate"),
        )

    def shape(self, specification: RunSpecification) -> tuple[Any, ...]:
        """What decides the compiled program: runs that share it can train together."""
        spec = specification
        betas: tuple[Any, ...] = ()
        if compiles_betas(spec.optimizer, self.optimizers):
            betas = (spec.beta_1, spec.beta_2)
        return self.model_of(spec), spec.optimizer, betas, self.options_of(spec)

    def training(self, specification: RunSpecification) -> TrainingProgram:
        """The compiled training of a run by itself."""
        shape = self.shape(specification)
        if shape not in self._training:
            self._training[shape] = TrainingProgram(
                self.program_of(self.model_of(specification)), self.rule(specification)
            )
        training: TrainingProgram = self._training[shape]
        return training

    def population(
        self, specification: RunSpecification, executor: str
    ) -> PopulationProgram:
        """The compiled training of several runs of one shape."""
        shape = (*self.shape(specification), executor)
        if shape not in self._training:
            self._training[shape] = PopulationProgram(
                self.program_of(self.model_of(specification)),
                self.rule(specification),
                executor,
            )
        population: PopulationProgram = self._training[shape]
        return population

    def run(self, specification: RunSpecification, *, test: bool = False) -> Record:
        """Train one run and describe it.

        Args:
            specification: What to train.
            test: Look at the test set after training.

        Returns:
            The run's record.
        """
        started = time.perf_counter()
        run = self._prepare(specification)
        training = self.training(specification)
        callbacks = RunCallbacks(self.task, training.program)
        state = training.start(run.seeds.model_seed)
        callbacks.begin(state)
        for part in run.parts():
            state, loss = training.train(
                state, run.order[part], run.rates[part], run.hyperparameters
            )
            found = training.program.evaluate(
                state.weights, state.others, run.split.validation
            )
            run.note(part.stop, loss, found)
            if callbacks.evaluated(state, run.history()) or not run.finite:
                break
        callbacks.end(state)
        test_result = None
        if test:
            test_result = training.program.evaluate(state.weights, state.others, None)
        return {
            **run.record(self.task, self.data.y, test_result),
            "seconds": time.perf_counter() - started,
            "executor": "loop",
        }

    def run_together(
        self,
        specifications: Sequence[RunSpecification],
        executor: str,
        members: int,
        *,
        test: bool = False,
    ) -> list[Record]:
        """Train several runs of one shape at once.

        A run that diverges is left alone from then on; it does not stop the others.

        Args:
            specifications: What to train; runs with one `shape` and one budget.
            executor: `"map"` or `"vmap"`.
            members: Size of the compiled program; the last run fills what is left.
            test: Look at the test set after training.

        Returns:
            A record for each run.
        """
        started = time.perf_counter()
        runs = [self._prepare(specification) for specification in specifications]
        population = self.population(specifications[0], executor)
        padded = runs + [runs[-1]] * (members - len(runs))
        state = population.start([run.seeds.model_seed for run in padded])
        vectors = np.stack([run.hyperparameters for run in padded])
        validation = [run.split.validation for run in padded]
        for part in runs[0].parts():
            state, losses = population.train(
                state,
                np.stack([run.order[part] for run in padded]),
                np.stack([run.rates[part] for run in padded]),
                vectors,
            )
            found = population.evaluate(state, validation)
            for run, loss, evaluation in zip(runs, losses, found, strict=False):
                if run.finite:
                    run.note(part.stop, float(loss), evaluation)
            if not any(run.finite for run in runs):
                break
        on_test = [
            population.evaluate_test(state, member) if test else None
            for member in range(len(runs))
        ]
        seconds = (time.perf_counter() - started) / len(runs)
        return [
            {
                **run.record(self.task, self.data.y, found),
                "seconds": seconds,
                "executor": executor,
            }
            for run, found in zip(runs, on_test, strict=True)
        ]

    def _prepare(self, specification: RunSpecification) -> Run:
        spec = specification
        seeds, split = self._split(spec.study, spec.task, spec.seed)
        order = self._order(
            spec.study, spec.task, spec.seed, spec.epochs, spec.batch_size, spec.steps
        )
        factors = spec.schedule.factors(len(order))
        weight_decay = self.weight_decay_of(spec)
        return Run(
            spec,
            seeds,
            split,
            order,
            rates=(spec.learning_rate * factors).astype("float32"),
            sum_learning_rate=float(np.sum(spec.learning_rate * factors)),
            weight_decay=weight_decay,
            hyperparameters=hyperparameter_vector(
                weight_decay, spec.beta_1, spec.beta_2
            ),
            initial=self._initial_evaluation(spec, seeds.model_seed, split),
        )

    def _new_split(self, study: str, task: str, seed: int) -> tuple[RunSeeds, Split]:
        seeds = run_seeds(study, task, seed)
        return seeds, self.task.split(self.data, np.random.default_rng(seeds.split))

    def _new_order(
        self, study: str, task: str, seed: int, *budget: int | None
    ) -> np.ndarray:
        seeds, split = self._split(study, task, seed)
        epochs, batch_size, steps = budget
        assert batch_size is not None
        return data_order(seeds.order, split.train, epochs, batch_size, steps)

    def _initial_evaluation(
        self, spec: RunSpecification, model_seed: int, split: Split
    ) -> Evaluation:
        model = self.model_of(spec)
        name = (spec.study, spec.seed, model)
        if name not in self._initial:
            program = self.program_of(model)
            self._initial[name] = program.evaluate(
                *program.initial_weights(model_seed), split.validation
            )
        return self._initial[name]
