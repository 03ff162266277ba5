"""A study's folder: what it declares, where it ran, and how it was executed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_lion.tuning.runs.files import write_json, writing
from keras_lion.tuning.runs.records import load_environment, load_study
from keras_lion.tuning.study.comparison import (
    FIRST_COMPARISON,
    comparison_changed_text,
    comparison_changes,
)
from keras_lion.tuning.study.study import Study
from keras_lion.tuning.sweep.environment import (
    EnvironmentChangedWarning,
    changes,
    environment,
    with_history,
)
from keras_lion.tuning.sweep.role import Role

# Of `study.json`, by later sweeps.
KEPT = ("execution", "search", "extended", FIRST_COMPARISON)


class ComparisonChangedWarning(UserWarning):
    """A study's comparison is no longer the one that was declared before its runs."""


@dataclass(frozen=True)
class Execution:
    """How the runs of one task are executed, kept for the next sweep.

    Attributes:
        executor: Name of the executor.
        population: Number of runs that are trained together.
        threads: Threads that the programs may use.
        measured: Seconds a run of each candidate, where the executor was measured.
    """

    executor: str
    population: int
    threads: int
    measured: Mapping[str, float] = field(default_factory=dict)


def open_folder(folder: Path, study: Study, role: Role) -> None:
    """Make the folder and declare the study in it, or check what is declared.

    Where the folder holds runs, and the study's comparison is not the one that was
    declared before them, a warning says so, and `study.json` keeps the first one.

    Raises:
        ValueError: If it holds another study.
        FolderWriteError: If it cannot be written.
    """
    known = _load(folder, "study.json")
    if known and known.get("name") != study.name:
        raise ValueError(
            f"{folder} holds study '{known.get('name')}', not '{study.name}'. Choose "
            "another folder: --output, or `output` in Python."
        )
    if known and role.is_worker:  # the chief, or this worker before, has written it
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: known[name] for name in KEPT if name in known}
    if known and any(folder.glob("runs-*.jsonl")):
        first = kept.setdefault(FIRST_COMPARISON, known.get("comparison", {}))
        changed = comparison_changes(first, asdict(study.comparison))
        if changed:
            warnings.warn(
                f"{folder}: {comparison_changed_text(changed)}",
                ComparisonChangedWarning,
                stacklevel=3,
            )
        else:
            del kept[FIRST_COMPARISON]
    write_json(folder / "study.json", {**study.declaration(), "execution": {}, **kept})
    before, now = _load(folder, "environment.json"), environment()
    write_json(folder / "environment.json", with_history(before, now))
    if before and (differences := changes(before, now)):
        _warn_of_changes(folder, differences, before["backend"] != now["backend"])


def note_data(folder: Path, task: str, fingerprint: str) -> None:
    """Record which data a task had, or refuse to mix two data sets in one folder."""
    known = load_environment(folder)
    before = known["data"].get(task)
    if before is not None and before != fingerprint:
        raise ValueError(
            f"The data of task '{task}' have changed since this folder was begun "
            f"(fingerprint {before} then, {fingerprint} now). Runs on different data "
            "cannot be compared: choose another folder with --output."
        )
    if before is None:
        known["data"][task] = fingerprint
        write_json(folder / "environment.json", known)


def load_execution(folder: Path, task: str) -> Execution | None:
    """How the last sweep executed a task's runs; None if there was none."""
    known = _load(folder, "study.json").get("execution", {})
    return Execution(**known[task]) if task in known else None


def note_execution(folder: Path, task: str, execution: Execution) -> None:
    """Keep how a task's runs are executed."""
    known = load_study(folder)
    if known["execution"].get(task) != asdict(execution):
        known["execution"][task] = asdict(execution)
        write_json(folder / "study.json", known)


def load_extensions(folder: Path, task: str, preset: str) -> list[str]:
    """How earlier sweeps extended the grid of a plan: `["learning_rate=up:2"]`."""
    known = _load(folder, "study.json").get("extended", {})
    return [*known.get(task, {}).get(preset, [])]


def note_extensions(
    folder: Path, task: str, preset: str, extensions: Sequence[str]
) -> None:
    """Keep how the grid of a plan is extended, for the next sweep and the report."""
    if [*extensions] == load_extensions(folder, task, preset):
        return
    known = load_study(folder)
    own = {**known.get("extended", {}).get(task, {}), preset: [*extensions]}
    known["extended"] = {**known.get("extended", {}), task: own}
    write_json(folder / "study.json", known)


def as_extended(study: Study, folder: Path, besides: tuple[str, str]) -> Study:
    """The study with the grids of its plans as earlier sweeps extended them.

    Except the plan that runs now, of this task and preset, which is extended already.
    A sweep of one task would otherwise declare the smaller grids of the study's file
    for the others.
    """
    for task, presets in study.plans.items():
        for preset in presets:
            if (task, preset) == besides:
                continue
            # The study's file may have lost the axis since.
            with contextlib.suppress(ValueError):
                kept = load_extensions(folder, task, preset)
                study = study.extended(task, preset, kept)
    return study


def note_search(folder: Path, search: dict[str, Any]) -> None:
    """Keep what KerasTuner's oracle searches with, or refuse one of another seed."""
    known = load_study(folder)
    before = known.get("search", search)
    if before["seed"] != search["seed"]:
        raise ValueError(
            f"The search in {folder} was begun with seed {before['seed']}, and this "
            f"oracle has {search['seed']}: it would ask for other runs. Give the "
            f"oracle seed={before['seed']} to go on, or choose another folder. "
            "(KerasTuner draws a seed of its own instead of 0 and None.)"
        )
    write_json(folder / "study.json", {**known, "search": search})


def _warn_of_changes(folder: Path, differences: list[str], backend: bool) -> None:
    what = "Scores of earlier and later runs may differ in their last digits, or more."
    if backend:
        what = (
            "The backend is part of a run's key: runs of the other backend are kept "
            "but not used, and all are trained again. Choose another folder with "
            "--output to keep the two apart."
        )
    warnings.warn(
        f"The environment has changed since {folder} was last used: "
        f"{', '.join(differences)}. {what} `environment.json` keeps both.",
        EnvironmentChangedWarning,
        stacklevel=4,
    )


def _load(folder: Path, name: str) -> dict[str, Any]:
    if not (folder / name).exists():
        return {}
    return load_study(folder) if name == "study.json" else load_environment(folder)
