"""The compiled programs of a task, each made when a run first needs it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from keras_lion.tuning.engine.compiled_model import CompiledModel
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
from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.rules import COUPLING, UpdateRule
from keras_lion.tuning.engine.training import TrainingProgram
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.tasks.task import Task

MODELS_IN_MEMORY = 8

Named = tuple[tuple[str, Any], ...]  # hyperparameters with their values


class Programs:
    """The compiled programs of one task, one for each shape of runs.

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

    def fit_training(self, specification: RunSpecification, steps: int) -> FitTraining:
        """The training of a run by the model's `fit`."""
        spec = specification
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
