"""KerasTuner's tuner, which trains several trials together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from keras_lion.tuning.kerastuner import OBJECTIVE, BaseTuner, TrialStatus, forget
from keras_lion.tuning.runs.files import writing
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.sweep.oracle import PROJECT, StudyOracle, clear_project
from keras_lion.tuning.sweep.role import Role

IDLE_SECONDS = 0.1
LOST_CHIEF_SECONDS = 1.0

Result = TypeVar("Result")
Scores = Sequence[float | None]


class PopulationTuner(BaseTuner):
    """A tuner that trains several trials together.

    Args:
        oracle: Hands out the trials.
        train: From the values of trials, at most `population`, to their results.
        folder: Where KerasTuner keeps its project.
        population: Number of trials that are trained together.
        record: From values and results to a score for each trial, or None for a run
            that failed. The next trials train meanwhile. None: results are scores, and
            the next trials wait for their report, as an oracle that learns needs.
    """

    def __init__(
        self,
        oracle: Any,
        train: Callable[[Sequence[Any]], Any],
        folder: Path,
        population: int = 1,
        record: Callable[[Sequence[Any], Any], Scores] | None = None,
    ) -> None:
        self._train = train
        self._record = record
        self._population = population
        super().__init__(oracle=oracle, directory=str(folder), project_name=PROJECT)

    def search(self) -> None:
        """Train every trial that the oracle hands out."""
        # Slots that are still to be reported cannot be filled: two populations in turn.
        names = ["a", "b"] if self._record else ["a"]
        asked = 0  # in a row, without there being a trial
        # On an error or Ctrl-C the thread first ends what it records.
        with ThreadPoolExecutor(1) as thread:
            report: Future[None] | None = None
            while asked < len(names):
                trials, stopped = self._fill(f"{self.tuner_id}-{names[0]}")
                values = [trial.hyperparameters.values for trial in trials]
                results = self._train(values) if trials else None
                if report is not None:
                    report.result()
                    report = None
                if trials:
                    asked = 0
                    report = thread.submit(self._report, trials, values, results)
                    if self._record is None:
                        report.result()
                elif stopped:
                    asked += 1
                else:  # the oracle waits for others
                    time.sleep(IDLE_SECONDS)
                names.append(names.pop(0))

    def serve(self) -> None:
        """Hand out trials, as KerasTuner's chief, until the workers have done them."""
        self.oracle.serving = True
        super().search()
        if self.oracle.error is not None:
            raise self.oracle.error

    def _fill(self, name: str) -> tuple[list[Any], bool]:
        """A trial for each slot as far as there are any; True if there are no more.

        Every slot has an id of its own, because KerasTuner gives an id that has a trial
        the same one again.
        """
        trials: list[Any] = []
        for slot in range(self._population):
            trial = _patiently(self.oracle.create_trial, f"{name}-{slot}")
            if trial.status != TrialStatus.RUNNING:
                return trials, trial.status == TrialStatus.STOPPED
            trials.append(trial)
        return trials, False

    def _report(self, trials: list[Any], values: list[Any], results: Any) -> None:
        scores = results if self._record is None else self._record(values, results)
        for trial, score in zip(trials, scores, strict=True):
            trial.status = TrialStatus.FAILED
            if score is not None:
                metrics = {OBJECTIVE: score}
                _patiently(self.oracle.update_trial, trial.trial_id, metrics)
                trial.status = TrialStatus.COMPLETED
            _patiently(self.oracle.end_trial, trial)

    def save(self) -> None:
        """Nothing: the tuner has no state, and the oracle saves its own."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Not used: trials are trained several at a time."""
        raise NotImplementedError("A PopulationTuner trains in `search`.")


def new_tuner(
    oracle: Any,
    train: Callable[[Sequence[Any]], Any],
    folder: Path,
    population: int,
    record: Callable[[Sequence[Any], Any], Scores] | None = None,
) -> PopulationTuner:
    """A tuner whose project folder exists."""
    with writing(folder / PROJECT):
        # TensorFlow's file functions, by which KerasTuner makes it, have other errors.
        (folder / PROJECT).mkdir(parents=True, exist_ok=True)
    return PopulationTuner(oracle, train, folder, population, record)


def search_runs(
    runs: Sequence[RunSpecification],
    train: Callable[[list[str]], Result],
    folder: Path,
    *,
    record: Callable[[list[str], Result], Scores],
    role: Role,
    scores: Callable[[], Mapping[str, float]],
    population: int = 1,
) -> None:
    """Do this process's part in training the runs.

    Args:
        runs: The runs that are still to be trained.
        train: From keys, at most `population`, to their results.
        folder: The study's folder.
        record: From keys and results to scores; None for a failed run. The next runs
            train meanwhile.
        role: Work alone, hand out the runs, or ask a chief for them.
        scores: Gives key → score of the runs that are finished by now.
        population: Number of runs that are trained together.
    """
    if not role.is_worker:
        clear_project(folder / PROJECT)
    oracle = StudyOracle([] if role.is_worker else runs, scores, folder)

    def keys(trials: Sequence[Any]) -> list[str]:
        return [trial["key"] for trial in trials]

    tuner = new_tuner(
        oracle,
        lambda trials: train(keys(trials)),
        folder,
        population,
        lambda trials, results: record(keys(trials), results),
    )
    try:
        if role.is_chief:
            tuner.serve()
        else:
            tuner.search()
    finally:
        forget(oracle)
    if not role.is_worker:
        oracle.flush(now=True)


def _patiently(call: Callable[..., Result], *arguments: Any) -> Result:
    """Call the oracle again if the chief went away during the call.

    Every call may be repeated: a slot gets the trial that it holds, and a trial may be
    reported twice. Calls wait for the new chief by themselves.
    """
    while True:
        try:
            return call(*arguments)
        except Exception as error:
            code = getattr(error, "code", None)
            if code is None or getattr(code(), "name", "") != "UNAVAILABLE":
                raise
            time.sleep(LOST_CHIEF_SECONDS)
