"""From the specifications of runs to their records."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from keras_lion.tuning.engine.compiled_model import CompiledModel
from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.fast_path import fast_program, is_built_in
from keras_lion.tuning.engine.fit_optimizer import needs_fit, optimizer_maker
from keras_lion.tuning.engine.fit_training import FitTraining
from keras_lion.tuning.engine.keras_rules import (
    OptimizerFactory,
    compiles_betas,
    get_rule,
    option_names,
)
from keras_lion.tuning.engine.population import PopulationProgram
from keras_lion.tuning.engine.program import SEEDS_IN_MEMORY, TaskProgram
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
from keras_lion.tuning.study.seeds import (
    RunSeeds,
    check_batch_size,
    data_order,
    run_seeds,
)
from keras_lion.tuning.tasks.task import Split, Task

ORDERS_IN_MEMORY = 8  # each may be many megabytes
MODELS_IN_MEMORY = 8

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
        self._programs: dict[Named, TaskProgram | None] = {}
        self._fits: OrderedDict[tuple[Any, ...], FitTraining] = OrderedDict()
        self._compiled = lru_cache(MODELS_IN_MEMORY)(self._new_compiled)
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
        """The engine's own program for these hyperparameters of the model.

        Raises:
            ValueError: If there is none: if the model is trained by its `fit`.
        """
        program = self._fast(model)
        if program is None:
            raise ValueError(
                f"Task '{self.task.name}' is trained by the `fit` of its model; the "
                "engine has no program of its own that computes the same."
            )
        return program

    def _fast(self, model: Named) -> TaskProgram | None:
        if model not in self._programs:
            self._programs[model] = (
                TaskProgram(self.task, self.data, dict(model))
                if is_built_in(self.task)
                else fast_program(self._compiled(model))
            )
        return self._programs[model]

    def _new_compiled(self, model: Named) -> CompiledModel:
        return CompiledModel(self.task, self.data, dict(model))

    def is_fast(self, specification: RunSpecification) -> bool:
        """True if the engine's own program trains the run; else the model's `fit`."""
        if self._fast(self.model_of(specification)) is None:
            return False
        if specification.optimizer not in self.optimizers:
            return True
        return not needs_fit(self._maker(specification)())

    def _maker(self, specification: RunSpecification) -> OptimizerFactory:
        return optimizer_maker(
            specification.optimizer,
            self._betas(specification),
            self.optimizers,
            dict(self.options_of(specification)),
        )

    @staticmethod
    def _betas(specification: RunSpecification) -> dict[str, float]:
        betas = {"beta_1": specification.beta_1, "beta_2": specification.beta_2}
        return {name: value for name, value in betas.items() if value is not None}

    def rule(self, specification: RunSpecification) -> UpdateRule:
        """The update rule of a run's optimizer."""
        spec = specification
        return get_rule(
            spec.optimizer,
            self._betas(spec),
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
        """Refuse, before a run is trained, what no run could do.

        Where the model's `fit` trains, each optimizer takes one step.

        Raises:
            ValueError: If a hyperparameter has no meaning, an option does not take a
                value, or Keras cannot train the model on the examples.
        """
        self.is_fast(specifications[0])
        for spec in {s.batch_size: s for s in specifications}.values():
            _, split = self._split(spec.study, spec.task, spec.seed)
            check_batch_size(spec.batch_size, len(split.train))
        for spec in {(s.optimizer, s.extra): s for s in specifications}.values():
            self.weight_decay_of(spec)
            if spec.optimizer in RULES and spec.optimizer not in self.optimizers:
                RULES[spec.optimizer].with_options(dict(self.options_of(spec)))
        model = self.model_of(specifications[0])
        firsts: dict[str, RunSpecification] = {}
        for spec in specifications:
            if self.model_of(spec) == model:
                firsts.setdefault(spec.optimizer, spec)
        for spec in firsts.values():
            if not self.is_fast(spec):
                run = self._prepare(spec)
                self._fit(spec, run).check(run)

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
        train = self._run_fast if self.is_fast(specification) else self._run_fit
        classes, on_test = train(specification, run, test)
        return {
            **run.record(self.task, classes, on_test),
            "seconds": time.perf_counter() - started,
            "executor": "loop",
        }

    def _run_fast(
        self, specification: RunSpecification, run: Run, test: bool
    ) -> tuple[np.ndarray | None, Evaluation | None]:
        training = self.training(specification)
        program = training.program
        state = training.start(run.seeds.model_seed)
        for part in run.parts():
            state, loss = training.train(
                state, run.order[part], run.rates[part], run.hyperparameters
            )
            found = program.evaluate(state.weights, state.others, run.split.validation)
            run.note(part.stop, loss, found)
            if not run.finite:
                break
        on_test = program.evaluate(state.weights, state.others, None) if test else None
        return program.classes, on_test

    def _run_fit(
        self, specification: RunSpecification, run: Run, test: bool
    ) -> tuple[np.ndarray | None, Evaluation | None]:
        training = self._fit(specification, run)
        training.train(run)
        on_test = training.compiled.evaluate(None) if test else None
        return training.compiled.classes, on_test

    def _fit(self, specification: RunSpecification, run: Run) -> FitTraining:
        spec, steps = specification, len(run.order)
        model, options = self.model_of(spec), self.options_of(spec)
        shape = (model, spec.optimizer, spec.beta_1, spec.beta_2, options, steps)
        if shape not in self._fits:
            # A model of its own: what `fit` compiled has the optimizer in it.
            self._fits[shape] = FitTraining(
                self._new_compiled(model), self._maker(spec), steps
            )
        self._fits.move_to_end(shape)
        if len(self._fits) > MODELS_IN_MEMORY:
            self._fits.popitem(last=False)
        return self._fits[shape]

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
                **run.record(self.task, population.program.classes, found),
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
            program = self._fast(model)
            if program is not None:
                weights = program.initial_weights(model_seed)
                self._initial[name] = program.evaluate(*weights, split.validation)
            else:
                compiled = self._compiled(model)
                compiled.set_weights(compiled.initial_weights(model_seed))
                self._initial[name] = compiled.evaluate(split.validation)
        return self._initial[name]
