"""Landscapes of two optimizers over the same seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.landscape import Landscape, Value


def paired_landscapes(
    frame: pd.DataFrame,
    names: tuple[str, str],
    *,
    task: str | None = None,
    batch_size: int | None = None,
    value: Value = "final_loss",
) -> tuple[Landscape, Landscape]:
    """Landscapes of two optimizers over the seeds that both have.

    Args:
        frame: Run records, one a row.
        names: The two optimizers.
        task: Task whose runs are taken; needed if there are several.
        batch_size: Batch size whose runs are taken; needed if there are several.
        value: `"final_loss"` (validation, negated) or `"score"`.

    Returns:
        Two landscapes; seed k of both is the same seed.

    Raises:
        ValueError: If the optimizers have no seed in common, or as
            `Landscape.from_runs`.

    Example:

    ```python
    lion, adamw = paired_landscapes(frame, ("lion", "adamw"), task="digits")
    ```
    """
    runs = frame[frame["status"] != "failed"]
    for column, choice in (("task", task), ("batch_size", batch_size)):
        if choice is not None and column in runs:
            runs = runs[runs[column] == choice]
    seeds = [set(runs.loc[runs["optimizer"] == name, "seed"]) for name in names]
    if not all(seeds):
        without = names[0] if not seeds[0] else names[1]
        raise ValueError(
            f"No finished run of {without}. The records have: "
            f"{', '.join(map(str, sorted(runs['optimizer'].unique()))) or 'none'}."
        )
    common = seeds[0] & seeds[1]
    if not common:
        raise ValueError(
            "Paired optimizers need seeds in common. Received seeds "
            f"{sorted(seeds[0])} of {names[0]} and {sorted(seeds[1])} of {names[1]}."
        )
    runs = runs[runs["seed"].isin(common)]
    first, second = (
        Landscape.from_runs(
            runs, optimizer=name, task=task, batch_size=batch_size, value=value
        )
        for name in names
    )
    return first, second


def paired(first: Landscape, second: Landscape) -> tuple[Landscape, Landscape]:
    """Both landscapes over the seeds that have a score in each."""
    counts = first.scores.shape[2], second.scores.shape[2]
    if counts[0] != counts[1]:
        raise ValueError(
            "Paired landscapes need the same seeds. "
            f"Received: {counts[0]} and {counts[1]} seeds; `paired_landscapes` keeps "
            "those that both have."
        )
    present = np.asarray(
        np.isfinite(first.scores).any(axis=(0, 1))
        & np.isfinite(second.scores).any(axis=(0, 1))
    )
    if not present.any():
        raise ValueError(
            "No seed has a score in both landscapes: run the study, or leave this "
            f"pair out. Received: {first!r} and {second!r}."
        )
    if present.all():
        return first, second
    return with_seeds(first, present), with_seeds(second, present)


def with_seeds(landscape: Landscape, seeds: NDArray[np.generic]) -> Landscape:
    """The landscape of some of the seeds: a mask or indices of the last axis."""
    return Landscape(
        landscape.learning_rate,
        landscape.weight_decay,
        landscape.scores[..., seeds],
        diverged=landscape.diverged[..., seeds],
    )


def without_seed(landscape: Landscape, seed: int) -> Landscape:
    """The landscape without one of its seeds, by position."""
    return with_seeds(landscape, np.delete(np.arange(landscape.scores.shape[2]), seed))
