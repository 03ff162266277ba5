"""KerasTuner's random and Bayesian oracles, as a search uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_lion.tuning.kerastuner import OBJECTIVE, SEARCHES, forget, is_continuous
from keras_lion.tuning.sweep.tuner import Train, new_tuner


class SearchOracle:
    """One of KerasTuner's own oracles, as a search uses it.

    Args:
        oracle: A random or a Bayesian oracle with the objective `score`.

    Raises:
        ValueError: If it is another one.
    """

    def __init__(self, oracle: Any) -> None:
        objective = getattr(oracle, "objective", None)
        if (
            not isinstance(oracle, SEARCHES)
            or getattr(objective, "name", None) != OBJECTIVE
            or getattr(objective, "direction", None) != "max"
            or not oracle.max_trials
        ):
            raise ValueError(
                "A search takes a keras_tuner.oracles.RandomSearchOracle or "
                "BayesianOptimizationOracle with `max_trials` and "
                f"objective=keras_tuner.Objective('{OBJECTIVE}', 'max'). Received: "
                f"{type(oracle).__name__} with objective {objective!r}. For a grid, "
                "declare a Study."
            )
        self._oracle = oracle
        self.names = [parameter.name for parameter in oracle.hyperparameters.space]
        self.max_trials = int(oracle.max_trials)
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
        bayesian = isinstance(self._oracle, SEARCHES[1])
        space = self._oracle.hyperparameters.space
        cautions = []
        if bayesian and population > 1:
            cautions.append(
                f"KerasTuner's Bayesian oracle asks for {population} runs that are "
                "nearly the same when it is asked for several at a time. Use "
                "population=1, or random search."
            )
        if not bayesian and not any(is_continuous(hp) for hp in space):
            cautions.append(
                "KerasTuner's random search gives up on a finite grid before it has "
                "tried every point. To try all, declare a Study."
            )
        return cautions

    def search(self, train: Train, folder: Path, population: int) -> None:
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
