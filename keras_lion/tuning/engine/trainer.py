"""From the specifications of runs to their records."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from keras_lion.tuning.engine.evaluation import Evaluation
from keras_lion.tuning.engine.keras_rules import (
    OptimizerFactory,
    check_optimizers,
    needed_names,
    read_betas,
)
from keras_lion.tuning.engine.program import SEEDS_IN_MEMORY
from keras_lion.tuning.engine.programs import Programs
from keras_lion.tuning.engine.rules import (
    COUPLING,
    RULES,
    coupled_weight_decay,
    hyperparameter_vector,
)
from keras_lion.tuning.engine.run import Run
from keras_lion.tuning.runs.files import Record
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.seeds import (
    RunSeeds,
    check_batch_size,
    data_order,
    run_seeds,
)
from keras_lion.tuning.tasks.task import Split, Task

ORDERS_IN_MEMORY = 8  # each may be many megabytes


class Trainer(Programs):
    """Trains runs of one task, reusing one compiled program for each shape.

    Args:
        task: What is trained.
        optimizers: The study's own optimizers, by name.
    """

    def __init__(
        self, task: Task, optimizers: Mapping[str, OptimizerFactory] | None = None
    ) -> None:
        super().__init__(task, optimizers)
        self._initial: dict[tuple[Any, ...], Evaluation] = {}
        # Runs of one seed share these.
        self._split = lru_cache(SEEDS_IN_MEMORY)(self._new_split)
        self._order = lru_cache(ORDERS_IN_MEMORY)(self._new_order)

    def check(self, specifications: Sequence[RunSpecification]) -> None:
        """Refuse, before a run is trained, what no run could do.

        Where the model's `fit` trains, each optimizer takes one step.

        Raises:
            ValueError: If an optimizer is not known or lacks a hyperparameter, one has
                no meaning, an option does not take a value, or Keras cannot train the
                model on the examples.
        """
        for spec in specifications:
            self._check_optimizer(spec)
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
                self.fit_training(spec, len(run.order)).check(run)

    def _check_optimizer(self, spec: RunSpecification) -> None:
        check_optimizers([spec.optimizer], self.optimizers)
        read = read_betas(spec.optimizer, self.optimizers)
        if unread := [beta for beta in self._betas(spec) if beta not in read]:
            raise ValueError(
                f"The optimizer '{spec.optimizer}' does not read "
                f"{' and '.join(unread)}: leave it out of its search space. Of the "
                f"betas it reads {' and '.join(read) or 'none'}."
            )
        given = {*self._betas(spec), *dict(spec.extra)}
        needed = needed_names(spec.optimizer, self.optimizers)
        missing = [name for name in needed if name not in given]
        if not missing:
            return
        usual = USUAL_BETAS.get(spec.optimizer, {})
        fixed = ", ".join(f'"{name}": {usual.get(name, "…")}' for name in missing)
        raise ValueError(
            f"The optimizer '{spec.optimizer}' needs {' and '.join(missing)}, which a "
            "configuration of it lacks. Give each an axis of its search space, or a "
            f"fixed value: fixed={{{fixed}}}."
        )

    @staticmethod
    def weight_decay_of(specification: RunSpecification) -> float:
        """λ as the update takes it, which each step's learning rate multiplies."""
        return coupled_weight_decay(
            specification.weight_decay,
            specification.learning_rate,
            dict(specification.extra).get(COUPLING, "learning_rate"),
        )

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
        training = self.fit_training(specification, len(run.order))
        training.train(run)
        on_test = training.compiled.evaluate(None) if test else None
        return training.compiled.classes, on_test

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
