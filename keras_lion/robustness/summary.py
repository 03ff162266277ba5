"""The table of a study: one row per optimizer and condition of a task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from keras_lion.robustness.comparison import best_score
from keras_lion.robustness.frames.conditions import (
    FIXED,
    Settings,
    label_of,
    own_columns,
    parts_of,
    texts_of,
)
from keras_lion.robustness.frames.quantity import SHARE
from keras_lion.robustness.frames.runs import name_contenders, runs_of_cell
from keras_lion.robustness.landscape import Array, Landscape, Value, common_best
from keras_lion.robustness.regret import mean_regret
from keras_lion.robustness.tolerance import ToleranceWidth, tolerance_width
from keras_lion.statistics import NOTHING, Interval, t_interval


@dataclass(frozen=True)
class OptimizerSummary:
    """What the runs of one optimizer on one task show, under one condition.

    Attributes:
        optimizer: Name of the optimizer.
        task: Name of the task.
        score: Best mean score over seeds, with its interval.
        learning_rate: Learning rate of that cell: the selected one.
        weight_decay: Weight decay of that cell.
        value: What the next five are measured on: `"score"` or `"final_loss"`
            (negated).
        best_value: Best mean of that value.
        common_best: The largest `best_value` of all optimizers under that condition.
        width: Tolerance width of the learning rate around the common best; its `none`
            is true where no setting of the optimizer is within ε of it.
        own_width: The same around the optimizer's own best, cross-fitted over seeds.
        mean_regret: Mean regret over the grid, against the common best.
        num_runs: Number of runs with a score.
        num_diverged: How many of them diverged.
        num_failed: Number of runs that failed and count as missing.
        test_score: Test score of the selected cell; `n` is 0 if none was evaluated.
        condition: Column → value of what differs between conditions of the task; None
            as value: runs without one. Empty where there is one condition only.
    """

    optimizer: str
    task: str
    score: Interval
    learning_rate: float
    weight_decay: float
    value: Value
    best_value: float
    common_best: float
    width: ToleranceWidth
    own_width: ToleranceWidth
    mean_regret: float
    num_runs: int
    num_diverged: int
    num_failed: int
    test_score: Interval
    condition: Settings = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether a run trained: without one, scores and widths mean nothing."""
        return self.num_diverged < self.num_runs

    @property
    def diverged_share(self) -> float:
        """Share of the runs that diverged; NaN without runs."""
        return self.num_diverged / self.num_runs if self.num_runs else math.nan


def summarize(
    frame: pd.DataFrame,
    *,
    task: str,
    epsilon: float,
    optimizers: Sequence[str] | None = None,
    value: Value = "final_loss",
) -> list[OptimizerSummary]:
    """Summarize the runs of one task, condition by condition and by optimizer.

    Runs are split by batch size, budget and the hyperparameters of the study's own, as
    in the report (`conditions_of`); each condition has its common best. The
    configuration is selected by the best mean `score`. Tolerance width and mean
    regret read `value`, against the common best of the optimizers.

    Args:
        frame: Run records, one per row.
        task: Task whose runs are read.
        epsilon: Tolerated loss of `value`, in its unit (nats for a loss).
        optimizers: Optimizers in the order of the rows. None: all, by name.
        value: `"final_loss"` (validation, negated) or `"score"`.

    Returns:
        One summary for each condition and optimizer that has runs under it; those of a
        condition carry the same `common_best`.

    Raises:
        ValueError: If runs of several studies or betas are mixed, or an optimizer has
            no record.

    Example:

    ```python
    for row in summarize(load_runs("results/lr_wd"), task="digits", epsilon=0.05):
        print(row.optimizer, row.condition, row.score, row.width)
    ```
    """
    known = task_optimizers(frame, task)
    names = known if optimizers is None else list(optimizers)
    absent = [name for name in names if name not in known]
    if absent:
        raise ValueError(
            f"`optimizers` must have runs on {task}. Received: {', '.join(absent)}. "
            f"The records have: {', '.join(known) or 'none'}."
        )
    rows = []
    for part in parts_of(frame[frame["task"] == task]):
        present = set(part.runs["optimizer"])
        landscapes = {
            name: Landscape.from_runs(part.runs, optimizer=name, value=value)
            for name in names
            if name in present
        }
        reference = common_best(landscapes.values())
        for name, landscape in landscapes.items():
            row = _summary(part.runs, task, name, landscape, epsilon, value, reference)
            rows.append(replace(row, condition=part.values))
    return rows


def selected_keys(frame: pd.DataFrame, task: str) -> dict[str, list[str]]:
    """Keys of the runs whose test score may be looked at.

    Returns:
        Optimizer and condition → keys of the runs of the best cell (by mean score), by
        seed: `"lion"`, or `"lion, activation relu"` where there are several conditions.
        An optimizer that lacks a hyperparameter is not named with it. Optimizers with
        several pairs of betas are called as by `name_contenders`. Optimizers without a
        run that trained are left out.
    """
    keys: dict[str, list[str]] = {}
    frame = name_contenders(frame[frame["task"] == task])
    for part in parts_of(frame):
        for optimizer in task_optimizers(part.runs, task):
            scores = Landscape.from_runs(part.runs, optimizer=optimizer)
            if scores.empty or scores.all_diverged:
                continue
            every = frame[frame["optimizer"] == optimizer]
            has = {k: v for k, v in part.values.items() if every[k].notna().any()}
            name = ", ".join(filter(None, (optimizer, label_of(has))))
            chosen = _selected_runs(part.runs, task, optimizer, scores)
            chosen_keys = chosen.sort_values("seed")["key"]
            keys[name] = list(dict.fromkeys([*keys.get(name, []), *chosen_keys]))
    return keys


def runs_of_preset(frame: pd.DataFrame, preset: str) -> pd.DataFrame:
    """The runs that a preset is made of.

    A run that two presets share is recorded once, under the preset that ran first. So
    these are the runs of the preset, and those of others that lie on its grid and were
    trained in the same way.
    """
    chosen = (frame["preset"] == preset).to_numpy().copy()
    columns = [
        name
        for name in (*FIXED, "backend", "learning_rate", "weight_decay")
        if name in frame
    ]
    for _, runs in frame.groupby(["task", "optimizer"], sort=False):
        own = runs[runs["preset"] == preset]
        alike = pd.Series(True, index=runs.index)
        for name in columns:
            alike &= runs[name].isin(own[name])
        for name in own_columns(frame):
            alike &= texts_of(runs, name).isin(texts_of(own, name))
        chosen |= frame.index.isin(runs.index[alike])
    return frame[chosen]


def task_optimizers(frame: pd.DataFrame, task: str) -> list[str]:
    """Names of the optimizers that have records on a task, sorted."""
    return sorted(frame.loc[frame["task"] == task, "optimizer"].unique().tolist())


def _summary(
    frame: pd.DataFrame,
    task: str,
    optimizer: str,
    landscape: Landscape,
    epsilon: float,
    value: Value,
    reference: float,
) -> OptimizerSummary:
    runs = frame[(frame["task"] == task) & (frame["optimizer"] == optimizer)]
    scores = Landscape.from_runs(frame, optimizer=optimizer, task=task)
    known = not scores.empty
    test_score = NOTHING
    if known and "test_score" in frame:
        selected = _selected_runs(frame, task, optimizer, scores)
        tested = selected["test_score"].to_numpy(float)
        tested = tested[np.isfinite(tested)]
        test_score = (
            _test_interval(tested, selected, scores) if len(tested) else NOTHING
        )
    return OptimizerSummary(
        optimizer=optimizer,
        task=task,
        score=_best_score(scores) if known else NOTHING,
        learning_rate=scores.best.learning_rate if known else math.nan,
        weight_decay=scores.best.weight_decay if known else math.nan,
        value=value,
        best_value=math.nan if landscape.empty else landscape.best.value,
        common_best=reference,
        width=tolerance_width(landscape, epsilon, reference),
        own_width=tolerance_width(landscape, epsilon),
        mean_regret=mean_regret(landscape, reference),
        num_runs=int(scores.num_seeds.sum()),
        num_diverged=int(scores.num_diverged.sum()),
        num_failed=int((runs["status"] == "failed").sum()),
        test_score=test_score,
    )


def _test_interval(
    tested: Array, selected: pd.DataFrame, scores: Landscape
) -> Interval:
    # Runs that count steps to a target are tested by their accuracy.
    steps = "metric" in selected and (selected["metric"] == "steps_to_target").all()
    low, high = SHARE if steps else scores.bounds
    return t_interval(tested).within(low, high)


def _best_score(scores: Landscape) -> Interval:
    try:
        return best_score(scores)
    except ValueError:  # an interrupted sweep lacks seeds of some cells
        return scores.best_interval


def _selected_runs(
    frame: pd.DataFrame, task: str, optimizer: str, scores: Landscape
) -> pd.DataFrame:
    best = scores.best
    runs = frame[frame["task"] == task]
    return runs_of_cell(runs, optimizer, best.learning_rate, best.weight_decay)
