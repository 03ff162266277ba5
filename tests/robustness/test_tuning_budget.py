"""The best of k, tuning curves and the rule of thumb."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tuning_budget import (
    expected_best_of,
    rule_of_thumb_regret,
    tuning_curve,
)
from tests.robustness.made_up import DECAYS, RATES, noisy


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
    with pytest.raises(ValueError, match="`estimator` must be one of u, v"):
        expected_best_of(one_row([1, 2]), 1, "w")
    with pytest.raises(ValueError, match="only missing"):
        expected_best_of(one_row([np.nan]), 1)
    undecayed = Landscape([1], [0, 1], [[[1, 2]], [[1, np.nan]]])
    with pytest.raises(ValueError, match="none with weights='trapezoid'"):
        expected_best_of(undecayed, 1, "v", weights="trapezoid")


ADAMW = Landscape([1, 10], [0.1, 1], [[1, 2], [3, 4]])  # best at (10, 1)


LION = Landscape([0.1, 1, 10], [1, 10, 100], [[0, 0, 5], [0, 7, 0], [9, 0, 0]])


def test_by_hand():
    rule = rule_of_thumb_regret(ADAMW, LION, [1, np.sqrt(10), 10, 100, 101])
    # Along the diagonal 5, 7, 9; half-way the other two corners are 0.
    np.testing.assert_allclose(rule.regret, [4, 9 - 12 / 4, 2, 0, np.nan])
    assert rule.inside.tolist() == [True, True, True, True, False]
    assert rule.best_factor == 100
    assert rule.factors_within(2) == [10, 100]


def test_factors_of_their_own():
    rule = rule_of_thumb_regret(
        ADAMW, LION, [1, 10, 10], weight_decay_factors=[10, 1, 10]
    )
    assert rule.regret.tolist() == [9, 9, 2]
    assert rule.factors.tolist() == [1, 10, 10]
    assert rule.weight_decay_factors.tolist() == [10, 1, 10]
    with pytest.raises(ValueError, match="as many as `factors`"):
        rule_of_thumb_regret(ADAMW, LION, [1, 10], weight_decay_factors=[1])


def test_decay_that_is_not_needed():
    adamw = Landscape([1, 10], [0, 1], [[1, 5], [3, 4]])
    assert not rule_of_thumb_regret(adamw, LION, [1, 10]).inside.any()
    lion = Landscape([0.1, 10], [0, 1], [[2, 6], [0, 9]])
    rule = rule_of_thumb_regret(adamw, lion, [1, 10])
    np.testing.assert_allclose(rule.regret, [3, 5])


def test_missing_cells_are_outside():
    scores = LION.means.copy()
    scores[1, 1] = np.nan
    rule = rule_of_thumb_regret(
        ADAMW, Landscape([0.1, 1, 10], [1, 10, 100], scores), [9, 10]
    )
    assert rule.inside.tolist() == [False, False]
    with pytest.raises(ValueError, match="No factor leads into Lion's window"):
        _ = rule.best_factor
    assert rule.factors_within(100) == []


def test_the_best_of_lion_is_cross_fitted():
    lion = Landscape([1, 10], [1], [[[1.0, 0.0], [0.0, 1.0]]])
    assert rule_of_thumb_regret(ADAMW, lion, [1]).regret.tolist() == [-0.5]
    raw = rule_of_thumb_regret(ADAMW, lion, [1], cross_fit=False)
    assert raw.regret.tolist() == [0]


def test_clear_errors_of_the_rule():
    for factors in ([0, 1], [-1], [np.nan], [np.inf], 3):
        with pytest.raises(ValueError, match="`factors` must be a list of positive"):
            rule_of_thumb_regret(ADAMW, LION, factors)
    with pytest.raises(ValueError, match="`weight_decay_factors` must"):
        rule_of_thumb_regret(ADAMW, LION, [1], weight_decay_factors=[0])
    nothing = Landscape([1], [1], [[0]], floor=0, diverged=[[True]])
    with pytest.raises(ValueError, match="Received for `adamw`"):
        rule_of_thumb_regret(nothing, LION, [1])
    with pytest.raises(ValueError, match="Received for `lion`"):
        rule_of_thumb_regret(ADAMW, nothing, [1])
    with pytest.raises(ValueError, match="only missing"):
        rule_of_thumb_regret(Landscape([1], [1], [[np.nan]]), LION, [1])


def test_of_equally_good_factors_the_smallest():
    lion = Landscape([0.1, 1, 10], [1, 10, 100], np.ones((3, 3)))
    assert rule_of_thumb_regret(ADAMW, lion, [10, 2, 5]).best_factor == 2


def test_tuning_curve_is_the_expected_best():
    landscape = noisy()
    curve = tuning_curve(landscape)
    assert curve.k.tolist() == list(range(1, 10))
    for k, best in zip(curve.k, curve.best, strict=True):
        assert best.estimate == pytest.approx(expected_best_of(landscape, int(k)))
        assert best.low < best.estimate < best.high


def test_tuning_curve_draws_only_cells_that_no_left_out_seed_empties():
    scores = noisy(3).scores.copy()
    # Each has two seeds, and without seed 0 one, which is in no fold.
    scores[0, 0, 1] = scores[0, 1, 2] = np.nan
    assert tuning_curve(Landscape(RATES, DECAYS, scores)).k[-1] == 7
    with pytest.raises(ValueError, match="without any score"):
        tuning_curve(Landscape(RATES, DECAYS, np.full((3, 3), np.nan)))
