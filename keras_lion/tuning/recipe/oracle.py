"""KerasTuner's oracle, which hands out the trials of a recipe."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

from keras_lion.tuning.kerastuner import Oracle, TrialStatus, unlock
from keras_lion.tuning.recipe.plan import next_proposal
from keras_lion.tuning.recipe.proposal import (
    AdamWRecipe,
    Proposal,
    Result,
    Settings,
)
from keras_lion.tuning.runs.files import write_json

# In the message of a trial whose objective was NaN in every epoch.
DIVERGED = "the objective is NaN in every epoch"
NAMES = ("optimizer", "learning_rate", "weight_decay", "beta_1", "beta_2")


class RecipeOracle(Oracle):
    """An oracle whose trial i is the i-th proposal of a recipe.

    A proposal depends on the recipe and on the results so far alone, so that a search
    that was interrupted goes on as if it had not been. A diverged trial is a result.

    Args:
        recipe: What AdamW is trained with today.
        objective: Of KerasTuner: a name, or a `keras_tuner.Objective`.
        max_trials: Number of trials.
        compare: Whether half of the trials are AdamW's.
    """

    trials: dict[str, Any]
    start_order: list[str]
    _retry_queue: list[str]

    def __init__(
        self, recipe: AdamWRecipe, objective: Any, max_trials: int, compare: bool = True
    ) -> None:
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            seed=1,  # never used: nothing is drawn
        )
        self.recipe = recipe
        self.compare = compare

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The next trial, with the model's own hyperparameters at their defaults."""
        proposal = next_proposal(
            self.recipe, self.results(), self.max_trials, compare=self.compare
        )
        if proposal is None:
            return {"status": TrialStatus.STOPPED}
        settings = proposal.settings
        values = {
            **self.hyperparameters.values,
            **{name: getattr(settings, name) for name in NAMES},
            "seed": proposal.seed,
            "kind": proposal.kind,
            "reason": proposal.reason,
            "fixed": proposal.fixed,
        }
        return {"status": TrialStatus.RUNNING, "values": values}

    def results(self) -> list[Result]:
        """All trials in the order of their proposals."""
        return [self._result(self.trials[trial_id]) for trial_id in self.start_order]

    def _result(self, trial: Any) -> Result:
        values = trial.hyperparameters.values
        proposal = Proposal(
            Settings(**{name: values[name] for name in NAMES}),
            values["kind"],
            values["seed"],
            values["reason"],
            values["fixed"],
        )
        # A completed trial has no score yet while it is being ended.
        if trial.status == TrialStatus.COMPLETED and trial.score is not None:
            sign = -1.0 if self.objective.direction == "min" else 1.0
            return Result(proposal, sign * trial.score)
        ended = trial.status in (TrialStatus.FAILED, TrialStatus.INVALID)
        return Result(proposal, math.nan if ended else None)

    def end_trial(self, trial: Any) -> None:
        """End a trial; an error leaves no lock behind."""
        try:
            super().end_trial(trial)
        except Exception:
            unlock(self)
            raise

    def _check_consecutive_failures(self) -> None:
        """End the search after three errors in a row, but never for diverged trials.

        Raises:
            RuntimeError: With the error of the last trial.
        """
        messages = [self.trials[each].message or "" for each in self.end_order[-3:]]
        if len(messages) == 3 and all(m and DIVERGED not in m for m in messages):
            raise RuntimeError(
                "Three trials in a row ended with an error, which is none of the "
                f"optimizer's: correct it and search again.\n{messages[-1]}"
            )

    def reload(self) -> None:
        """Take up a search where it was interrupted.

        A trial that ran then runs again, without what it had reported. A trial whose
        file was cut, or that the oracle's file does not know yet, is proposed anew.
        """
        folder = Path(self._project_dir)
        for file in folder.glob("trial_*/trial.json"):
            if _is_cut(file):
                file.unlink()
        if _is_cut(folder / "oracle.json"):
            return
        super().reload()
        known = [each for each in self.start_order if each in self.trials]
        self.trials = {trial_id: self.trials[trial_id] for trial_id in known}
        self.start_order = known
        self._retry_queue = sorted(set(self._retry_queue) & set(known), reverse=True)
        for trial_id in self._retry_queue:
            trial = self.trials[trial_id]
            trial.metrics = type(trial.metrics)()
            trial.status = TrialStatus.RUNNING

    def save(self) -> None:
        """Write the oracle's file whole or not at all."""
        write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        file = Path(self._get_trial_dir(trial.trial_id)) / "trial.json"
        write_json(file, trial.get_state())


def _is_cut(file: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        json.loads(file.read_text(encoding="utf-8"))
        return False
    return True
