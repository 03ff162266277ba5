"""Times of what takes turns in one process, and ratios of their medians.

The order rotates from turn to turn, so that whatever slows the machine meets all of
them. The 95 % interval of a ratio is a bootstrap over turns: it tells whether this
process would measure the same again, and nothing of other machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_lion.statistics import Interval, bootstrap_interval

Step = Callable[[int], None]  # takes so many steps, and waits until they are done


def turns_of(steps: Mapping[str, Step], turns: int, seconds: float) -> np.ndarray:
    """Seconds a step of each, in turn.

    Args:
        steps: By name; all of them do the same work.
        turns: Number of turns.
        seconds: About how long one of them has a turn; it takes one step or more.

    Returns:
        Shape (turns, len(steps)).
    """
    names = list(steps)
    counts = {}
    for name, step in steps.items():
        step(2)  # compiles
        start = time.perf_counter()
        step(2)
        taken = (time.perf_counter() - start) / 2
        counts[name] = max(1, round(seconds / taken))
    found = np.empty((turns, len(names)))
    for turn in range(turns):
        for k in np.roll(np.arange(len(names)), turn):
            count = counts[names[k]]
            start = time.perf_counter()
            steps[names[k]](count)
            found[turn, k] = (time.perf_counter() - start) / count
    return found


def median_of(times: np.ndarray) -> Interval:
    """The median of some turns, with a bootstrap interval."""
    return bootstrap_interval(
        times, np.median, generator=np.random.default_rng(0), method="percentile"
    )


def ratio_of_medians(one: np.ndarray, other: np.ndarray) -> Interval:
    """Median of `one` over that of `other`, with a bootstrap interval over turns.

    Args:
        one: Seconds of each turn, 20 or more.
        other: Seconds of the same turns.
    """

    def ratio(turns: np.ndarray, axis: int = -1) -> Any:
        picked = turns.astype(int)
        return np.median(one[picked], axis=axis) / np.median(other[picked], axis=axis)

    return bootstrap_interval(
        np.arange(len(one)),
        ratio,
        generator=np.random.default_rng(0),
        method="percentile",
    )
