"""KerasTuner's oracle, handing out exactly the declared runs.

One trial is one run: the seed is a hyperparameter, so nothing is averaged away, and the
trial's id is the run's key. The run records are the truth; KerasTuner's own project
folder is a cache, made anew from them and from the declaration at every start.
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
from typing import Any

from keras_lion.tuning.kerastuner import (
    OBJECTIVE,
    Objective,
    Oracle,
    Trial,
    TrialStatus,
    unlock,
)
from keras_lion.tuning.runs.files import writing
from keras_lion.tuning.study.run_specification import RunSpecification

PROJECT = "keras_tuner"
SAVE_SECONDS = 1.0
SAVE_SHARE = 20  # at most this part of the time goes into saving the project


class TornProjectWarning(UserWarning):
    """A file of KerasTuner's project was cut; the project is made anew from records."""


class StudyOracle(Oracle):
    """An oracle whose trials are the given runs, in the given order.

    A tuner of population K asks with the ids `<worker>-0` to `<worker>-<K-1>`, its
    slots, in this order, and only when it has reported all it had. What it still holds
    when it asks for slot 0 was lost with a former life, and is handed out first. One
    that trains a population while it reports another asks as two workers in turn.

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
            objective=Objective(OBJECTIVE, "max"),
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
                # The chief that received the score is gone. The worker has recorded it.
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
                unlock(self)
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
        **dict(run.extra),
    }
    return {name: value for name, value in values.items() if value is not None}


def clear_project(project: Path) -> None:
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
