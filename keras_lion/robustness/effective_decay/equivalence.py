"""Tests along lines of equal lr × λ: equivalence, and a permutation test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy import stats

from keras_lion.robustness.effective_decay.description import check_lines
from keras_lion.robustness.grid import product_index, ratio_index, with_decay
from keras_lion.robustness.landscape import Array, Landscape


@dataclass(frozen=True)
class Equivalence:
    """Whether the scores along every line of equal lr × λ agree within a margin.

    Attributes:
        margin: The margin that was declared, in the unit of the score.
        largest: Largest mean difference of two cells on one line, over their shared
            seeds.
        p: p value of "some difference on a line is the margin or more": small is
            support for the product law.
        p_larger: p value of "no difference on a line exceeds the margin", corrected for
            the number of pairs: small speaks against the product law.
        num_pairs: Number of pairs of cells on one line.
    """

    margin: float
    largest: float
    p: float
    p_larger: float
    num_pairs: int


def equivalence_test(landscape: Landscape, margin: float) -> Equivalence:
    """Test whether scores along every line of equal lr × λ lie within a margin.

    For each two cells a, b of a line, with D the mean over seeds of their paired
    difference and s its standard error, two one-sided t tests with S − 1 degrees of
    freedom ask whether −margin < D < margin:

        p_ab = max(P(t ≥ (margin − D) / s), P(t ≥ (margin + D) / s)).

    All pairs must pass, p = max p_ab, so that no correction is needed
    (intersection-union). In the other direction the smallest p of "|D| > margin" is
    multiplied by the number of tests, twice the pairs (Bonferroni). The row of no decay
    is left out; missing cells and seeds take no part.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.
        margin: Difference of score that counts as none, in its unit; declared before
            the scores were seen.

    Returns:
        The result. Both p are 1 where a test shows nothing: without any pair, and for a
        pair that has fewer than two seeds in common.

    Raises:
        ValueError: If the margin is not positive, the axes do not have equal geometric
            ratios, or no weight decay is positive.

    Example:

    ```python
    scores = [[[0, 0], [1, 1]], [[1.0, 1.1], [2, 2]]]
    test = equivalence_test(Landscape([1, 2], [1, 2], scores), margin=0.5)
    test.largest, test.p  # 0.05, 0.0352
    ```

    References:
        - Schuirmann (1987). A comparison of the two one-sided tests procedure and the
          power approach for assessing the equivalence of average bioavailability.
        - Berger (1982). Multiparameter hypothesis testing and acceptance sampling.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(
            "`margin` must be a positive difference of score that counts as none. "
            f"Received: {margin}."
        )
    landscape = with_decay(landscape)
    check_lines(landscape)
    differences = _differences(landscape.scores)
    if not differences:
        return Equivalence(margin, 0.0, 1.0, 1.0, 0)
    tests = [_tests(values, margin) for values in differences]
    within, beyond = np.transpose(tests)
    return Equivalence(
        margin=margin,
        largest=max(abs(float(values.mean())) for values in differences),
        p=float(within.max()),
        p_larger=float(min(1.0, 2 * len(tests) * beyond.min())),
        num_pairs=len(tests),
    )


def largest_spread(landscape: Landscape) -> float:
    """Largest difference of two mean scores on one line of equal lr × λ.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.

    Returns:
        The difference, in the unit of the scores; 0 where no line has two cells.

    Raises:
        ValueError: If the axes do not have equal geometric ratios, or no weight decay
            is positive.
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    means, product = landscape.means, product_index(landscape.means.shape)
    lines = [means[(product == k) & np.isfinite(means)] for k in np.unique(product)]
    return max(float(np.ptp(line)) if len(line) else 0.0 for line in lines)


def _differences(scores: Array) -> list[Array]:
    """Paired differences over seeds of every two cells of a line."""
    product = product_index(scores.shape)
    found = []
    for number in range(product.max() + 1):
        for a, b in combinations(scores[product == number], 2):
            both = np.isfinite(a - b)
            if both.any():
                found.append((a - b)[both])
    return found


def _tests(values: Array, margin: float) -> tuple[float, float]:
    """p of "|mean| ≥ margin" and of "|mean| ≤ margin", the latter for one side."""
    if len(values) < 2:
        return 1.0, 1.0  # nothing is known of the noise, so nothing is shown
    size = abs(float(values.mean()))
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error == 0:
        # Seeds agree to the last digit: no doubt is left.
        return float(size >= margin), float(size <= margin)
    t = (margin - size) / error
    freedom = len(values) - 1
    return float(stats.t.sf(t, freedom)), float(stats.t.cdf(t, freedom))


# Longest line whose orders are listed (7! = 5,040), and the longest list of sums.
LONGEST_LINE = 7
LONGEST_LIST = 2_000_000


@dataclass(frozen=True)
class PermutationTest:
    """Result of a permutation test within iso-lr × λ lines.

    Attributes:
        p: Two-sided p value of "the scores depend on lr × λ only".
        smallest_p: Smallest p that the grid allows: a p above the level says nothing
            where this is above it, too.
        num_orders: Number of orders of the cells within their lines.
        exact: Whether all of them were counted; False: drawn at random.
    """

    p: float
    smallest_p: float
    num_orders: int
    exact: bool


def permutation_test(
    landscape: Landscape,
    generator: np.random.Generator | None = None,
    num_draws: int = 9_999,
) -> PermutationTest:
    """Test whether scores change along lines of equal lr × λ, in one direction.

    If the scores, their noise included, depend on lr × λ only, cells may change places
    within an anti-diagonal. The statistic is directional,

        |Σ over cells (r − mean of r on the cell's line) · mean score|,

    with r the number of the cell's lr / λ line, and p the share of all orders whose
    statistic is at least as large as the observed one. A mirror image has the same
    statistic, so that no p is below 2 / (number of orders): 2/24 on 3 × 3 cells (where
    cells are missing, lines may have no mirror image: 1 / (number of orders)). The
    orders of whole lines add up, so that those of up to about 6 × 6 cells are counted
    exactly without listing them. Larger grids draw them at random:
    p = (1 + number as large) / (1 + draws).

    The test does not see a bend along the lines that is the same on both sides, and a
    large p is no support for the product law: see `equivalence_test`. The row of no
    decay is left out; missing cells take no part.

    Args:
        landscape: Scores on a grid with equal geometric ratios on both axes.
        generator: Needed for large grids only.
        num_draws: Number of orders to draw there.

    Returns:
        The test's result; p is 1 where no line has two cells.

    Raises:
        ValueError: If the axes do not have equal geometric ratios, no weight decay is
            positive, or the grid is large and there is no generator.

    Example:

    ```python
    scores = [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
    permutation_test(Landscape([1, 2, 4], [1, 2, 4], scores)).p  # 1.0
    ```

    References:
        Phipson and Smyth (2010). Permutation p-values should never be zero.
    """
    landscape = with_decay(landscape)
    check_lines(landscape)
    lines = _lines(landscape.means)
    observed = abs(sum(float(offsets @ values) for offsets, values in lines))
    scale = sum(float(abs(offsets) @ abs(values)) for offsets, values in lines)
    # Equal sums may differ by rounding: they count as equal.
    least = observed - 1e-12 * scale
    orders = math.prod(math.factorial(len(values)) for _, values in lines)
    mirrored = all(
        np.allclose(offsets, -offsets[::-1], atol=1e-9) for offsets, _ in lines
    )
    smallest = min(1.0, (2 if mirrored else 1) / orders)
    halves = _halves(lines)
    if halves is not None:
        p = _share_beyond(*halves, least)
        return PermutationTest(p, smallest, orders, exact=True)
    if generator is None:
        raise ValueError(
            f"A grid of {landscape.means.size} cells has too many orders to count: "
            "pass `generator`, such as numpy.random.default_rng(0)."
        )
    drawn = np.zeros(num_draws)
    for offsets, values in lines:
        shuffled = generator.permuted(np.tile(values, (num_draws, 1)), axis=1)
        drawn += shuffled @ offsets
    p = (1 + int((abs(drawn) >= least).sum())) / (1 + num_draws)
    return PermutationTest(p, max(smallest, 1 / (1 + num_draws)), orders, exact=False)


def _lines(means: Array) -> list[tuple[Array, Array]]:
    """(lr / λ offset from the line's mean, score) of each line of two cells or more.

    Scores count from the line's mean, which changes no difference between orders.
    """
    product, ratio = product_index(means.shape), ratio_index(means.shape)
    lines = []
    for number in range(product.max() + 1):
        cells = (product == number) & np.isfinite(means)
        if cells.sum() > 1:
            offsets, values = ratio[cells].astype(float), means[cells]
            lines.append((offsets - offsets.mean(), values - values.mean()))
    return lines


def _sizes(lines: list[tuple[Array, Array]]) -> list[int] | None:
    """For each line, longest first, the half it goes to; None if a list is too long."""
    lengths, places = [1, 1], []
    for values in sorted((values for _, values in lines), key=len, reverse=True):
        place = int(lengths[1] < lengths[0])
        lengths[place] *= math.factorial(len(values))
        places.append(place)
        if len(values) > LONGEST_LINE or lengths[place] > LONGEST_LIST:
            return None
    return places


def _halves(lines: list[tuple[Array, Array]]) -> tuple[Array, Array] | None:
    """Statistics of all orders of two halves of the lines; None if they are too many.

    Every order of all lines has the sum of one entry of each half as its statistic.
    """
    places = _sizes(lines)
    if places is None:
        return None
    halves = [np.zeros(1), np.zeros(1)]
    by_length = sorted(lines, key=lambda line: len(line[1]), reverse=True)
    for place, (offsets, values) in zip(places, by_length, strict=True):
        orders = np.array(list(permutations(values)))
        halves[place] = np.add.outer(halves[place], orders @ offsets).ravel()
    return halves[0], halves[1]


def _share_beyond(first: Array, second: Array, least: float) -> float:
    """Share of all sums of an entry of each whose size is `least` or more."""
    second = np.sort(second)
    if least <= 0:
        return 1.0
    above = len(second) - np.searchsorted(second, least - first, side="left")
    below = np.searchsorted(second, -least - first, side="right")
    return float((above.sum() + below.sum()) / (len(first) * len(second)))
