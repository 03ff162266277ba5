"""Two optimizers compared, paired by seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.intervals import jackknife_values, without_each_seed
from keras_lion.robustness.landscape import (
    AxisName,
    Landscape,
    common_best,
    paired,
    rounded,
)
from keras_lion.robustness.tolerance import ToleranceWidth, tolerance_width
from keras_lion.statistics import (
    Interval,
    SignFlipTest,
    detectable_gap,
    probability_of_improvement,
    sign_flip_test,
    t_interval,
)

Measure = Callable[[Landscape, float], float]
Bound = Literal["exact", "at least", "at most", "unknown"]


@dataclass(frozen=True)
class Comparison:
    """The difference of two optimizers in one measure, first minus second.

    Attributes:
        measure: What was measured.
        unit: Unit of all numbers, `""` for none.
        names: The two optimizers.
        estimates: The measure of each on its means over all seeds.
        censored: Whether each is only a lower bound (a width that reaches an end of
            the grid).
        values: One difference for each seed; their mean is the estimate, or near it.
        difference: The estimate with its paired interval.
        correlation: Correlation over seeds of the two optimizers' numbers; NaN where
            one of them does not vary. Pairing helps if it is positive.
        sign_flip: Sign-flip test of `values`.
        improvement: Share of the seeds on which the first is better.
        detectable_gap: Smallest true difference that an interval of this noise and
            number of seeds tells from 0 in 90 of 100 studies; infinite with one seed.
    """

    measure: str
    unit: str
    names: tuple[str, str]
    estimates: tuple[float, float]
    censored: tuple[bool, bool]
    values: tuple[float, ...]
    difference: Interval
    correlation: float
    sign_flip: SignFlipTest
    improvement: Interval
    detectable_gap: float

    @property
    def bound(self) -> Bound:
        """What the difference is where a width is censored.

        With only the first one censored the true difference is at least the estimate,
        with only the second one at most; with both nothing is known.
        """
        first, second = self.censored
        if first and second:
            return "unknown"
        return "at least" if first else "at most" if second else "exact"

    def __str__(self) -> str:
        sign = {"exact": "", "at least": "≥ ", "at most": "≤ ", "unknown": "? "}
        unit = f" {self.unit}" if self.unit else ""
        pairing = ""
        if not math.isnan(self.correlation):
            pairing = f"pairing correlation {self.correlation:.2f}; "
        return (
            f"{self.measure}, {self.names[0]} − {self.names[1]}: "
            f"{sign[self.bound]}{self.difference:.3f}{unit}; {pairing}sign-flip "
            f"{self.sign_flip}; better on {self.improvement.estimate:.0%} of the seeds"
        )


def compare(
    first: Landscape,
    second: Landscape,
    measure: Measure,
    *,
    name: str = "measure",
    unit: str = "",
    names: tuple[str, str] = ("first", "second"),
    others: Sequence[Landscape] = (),
    generator: np.random.Generator | None = None,
) -> Comparison:
    """Compare two optimizers in a measure of their landscapes, paired by seed.

    With θ the difference of the measures on the means over all S seeds, and θ₋ₛ the
    same without seed s (both against the common best of the same seeds, in which
    `others` take part: further optimizers of the study), the value of seed s is

        vₛ = θ + (S − 1) · (mean of θ₋ₛ − θ₋ₛ),

    and the interval is the t interval of these values: a jackknife, centered at θ. The
    measure of a single seed's landscape is not used: its noise does not average out,
    because the best of many noisy cells and the point where a profile crosses a level
    are biased, by more than the interval's width with ten seeds. The coverage of both
    is in `studies/results/calibration/coverage.csv`.

    Returns:
        The comparison. One seed gives an estimate without an interval. Seeds without
        any score in one of the landscapes are left out of both.

    Raises:
        ValueError: If the numbers of seeds differ, no seed has scores in both, or the
            measure is not finite.

    References:
        Tukey (1958). Bias and confidence in not quite large samples.
        Miller (1974). The jackknife: a review. Biometrika 61.
    """
    first, second = paired(first, second)
    seeds = first.scores.shape[2]
    rest, *rest_without = facing_seeds(first, others)
    whole = _both(first, second, measure, rest)
    if seeds == 1:
        values = whole[:, None]
    else:
        without = np.stack(
            [
                _both(one, other, measure, best)
                for one, other, best in zip(
                    without_each_seed(first),
                    without_each_seed(second),
                    rest_without,
                    strict=True,
                )
            ],
            axis=1,
        )
        values = jackknife_values(whole, without)
    return comparison_of(values, whole, name, unit, names, generator)


def compare_tolerance(
    first: Landscape,
    second: Landscape,
    epsilon: float,
    *,
    axis: AxisName = "learning_rate",
    own_best: bool = False,
    names: tuple[str, str] = ("first", "second"),
    others: Sequence[Landscape] = (),
    generator: np.random.Generator | None = None,
) -> Comparison:
    """Compare the tolerance widths of two optimizers.

    The width of each is that within its grid, around the common best or its own (see
    `tolerance_width`); `compare` gives the interval. A width that reaches an end of
    its grid is a lower bound and enters as it is: the difference is then a bound, too
    (`Comparison.bound`), and `verdict` lets it speak in the safe direction only.
    """

    around = "own" if own_best else "common"

    def width_of(landscape: Landscape, best: float) -> ToleranceWidth:
        level = None if own_best else best
        return tolerance_width(landscape, epsilon, level, axis, cross_fit=False)

    def width(landscape: Landscape, best: float) -> float:
        return width_of(landscape, best).decades

    found = compare(
        first,
        second,
        width,
        name=f"tolerance width of {axis} around the {around} best",
        unit="decades",
        names=names,
        others=others,
        generator=generator,
    )
    pair = paired(first, second)
    best = max(common_best(pair), facing_seeds(pair[0], others)[0])
    censored = [width_of(each, best).censored for each in pair]
    return replace(found, censored=(censored[0], censored[1]))


def comparison_of(
    values: NDArray[np.float64],
    whole: NDArray[np.float64],
    name: str,
    unit: str,
    names: tuple[str, str],
    generator: np.random.Generator | None,
) -> Comparison:
    """The comparison of two rows of values, shape (2, seeds), around `whole`, (2,)."""
    # A measure that does not vary shall not seem to, by rounding.
    values = rounded(values)
    differences = np.asarray(values[0] - values[1])
    several = len(differences) > 1
    varies = several and bool((values.min(axis=1) < values.max(axis=1)).all())
    deviation = float(differences.std(ddof=1)) if several else 0.0
    return Comparison(
        measure=name,
        unit=unit,
        names=names,
        estimates=(float(whole[0]), float(whole[1])),
        censored=(False, False),
        values=tuple(differences.tolist()),
        difference=t_interval(differences),
        correlation=float(np.asarray(np.corrcoef(values))[0, 1])
        if varies
        else math.nan,
        sign_flip=sign_flip_test(differences, generator=generator),
        improvement=probability_of_improvement(differences),
        detectable_gap=detectable_gap(deviation, len(differences)),
    )


def facing_seeds(first: Landscape, others: Sequence[Landscape]) -> list[float]:
    """Best mean of other landscapes over the seeds of one, and without each of them.

    −∞ where there are none. Without numbers, seeds are matched by position; an
    optimizer that lacks a seed is the same with and without it.
    """
    count = first.scores.shape[2]
    kept = [np.ones(count, dtype=bool), *~np.eye(count, dtype=bool)]
    found = []
    for chosen in kept if count > 1 else kept[:1]:
        bests = [-math.inf]
        for other in others:
            if other.empty:
                continue
            if first.seeds is not None and other.seeds is not None:
                part = other.select(
                    seeds=np.isin(other.seeds, first.seeds[chosen]),
                )
            elif other.scores.shape[2] == count:
                part = other.select(seeds=chosen)
            else:
                part = other
            bests.append(-math.inf if part.empty else part.best.value)
        found.append(max(bests))
    return found


def _both(
    first: Landscape, second: Landscape, measure: Measure, others: float = -math.inf
) -> NDArray[np.float64]:
    best = max(common_best((first, second)), others)
    found = np.array([measure(first, best), measure(second, best)], dtype=float)
    if not np.isfinite(found).all():
        raise ValueError(
            f"The measure must be finite. Received {found.tolist()} for {first!r} and "
            f"{second!r}, with the common best {best:g}."
        )
    return found


def best_score(landscape: Landscape) -> Interval:
    """Best score of a landscape with an interval that allows for the choice.

    The hull of two t intervals, as in `compare_best`: of the scores of the best cell,
    which look better than they are, and of the scores at the cell that is best on the
    other half of the seeds, which look worse than the best. Both stay within the
    bounds of the scores (`Interval.within`), such as 0 and 1 for an accuracy.

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
    raw = landscape.interval_of(_at_best(landscape))
    if raw.n == 1:
        return raw
    crossed = landscape.interval_of(_cross_fitted(landscape))
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
    selected, crossed = (
        np.stack([choose(first), choose(second)])
        for choose in (_at_best, _cross_fitted)
    )
    found = comparison_of(
        crossed, selected.mean(axis=1), "best score", "", names, generator
    )
    # A difference of two accuracies lies between −1 and 1.
    width = first.bounds[1] - first.bounds[0]
    gains = np.stack([selected[0] - selected[1], np.array(found.values)])
    return replace(found, difference=hull(gains, (-width, width)))


def best_gains(first: Landscape, second: Landscape) -> NDArray[np.float64]:
    """Best score of the first less that of the second, per seed: shape (2, seeds).

    The first row is at the cells that are best on all seeds, the second one at those
    that are best on the other half of the seeds. What is linear in the gains, such as
    their change from one condition to another, has the `hull` of both rows as interval.
    """
    first, second = paired(first, second)
    return np.stack(
        [choose(first) - choose(second) for choose in (_at_best, _cross_fitted)]
    )


def hull(
    gains: NDArray[np.float64],
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """The smallest interval around the t intervals of both rows of `best_gains`."""
    raw, crossed = (t_interval(row).within(*bounds) for row in gains)
    low, high = min(raw.low, crossed.low), max(raw.high, crossed.high)
    return Interval(t_interval(gains[0]).estimate, low, high, raw.n)


def _at_best(landscape: Landscape) -> NDArray[np.float64]:
    return _scores_at(landscape, landscape.best.cell, slice(None))


def _cross_fitted(landscape: Landscape) -> NDArray[np.float64]:
    half = np.arange(landscape.scores.shape[2]) % 2 == 0
    if len(half) == 1:
        return _at_best(landscape)
    crossed = np.empty(len(half))
    for scored in (half, ~half):
        cell = landscape.select(seeds=np.flatnonzero(~scored)).best.cell
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
