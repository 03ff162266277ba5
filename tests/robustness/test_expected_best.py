import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.robustness.expected_best import expected_best_of
from keras_lion.robustness.landscape import Landscape


def one_row(scores):
    return Landscape(10.0 ** np.arange(len(scores)), [1], [scores])


SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=5)


@given(SCORES, st.integers(1, 4))
def test_every_draw_is_counted(scores, k):
    landscape = one_row(scores)
    with_repeats = [max(each) for each in itertools.product(scores, repeat=k)]
    found = expected_best_of(landscape, k, "v")
    assert found == pytest.approx(np.mean(with_repeats))
    if k <= len(scores):
        subsets = [max(each) for each in itertools.combinations(scores, k)]
        assert expected_best_of(landscape, k) == pytest.approx(np.mean(subsets))
    else:
        with pytest.raises(ValueError, match=r"at most .*estimator='v'"):
            expected_best_of(landscape, k)


def test_draws_by_area():
    # Areas 0.5, 1.5 and 1 of 3: the first wins both draws, 1/36; the second 15/36.
    landscape = Landscape([1, 10, 1000], [0, 1], [[99] * 3, [1, 2, 3]])
    found = expected_best_of(landscape, 2, "v", weights="trapezoid")
    assert found == pytest.approx((1 * 1 + 15 * 2 + 20 * 3) / 36)
    with pytest.raises(ValueError, match="`weights` must be 'uniform'.*'v'"):
        expected_best_of(landscape, 2, weights="trapezoid")


@pytest.mark.parametrize("estimator", ["u", "v"])
def test_cross_fitting_by_hand(estimator):
    # Chosen on seed 0 the first wins over the second, then the third; on seed 1 the
    # third over the second, then the first.
    landscape = one_row([[3, 0], [2, 2], [1, 4]])
    first, second, third = (1 / 3, 1 / 3, 1 / 3)
    assert expected_best_of(landscape, 1, estimator) == pytest.approx(12 / 6)
    first, second, third = (
        (2 / 3, 1 / 3, 0) if estimator == "u" else (5 / 9, 3 / 9, 1 / 9)
    )
    on_seed_1 = first * 0 + second * 2 + third * 4
    on_seed_0 = first * 1 + second * 2 + third * 3
    found = expected_best_of(landscape, 2, estimator)
    assert found == pytest.approx((on_seed_0 + on_seed_1) / 2)
    raw = expected_best_of(landscape, 2, estimator, cross_fit=False)
    assert raw == pytest.approx(first * 2.5 + second * 2 + third * 1.5)


def test_tied_cells_share_their_probability():
    # On seed 0 all are tied, and on seed 1 one is: each is equally likely the best.
    landscape = one_row([[1, 6], [1, 0], [1, 0]])
    found = expected_best_of(landscape, 2)
    assert found == pytest.approx((2 + 1) / 2)


def test_all_cells_find_the_best():
    scores = np.random.default_rng(1).normal(size=(20, 20))
    scores[3, 4] = np.nan
    landscape = Landscape(np.arange(1, 21), np.arange(20), scores)
    assert expected_best_of(landscape, 399) == np.nanmax(scores)
    assert expected_best_of(landscape, 1) == pytest.approx(np.nanmean(scores))
    many = expected_best_of(landscape, 10**6, "v")
    assert many == pytest.approx(np.nanmax(scores))


@pytest.mark.parametrize("k", [0, -1, 1.5, 3, math.nan, math.inf])
def test_bad_k(k):
    with pytest.raises(ValueError, match="`k` must be a whole number, 1 or more"):
        expected_best_of(one_row([1, 2]), k)


def test_clear_errors():
    with pytest.raises(ValueError, match="`estimator` must be 'u' or 'v'"):
        expected_best_of(one_row([1, 2]), 1, "w")
    with pytest.raises(ValueError, match="only missing"):
        expected_best_of(one_row([np.nan]), 1)
    undecayed = Landscape([1], [0, 1], [[[1, 2]], [[1, np.nan]]])
    with pytest.raises(ValueError, match="none with weights='trapezoid'"):
        expected_best_of(undecayed, 1, "v", weights="trapezoid")
