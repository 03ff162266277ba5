"""KerasTuner's oracle and tuner, handing out exactly the declared runs.

The only module that imports keras-tuner. One trial is one run: the seed is a
hyperparameter, so nothing is averaged away, and the trial's id is the run's key. The
run records are the truth; KerasTuner's own project folder is a cache, made anew from
them and from the declaration at every start.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine import oracle as locks

from keras_lion.tuning.runs.records import writing
from keras_lion.tuning.study.study import RunSpecification
from keras_lion.tuning.sweep.role import Role

PROJECT = "keras_tuner"
OBJECTIVE = "score"
SEARCHES = (
    keras_tuner.oracles.RandomSearchOracle,
    keras_tuner.oracles.BayesianOptimizationOracle,
)
SAVE_SECONDS = 1.0
SAVE_SHARE = 20  # at most this part of the time goes into saving the project
IDLE_SECONDS = 0.1
LOST_CHIEF_SECONDS = 1.0

Result = TypeVar("Result")
Train = Callable[[Sequence[Any]], Sequence[float | None]]


class TornProjectWarning(UserWarning):
    """A file of KerasTuner's project was cut; the project is made anew from records."""


class StudyOracle(keras_tuner.Oracle):
    """An oracle whose trials are the given runs, in the given order.

    A tuner of population K asks with the ids `<worker>-0` to `<worker>-<K-1>`, its
    slots, in this order, and only when it has reported all it had. What it still holds
    when it asks for slot 0 was lost with a former life, and is handed out first.

    Args:
        runs: The runs to hand out.
        scores: Gives key → score of the runs that the records call finished by now.
            Those are never handed out.
        folder: Where KerasTuner's project is kept.

    Attributes:
        serving: This is a chief's: an error ends it instead of being raised, because a
            call comes from a thread of KerasTuner's server.
        error: That error.
    """

    def __init__(
        self,
        runs: Sequence[RunSpecification],
        scores: Callable[[], Mapping[str, float]],
        folder: Path,
    ) -> None:
        super().__init__(
            objective=keras_tuner.Objective(OBJECTIVE, "max"),
            max_trials=None,
            seed=1,  # never used: nothing is drawn
        )
        self.verbose = 0
        self._runs = {run.key: run for run in runs}
        self._waiting = deque(run.key for run in runs)
        self._scores = scores
        self._lock = threading.RLock()
        self.serving = False
        self.error: Exception | None = None
        self._project = folder / PROJECT
        self._unsaved: dict[str, Any] = {}
        self._save_due = 0.0

    def create_trial(self, tuner_id: str) -> Any:
        """The next run that is not finished, as a trial."""
        with self._guarded():
            trial = None if self.error else self._create(tuner_id)
            if trial is not None:
                return trial
        return Trial(self.get_space(), "none", status=TrialStatus.STOPPED)

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: int = 0
    ) -> Any:
        """Note a trial's score; a second report of one trial replaces the first."""
        with self._guarded():
            trial = self._known(trial_id)
            trial.metrics = type(trial.metrics)()
            super().update_trial(trial_id, metrics, step)
        return self._known(trial_id)

    def end_trial(self, trial: Any) -> None:
        """End a trial, whoever reports it, and however often."""
        with self._guarded():
            known = self._known(trial.trial_id)
            completed = trial.status == TrialStatus.COMPLETED
            if completed and not known.metrics.exists(OBJECTIVE):
                # The chief that was told the score is gone. The worker has recorded it.
                trial.status = TrialStatus.FAILED
            super().end_trial(trial)
            self.flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """One call at a time; an error ends a chief that would otherwise wait for ever.

        KerasTuner's own lock stays locked after an error, and the chief's last look
        waits for it.
        """
        with self._lock:
            try:
                yield
            except Exception as error:
                _unlock(self)
                if not self.serving:
                    raise
                self.error = self.error or error
                self.ongoing_trials.clear()
                self.tuner_ids.clear()

    def _create(self, tuner_id: str) -> Any:
        worker, _, slot = tuner_id.rpartition("-")
        if slot == "0":
            self._take_back(worker)
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        key = self._next_key()
        self.flush()
        if key is None:
            return None
        trial = self._known(key)
        self.tuner_ids.add(tuner_id)
        self.ongoing_trials[tuner_id] = trial
        return trial

    def _next_key(self) -> str | None:
        finished = self._scores()
        while self._waiting:
            key = self._waiting.popleft()
            if key in finished:
                self._complete(key, finished[key])
            # Some are ended without having been handed out by this chief.
            elif self._known(key).status == TrialStatus.RUNNING:
                return key
        return None

    def _take_back(self, worker: str) -> None:
        """What the slots of a restarted worker hold waits again, at the front."""
        slots = {slot for slot in self.tuner_ids if slot.rpartition("-")[0] == worker}
        self.tuner_ids -= slots
        held = [slot for slot in self.ongoing_trials if slot in slots]
        keys = [self.ongoing_trials.pop(slot).trial_id for slot in held]
        self._waiting.extendleft(reversed(keys))

    def _known(self, key: str) -> Any:
        """The trial of that id, made if need be.

        A chief that was started again may hear of runs that its predecessor handed out.
        """
        if key not in self.trials:
            values = self.get_space()
            if key in self._runs:
                values.values = _values(self._runs[key])
            self.trials[key] = Trial(values, key, status=TrialStatus.RUNNING)
            self.start_order.append(key)
            self._save_trial(self.trials[key])
        return self.trials[key]

    def _complete(self, key: str, score: float) -> None:
        """Complete the trial of a run that is recorded already."""
        trial = self._known(key)
        trial.metrics = type(trial.metrics)()
        trial.metrics.register(OBJECTIVE, direction="max")
        trial.metrics.update(OBJECTIVE, score)
        self.score_trial(trial)
        trial.status = TrialStatus.COMPLETED
        self.end_order.append(key)

    def _check_consecutive_failures(self) -> None:
        """Nothing: a failed run is in the records and must not end a sweep."""

    def save(self) -> None:
        """Nothing: KerasTuner asks for it three times a trial; see `flush`."""

    def _save_trial(self, trial: Any) -> None:
        self._unsaved[trial.trial_id] = trial

    def flush(self, *, now: bool = False) -> None:
        """Write the project, about once per second however long the sweep is.

        Each file is whole at any time, but nothing is synced: after a power failure the
        project is made anew anyway.

        Raises:
            FolderWriteError: If it cannot be written.
        """
        started = time.monotonic()
        if not now and started < self._save_due:
            return
        for key, trial in self._unsaved.items():
            self._write(self._project / f"trial_{key}" / "trial.json", trial)
        self._unsaved.clear()
        self._write(self._project / "oracle.json", self)
        ended = time.monotonic()
        self._save_due = ended + max(SAVE_SECONDS, SAVE_SHARE * (ended - started))

    def _write(self, path: Path, stateful: Any) -> None:
        temporary = path.with_name(f".{path.name}")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(stateful.get_state()), encoding="utf-8")
            temporary.replace(path)


class PopulationTuner(BaseTuner):
    """A tuner that trains several trials together.

    Args:
        oracle: Hands out the trials.
        train: From the trials (at most `population`) to a score for each, or None for a
            run that failed. It is the place where they are recorded.
        folder: Where KerasTuner keeps its project.
        population: Number of trials that are trained together.
    """

    def __init__(
        self, oracle: Any, train: Train, folder: Path, population: int = 1
    ) -> None:
        self._train = train
        self._population = population
        super().__init__(oracle=oracle, directory=str(folder), project_name=PROJECT)

    def search(self) -> None:
        """Train every trial that the oracle hands out."""
        while True:
            trials, stopped = self._fill()
            if trials:
                self._train_and_report(trials)
            elif stopped:
                return
            else:  # the oracle waits for others
                time.sleep(IDLE_SECONDS)

    def serve(self) -> None:
        """Hand out trials, as KerasTuner's chief, until the workers have done them."""
        self.oracle.serving = True
        super().search()
        if self.oracle.error is not None:
            raise self.oracle.error

    def _fill(self) -> tuple[list[Any], bool]:
        """A trial for each slot as far as there are any; True if there are no more.

        Every slot has an id of its own, because KerasTuner gives an id that has a trial
        the same one again.
        """
        trials: list[Any] = []
        for slot in range(self._population):
            trial = _patiently(self.oracle.create_trial, f"{self.tuner_id}-{slot}")
            if trial.status != TrialStatus.RUNNING:
                return trials, trial.status == TrialStatus.STOPPED
            trials.append(trial)
        return trials, False

    def _train_and_report(self, trials: list[Any]) -> None:
        scores = self._train([trial.hyperparameters.values for trial in trials])
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
        if not bayesian and not any(_is_continuous(hp) for hp in space):
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
            _tuner(self._oracle, train, folder, population).search()
        finally:
            _forget(self._oracle)


def _is_continuous(parameter: Any) -> bool:
    is_float = isinstance(parameter, keras_tuner.engine.hyperparameters.Float)
    return is_float and parameter.step is None


def search_runs(
    runs: Sequence[RunSpecification],
    train: Callable[[list[str]], Sequence[float | None]],
    folder: Path,
    *,
    role: Role,
    scores: Callable[[], Mapping[str, float]],
    population: int = 1,
) -> None:
    """Do this process's part in training the runs.

    Args:
        runs: The runs that are still to be trained.
        train: From keys (at most `population`) to scores; None for a failed run.
        folder: The study's folder.
        role: Work alone, hand out the runs, or ask a chief for them.
        scores: Gives key → score of the runs that are finished by now.
        population: Number of runs that are trained together.
    """
    if not role.is_worker:
        _clear_project(folder / PROJECT)
    oracle = StudyOracle([] if role.is_worker else runs, scores, folder)
    tuner = _tuner(
        oracle, lambda trials: train([t["key"] for t in trials]), folder, population
    )
    try:
        if role.is_chief:
            tuner.serve()
        else:
            tuner.search()
    finally:
        _forget(oracle)
    if not role.is_worker:
        oracle.flush(now=True)


def _tuner(oracle: Any, train: Train, folder: Path, population: int) -> PopulationTuner:
    with writing(folder / PROJECT):
        # TensorFlow's file functions, by which KerasTuner makes it, have other errors.
        (folder / PROJECT).mkdir(parents=True, exist_ok=True)
    return PopulationTuner(oracle, train, folder, population)


def preset_hyperparameters(values: Mapping[str, Any]) -> Any:
    """KerasTuner's `hp`, whose `hp.Choice("width", …)` returns the value of `width`."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def _values(run: RunSpecification) -> dict[str, Any]:
    values = {
        "key": run.key,
        "optimizer": run.optimizer,
        "learning_rate": run.learning_rate,
        "weight_decay": run.weight_decay,
        "beta_1": run.beta_1,
        "beta_2": run.beta_2,
        "batch_size": run.batch_size,
        "epochs": run.epochs,
        "steps": run.steps,
        "seed": run.seed,
        **dict(run.model),
    }
    return {name: value for name, value in values.items() if value is not None}


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


def _clear_project(project: Path) -> None:
    """Remove the project of an earlier sweep, with a warning if a file of it is cut."""
    for path in sorted(project.glob("**/*.json")):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            warnings.warn(
                f"KerasTuner's {path.relative_to(project.parent)} is cut in half. "
                "Nothing is lost: its project is made anew from the run records.",
                TornProjectWarning,
                stacklevel=4,
            )
            break
    shutil.rmtree(project, ignore_errors=True)


def _unlock(oracle: Any) -> None:
    """Release KerasTuner's lock if an error has left it locked by this thread."""
    if locks.THREADS[oracle] == threading.current_thread().name:
        locks.THREADS[oracle] = None
        locks.LOCKS[oracle].release()


def _forget(oracle: Any) -> None:
    """Let go of the oracle, which KerasTuner's table of locks would keep for ever."""
    locks.LOCKS.pop(oracle, None)
    locks.THREADS.pop(oracle, None)
