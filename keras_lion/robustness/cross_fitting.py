"""The best of many noisy cells, without the luck that made it the best.

The largest of 25 equally good cells, each a mean of S seeds with standard deviation σ,
lies about 2 σ/√S above their common score. So a cell is chosen on some seeds and scored
on another, and every seed is left out once. Measures that compare with the landscape's
own best do so by default; with one seed there is nothing to leave out, and they give
the raw value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import AxisName, Landscape

# Means that differ by less are ties: sums of the same scores in another order.
RESOLUTION = 1e-12


class Fold(NamedTuple):
    """One way to part choosing from scoring; cells that lack either are NaN in both.

    Attributes:
        chosen_on: Mean scores to choose a cell by, shape (m, n).
        scored_on: Scores to read off at the chosen cell, shape (m, n).
    """

    chosen_on: Array
    scored_on: Array


def folds(landscape: Landscape, cross_fit: bool = True) -> list[Fold]:
    """One fold for each seed that is left out: chosen on the others, scored on it.

    A cell of one seed is in no fold. Where no cell has two seeds, and with
    `cross_fit=False`, there is one fold: chosen and scored on the means of all seeds.

    Args:
        landscape: Scores on a grid.
        cross_fit: Whether to part choosing from scoring.

    Returns:
        One fold or more, each with a score.

    Raises:
        ValueError: If every cell is missing.
    """
    if landscape.empty:
        raise ValueError(
            "A landscape without any score has no best cell. Received only missing "
            "cells: run the study, or leave this optimizer out."
        )
    found = []
    present = np.isfinite(landscape.scores)
    filled = np.where(present, landscape.scores, 0.0)
    for seed in range(landscape.scores.shape[2] if cross_fit else 0):
        others = np.delete(present, seed, axis=2).sum(axis=2)
        usable = present[..., seed] & (others > 0)
        if usable.any():
            sums = np.delete(filled, seed, axis=2).sum(axis=2)
            means = np.where(usable, sums / np.maximum(others, 1), np.nan)
            scores = np.where(usable, landscape.scores[..., seed], np.nan)
            found.append(Fold(means, scores))
    return found or [Fold(landscape.means, landscape.means)]


def own_best(landscape: Landscape, cross_fit: bool = True) -> float:
    """Score of a landscape's best cell, cross-fitted over seeds.

    mean over seeds s of (score on s of the cell with the largest mean over the other
    seeds); of tied cells the mean. It estimates, without bias, what a choice among the
    cells with one seed fewer than there are is worth, and so does not exceed the score
    of the truly best cell on average.

    Args:
        landscape: Scores on a grid.
        cross_fit: False: the raw best, `landscape.best.value`.

    Returns:
        The score. Raw where no cell has two seeds.

    Raises:
        ValueError: If every cell is missing.

    Example:

    ```python
    # Each cell is chosen on one seed, and worth what the other says.
    own_best(Landscape([1, 2], [1], [[[1.0, 0.0], [0.0, 1.0]]]))  # 0.0
    ```

    References:
        Stone (1974). Cross-validatory choice and assessment of statistical
        predictions. Journal of the Royal Statistical Society B 36.
    """
    if not cross_fit:
        return landscape.best.value
    return float(
        np.mean(
            [scored[ties(chosen)].mean() for chosen, scored in folds(landscape, True)]
        )
    )


def own_profile(landscape: Landscape, axis: AxisName, cross_fit: bool = True) -> Array:
    """Best score at each value of one axis, the other retuned there, cross-fitted.

    As `own_best`, for each value of the axis by itself.

    Args:
        landscape: Scores on a grid.
        axis: `"learning_rate"` or `"weight_decay"`.
        cross_fit: False: the raw profile, `landscape.profile_over(axis)`.

    Returns:
        Shape (n,) or (m,); NaN where every cell is missing, raw where none has two
        seeds.

    Raises:
        ValueError: If every cell is missing, or `axis` is not one.

    Example:

    ```python
    own_profile(landscape, "learning_rate")
    ```
    """
    raw = landscape.profile_over(axis)
    if not cross_fit:
        return raw
    totals, counts = np.zeros(len(raw)), np.zeros(len(raw))
    for chosen, scored in folds(landscape):
        lines = (chosen.T, scored.T) if axis == "learning_rate" else (chosen, scored)
        for at, (choices, scores) in enumerate(zip(*lines, strict=True)):
            if np.isfinite(choices).any():
                totals[at] += scores[ties(choices)].mean()
                counts[at] += 1
    return np.where(counts > 0, totals / np.maximum(counts, 1), raw)


def reference_of(
    landscape: Landscape, reference: float | None, cross_fit: bool
) -> float:
    """The score that regret is counted from: a given one, or the landscape's own best.

    Raises:
        ValueError: If `reference` is not finite.
    """
    if reference is None:
        return own_best(landscape, cross_fit)
    if not np.isfinite(reference):
        raise ValueError(
            "`reference` must be a finite score, or None for the landscape's own best. "
            f"Received: {reference}."
        )
    return reference


def ties(values: Array) -> NDArray[np.bool_]:
    """Where the largest of some values is, every tie included; never at NaN."""
    return np.asarray(values >= np.nanmax(values) - RESOLUTION)


def trained_folds(landscape: Landscape, cross_fit: bool) -> list[Fold]:
    """`folds` of a landscape that has an optimum.

    Raises:
        ValueError: If every cell is missing, or every run diverged.
    """
    if landscape.all_diverged:
        raise ValueError(
            "An optimum needs a run that trained. Received a landscape whose runs all "
            "diverged: move the grid."
        )
    return folds(landscape, cross_fit)


def first_best(values: Array) -> tuple[int, int]:
    """The best cell; of ties the one of least weight decay, then learning rate."""
    row, column = np.unravel_index(np.argmax(ties(values)), values.shape)
    return int(row), int(column)
