"""KerasTuner's own oracles, as a search uses them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_lion.tuning.kerastuner import (
    BAYESIAN,
    GRID,
    HYPERBAND,
    OBJECTIVE,
    Oracle,
    active_values,
    budgets,
    forget,
    is_continuous,
    typical_values,
)
from keras_lion.tuning.sweep.tuner import Scores, new_tuner
from keras_lion.tuning.tasks.hyperparameters import Reads

EPOCHS = "tuner/epochs"  # the budget of a trial, where Hyperband sets it
OF_HYPERBAND = "tuner/"  # what it adds to the values of a trial
MODELS = 50  # at most so many are built to see what they read


class SearchOracle:
    """One of KerasTuner's own oracles, as a search uses it.

    Args:
        oracle: Random search, Bayesian optimization, Hyperband or one of your own, with
            the objective `score`.
        epochs: Passes over the training examples; the largest budget of Hyperband.

    Attributes:
        names: Names of its hyperparameters.
        budgets: Every number of epochs that it asks for.
        max_trials: Number of trials.
        max_failures: Number of failed trials in a row that end the search.

    Raises:
        ValueError: If the oracle cannot be used.
    """

    def __init__(self, oracle: Any, epochs: int) -> None:
        objective = getattr(oracle, "objective", None)
        hyperband = isinstance(oracle, HYPERBAND)
        if (
            not isinstance(oracle, Oracle)
            or isinstance(oracle, GRID)
            or getattr(objective, "name", None) != OBJECTIVE
            or getattr(objective, "direction", None) != "max"
            or not (hyperband or oracle.max_trials)
        ):
            received = type(oracle).__name__
            if objective is not None:
                aim = getattr(objective, "direction", None)
                received += f" with objective {getattr(objective, 'name', objective)!r}"
                received += f", {aim!r}" if aim else ""
            raise ValueError(
                "A search takes a keras_tuner.oracles.RandomSearchOracle, "
                "BayesianOptimizationOracle or HyperbandOracle, the first two with "
                f"`max_trials`, and objective=keras_tuner.Objective('{OBJECTIVE}', "
                f"'max'). Received: {received}. For a grid, declare a Study."
            )
        if hyperband and oracle.max_epochs != epochs:
            raise ValueError(
                "`epochs` must be the oracle's `max_epochs`, the budget of the runs "
                f"that Hyperband keeps. Received: epochs={epochs} and "
                f"max_epochs={oracle.max_epochs}."
            )
        if hyperband and math.isinf(oracle.hyperband_iterations):
            raise ValueError(
                "A search must end: give the oracle `hyperband_iterations`. Received: "
                "hyperband_iterations=None."
            )
        self._oracle = oracle
        self._space = list(oracle.hyperparameters.space)
        every = budgets(oracle) if hyperband else []
        self.names = list(dict.fromkeys(parameter.name for parameter in self._space))
        self.budgets = sorted({epochs, *every})
        self.max_trials = len(every) if hyperband else int(oracle.max_trials)
        self.max_failures = int(oracle.max_consecutive_failed_trials)

    def description(self) -> dict[str, Any]:
        """The oracle as JSON values."""
        return {
            "oracle": type(self._oracle).__name__,
            "seed": self._oracle.seed,
            "max_trials": self.max_trials,
            "space": self._oracle.hyperparameters.get_config()["space"],
        }

    def cautions(self, population: int) -> list[str]:
        """What is known to go wrong with this oracle, one sentence each."""
        bayesian = isinstance(self._oracle, BAYESIAN)
        cautions = []
        if bayesian and population > 1:
            cautions.append(
                f"KerasTuner's Bayesian oracle asks for {population} runs that are "
                "nearly the same when it is asked for several at a time. Use "
                "population=1, or random search."
            )
        if not bayesian and not any(is_continuous(hp) for hp in self._space):
            cautions.append(
                "KerasTuner's random search gives up on a finite grid before it has "
                "tried every point. To try all, declare a Study."
            )
        return cautions

    def unread(
        self,
        names: Collection[str],
        reads: Callable[[Mapping[str, Any]], Reads | None],
    ) -> tuple[list[str], set[str]]:
        """Names that no model reads, as far as some dozen models show, and those read.

        The first model is that of the defaults. From each one that reads a new name,
        the hyperparameters are varied one at a time.

        Args:
            names: Which of the hyperparameters are the model's.
            reads: What the model of a configuration reads; None if it cannot be built.
        """
        # What others depend on may be read by nobody else.
        parents = {c.name for parameter in self._space for c in parameter.conditions}
        missing = {name for name in names if name not in parents}
        known: set[str] = set()
        waiting: deque[dict[str, Any]] = deque([{}])
        built = tried = 0
        # A choice of few values is more likely to decide what is read.
        order = sorted(self._space, key=lambda hp: len(typical_values(hp)))
        while missing and waiting and tried < MODELS:
            chosen = waiting.popleft()
            tried += 1
            found = reads(active_values(self._space, chosen))
            if found is None:
                continue
            known |= found.known
            if built == 0 or missing & found.known:
                waiting += (
                    {**chosen, hp.name: value}
                    for hp in order
                    if hp.name in names
                    for value in typical_values(hp)
                )
            missing -= found.known
            built += 1
        return sorted(missing) if built else [], known

    def search(
        self, train: Callable[[Sequence[Any]], Scores], folder: Path, population: int
    ) -> None:
        """Train what the oracle asks for.

        Args:
            train: From the values of some trials to their scores.
            folder: Where KerasTuner's project would be.
            population: Number of trials that are trained together.
        """
        # The records are all that a search needs to go on: no files of KerasTuner's.
        self._oracle.save = self._oracle._save_trial = lambda *_: None
        self._oracle.verbose = 0
        try:
            new_tuner(self._oracle, train, folder, population).search()
        finally:
            forget(self._oracle)
