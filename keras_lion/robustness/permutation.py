"""A permutation test within iso-lr·λ lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.diagonals import product_index, ratio_index, with_decay
from keras_lion.robustness.groupings import check_lines
from keras_lion.robustness.landscape import Landscape

# Longest line whose orders are listed (7! = 5,040), and the longest list of sums.
LONGEST_LINE = 7
LONGEST_LIST = 2_000_000


@dataclass(frozen=True)
class PermutationTest:
    """Result of a permutation test within iso-lr·λ lines.

    Attributes:
        p: Two-sided p value of "the scores depend on lr·λ only".
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
    """Test whether scores change along lines of equal lr·λ, in one direction.

    If the scores, their noise included, depend on lr·λ only, cells may change places
    within an anti-diagonal. The statistic is directional,

        |Σ over cells (r − mean of r on the cell's line) · mean score|,

    with r the number of the cell's lr/λ line, and p the share of all orders whose
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


def countable(landscape: Landscape) -> bool:
    """Whether `permutation_test` counts all orders, and so needs no generator."""
    return _sizes(_lines(with_decay(landscape).means)) is not None


def _lines(means: Array) -> list[tuple[Array, Array]]:
    """(lr/λ offset from the line's mean, score) of each line of two cells or more.

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
