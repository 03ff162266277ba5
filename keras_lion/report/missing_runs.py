"""Declared runs that a folder does not hold yet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from keras_lion.tuning.study.extension import Extension


def missing_runs_text(
    study: Mapping[str, Any],
    runs: pd.DataFrame,
    task: str,
    preset: str,
    extensions: Iterable[Extension],
) -> str:
    """What is missing of a task, and what to do; "" where nothing is.

    Args:
        study: The declaration, as `study.json` has it.
        runs: The runs of the task.
        task: Name of the task.
        preset: Preset of the runs.
        extensions: How far the grid was extended with `--extend`.
    """
    plan = study.get("plans", {}).get(task, {}).get(preset)
    if plan is None or "spaces" not in plan:
        return ""
    added: Counter[str] = Counter()
    for each in extensions:
        added[each.axis] += each.down + each.up
    cells = sum(
        math.prod(len(axis["values"]) + added[axis["name"]] for axis in space["axes"])
        for spaces in plan["spaces"].values()
        for space in spaces
    )
    declared = cells * int(plan["seeds"])
    missing = declared - int(runs.loc[runs["status"] != "failed", "key"].nunique())
    if missing <= 0:
        return ""
    return (
        f"{task}: {missing:,} of {declared:,} declared runs are missing. Give the same "
        "command again; until then this report judges the grid that is there, with its "
        "gaps and edges."
    )
