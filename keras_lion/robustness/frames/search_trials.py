"""The trials of a search: one per configuration, the best of them, where to go next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from keras_lion.robustness.frames.conditions import own_columns, texts_of, varies

SEARCH = "search"  # in a declaration, and the preset of runs that an oracle asked for
SEARCHED = (
    "learning_rate",
    "weight_decay",
    "beta_1",
    "beta_2",
    "batch_size",
    "schedule",
    "train_examples",
)
BUDGET = "epochs"
FREE = 0.7  # of an axis' values per cell, from which cells form no grid
FEW_VALUES = 6  # on one axis alone look like a grid, whatever their distances
UNEVEN = 3.0  # largest over smallest distance, in decades, from which values are free
LEAST_TRIALS = 6  # from which a range is narrowed
EDGE = 0.1  # of the range on an axis: as close as that lies at its end


def is_search(runs: pd.DataFrame, study: Mapping[str, Any] | None = None) -> bool:
    """Whether runs of one task are trials at values of their own, and not a grid.

    What KerasTuner's oracles asked for is. What a study planned is not, however much of
    it is missing. Other runs, such as imported ones, are trials where an optimizer has
    nearly as many values of an axis as it has cells.
    """
    declared = study or {}
    presets = runs["preset"] if "preset" in runs else pd.Series(dtype=object)
    if SEARCH in declared or (presets == SEARCH).any():
        return True
    task = str(runs["task"].iloc[0])
    if task in declared.get("plans", {}):
        return False
    return any(_free(part) for _, part in runs.groupby("optimizer"))


def _free(runs: pd.DataFrame) -> bool:
    """Whether the cells of one optimizer do not form a grid, not even part of one."""
    cells = runs[["learning_rate", "weight_decay"]].drop_duplicates()
    counts = cells.nunique()
    if counts.min() > 1:
        return bool(counts.max() > FREE * len(cells))
    values = cells[counts.idxmax()].to_numpy(float)
    decades = np.log10(np.sort(values[values > 0]))
    if len(decades) < FEW_VALUES:
        return False
    gaps = np.diff(decades)
    return bool(gaps.max() > UNEVEN * gaps.min())


def trials_of(runs: pd.DataFrame) -> pd.DataFrame:
    """The trials of one optimizer, in the order of the records.

    A trial holds the runs of one configuration and budget: its score is their mean.

    Args:
        runs: Run records of one task and optimizer, in the order in which they ran.

    Returns:
        One row per trial: the hyperparameters and `epochs` as recorded, `score`,
        `test_score`, `seeds`, `status` (`"ok"`; `"diverged"` or `"failed"` if all runs
        of the trial are) and `full`: whether it had the largest budget. The index
        counts from 1.
    """
    names = [name for name in (*SEARCHED, BUDGET, *own_columns(runs)) if name in runs]
    keys = [texts_of(runs, name) for name in names]
    rows = []
    for _, part in runs.groupby(keys, sort=False):
        counted = part[part["status"] != "failed"]
        diverged = bool((counted["status"] == "diverged").all())
        status = "failed" if counted.empty else "diverged" if diverged else "ok"
        test = counted["test_score"] if "test_score" in counted else pd.Series([np.nan])
        rows.append(
            {
                **part.iloc[0][names],
                "score": counted["score"].astype(float).mean(),
                "test_score": test.astype(float).mean(),
                "seeds": len(counted),
                "status": status,
            }
        )
    trials = pd.DataFrame(rows)
    trials["full"] = True
    if BUDGET in trials and trials[BUDGET].notna().any():
        trials["full"] = trials[BUDGET] == trials[BUDGET].max()
    trials.index = pd.RangeIndex(1, len(trials) + 1)
    return trials


def also_varied(runs: pd.DataFrame) -> list[str]:
    """Hyperparameters other than learning rate and weight decay that were searched."""
    own = own_columns(runs)
    return [n for n in (*SEARCHED[2:], *own) if n in runs and varies(runs, n)]


def best_trial(trials: pd.DataFrame) -> dict[str, Any] | None:
    """The trial of the largest budget with the best score; None if none trained.

    Its values as in the row, and its number as `trial`.
    """
    scores = trials["score"].where(trials["full"] & (trials["status"] == "ok"))
    if scores.isna().all():
        return None
    at = int(np.nanargmax(scores.to_numpy(float)))
    row = {str(name): value for name, value in trials.iloc[at].items()}
    return {"trial": at + 1, **row}


def best_so_far(trials: pd.DataFrame) -> pd.Series[float]:
    """Best score of the trials so far; NaN before one of the largest budget trained."""
    trained = trials["full"] & (trials["status"] == "ok")
    best = trials["score"].where(trained).cummax().ffill()
    return pd.Series(best, dtype=float)


@dataclass(frozen=True)
class NextWindow:
    """Values of one hyperparameter to search next.

    Attributes:
        axis: Name of the hyperparameter.
        centre: Its value in the best trial.
        low: Lower end.
        high: Upper end.
        side: At which end of the tried values the best trial lies; empty inside.
        declared: The end of the declared range on that side, where no trial came near
            it; NaN elsewhere.
    """

    axis: str
    centre: float
    low: float
    high: float
    side: Literal["", "low", "high"]
    declared: float = math.nan


def next_windows(
    trials: pd.DataFrame, declared: Mapping[str, tuple[float, float]] | None = None
) -> list[NextWindow]:
    """Half the range in decades that was tried of lr and λ, around the best trial.

    A best trial at the end of what was tried moves the window beyond it, and to the end
    of the declared range where that is further out. Where the best trial has λ = 0, or
    all trials share a value, there is none of that axis; nor after fewer trials than
    `LEAST_TRIALS`, which are too few to leave a part of the range out.

    Args:
        trials: As `trials_of` gives them.
        declared: Hyperparameter → the ends of the range that was to be searched, as
            `declared_ranges` gives them.
    """
    best = best_trial(trials)
    if best is None or num_finished(trials) < LEAST_TRIALS:
        return []
    found = (
        _next(trials, axis, best, (declared or {}).get(axis))
        for axis in ("learning_rate", "weight_decay")
    )
    return [each for each in found if each is not None]


def num_finished(trials: pd.DataFrame) -> int:
    """Number of trials of the largest budget that did not fail."""
    return int((trials["full"] & (trials["status"] != "failed")).sum())


def declared_ranges(study: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Hyperparameter → smallest and largest positive value of an oracle's space."""
    ranges = {}
    for parameter in study.get(SEARCH, {}).get("space", []):
        config = parameter["config"]
        ends = config.get("values") or [
            config.get("min_value"),
            config.get("max_value"),
        ]
        numbers = [
            float(each)
            for each in ends
            if isinstance(each, int | float) and not isinstance(each, bool) and each > 0
        ]
        if numbers:
            ranges[str(config["name"])] = (min(numbers), max(numbers))
    return ranges


def _next(
    trials: pd.DataFrame,
    axis: str,
    best: Mapping[str, Any],
    declared: tuple[float, float] | None,
) -> NextWindow | None:
    values = trials[axis].to_numpy(float)
    centre = float(best[axis])
    decades = np.log10(values[values > 0])
    if centre <= 0 or not len(decades) or np.ptp(decades) == 0:
        return None
    low, high, at = decades.min(), decades.max(), math.log10(centre)
    margin = EDGE * (high - low)
    side: Literal["", "low", "high"] = (
        "low" if at < low + margin else "high" if at > high - margin else ""
    )
    quarter = (high - low) / 4
    first, last = 10 ** (at - quarter), 10 ** (at + quarter)
    if side == "low" and declared and declared[0] < first:
        return NextWindow(axis, centre, declared[0], last, side, declared[0])
    if side == "high" and declared and declared[1] > last:
        return NextWindow(axis, centre, first, declared[1], side, declared[1])
    return NextWindow(axis, centre, first, last, side)
