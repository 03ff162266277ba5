"""Executors: how the runs of one task share a compiled program.

`loop` trains one run at a time. `map` and `vmap` train a population of runs in one
call: one after the other, or vectorized. The result of a run does not depend on the
executor beyond rounding; but the sign of Lion turns a rounding difference into a whole
step sooner or later, so that runs agree at first and in distribution afterwards.
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from keras_lion.tuning import backend
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.runs.files import Record
from keras_lion.tuning.study.run_specification import RunSpecification

EXECUTORS = ("loop", "map", "vmap")
ATTEMPTS = 2
POPULATIONS_ON_CPU = (8,)
POPULATIONS_ON_ACCELERATOR = (16, 64, 256)  # ascending
USUAL_POPULATION = 64  # at most, where only the executor is given
# A population must pay for its compilation and for being measured.
WORTH_MEASURING = 60.0  # seconds of the whole sweep with `loop`
TOO_LONG_TO_MEASURE = 30.0  # seconds of one candidate
CLEARLY_FASTER = 1.15


class ExecutorWarning(UserWarning):
    """Some runs cannot train together and are trained one at a time."""


@dataclass
class Executor:
    """Trains runs of one task, several at a time.

    Args:
        trainer: Trains them.
        name: One of `EXECUTORS`.
        population: Number of runs that are trained together; 1 for `loop`.
        measured: Seconds a run of each candidate, where the choice was measured.
    """

    trainer: Trainer
    name: str = "loop"
    population: int = 1
    measured: dict[str, float] = field(default_factory=dict)

    def run(
        self, specifications: Sequence[RunSpecification], *, test: bool = False
    ) -> list[Record]:
        """A record for each run, in their order; what a run raises is in its record.

        Args:
            specifications: At most `population` runs.
            test: Look at the test set after training.
        """
        records: dict[str, Record] = {}
        alone = []
        groups: dict[Any, list[RunSpecification]] = {}
        for spec in specifications:
            if self.name == "loop" or not self._vectorizes(spec):
                alone.append(spec)
            else:
                groups.setdefault(program_shape(self.trainer, spec), []).append(spec)
        for group in groups.values():
            for record in self._together(group, self.population, test):
                records[record["key"]] = record
        for spec in alone:
            records[spec.key] = self._alone(spec, test)
        return [records[spec.key] for spec in specifications]

    def _together(
        self, group: list[RunSpecification], members: int, test: bool
    ) -> list[Record]:
        """The records of runs of one shape, in smaller and smaller populations."""
        if members == 1:
            return [self._alone(spec, test) for spec in group]
        try:
            return [
                record
                for start in range(0, len(group), members)
                for record in self.trainer.run_together(
                    group[start : start + members], self.name, members, test=test
                )
            ]
        except Exception as error:
            if not backend.is_out_of_memory(error):
                # One of them is to blame: alone, it is the only one that fails.
                return [self._alone(spec, test) for spec in group]
            self.population = min(self.population, max(members // 2, 1))
            warnings.warn(
                f"A population of {members} runs does not fit into memory; going on "
                f"with {self.population}.",
                ExecutorWarning,
                stacklevel=2,
            )
        return self._together(group, self.population, test)

    def _alone(self, specification: RunSpecification, test: bool) -> Record:
        for _ in range(ATTEMPTS):
            try:
                return self.trainer.run(specification, test=test)
            except Exception:
                message = traceback.format_exc(limit=-3)
        return {
            **specification.columns(),
            "status": "failed",
            "reason": message,
            "score": None,
            "executor": self.name,
        }

    def _vectorizes(self, spec: RunSpecification) -> bool:
        return self.trainer.is_fast(spec) and self.trainer.rule(spec).vectorizes


def program_shape(trainer: Trainer, specification: RunSpecification) -> tuple[Any, ...]:
    """What two runs must share to train together."""
    spec = specification
    budget = (spec.epochs, spec.steps, spec.evaluate_every)
    return *trainer.shape(spec), spec.batch_size, budget


def arrange(
    executor: Executor, runs: Sequence[RunSpecification]
) -> list[RunSpecification]:
    """Runs in an order in which neighbours share a compiled program.

    As many runs as the population holds come together; the groups themselves stay
    shuffled, so that an interrupted sweep has looked everywhere.
    """
    if executor.population == 1:
        return list(runs)
    groups: dict[Any, list[RunSpecification]] = {}
    for run in runs:
        groups.setdefault(program_shape(executor.trainer, run), []).append(run)
    chunks = [
        group[start : start + executor.population]
        for group in groups.values()
        for start in range(0, len(group), executor.population)
    ]
    shuffled = np.random.default_rng(len(runs)).permutation(len(chunks))
    # Full groups first: the slots of the population stay in step with them.
    order = sorted(shuffled, key=lambda k: len(chunks[k]) < executor.population)
    return [run for k in order for run in chunks[k]]


def choose_executor(
    trainer: Trainer,
    runs: Sequence[RunSpecification],
    *,
    wanted: str | None = None,
    population: int | None = None,
) -> Executor:
    """The executor for a sweep: by hand, or by a short measurement.

    A sweep that takes less than a minute in a loop is not measured. A population is not
    tried if, by what the smaller ones took, the device has no memory left for it.

    Args:
        trainer: Trains the runs.
        runs: Those that are still to be trained.
        wanted: Name of an executor; None: measure.
        population: Number of runs that are trained together; None: measure, or 8 on a
            CPU and 64 on an accelerator where the executor is given.

    Raises:
        ValueError: If there is no such executor.
    """
    if wanted is not None and wanted not in EXECUTORS:
        raise ValueError(
            f"An executor is one of {', '.join(EXECUTORS)}. Received: {wanted!r}."
        )
    if population is not None and population < 1:
        raise ValueError(f"`population` must be at least 1. Received: {population}.")
    sizes = POPULATIONS_ON_CPU if backend.runs_on_cpu() else POPULATIONS_ON_ACCELERATOR
    if wanted == "loop":
        executor = Executor(trainer)
    elif wanted is not None:
        executor = Executor(
            trainer, wanted, population or min(sizes[-1], USUAL_POPULATION)
        )
    else:
        executor = _fastest(trainer, runs, (population,) if population else sizes)
    if executor.name != "loop":
        _say_what_loops(executor, runs)
    return executor


def _fastest(
    trainer: Trainer, runs: Sequence[RunSpecification], sizes: Sequence[int]
) -> Executor:
    loop = Executor(trainer)
    able = [run for run in runs if loop._vectorizes(run)]
    if len(able) < 2 * min(sizes):
        return loop
    shapes = Counter(program_shape(trainer, run) for run in able)
    shape, _ = shapes.most_common(1)[0]
    sample = [shortened(run) for run in able if program_shape(trainer, run) == shape]
    seconds = _seconds_a_run(partial(trainer.run, sample[0]), 1)
    parts = parts_of(runs[0])
    if seconds * parts * len(runs) < WORTH_MEASURING:
        return loop
    candidates = {("loop", 1): seconds}
    for name in ("vmap", "map"):
        before, expected = backend.peak_memory(), seconds
        for size in sizes:
            if len(sample) < size or expected * size > TOO_LONG_TO_MEASURE:
                continue
            if not has_room(size, sizes, before):
                break
            together = partial(trainer.run_together, sample[:size], name, size)
            try:
                candidates[name, size] = expected = _seconds_a_run(together, size)
            except Exception as error:
                warnings.warn(
                    f"{name} with {size} runs cannot be used here: {error}",
                    ExecutorWarning,
                    stacklevel=3,
                )
    name, size = min(candidates, key=lambda key: candidates[key])
    if candidates["loop", 1] < CLEARLY_FASTER * candidates[name, size]:
        name, size = "loop", 1
    measured = {f"{n} {k}": round(value, 4) for (n, k), value in candidates.items()}
    return Executor(trainer, name, size, measured)


def has_room(size: int, sizes: Sequence[int], before: int | None) -> bool:
    """Whether a population fits, by the peak of memory that the one before it has left.

    Args:
        size: Its size.
        sizes: All sizes, ascending; the smaller ones have been trained.
        before: Peak of memory before the first of them. None: the device keeps none,
            as CPUs do, and everything is tried.
    """
    peak, free = backend.peak_memory(), backend.free_memory()
    smaller = [each for each in sizes if each < size]
    if before is None or peak is None or free is None or not smaller:
        return True
    return (peak - before) * size / smaller[-1] <= free


def _seconds_a_run(train: Any, runs: int) -> float:
    train()  # compiles
    started = time.perf_counter()
    train()
    return (time.perf_counter() - started) / runs


def shortened(run: RunSpecification) -> RunSpecification:
    """The run up to its first look at the validation examples."""
    if run.steps is None:
        return replace(run, epochs=run.evaluate_every)
    return replace(run, steps=run.evaluate_every)


def parts_of(run: RunSpecification) -> int:
    """Number of such parts in a run."""
    return (run.steps or run.epochs or 1) // run.evaluate_every


def _say_what_loops(executor: Executor, runs: Sequence[RunSpecification]) -> None:
    alone = [run for run in runs if not executor._vectorizes(run)]
    if not alone:
        return
    if fitted := [run for run in alone if not executor.trainer.is_fast(run)]:
        names = {run.optimizer for run in fitted}
        reason = f"the model's `fit` trains those of {', '.join(sorted(names))}"
    else:
        names = {run.optimizer for run in alone}
        reason = f"Keras updates {', '.join(sorted(names))} by code of its own"
    warnings.warn(
        f"These runs are trained one at a time, not with {executor.name}: {reason}.",
        ExecutorWarning,
        stacklevel=3,
    )
