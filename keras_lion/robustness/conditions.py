"""Conditions: what runs share beside the optimizer's own hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from keras_lion.tuning.study.columns import COLUMNS

SHARED = ("batch_size", "epochs", "schedule", "train_examples")


def conditions_of(frame: pd.DataFrame, task: str) -> Mapping[str, pd.DataFrame]:
    """The runs of a task under each condition: one landscape for each optimizer.

    A condition is a batch size, a budget, a schedule, a size of the data, or a
    hyperparameter of the model, where one optimizer has runs with several of them.

    Args:
        frame: Run records, one a row.
        task: Task whose runs are read.

    Returns:
        Label → runs, in ascending order; one entry with an empty label if all runs
        share their conditions.

    Example:

    ```python
    for label, runs in conditions_of(load_runs("results/batch_size"), "digits").items():
        print(label, len(runs))  # batch_size 16 200
    ```
    """
    runs = frame[frame["task"] == task]
    return dict(_split(runs, ""))


def _split(runs: pd.DataFrame, label: str) -> list[tuple[str, pd.DataFrame]]:
    own = [name for name in runs.columns if name not in COLUMNS]
    for name in [*(n for n in SHARED if n in runs.columns), *own]:
        known = runs[runs[name].notna()]
        if (known.groupby("optimizer")[name].nunique() <= 1).all():
            continue
        return [
            found
            for value, part in known.groupby(name, sort=True)
            for found in _split(part, f"{label}, {name} {_text(value)}".lstrip(", "))
        ]
    return [(label, runs)]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)
