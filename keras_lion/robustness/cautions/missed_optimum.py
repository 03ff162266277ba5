"""What it costs to miss the optimum: by at most a factor, or at random."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from keras_lion.robustness.grid import SAME, interpolated
from keras_lion.robustness.intervals import first_best, ties, trained_folds
from keras_lion.robustness.landscape import Array, Landscape


@dataclass(frozen=True)
class WorstRegret:
    """The largest regret near the optimum.

    Attributes:
        regret: Largest regret found, in the unit of the scores.
        observed: At how many of the points around the best cell a score is known.
        expected: How many points there are.
        lower_bound: Whether points are missing, so that the worst may be worse.
    """

    regret: float
    observed: int
    expected: int
    lower_bound: bool

    def __str__(self) -> str:
        return (
            f"{'≥ ' if self.lower_bound else ''}{self.regret:.3g} "
            f"({self.observed} of {self.expected} points)"
        )


@dataclass(frozen=True)
class Misspecification:
    """The expected regret of a randomly missed optimum.

    Attributes:
        regret: Expected regret of the errors that stay where scores are known, in the
            unit of the scores.
        covered: Probability of such an error; the rest is not measured.
    """

    regret: float
    covered: float

    def __str__(self) -> str:
        return f"{self.regret:.3g} ({round(100 * self.covered)} % covered)"


def worst_regret(
    landscape: Landscape, factor: float = 2.0, *, cross_fit: bool = True
) -> WorstRegret:
    """Largest regret where learning rate and weight decay are each off by ≤ a factor.

        max of (best − score) over |log(lr / lr*)| ≤ log f, |log(λ / λ*)| ≤ log f

    with the score bilinear in log lr and log λ: its extremes lie at the grid's values
    within the factor and at the factor itself, which are the points that are looked at.
    Outside the window, where the grid is thought to continue with its last ratio,
    nothing is known.

    Args:
        landscape: Scores on a grid.
        factor: f, more than 1.
        cross_fit: Whether best and worst point are chosen on some seeds and scored on
            another, each seed left out once.

    Returns:
        The largest regret; a lower bound where the window ends or a cell is missing
        within the factor. An optimum without decay has its learning rate moved only,
        and an axis of one positive value is kept.

    Raises:
        ValueError: If `factor` is not more than 1, every cell is missing, or every run
            diverged.

    Example:

    ```python
    landscape = Landscape([1, 2, 4, 8], [1], [[0.5, 0.9, 0.8, 0.1]])
    print(worst_regret(landscape))  # 0.4 (3 of 3 points)
    ```
    """
    if not (math.isfinite(factor) and factor > 1):
        raise ValueError(
            f"`factor` must be a finite number, more than 1. Received: {factor}."
        )
    found, complete = [], True
    for chosen, scored in trained_folds(landscape, cross_fit):
        row, column = first_best(chosen)
        points = _points(landscape, row, column, factor)
        choices = np.array([interpolated(landscape, chosen, *at) for at in points])
        # Of equally bad points the mean: rounding alone must not choose one.
        worst = [
            interpolated(landscape, scored, *points[at])
            for at in np.flatnonzero(ties(-choices))
        ]
        found.append(float(scored[row, column] - np.mean(worst)))
        complete &= bool(np.isfinite(choices).all())
    points = _points(landscape, *landscape.best.cell, factor)
    known = [interpolated(landscape, landscape.means, *at) for at in points]
    return WorstRegret(
        regret=float(np.mean(found)),
        observed=int(np.isfinite(known).sum()),
        expected=len(points),
        lower_bound=not complete,
    )


def misspecification(
    landscape: Landscape, decades: float, *, cross_fit: bool = True
) -> Misspecification:
    """Expected regret of an optimum missed at random in both hyperparameters.

    best − E[score(x* + σ z₁, y* + σ z₂)] with x = log₁₀(lr), y = log₁₀(λ), independent
    standard normal z, and the score bilinear between cells: an exact sum over cells,
    without sampling. Only errors that stay where scores are known count: the
    expectation is conditional on them, and nothing is extrapolated.

    Args:
        landscape: Scores on a grid.
        decades: σ, the standard deviation of log₁₀ of either hyperparameter; 0.3 is a
            factor of 2.
        cross_fit: Whether the optimum is chosen on some seeds and everything scored on
            another, each seed left out once.

    Returns:
        The expected regret and the probability that it covers. An optimum without decay
        has its learning rate missed only, and an axis of one positive value is kept.

    Raises:
        ValueError: If `decades` is not positive, every cell is missing, every run
            diverged, or no score is known between cells, so that nothing can be missed.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.8, 0.9, 0.8]])
    print(misspecification(landscape, 0.3))  # 0.0239 (100 % covered)
    ```
    """
    if not (math.isfinite(decades) and decades > 0):
        raise ValueError(
            "`decades` must be a finite standard deviation in powers of ten, more than "
            f"0. Received: {decades}."
        )
    found, covered = [], []
    for chosen, scored in trained_folds(landscape, cross_fit):
        row, column = first_best(chosen)
        rows = _hats(landscape.weight_decay, row, decades)
        columns = _hats(landscape.learning_rate, column, decades)
        expected, mass = 0.0, 0.0
        for (below, above), (left, right) in itertools.product(rows, columns):
            parts = [
                (a * b, scored[i, j])
                for i, a in (below, above)
                for j, b in (left, right)
            ]
            if all(np.isfinite(score) for _, score in parts):
                expected += sum(part * score for part, score in parts)
                mass += sum(part for part, _ in parts)
        covered.append(mass)
        if mass > 0:
            found.append(scored[row, column] - expected / mass)
    searched = max(len(landscape.learning_rate), (landscape.weight_decay > 0).sum()) > 1
    if not found or not searched:
        raise ValueError(
            "A missed optimum needs scores between the cells of a grid. Received "
            f"{landscape!r} with {int((landscape.num_seeds > 0).sum())} scored cells, "
            "no two of them side by side where the optimum may be missed."
        )
    return Misspecification(float(np.mean(found)), float(np.mean(covered)))


def _points(
    landscape: Landscape, row: int, column: int, factor: float
) -> list[tuple[float, float]]:
    """(lr, λ) to look at within a factor of a cell, whether in the window or not."""
    rates = _within(landscape.learning_rate, column, factor)
    decays = _within(landscape.weight_decay, row, factor)
    return [(rate, decay) for decay in decays for rate in rates]


def _within(axis: Array, at: int, factor: float) -> list[float]:
    """Values of the axis within a factor of one of them, and the factor's two ends."""
    value = float(axis[at])
    positive = axis[axis > 0]
    if value == 0 or len(positive) < 2:
        return [value]
    x = np.log10(positive)
    center, reach = math.log10(value), math.log10(factor)
    ends = np.array([center - reach, center + reach])
    low, high = x[1] - x[0], x[-1] - x[-2]
    below = x[0] - low * np.arange(1, 1 + math.ceil(reach / low))
    above = x[-1] + high * np.arange(1, 1 + math.ceil(reach / high))
    known = np.concatenate([below, x, above])
    inner = known[np.abs(known - center) < reach - SAME]
    return [float(each) for each in 10 ** np.sort(np.concatenate([ends, inner]))]


_Part = tuple[int, float]


def _hats(axis: Array, at: int, sigma: float) -> list[tuple[_Part, _Part]]:
    """For each gap of the axis: E[part of its left and of its right end] in the score.

    With x normal around the value `at`, a score that is linear in x over a gap from l
    to r has the expectation E[(r − x) 1] / (r − l) · left + E[(x − l) 1] / (r − l) ·
    right, 1 being whether x is in the gap.
    """
    first = int(axis[0] == 0)
    if axis[at] == 0 or len(axis) - first < 2:
        return [((at, 1.0), (at, 0.0))]
    z = (np.log10(axis[first:]) - math.log10(axis[at])) / sigma
    mass = np.diff(norm.cdf(z))
    moment = -np.diff(norm.pdf(z))  # E[z 1]
    width = np.diff(z)
    left = (z[1:] * mass - moment) / width
    right = (moment - z[:-1] * mass) / width
    return [
        ((first + i, float(left[i])), (first + i + 1, float(right[i])))
        for i in range(len(width))
    ]
