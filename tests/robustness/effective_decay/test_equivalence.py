"""Equivalence within lines of equal lr × λ: by hand and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_lion.robustness import Landscape
from keras_lion.robustness.effective_decay.equivalence import (
    equivalence_test,
    largest_spread,
)
from tests.robustness.made_up import LION


def grid(scores):
    rows, columns = np.shape(scores)[:2]
    return Landscape(2.0 ** np.arange(columns), 2.0 ** np.arange(rows), scores)


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
    with pytest.raises(ValueError, match="one geometric ratio on both"):
        equivalence_test(uneven, 1)


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
