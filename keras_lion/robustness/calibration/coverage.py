"""How often intervals hold the true value, by simulation on planted landscapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from keras_lion.robustness.calibration.planted import Noise, plant
from keras_lion.robustness.intervals import jackknife_values
from keras_lion.robustness.landscape import Array, rounded
from keras_lion.statistics import (
    Bootstrap,
    Interval,
    bootstrap_ends,
    wilson_interval,
)

SEEDS = (2, 3, 6, 10, 20)


class Ends(NamedTuple):
    """Intervals of many draws.

    Attributes:
        estimate: Shape (draws,).
        low: Shape (draws,).
        high: Shape (draws,).
    """

    estimate: Array
    low: Array
    high: Array


def coverage_table(
    generator: np.random.Generator,
    *,
    draws: int = 1000,
    seeds: Sequence[int] = SEEDS,
    noise: Noise | None = None,
    resamples: int = 999,
) -> pd.DataFrame:
    """Share of intervals of 95 % that hold the true value, by number of seeds.

    The truth is the quantity on the planted landscape without noise: the mean of a
    cell, the best mean of a landscape, the difference of two tolerance widths, the mean
    accuracy of a cell and the best mean accuracy of a landscape, both near 1. For
    each, the interval that reports use (`used`) stands next to those that they do not.

    Returns:
        One row for each quantity, surface, interval and number of seeds, with columns
        quantity, surface, interval, used, n, coverage, low, high (Wilson's interval of
        the coverage), bias and half_width (median), the last two in ε or decades.
    """
    if draws < 1 or min(seeds, default=0) < 2:
        raise ValueError(
            "`draws` must be 1 or more and `seeds` 2 or more each. "
            f"Received: draws={draws}, seeds={tuple(seeds)}."
        )
    noise = Noise() if noise is None else noise
    [shares] = generator.spawn(1)
    rows = []
    for n in seeds:
        for quantity, surface, interval, used, truth, ends in (
            *_cell_mean(generator, draws, n, resamples),
            *_best_score(generator, draws, n, noise),
            *_headline(generator, draws, n, noise),
            *_accuracy(shares, draws, n),
            *_best_accuracy(shares, draws, n),
        ):
            holds = (ends.low <= truth + 1e-9) & (truth - 1e-9 <= ends.high)
            share = wilson_interval(int(holds.sum()), len(holds))
            rows.append(
                {
                    "quantity": quantity,
                    "surface": surface,
                    "interval": interval,
                    "used": used,
                    "n": n,
                    "coverage": share.estimate,
                    "low": share.low,
                    "high": share.high,
                    "bias": float(np.mean(ends.estimate - truth)),
                    "half_width": float(np.median(ends.high - ends.low) / 2),
                }
            )
    table = pd.DataFrame(rows)
    order = ["quantity", "surface", "interval"]
    first = table.groupby(order, sort=False).ngroup()
    return table.iloc[np.lexsort((table["n"], first))].reset_index(drop=True)


def t_ends(values: Array) -> Ends:
    """t intervals of many draws at once, shape (draws, n)."""
    n = values.shape[1]
    mean = values.mean(axis=1)
    half = float(stats.t.ppf(0.975, n - 1)) * values.std(axis=1, ddof=1) / np.sqrt(n)
    return Ends(mean, mean - half, mean + half)


def within_share(ends: Ends) -> Ends:
    """The same intervals as `Interval.within(0, 1)` makes them, one by one."""
    found = [
        Interval(estimate, low, high, 2).within(0, 1)
        for estimate, low, high in zip(*(each.tolist() for each in ends), strict=True)
    ]
    return Ends(
        ends.estimate,
        np.array([each.low for each in found]),
        np.array([each.high for each in found]),
    )


def widths(x: Array, profiles: Array, level: NDArray[np.float64]) -> Array:
    """Length of {profile ≥ level} along x, of many profiles at once."""
    excess = rounded(profiles - level[..., None])
    upper = np.maximum(excess[..., :-1], excess[..., 1:])
    lower = np.minimum(excess[..., :-1], excess[..., 1:])
    crossing = (upper >= 0) & (lower < 0)
    span = np.where(crossing, upper - lower, 1.0)
    share = np.where(crossing, upper / span, np.where(lower >= 0, 1.0, 0.0))
    return np.asarray((share * np.diff(x)).sum(axis=-1))


Row = tuple[str, str, str, bool, float, Ends]


def _cell_mean(
    generator: np.random.Generator, draws: int, n: int, resamples: int
) -> Iterator[Row]:
    # Standard deviation 1: the seeds' own, whatever it is made of. t intervals of a
    # mean cost nothing, so that they get more draws.
    values = generator.normal(0, 1, (10 * draws, n))
    yield "cell mean", "normal", "t", True, 0.0, t_ends(values)
    skewed = generator.gamma(4, 1, (10 * draws, n))
    yield "cell mean", "skewed (gamma, 4)", "t", True, 4.0, t_ends(skewed)
    values = values[:draws]
    methods: tuple[Bootstrap, ...] = ("percentile", "bca")
    for method in methods:
        low, high = bootstrap_ends(
            values, np.mean, generator=generator, method=method, resamples=resamples
        )
        ends = Ends(values.mean(axis=1), low, high)
        yield "cell mean", "normal", f"bootstrap, {method}", False, 0.0, ends


def _best_score(
    generator: np.random.Generator, draws: int, n: int, noise: Noise
) -> Iterator[Row]:
    for surface, truth in (
        ("bowl", plant("bowl", width=1.5).means),
        ("flat", plant("flat").means),
    ):
        scores = _drawn(truth[None], n, draws, noise, generator)[:, 0]
        cells = scores.reshape(draws, -1, n)
        seeds = np.arange(n)
        at_best, halved = _at_best(cells), _on_halves(cells)
        singles = [(seeds[[k]], np.delete(seeds, k)) for k in range(n)]
        hull = _hull(at_best, halved)
        best = float(truth.max())
        for interval, ends in (
            ("hull of the next two", hull),
            ("t, at the best cell", at_best),
            ("t, cross-fitted on halves", halved),
            ("t, leaving one seed out", t_ends(_crossed(cells, singles))),
        ):
            yield "best score", surface, interval, ends is hull, best, ends


def _at_best(cells: Array) -> Ends:
    seeds = np.arange(cells.shape[2])
    return t_ends(_crossed(cells, [(seeds, seeds)]))


def _on_halves(cells: Array) -> Ends:
    seeds = np.arange(cells.shape[2])
    halves = [(seeds[k::2], seeds[1 - k :: 2]) for k in (0, 1)]
    return t_ends(_crossed(cells, halves))


def _hull(first: Ends, second: Ends) -> Ends:
    return Ends(
        first.estimate,
        np.minimum(first.low, second.low),
        np.maximum(first.high, second.high),
    )


# Mean accuracies of a cell, and how far its seeds scatter.
ACCURACIES = ((0.75, 0.02), (0.97, 0.01), (0.97, 0.02), (0.99, 0.008))
BEST_ACCURACY, SPREAD = ACCURACIES[1]


def _accuracy(generator: np.random.Generator, draws: int, n: int) -> Iterator[Row]:
    for mean, spread in ACCURACIES:
        name = f"beta, {mean:g} ± {spread:g}"
        ends = t_ends(_accuracies(np.full((10 * draws, n), mean), spread, generator))
        yield "accuracy", name, "t, on the logit scale", True, mean, within_share(ends)
        yield "accuracy", name, "t", False, mean, ends


def _best_accuracy(generator: np.random.Generator, draws: int, n: int) -> Iterator[Row]:
    for surface, lost in (
        ("bowl", -plant("bowl", width=1.5).means),
        ("flat", -plant("flat").means),
    ):
        truth = BEST_ACCURACY - SPREAD * lost.reshape(-1, 1)
        means = np.repeat(np.repeat(truth[None], draws, axis=0), n, axis=2)
        cells = _accuracies(means, SPREAD, generator)
        pair = _at_best(cells), _on_halves(cells)
        hull = _hull(*(within_share(each) for each in pair))
        true = float(truth.max())
        yield "best accuracy", surface, "hull, on the logit scale", True, true, hull
        yield "best accuracy", surface, "hull of t intervals", False, true, _hull(*pair)


def _accuracies(means: Array, spread: float, generator: np.random.Generator) -> Array:
    """Draws from beta distributions of these means and one standard deviation."""
    count = means * (1 - means) / spread**2 - 1
    return generator.beta(means * count, (1 - means) * count)


def _crossed(
    cells: Array,
    folds: Sequence[tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]],
) -> Array:
    """Scores of each fold's seeds at the cell that is best on others: (draws, n)."""
    values = np.empty((cells.shape[0], cells.shape[2]))
    for scored, chosen_on in folds:
        cell = cells[..., chosen_on].mean(axis=-1).argmax(axis=1)
        at = np.take_along_axis(cells[..., scored], cell[:, None, None], axis=1)
        values[:, scored] = at[:, 0]
    return values


def _headline(
    generator: np.random.Generator, draws: int, n: int, noise: Noise
) -> Iterator[Row]:
    for surface, pair in (
        ("equal widths", (plant("bowl"), plant("bowl"))),
        ("gap of a decade", (plant("bowl", width=2.0), plant("bowl"))),
        # The common best is the second one's: the first is worse by half of ε.
        ("worse by ε/2", (plant("bowl", width=2.0), plant("bowl", width=2.0))),
    ):
        x = np.log10(pair[0].learning_rate)
        truth = np.stack([each.means for each in pair])
        truth[0] -= 0.5 if surface == "worse by ε/2" else 0.0
        scores = _drawn(truth, n, draws, noise, generator)

        def difference(means: Array, x: Array = x) -> Array:
            profiles = means.max(axis=-2)
            level = means.max(axis=(-3, -2, -1))[..., None] - 1.0
            both = widths(x, profiles, np.repeat(level, 2, axis=-1))
            return both[..., 0] - both[..., 1]

        for interval, values in _per_seed(scores, difference):
            used = interval == "t, jackknife"
            true = float(difference(truth))
            yield "tolerance width", surface, interval, used, true, t_ends(values)


def _per_seed(
    scores: Array, measure: Callable[[Array], Array]
) -> Iterator[tuple[str, Array]]:
    n = scores.shape[-1]
    total = scores.sum(axis=-1)
    without = [measure((total - scores[..., k]) / (n - 1)) for k in range(n)]
    whole = measure(total / n)
    yield "t, jackknife", jackknife_values(whole, np.stack(without, axis=-1))
    single = [measure(scores[..., k]) for k in range(n)]
    yield "t, one landscape a seed", np.stack(single, axis=-1)


def _drawn(
    truth: Array, n: int, draws: int, noise: Noise, generator: np.random.Generator
) -> Array:
    """Scores around truths (optimizers, m, n), shape (draws, optimizers, m, n, S)."""
    shared = generator.normal(0, noise.seed, (draws, 1, 1, 1, n))
    own = generator.normal(0, noise.optimizer, (draws, len(truth), 1, 1, n))
    cell = generator.normal(0, noise.cell, (draws, *truth.shape, n))
    return np.asarray(truth[None, ..., None] + shared + own + cell)
