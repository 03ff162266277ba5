"""The best score of a landscape, and of two: intervals that allow for the choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.comparison import Comparison, comparison_of
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.pairing import paired, with_seeds
from keras_lion.statistics import Interval, t_interval


def best_score(landscape: Landscape) -> Interval:
    """Best score of a landscape with an interval that allows for the choice.

    The hull of two t intervals, as in `compare_best`: of the scores of the best cell,
    which look better than they are, and of the scores at the cell that is best on the
    other half of the seeds, which look worse than the best.

    Args:
        landscape: Scores on a grid.

    Returns:
        The mean of the best cell, with the interval; its ends are NaN with one seed.

    Raises:
        ValueError: If every cell is missing, or a seed lacks a selected cell.

    Example:

    ```python
    print(best_score(landscape))  # 0.957 [0.941, 0.962] (n=6)
    ```
    """
    landscape, _ = paired(landscape, landscape)
    raw = t_interval(_at_best(landscape))
    if raw.n == 1:
        return raw
    crossed = t_interval(_cross_fitted(landscape))
    low, high = min(raw.low, crossed.low), max(raw.high, crossed.high)
    return Interval(raw.estimate, low, high, raw.n)


def compare_best(
    first: Landscape,
    second: Landscape,
    *,
    names: tuple[str, str] = ("first", "second"),
    generator: np.random.Generator | None = None,
) -> Comparison:
    """Compare the best scores of two optimizers.

    `values` are the differences at a cross-fitted arg-max: the seeds are split into
    even and odd ones, each half is scored at the cell that is best on the other half.
    The interval is the hull of their t interval, which errs low (a cell chosen on half
    the seeds is not quite the best), and of the t interval at the cells that are best
    on all seeds, which errs high. Each alone, and leaving one seed out, covers too
    seldom.

    Args:
        first: Landscape of one optimizer; seed k of both is one pair.
        second: Landscape of the other, with as many seeds.
        names: The two optimizers.
        generator: For the sign-flip test; needed for more than 16 seeds.

    Returns:
        The comparison, in the unit of the scores; `estimates` are the best means. With
        one seed it has no interval.

    Raises:
        ValueError: If the numbers of seeds differ, no seed has scores in both, or a
            seed lacks a selected cell.

    Example:

    ```python
    compare_best(lion, adamw, names=("lion", "adamw")).difference
    ```
    """
    first, second = paired(first, second)
    selected = np.stack([_at_best(first), _at_best(second)])
    whole = selected.mean(axis=1)
    crossed = selected
    if selected.shape[1] > 1:
        crossed = np.stack([_cross_fitted(first), _cross_fitted(second)])
    found = comparison_of(crossed, whole, "best score", "", names, generator)
    raw = t_interval(selected[0] - selected[1])
    both = (raw, found.difference)
    hull = Interval(
        raw.estimate,
        min(each.low for each in both),
        max(each.high for each in both),
        raw.n,
    )
    return replace(found, difference=hull)


def _at_best(landscape: Landscape) -> NDArray[np.float64]:
    return _scores_at(landscape, landscape.best.cell, slice(None))


def _cross_fitted(landscape: Landscape) -> NDArray[np.float64]:
    half = np.arange(landscape.scores.shape[2]) % 2 == 0
    crossed = np.empty(len(half))
    for scored in (half, ~half):
        cell = with_seeds(landscape, np.flatnonzero(~scored)).best.cell
        crossed[scored] = _scores_at(landscape, cell, scored)
    return crossed


def _scores_at(
    landscape: Landscape, cell: tuple[int, int], seeds: NDArray[np.bool_] | slice
) -> NDArray[np.float64]:
    scores = landscape.scores[cell][seeds]
    if np.isnan(scores).any():
        raise ValueError(
            "The selected cell needs a score of every seed. Received "
            f"{int(np.isnan(scores).sum())} missing at learning_rate="
            f"{landscape.learning_rate[cell[1]]:.3g}, weight_decay="
            f"{landscape.weight_decay[cell[0]]:.3g}: resume the study."
        )
    return np.asarray(scores)
