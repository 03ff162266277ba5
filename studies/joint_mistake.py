"""Does a search over (lr × λ, lr / λ) forgive a joint mistake more than over (lr, λ)?

Question   Weight decay sets pace, lr × λ, and size, lr / λ. Somebody who searches over
           those two instead of over lr and λ may end one grid step off in both. What
           does that cost, for either optimizer, in either frame?
Command    python studies/joint_mistake.py
Duration   seconds: it reads the public table, studies/results/runs.csv.gz
Result     studies/results/joint_mistake/joint_mistake.json (2026-11-28): the same
           factor off in pace and size costs less than in lr and λ, for both optimizers:
           the worst of four mistakes is cheaper on 8 of 9 tasks and dearer on none.
           With as many cells per decade² that is gone: cheaper on 2 of 6 tasks and
           dearer on 3 for AdamW, cheaper on 2 of 4 and dearer on 1 for Lion.

Around an optimizer's own best cell, with grid steps of one factor f on both axes:

    lr, λ          both off by f: (f, f), (f, 1/f), (1/f, f), (1/f, 1/f) times the best
    lr × λ, lr / λ both off by f: one of lr and λ is off by f, the other is right
    the same, as   both off by f^√2: a grid over pace and size with as many cells per
    many cells     decade² as one over lr and λ has steps √2 times as long

A factor f in pace and in size is a smaller move than one in lr and in λ, since lr and λ
are the roots of their product and their ratio. So the second frame wins by its units
alone; the third is the second at equal cost. Scores between cells are linear in log lr
or log λ. Diverged runs count with the score of chance.

The cost is the score of the best cell minus that of a mistaken one: the mean over the
four mistakes, and the worst of them. Intervals of costs and of differences leave one
seed out at a time. The best cell is that among those whose mistakes of the first two
frames lie in the window, the middle one of equals; the third frame is left out where
its mistakes do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness import Landscape
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import RESOLUTION
from keras_lion.statistics import Interval
from keras_lion.tuning import complete_runs, load_study_file, load_table
from studies.arguments import no_options
from studies.claims import RESULTS, Entry, entry, keep, show

STUDIES = Path(__file__).resolve().parent
OUTPUT = RESULTS / "joint_mistake" / "joint_mistake.json"
OPTIMIZERS = ("adamw", "lion")
# Study → its tasks that are read; the preset is full.
TASKS: Mapping[str, tuple[str, ...]] = {
    "learning_rate_weight_decay": (
        "mnist1d_mlp",
        "mnist1d_invariant",
        "digits_mlp",
        "fashion_mnist_mlp",
        "fashion_mnist_cnn",
    ),
    "effective_decay": tuple(
        f"{network}_465" for network in ("exact", "invariant", "gains", "head", "plain")
    ),
}
AXES = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
# Frame → its four mistakes, as grid steps of (log λ, log lr).
FRAMES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "lr, λ": ((1, 1), (1, -1), (-1, 1), (-1, -1)),
    "pace, size": AXES,
    "pace, size, as many cells": tuple(
        (math.sqrt(2) * i, math.sqrt(2) * j) for i, j in AXES
    ),
}
Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Scores of one optimizer on a grid with one factor for steps of both axes.

    Attributes:
        scores: Of positive weight decays, shape (weight decays, learning rates, seeds).
        factor: The factor.
        scale: Shown units per unit of the scores.
    """

    scores: Costs
    factor: float
    scale: float

    def cost(self, frame: str, of: Callable[[Costs], float]) -> Interval:
        """The mean (`np.mean`) or the worst (`np.max`) cost in a frame."""
        return self._interval(lambda means: of(costs(means, frame)))

    def difference(
        self, one: str, other: str, of: Callable[[Costs], float]
    ) -> Interval:
        """Cost in one frame minus that in another, on the same seeds."""
        return self._interval(
            lambda means: of(costs(means, one)) - of(costs(means, other))
        )

    def _interval(self, statistic: Callable[[Costs], float]) -> Interval:
        return jackknife_interval(statistic, self.scale * self.scores)


def costs(means: Costs, frame: str) -> Costs:
    """Score of the best inner cell minus that of each of the four mistakes.

    NaN for a mistake outside of the grid.

    Args:
        means: Mean scores, shape (weight decays, learning rates); NaN where missing.
        frame: A key of `FRAMES`.
    """
    row, column = best_inner(means)
    mistakes = [_between(means, row + i, column + j) for i, j in FRAMES[frame]]
    return np.asarray(means[row, column] - np.array(mistakes))


def best_inner(means: Costs) -> tuple[int, int]:
    """The best cell with eight neighbors; of equally good ones that next to the middle.

    Raises:
        ValueError: If no cell has a score and eight neighbors.
    """
    inner = np.full(means.shape, np.nan)
    if min(means.shape) >= 3:
        windows = np.lib.stride_tricks.sliding_window_view(means, (3, 3))
        whole = np.isfinite(windows).all(axis=(2, 3))
        inner[1:-1, 1:-1] = np.where(whole, means[1:-1, 1:-1], np.nan)
    if np.isnan(inner).all():
        raise ValueError("No cell of the grid has eight neighbors with a score.")
    rows, columns = np.nonzero(inner >= np.nanmax(inner) - RESOLUTION)
    middle = (np.array(means.shape) - 1) / 2
    away = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    at = int(np.argmin(away))
    return int(rows[at]), int(columns[at])


def _between(means: Costs, row: float, column: float) -> float:
    """The score between neighboring cells, linear along each axis; NaN outside."""
    found = 0.0
    for i in {math.floor(row), math.ceil(row)}:
        for j in {math.floor(column), math.ceil(column)}:
            if not (0 <= i < means.shape[0] and 0 <= j < means.shape[1]):
                return math.nan
            part = (1 - abs(row - i)) * (1 - abs(column - j))
            found += part * float(means[i, j])
    return found


def grid_of(landscape: Landscape, scale: float) -> Grid:
    """The grid of a landscape, without the row that has no weight decay.

    Raises:
        ValueError: If its steps do not all have one factor.
    """
    decayed = landscape.weight_decay > 0
    steps = np.concatenate(
        [
            np.diff(np.log(landscape.learning_rate)),
            np.diff(np.log(landscape.weight_decay[decayed])),
        ]
    )
    if len(steps) < 2 or np.ptp(steps) > 0.02 * steps.mean():
        raise ValueError(
            "Joint mistakes need a grid with one factor for all steps of lr and λ. "
            f"Received factors from {math.exp(steps.min()):.3g} to "
            f"{math.exp(steps.max()):.3g}."
        )
    return Grid(landscape.scores[decayed], math.exp(steps.mean()), scale)


def grids() -> Iterator[tuple[str, str, Grid, str]]:
    """(task, optimizer, grid, unit) of every task whose runs the table has."""
    table = load_table(RESULTS / "runs.csv.gz")
    for study, tasks in TASKS.items():
        declared = load_study_file(STUDIES / f"{study}.py")
        for task in tasks:
            frame = complete_runs(table, declared, task, "full")
            if frame is None:
                continue
            quantity = quantity_of_runs(frame)
            for name in OPTIMIZERS:
                landscape = Landscape.from_runs(frame, optimizer=name)
                grid = grid_of(landscape, abs(quantity.factor))
                yield task, name, grid, quantity.difference


def claims() -> dict[str, Entry]:
    """Costs and differences: `TASK OPTIMIZER FRAME, mean or worst` → entry."""
    found: dict[str, Entry] = {}
    first, *others = FRAMES
    for task, name, grid, unit in grids():
        for which, of in (("mean", np.mean), ("worst", np.max)):
            for frame in FRAMES:
                cost = grid.cost(frame, of)
                if math.isfinite(cost.estimate):
                    found[f"{task} {name}: {frame}, {which}"] = entry(cost, unit)
            for frame in others:
                saved = grid.difference(first, frame, of)
                if math.isfinite(saved.estimate):
                    key = f"{task} {name}: saved by {frame}, {which}"
                    found[key] = entry(saved, unit)
    return found


def counts(found: Mapping[str, Entry]) -> dict[str, str]:
    """Optimizer, frame and cost → on how many tasks the frame saves, and on how many
    it costs more: those whose interval lies above, or below, 0."""
    texts = {}
    _, *others = FRAMES
    for name in OPTIMIZERS:
        for frame in others:
            for which in ("mean", "worst"):
                end = f" {name}: saved by {frame}, {which}"
                known = [each for key, each in found.items() if key.endswith(end)]
                saves = sum(each["low"] > 0 for each in known)
                costs_more = sum(each["high"] < 0 for each in known)
                texts[end.strip()] = (
                    f"saves on {saves} of {len(known)} tasks, costs more on "
                    f"{costs_more}"
                )
    return texts


def main() -> None:
    """Measure, print and keep the claims."""
    found = claims()
    factors = {f"{task} {name}": grid.factor for task, name, grid, _ in grids()}
    keep(
        OUTPUT,
        found,
        counts=counts(found),
        factors={key: round(each, 3) for key, each in factors.items()},
    )
    show(found)
    for what, text in counts(found).items():
        print(f"{what}: {text}")


if __name__ == "__main__":
    no_options(__doc__)
    main()
