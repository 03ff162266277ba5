"""KerasTuner's oracle and tuner, handing out exactly the declared runs.

The only module that imports keras-tuner. One trial is one run: the seed is a
hyperparameter, so nothing is averaged away. The run records are the truth; KerasTuner's
own project folder can be rebuilt from them and from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras_tuner

from keras_lion.tuning.study import RunSpecification

# Failure is recorded and divergence has a score: neither may end a sweep.
NEVER = 2**31


class StudyOracle(keras_tuner.Oracle):
    """An oracle whose trials are the given runs, in the given order.

    Args:
        runs: The runs to hand out; those that are finished are left out by the caller.
    """

    def __init__(self, runs: Sequence[RunSpecification]) -> None:
        super().__init__(
            objective=keras_tuner.Objective("score", "max"),
            max_trials=None,
            seed=1,  # never used: nothing is drawn
            max_consecutive_failed_trials=NEVER,
        )
        self._waiting: Iterable[RunSpecification] = iter(runs)
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The next run, as the values of a trial."""
        del trial_id
        for run in self._waiting:
            return {
                "status": keras_tuner.engine.trial.TrialStatus.RUNNING,
                "values": {
                    "key": run.key,
                    "optimizer": run.optimizer,
                    "learning_rate": run.learning_rate,
                    "weight_decay": run.weight_decay,
                    "beta_1": run.beta_1,
                    "beta_2": run.beta_2,
                    "batch_size": run.batch_size,
                    "epochs": run.epochs,
                    "seed": run.seed,
                },
            }
        return {"status": keras_tuner.engine.trial.TrialStatus.STOPPED}


class StudyTuner(keras_tuner.engine.base_tuner.BaseTuner):
    """A tuner that trains a run for each trial.

    Args:
        runs: The runs to train.
        train: From a run's key to its score, or None if the run failed.
        folder: Where KerasTuner keeps its project.
    """

    def __init__(
        self,
        runs: Sequence[RunSpecification],
        train: Callable[[str], float | None],
        folder: Path,
    ) -> None:
        self._train = train
        super().__init__(
            oracle=StudyOracle(runs),
            directory=str(folder),
            project_name="keras_tuner",
            overwrite=True,
        )

    def run_trial(self, trial: Any) -> dict[str, float]:
        """Train the trial's run."""
        score = self._train(trial.hyperparameters.values["key"])
        if score is None:
            raise keras_tuner.errors.FailedTrialError("The run failed; see its record.")
        return {"score": score}

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """As KerasTuner's, which prints and swallows every error.

        Here a failed run is quiet, since its record tells, and any other error ends the
        sweep: a record that cannot be written, for example.
        """
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = keras_tuner.engine.trial.TrialStatus.COMPLETED
        except keras_tuner.errors.FailedTrialError as error:
            trial.status = keras_tuner.engine.trial.TrialStatus.FAILED
            trial.message = str(error)
