"""Permutation and equivalence within lines of equal lr·λ: by hand and by simulation."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from keras_lion.robustness import Landscape
from keras_lion.robustness.effective_decay import equivalence as module
from keras_lion.robustness.effective_decay.equivalence import (
    equivalence_test,
    largest_spread,
    permutation_test,
)
from tests.robustness.made_up import ADAMW, LION


def grid(scores):
    rows, columns = np.shape(scores)[:2]
    return Landscape(2.0 ** np.arange(columns), 2.0 ** np.arange(rows), scores)


def brute_force(scores):
    """p and number of orders, every order listed."""
    rows, columns = np.indices(scores.shape)
    ratio, present = columns - rows, np.isfinite(scores)
    lines = [(rows + columns == k) & present for k in range(sum(scores.shape) - 1)]

    def statistic(orders):
        pairs = zip(lines, orders, strict=True)
        return abs(
            sum(
                (ratio[line] - ratio[line].mean()) @ np.array(order)
                for line, order in pairs
                if line.any()
            )
        )

    observed = statistic([scores[line] for line in lines])
    found = [
        statistic(orders)
        for orders in product(*(permutations(scores[line]) for line in lines))
    ]
    return np.mean(np.array(found) >= observed - 1e-9), len(found)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 3), (4, 3), (2, 5)])
def test_exact_p_against_every_order(shape):
    generator = np.random.default_rng(sum(shape))
    for _ in range(3):
        scores = generator.integers(0, 4, shape).astype(float)  # ties, too
        found = permutation_test(grid(scores))
        assert (found.p, found.num_orders) == pytest.approx(brute_force(scores))
        assert found.exact
        assert found.p >= found.smallest_p


def test_exact_p_with_missing_cells():
    scores = np.arange(12.0).reshape(3, 4) ** 2 % 7
    scores[0, 2] = scores[1, 1] = np.nan
    found = permutation_test(grid(scores))
    assert (found.p, found.num_orders) == pytest.approx(brute_force(scores))
    scores[1, 1] = 3.0  # offsets 0 and −2 from the mean −1, and a line of 3 without one
    scores[2, 1] = np.nan
    found = permutation_test(grid(scores))
    assert found.p == pytest.approx(brute_force(scores)[0])


def test_the_smallest_p():
    # Seen from both sides: the mirror image is one of the 24 orders.
    found = permutation_test(grid([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]))
    assert found.p == found.smallest_p == 2 / 24
    assert permutation_test(grid(np.zeros((4, 4)))).num_orders == 3456
    five = np.subtract.outer(np.arange(5), np.arange(5))
    found = permutation_test(grid(five))
    assert found.num_orders == 9_953_280
    assert found.p == pytest.approx(2 / 9_953_280)
    # Lines of two, off the diagonal of a 2 × 3 grid, have a mirror image, too.
    assert permutation_test(grid(np.zeros((2, 3)))).smallest_p == 2 / 4
    # Three of the four cells of a line are not their own mirror image.
    scores = np.zeros((4, 4))
    scores[1, 2] = np.nan
    assert permutation_test(grid(scores)).smallest_p == 1 / (3456 / 4)


def test_no_line_of_two_cells_and_no_difference():
    assert permutation_test(grid(np.ones((3, 3)))).p == 1
    alone = np.full((2, 2), np.nan)
    alone[0, 0] = 1.0
    found = permutation_test(grid(alone))
    assert (found.p, found.smallest_p, found.num_orders) == (1, 1, 1)


def test_p_of_the_paper():
    assert permutation_test(Landscape(**LION)).p == 20 / 24
    assert permutation_test(Landscape(**ADAMW)).p == 4 / 24


def test_large_grids_draw(monkeypatch):
    scores = np.random.default_rng(3).normal(size=(4, 4))
    exact = permutation_test(grid(scores))
    monkeypatch.setattr(module, "LONGEST_LIST", 50)
    drawn = permutation_test(grid(scores), np.random.default_rng(0))
    again = permutation_test(grid(scores), np.random.default_rng(0))
    assert drawn == again
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.02)
    assert drawn.smallest_p == 2 / 3456
    few = permutation_test(grid(scores), np.random.default_rng(0), num_draws=9)
    assert few.smallest_p == 1 / 10
    assert (few.p * 10).is_integer()
    with pytest.raises(ValueError, match="pass `generator`"):
        permutation_test(grid(scores))


def test_long_lines_draw():
    scores = np.zeros((8, 8))
    assert permutation_test(grid(scores), np.random.default_rng(0), 9).p == 1


def test_size_and_power_of_the_permutation_test():
    generator = np.random.default_rng(0)
    rows, columns = np.indices((5, 5))
    true = -((rows + columns - 4.0) ** 2)
    broken = true + 0.3 * columns
    noise = generator.normal(0, 1, (200, 5, 5))
    size = np.mean([permutation_test(grid(true + e)).p <= 0.05 for e in noise])
    power = np.mean([permutation_test(grid(broken + e)).p <= 0.05 for e in noise])
    assert size <= 0.09
    assert power >= 0.25
    # A bend that is the same on both sides is not seen: a large p is no support.
    bent = permutation_test(grid(true - (columns - rows) ** 2))
    assert bent.p == pytest.approx(1)


def test_equivalence_by_hand():
    # One pair, differences 0 and 0.1: mean 0.05, error 0.05, t = 9 and 11 for ±0.5.
    test = equivalence_test(grid([[[0, 0], [1, 1]], [[1.0, 1.1], [2, 2]]]), 0.5)
    assert test.largest == pytest.approx(0.05)
    assert test.p == pytest.approx(stats.t.sf(9, 1))
    assert test.p == pytest.approx(0.0352, abs=1e-4)
    assert test.p_larger == 1
    assert test.num_pairs == 1
    # The same against 0.01: t = 0.8 above it, for one of two sides.
    test = equivalence_test(grid([[[0, 0], [1, 1]], [[1.0, 1.1], [2, 2]]]), 0.01)
    assert test.p_larger == pytest.approx(2 * stats.t.sf(0.8, 1))
    assert test.p == pytest.approx(stats.t.sf(-0.8, 1))


def test_the_worst_pair_of_all_lines_decides():
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 0.01, (3, 3, 5))
    assert equivalence_test(grid(scores), 0.2).p < 1e-4
    scores[0, 2] += 0.5
    test = equivalence_test(grid(scores), 0.2)
    assert test.num_pairs == 1 + 3 + 1
    assert test.p > 0.99
    assert test.p_larger < 1e-4
    assert test.largest == pytest.approx(0.5, abs=0.05)
    assert largest_spread(grid(scores)) == pytest.approx(test.largest)


def test_a_shift_of_a_seed_changes_nothing():
    scores = np.random.default_rng(1).normal(size=(3, 3, 4))
    before = equivalence_test(grid(scores), 3)
    after = equivalence_test(grid(scores + np.array([0, 10, -3, 5])), 3)
    assert after.p == pytest.approx(before.p)
    assert after.largest == pytest.approx(before.largest)


def test_nothing_is_shown_without_seeds_or_pairs():
    one = equivalence_test(Landscape(**LION), 5)
    assert (one.p, one.p_larger) == (1, 1)
    assert one.largest == largest_spread(Landscape(**LION)) == pytest.approx(0.67)
    scores = np.full((2, 2, 2), np.nan)
    scores[0, 0] = 1.0
    none = equivalence_test(grid(scores), 1)
    assert (none.p, none.p_larger, none.num_pairs, none.largest) == (1, 1, 0, 0)
    assert largest_spread(grid(scores)) == 0


def test_seeds_that_agree_leave_no_doubt():
    scores = np.zeros((2, 2, 3))
    scores[0, 1] = 1.0
    assert equivalence_test(grid(scores), 1.5).p == 0
    assert equivalence_test(grid(scores), 1.5).p_larger == 1
    assert equivalence_test(grid(scores), 0.5).p == 1
    assert equivalence_test(grid(scores), 0.5).p_larger == 0


@pytest.mark.parametrize("margin", [0, -1, math.nan, math.inf])
def test_bad_margins(margin):
    with pytest.raises(ValueError, match="`margin` must be a positive difference"):
        equivalence_test(Landscape(**LION), margin)


def test_tests_need_lines():
    uneven = Landscape([1, 2, 5], [1, 2, 4], np.zeros((3, 3)))
    for test in (permutation_test, lambda each: equivalence_test(each, 1)):
        with pytest.raises(ValueError, match="one geometric ratio on both"):
            test(uneven)


def test_size_and_power_of_the_equivalence_test():
    generator = np.random.default_rng(0)
    rows, columns = np.indices((3, 3))
    true = -((rows + columns - 2.0) ** 2)[..., None]
    beyond = true + 0.25 * (columns - rows)[..., None]  # ends 1 apart: the margin
    noise = generator.normal(0, 0.15, (200, 3, 3, 6))

    def share(surface, margin, kind):
        tests = (equivalence_test(grid(surface + each), margin) for each in noise)
        return np.mean([getattr(test, kind) <= 0.05 for test in tests])

    assert share(beyond, 1, "p") <= 0.09
    assert share(true, 1, "p") >= 0.95
    assert share(beyond, 1, "p_larger") <= 0.09
    assert share(beyond, 0.5, "p_larger") >= 0.5
