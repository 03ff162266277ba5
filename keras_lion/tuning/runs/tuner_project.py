"""The folder of a KerasTuner project as a table of runs: one row per trial."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_lion.tuning.runs.names import Direction, Kind, kind_of_name
from keras_lion.tuning.runs.sources import Table, table_of

STATE = "oracle.json"
MEANS = (
    "KerasTuner keeps the best epoch of a trial, as the mean over its "
    "executions_per_trial ({count}): a trial is one run here, whose spread over seeds "
    "is not in the files"
)
BRACKETS = (
    "Hyperband's trials are one run each, with tuner/epochs as epochs; a promoted one "
    "resumes the weights of an earlier one"
)


def read_project(folder: Path) -> Table:
    """Read the trials of any of KerasTuner's tuners.

    Raises:
        ValueError: If the file of a trial was cut off.
    """
    trials = [_trial(file) for file in sorted(folder.glob("trial_*/trial.json"))]
    try:
        return _table(trials)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} is no project of a KerasTuner that is known: a trial.json has "
            f"no {error}."
        ) from error


def _table(trials: list[dict[str, Any]]) -> Table:
    metrics = [_metrics(trial) for trial in trials]
    result = _objective(trials, metrics) or "score"
    rows = []
    for trial, values in zip(trials, metrics, strict=True):
        score = trial["score"]
        if score is None:  # a metric that is not finite leaves the trial without score
            score = values.get(result)
        hyperparameters = _hyperparameters(trial)
        status = _status(trial, score)
        rows.append({**hyperparameters, **values, result: score, "status": status})
    names = {name for trial in trials for name in _hyperparameters(trial)}
    kinds: dict[str, Kind] = dict.fromkeys(sorted(names), "hyperparameter")
    kinds |= {n: "bookkeeping" for n in names if kind_of_name(n) == "bookkeeping"}
    kinds |= dict.fromkeys([result, *(n for v in metrics for n in v)], "metric")
    directions: dict[str, Direction] = {
        name: metric["direction"]
        for trial in trials
        for name, metric in trial["metrics"]["metrics"].items()
        if metric["direction"] in ("max", "min")
    }
    return Table(table_of(rows), result, directions, kinds, _notes(trials, names))


def _trial(file: Path) -> dict[str, Any]:
    try:
        trial: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{file} was cut off ({error}). Delete the folder {file.parent.name} to "
            "read the other trials."
        ) from error
    return trial


def _hyperparameters(trial: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = trial["hyperparameters"]["values"]
    return values


def _notes(trials: list[dict[str, Any]], names: set[str]) -> tuple[str, ...]:
    counts = {
        len(observation["value"])
        for trial in trials
        for metric in trial["metrics"]["metrics"].values()
        for observation in metric["observations"]
    }
    count = f"{max(counts)}" if counts - {1} else "whose number the files do not tell"
    means = MEANS.format(count=count)
    return (means, BRACKETS) if "tuner/epochs" in names else (means,)


def _metrics(trial: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a trial at the epoch of its score: the best one; else at the last."""
    values = {}
    for name, metric in trial["metrics"]["metrics"].items():
        observations = metric["observations"]
        if observations:
            at_best = [o for o in observations if o["step"] == trial["best_step"]]
            seen = (at_best or observations)[-1]["value"]
            values[name] = sum(seen) / len(seen)
    return values


def _objective(
    trials: list[dict[str, Any]], metrics: list[dict[str, float]]
) -> str | None:
    """The only metric, or the only one that all scores are equal to."""
    names = {name for values in metrics for name in values}
    equal = [
        name
        for name in sorted(names)
        if len(names) == 1
        or all(
            math.isclose(values.get(name, math.nan), trial["score"], rel_tol=1e-9)
            for trial, values in zip(trials, metrics, strict=True)
            if trial["status"] == "COMPLETED"
        )
    ]
    return equal[0] if len(equal) == 1 else None


def _status(trial: Mapping[str, Any], score: float | None) -> str:
    # KerasTuner calls a trial failed whose result is not finite.
    diverged = score is not None and not math.isfinite(score)
    return "COMPLETED" if diverged else str(trial["status"])
