"""Running a study: from its declaration to the records in its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_lion.tuning import backend
from keras_lion.tuning.engine.executors import (
    Executor,
    arrange,
    choose_executor,
)
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.lists import check_list
from keras_lion.tuning.runs.files import Record, RecordWriter
from keras_lion.tuning.runs.records import FinishedRuns, read_records
from keras_lion.tuning.study.extension import combined
from keras_lion.tuning.study.run_specification import RunSpecification
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.sweep.folder import (
    Execution,
    as_extended,
    load_execution,
    load_extensions,
    note_data,
    note_execution,
    note_extensions,
    open_folder,
)
from keras_lion.tuning.sweep.preparation import (
    Progress,
    check_hyperparameters,
    new_trainer,
    prepared,
    safe_records,
    say_what_is_recorded,
)
from keras_lion.tuning.sweep.role import Role, current_role
from keras_lion.tuning.sweep.threads import limit_threads, thread_count
from keras_lion.tuning.sweep.tuner import search_runs
from keras_lion.tuning.sweep.workers import run_workers, share_accelerator


def run_study(
    study: Study,
    *,
    task: str | None = None,
    preset: str = "standard",
    output: str | os.PathLike[str],
    progress: Callable[[Progress], None] | None = None,
    only: str | None = None,
    executor: str | None = None,
    population: int | None = None,
    workers: int = 1,
    extend: Sequence[str] = (),
) -> Path:
    """Train every declared run that its folder does not hold yet.

    Every run is appended to the records, and synced to the disk, before anything else
    happens with it. An interrupted sweep goes on where it stopped. A run that raises is
    tried once more; if it fails again its error is recorded, the sweep goes on, and the
    next sweep tries it again.

    With KerasTuner's environment variables set, this process is the chief of a sweep on
    several machines or one of its workers (`docs/scaling-out.md`).

    Args:
        study: What to run.
        task: Which of its tasks; None: the first.
        preset: `"smoke"`, `"standard"`, `"full"`, `"pilot"` or `"gpu"`.
        output: The study's folder; made if need be.
        progress: Called with `Progress` before the first run and, from another thread,
            after every run. None: the number of recorded runs and the command for the
            report are printed to standard error at the end.
        only: Key of the one run to train, even if it is recorded already.
        executor: `"loop"`, `"map"` or `"vmap"`; None: what the folder's last sweep of
            this task used, or else the fastest.
        population: Number of runs that are trained together; None: likewise.
        workers: Number of processes that train, one thread each. More than one needs a
            study that a Python file declares as its `STUDY`.
        extend: Extensions of the grid, as `Study.extended` takes them:
            `["learning_rate=up:2"]`. Runs of the smaller grid are used again. The
            folder keeps them for later sweeps; `"learning_rate=up:0"` removes one.

    Returns:
        The study's folder.

    Raises:
        ValueError: If the folder belongs to another study, no run has the key, the data
            have changed, or the task cannot be prepared.
        FolderWriteError: If the folder cannot be written; what is recorded is safe.
        ChildProcessError: If a worker process dies again and again.
    """
    check_list("extend", extend)
    task = study.default_task if task is None else task
    role = current_role()
    if workers < 1 or (workers > 1 and (role.address or only is not None)):
        raise ValueError(
            "`workers` must be at least 1, and 1 for a single run or where "
            f"KERASTUNER_* variables give this process a part. Received: {workers}."
        )
    folder = Path(output)
    extend = combined(load_extensions(folder, task, preset), extend)
    declared, study = study, study.extended(task, preset, extend)
    runs = study.runs(task, preset, backend.check_backend())
    if only is not None:
        runs = [run for run in runs if run.key == only]
        if not runs:
            raise ValueError(
                f"No run of task '{task}' and preset '{preset}' on "
                f"{backend.check_backend()} has the key '{only}'. "
                f"{_where_the_key_is(declared, only)}"
            )
    kept = load_execution(folder, task)
    if workers > 1:
        share_accelerator()
        limit_threads(1)
    elif kept is not None:
        limit_threads(kept.threads)
    if kept is not None and executor is None and population is None:
        executor, population = kept.executor, kept.population
    with safe_records(folder):
        open_folder(folder, as_extended(study, folder, besides=(task, preset)), role)
        if not role.is_worker:
            note_extensions(folder, task, preset, extend)
        keys = {run.key for run in runs}
        finished = {
            record["key"]: record
            for record in read_records(folder)
            if record["status"] != "failed" and record["key"] in keys - {only}
        }
        report = progress or (lambda _: None)
        report(Progress(len(runs), len(finished), 0, None, list(finished.values())))
        if len(finished) < len(runs):
            sweep = _Sweep(study, task, folder, role, runs, set(finished), report)
            if role.is_chief:
                sweep.hand_out(population or 1)
            elif workers > 1:
                executor, population = sweep.chosen(executor, population)
                run_workers(
                    declared,
                    task=task,
                    preset=preset,
                    folder=folder,
                    workers=workers,
                    executor=executor,
                    population=population,
                    extend=extend,
                    waiting=keys - set(finished),
                    note=sweep.note,
                )
            else:
                sweep.train(executor, population, again=only is not None)
    if progress is None and not role.address:
        recorded = sum(key in keys for key in FinishedRuns(folder).scores())
        say_what_is_recorded(folder, recorded, len(runs), "runs")
    return folder


@dataclass
class _Sweep:
    """The runs of one task that a folder does not hold yet, and who trains them."""

    study: Study
    task: str
    folder: Path
    role: Role
    runs: list[RunSpecification]
    finished: set[str]
    report: Callable[[Progress], None]
    done: int = 0

    def train(
        self, wanted: str | None, population: int | None, *, again: bool = False
    ) -> None:
        """Train in this process, as a chief's worker or alone."""
        executor = self._executor(wanted, population, threads=thread_count())
        population = executor.population
        writer = RecordWriter(self.folder, self.role.name)
        by_key = {run.key: run for run in self.runs}
        # A single run that is asked for by its key is trained although it is recorded.
        scores = (lambda: {}) if again else FinishedRuns(self.folder).scores

        def train(keys: list[str]) -> tuple[Mapping[str, float], list[Record]]:
            if unknown := set(keys) - set(by_key):
                raise ValueError(
                    f"The chief hands out runs ({', '.join(sorted(unknown))}) that "
                    "this process does not know. Chief and workers need the same study "
                    "file, task, preset and backend."
                )
            # Another process, or a former life of this one, may have got there first.
            finished = scores()
            known = {key: finished[key] for key in keys if key in finished}
            waiting = [by_key[key] for key in keys if key not in known]
            return known, executor.run(waiting)

        def record(
            keys: list[str], results: tuple[Mapping[str, float], list[Record]]
        ) -> list[float | None]:
            known, trained = results
            for each in trained:
                writer.append(each)
                self.note(each)
            found = {**known, **{each["key"]: each["score"] for each in trained}}
            return [found[key] for key in keys]

        search_runs(
            self._in_order(executor),
            train,
            self.folder,
            record=record,
            role=self.role,
            scores=scores,
            population=population,
        )

    def hand_out(self, population: int) -> None:
        """Be the chief of workers that others start."""
        # It trains nothing, but knows which runs share a program.
        executor = Executor(self._trainer(), population=population)
        search_runs(
            self._in_order(executor),
            lambda keys: None,
            self.folder,
            record=lambda keys, _: [None for _ in keys],
            role=self.role,
            scores=FinishedRuns(self.folder).scores,
        )

    def chosen(self, wanted: str | None, population: int | None) -> tuple[str, int]:
        """Name and population of the executor of processes that are to be started."""
        executor = self._executor(wanted, population, threads=1)
        return executor.name, executor.population  # and the data are let go

    def note(self, record: Record) -> None:
        """Report that a run ended."""
        self.done += 1
        skipped = len(self.finished)
        self.report(Progress(len(self.runs), skipped, self.done, record))

    def _executor(
        self, wanted: str | None, population: int | None, *, threads: int
    ) -> Executor:
        trainer, waiting = self._trainer(), self._waiting()
        # What cannot be built or has no meaning is refused at once, and once.
        check_hyperparameters(trainer, self.runs)
        prepared(trainer.task, lambda _: trainer.check(waiting))
        executor = choose_executor(
            trainer, waiting, wanted=wanted, population=population
        )
        # Workers follow the folder; the process that they share it with writes it.
        if not self.role.is_worker or load_execution(self.folder, self.task) is None:
            execution = Execution(
                executor.name, executor.population, threads, executor.measured
            )
            note_execution(self.folder, self.task, execution)
        return executor

    def _trainer(self) -> Trainer:
        trainer = new_trainer(self.study, self.task)
        note_data(self.folder, self.task, trainer.data.fingerprint())
        return trainer

    def _waiting(self) -> list[RunSpecification]:
        return [run for run in self.runs if run.key not in self.finished]

    def _in_order(self, executor: Executor) -> list[RunSpecification]:
        """All runs: the finished ones first, which the oracle only takes note of."""
        return [
            *(run for run in self.runs if run.key in self.finished),
            *arrange(executor, self._waiting()),
        ]


BACKENDS = ("tensorflow", "jax", "torch")


def _where_the_key_is(study: Study, key: str) -> str:
    """What to pass for the run of that key."""
    for task, presets in study.plans.items():
        for preset in presets:
            for name in BACKENDS:
                if any(run.key == key for run in study.runs(task, preset, name)):
                    return (
                        f"It belongs to --task {task} --preset {preset} --backend "
                        f"{name}: pass these."
                    )
    return (
        "No task and preset of this study has it. A key of a table of runs that no "
        "plan has is of an earlier form of the study. The present keys are in "
        "runs.csv, which `keras-lion report` writes."
    )
