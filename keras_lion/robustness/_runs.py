"""From run records to the arrays of a landscape."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

Value = Literal["score", "final_loss"]

# Runs that differ in one of these do not belong into one landscape.
FIXED = (
    "study",
    "task",
    "batch_size",
    "epochs",
    "schedule",
    "train_examples",
    "beta_1",
    "beta_2",
)
NEEDED = ("optimizer", "learning_rate", "weight_decay", "seed", "status")


def arrange(
    frame: pd.DataFrame,
    optimizer: str,
    task: str | None,
    batch_size: int | None,
    value: Value,
) -> dict[str, Any]:
    """Arguments of `Landscape` for the runs of one optimizer on one task."""
    if value not in get_args(Value):
        raise ValueError(
            f"`value` must be one of {', '.join(get_args(Value))}. "
            f"Received: value={value!r}."
        )
    needed = [*NEEDED, *(["score"] if value == "score" else [])]
    needed += ["final_loss", "initial_loss"] if value == "final_loss" else []
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(
            f"Run records need the columns {', '.join(needed)}. "
            f"Missing: {', '.join(missing)}."
        )
    runs = _chosen(frame, optimizer, task, batch_size)
    rates = _rounded(runs["learning_rate"])
    decays = _rounded(runs["weight_decay"])
    learning_rate, column = np.unique(rates, return_inverse=True)
    weight_decay, row = np.unique(decays, return_inverse=True)
    seeds, seed = np.unique(runs["seed"].to_numpy(), return_inverse=True)
    scores, floors = _values(runs, value)

    counts = (runs["status"] != "failed").to_numpy()
    cells = np.stack([row, column, seed], axis=1)[counts]
    _check_unique(cells, runs.loc[counts], optimizer)
    shape = (len(weight_decay), len(learning_rate), len(seeds))
    at = tuple(cells.T)
    arrays = {name: np.full(shape, np.nan) for name in ("scores", "floor")}
    arrays["scores"][at] = scores[counts]
    arrays["floor"][at] = floors[counts]
    diverged = np.zeros(shape, bool)
    diverged[at] = (runs["status"] == "diverged").to_numpy()[counts]
    return {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "diverged": diverged,
        **arrays,
    }


def _chosen(
    frame: pd.DataFrame, optimizer: str, task: str | None, batch_size: int | None
) -> pd.DataFrame:
    runs = frame
    for name, choice in (
        ("optimizer", optimizer),
        ("task", task),
        ("batch_size", batch_size),
    ):
        if choice is None:
            continue
        known = runs[name].unique().tolist() if name in runs else []
        runs = runs[runs[name] == choice] if name in runs else runs.iloc[:0]
        if runs.empty:
            raise ValueError(
                f"No run has {name}={choice!r}. The records have {name}: "
                f"{', '.join(map(str, known)) or 'none'}."
            )
    for name in FIXED:
        values = [] if name not in runs else sorted(set(runs[name].dropna().map(str)))
        if len(values) > 1:
            argument = name in ("task", "batch_size")
            remedy = f"`{name}=…`" if argument else f"frame[frame[{name!r}] == …]"
            raise ValueError(
                f"Runs of several values of '{name}' cannot share a landscape. "
                f"Received {name}: {', '.join(values)}. Choose one with {remedy}."
            )
    return runs


def _rounded(values: pd.Series[Any]) -> np.ndarray:
    # 0.1 * 0.1 and 0.01 are one value of a grid, whoever computed them.
    return np.array([float(f"{value:.10g}") for value in values.to_numpy(float)])


def _values(runs: pd.DataFrame, value: Value) -> tuple[np.ndarray, np.ndarray]:
    diverged = (runs["status"] == "diverged").to_numpy()
    if value == "score":
        scores = runs["score"].to_numpy(float)
        floors = np.full(len(runs), np.nan)
        if "floor" in runs:
            floors = runs["floor"].to_numpy(float)
        return scores, np.where(np.isnan(floors), scores, floors)
    floors = -runs["initial_loss"].to_numpy(float)
    scores = -runs["final_loss"].to_numpy(float)
    # fmax also gives the floor to a loss that is not finite.
    return np.where(diverged, floors, np.fmax(scores, floors)), floors


def _check_unique(cells: np.ndarray, runs: pd.DataFrame, optimizer: str) -> None:
    _, first, counts = np.unique(cells, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        run = runs.iloc[int(first[counts > 1][0])]
        raise ValueError(
            f"A cell holds one run of each seed. Received {counts.max()} runs of "
            f"{optimizer} with learning_rate={run['learning_rate']}, "
            f"weight_decay={run['weight_decay']}, seed={run['seed']}: drop the "
            "repeats, or choose by the column in which they differ."
        )
