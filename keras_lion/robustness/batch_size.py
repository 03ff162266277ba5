"""How the best score and its hyperparameters change with the batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from keras_lion.robustness.frames.conditions import Settings, runs_where
from keras_lion.robustness.frames.runs import FINISHED
from keras_lion.robustness.grid import has_lines, interior_peak, product_index
from keras_lion.robustness.intervals import folds, jackknife_interval, ties
from keras_lion.robustness.landscape import Array, Landscape, Value
from keras_lion.robustness.tolerance import ToleranceWidth, tolerance_width
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class BatchSizeScaling:
    """Best scores, and where they lie, over the batch size B.

    Attributes:
        batch_size: Ascending, shape (b,).
        best: Best score at each B, learning rate and weight decay retuned there,
            cross-fitted over seeds, with its interval.
        learning_rate: lr* at each B, between the cells; NaN where it is only bounded:
            the best score is at an end of the axis or next to a diverged cell.
        product: (lr × λ)* at each B, likewise; NaN too where the grid has no lines of
            equal lr × λ.
        learning_rate_exponent: α of lr* ∝ B^α, with its interval over seeds; NaN with
            fewer than two known lr*.
        product_exponent: γ of (lr × λ)* ∝ B^γ, likewise. 1 keeps the timescale
            B / (lr × λ·N) in epochs.
        robust_range: Decades of B whose best score is within ε.
    """

    batch_size: tuple[int, ...]
    best: tuple[Interval, ...]
    learning_rate: tuple[float, ...]
    product: tuple[float, ...]
    learning_rate_exponent: Interval
    product_exponent: Interval
    robust_range: ToleranceWidth


def batch_size_scaling(
    landscapes: Mapping[int, Landscape],
    epsilon: float,
    reference: float | None = None,
) -> BatchSizeScaling:
    """Best score over the batch size, hyperparameters retuned at each, and their laws.

    lr* is the vertex of the parabola through the best score at three neighboring
    learning rates, λ retuned at each, on log lr. (lr × λ)* is the same over lines of
    equal lr × λ, the best of each: along a ridge lr* and λ* are ill determined while
    their product is not. The exponents are least-squares slopes of log lr* and
    log (lr × λ)* over log B, with jackknife intervals that leave one seed out of all
    batch sizes at once: seed k is the same seed everywhere. An optimum that is only
    bounded takes no part: it would pull the slope towards 0.

    The robust range is the length of {log₁₀ B : best(B) ≥ reference − ε}, best(B)
    linear between the batch sizes.

    Args:
        landscapes: Batch size → landscape, with one budget (epochs, steps or time) and
            as many seeds each. `landscapes_of_batch_sizes` makes them of run records.
        epsilon: Loss of score that counts as none, in its unit; 0 or more.
        reference: Score that ε is counted from. None: the best of `best`. Comparisons
            pass the common best of all optimizers.

    Returns:
        All of it.

    Raises:
        ValueError: If there is no landscape, one has no score, batch sizes are not
            positive, the numbers of seeds differ, or `epsilon` is out of range.

    Example:

    ```python
    landscapes = {64: Landscape([1], [1], [[0.8]]), 640: Landscape([1], [1], [[0.7]])}
    batch_size_scaling(landscapes, epsilon=0.05).robust_range.decades  # 0.5
    ```

    References:
        - Shallue et al. (2019). Measuring the effects of data parallelism on neural
          network training (retune at every batch size).
        - Bergsma et al. (2025). Power lines: scaling laws for weight decay and batch
          size in LLM pre-training.
    """
    sizes = _checked(landscapes)
    grids = [landscapes[size] for size in sizes]
    best = tuple(_best(grid) for grid in grids)
    log_sizes = np.log10(sizes)
    counts = np.cumsum([0, *(grid.means.size for grid in grids)])
    pooled = np.concatenate([_flat(grid) for grid in grids])[None]

    def split(means: Array) -> list[Array]:
        parts = zip(grids, counts, counts[1:], strict=False)
        return [means[0, a:b].reshape(grid.means.shape) for grid, a, b in parts]

    def rates(means: Array) -> Array:
        pairs = zip(grids, split(means), strict=True)
        return np.array([_best_rate(grid, values) for grid, values in pairs])

    def products(means: Array) -> Array:
        pairs = zip(grids, split(means), strict=True)
        return np.array([_best_product(grid, values) for grid, values in pairs])

    everything = np.concatenate([grid.means.ravel() for grid in grids])[None]
    return BatchSizeScaling(
        batch_size=tuple(sizes),
        best=best,
        learning_rate=tuple((10 ** rates(everything)).tolist()),
        product=tuple((10 ** products(everything)).tolist()),
        learning_rate_exponent=jackknife_interval(
            lambda means: _slope(log_sizes, rates(means)), pooled
        ),
        product_exponent=jackknife_interval(
            lambda means: _slope(log_sizes, products(means)), pooled
        ),
        robust_range=_robust_range(sizes, best, epsilon, reference),
    )


def landscapes_of_batch_sizes(
    frame: pd.DataFrame,
    *,
    optimizer: str,
    task: str | None = None,
    value: Value = "score",
    where: Settings | None = None,
) -> dict[int, Landscape]:
    """Arrange run records as one landscape for each batch size.

    Args:
        frame: Run records, one per row.
        optimizer: Optimizer whose runs are taken.
        task: Task whose runs are taken; needed if there are several.
        value: `"score"` or `"final_loss"` (validation, negated).
        where: Other settings of the runs that are taken, as in `Landscape.from_runs`.

    Returns:
        Batch size → landscape, ascending, over the seeds that all batch sizes have.

    Raises:
        ValueError: If no run is left, no seed is common to all batch sizes, or as
            `Landscape.from_runs`.

    Example:

    ```python
    landscapes = landscapes_of_batch_sizes(load_runs("results"), optimizer="lion")
    ```
    """
    runs = frame[(frame["optimizer"] == optimizer) & frame["status"].isin(FINISHED)]
    if task is not None:
        runs = runs[runs["task"] == task]
    runs = runs_where(runs, where)
    seeds = [set(part["seed"]) for _, part in runs.groupby("batch_size")]
    common = set.intersection(*seeds) if seeds else set()
    if not common:
        raise ValueError(
            "Batch sizes are compared over the seeds that all of them have. Received "
            f"seeds {[sorted(each) for each in seeds]} of {optimizer}."
        )
    runs = runs[runs["seed"].isin(common)]
    return {
        int(size): Landscape.from_runs(
            runs, optimizer=optimizer, task=task, batch_size=int(size), value=value
        )
        for size in sorted(runs["batch_size"].unique())
    }


def _checked(landscapes: Mapping[int, Landscape]) -> list[int]:
    sizes = sorted(landscapes)
    if not sizes or sizes[0] <= 0:
        raise ValueError(
            "`landscapes` must map positive batch sizes to landscapes. "
            f"Received batch sizes: {sizes}."
        )
    seeds = {size: landscapes[size].scores.shape[2] for size in sizes}
    if len(set(seeds.values())) > 1:
        raise ValueError(
            "Every batch size needs the same seeds. Received numbers of seeds: "
            f"{seeds}; `landscapes_of_batch_sizes` keeps those that all have."
        )
    empty = [size for size in sizes if landscapes[size].empty]
    if empty:
        raise ValueError(
            f"Every batch size needs a score. Received none for {empty}: leave "
            "them out."
        )
    return sizes


def _flat(landscape: Landscape) -> Array:
    return landscape.scores.reshape(-1, landscape.scores.shape[2])


def _best(landscape: Landscape) -> Interval:
    """Score of the cell chosen on the other seeds, for each seed left out."""
    held_out = [scores[ties(means)].mean() for means, scores in folds(landscape)]
    return landscape.interval_of(held_out)


def _best_rate(landscape: Landscape, means: Array) -> float:
    """log₁₀ lr*, λ (no decay included) retuned at each learning rate."""
    filled = np.where(np.isfinite(means), means, -math.inf)
    rows, columns = filled.argmax(axis=0), np.arange(means.shape[1])
    usable = landscape.num_diverged[rows, columns] == 0
    profile = means[rows, columns]
    return interior_peak(np.log10(landscape.learning_rate), profile, usable)


def _best_product(landscape: Landscape, means: Array) -> float:
    """log₁₀ (lr × λ)*, the best cell of each line of equal lr × λ."""
    decayed = landscape.weight_decay > 0
    if not decayed.any() or not has_lines(landscape):
        return math.nan
    inner = np.where(np.isfinite(means), means, -math.inf)[decayed]
    stable = (landscape.num_diverged == 0)[decayed]
    lines = product_index(inner.shape)
    x, y, usable = [], [], []
    logs = np.add.outer(
        np.log10(landscape.weight_decay[decayed]), np.log10(landscape.learning_rate)
    )
    for number in range(lines.max() + 1):
        line = lines == number
        at = int(inner[line].argmax())
        score = inner[line][at]
        x.append(float(logs[line].mean()))
        y.append(score if math.isfinite(score) else math.nan)
        usable.append(stable[line][at])
    return interior_peak(np.array(x), np.array(y), np.array(usable, dtype=bool))


def _slope(x: Array, y: Array) -> float:
    """Least-squares slope through the known points; NaN with fewer than two."""
    known = np.isfinite(y)
    if known.sum() < 2:
        return math.nan
    offsets = x[known] - x[known].mean()
    return float(offsets @ y[known] / (offsets @ offsets))


def _robust_range(
    sizes: list[int],
    best: tuple[Interval, ...],
    epsilon: float,
    reference: float | None,
) -> ToleranceWidth:
    # The best scores over B are a landscape of one row, with B for the learning rate.
    scores = [each.estimate for each in best]
    row = Landscape(sizes, [1.0], [scores])
    level = max(scores) if reference is None else reference
    return tolerance_width(row, epsilon, level)
