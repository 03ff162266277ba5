"""Intervals over seeds and cross-fitted bests: by hand and by simulation."""

import math

import numpy as np
import pytest

from keras_lion.robustness.cautions.missed_optimum import misspecification, worst_regret
from keras_lion.robustness.intervals import (
    folds,
    intervals_over_seeds,
    jackknife_interval,
    own_best,
    own_profile,
    without_each_seed,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import mean_regret
from keras_lion.robustness.sensitivity import learning_rate_sensitivity
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.statistics import t_interval
from tests.robustness.made_up import DECAYS, RATES, noisy

AXIS = 10.0 ** np.arange(5)


def flat(seeds, repeats=400, sigma=1.0):
    """Landscapes of 25 equally good cells."""
    generator = np.random.default_rng(5)
    for _ in range(repeats):
        yield Landscape(AXIS, AXIS, generator.normal(0, sigma, (5, 5, seeds)))


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_a_flat_noisy_landscape_has_no_regret(seeds):
    raw, fitted = np.transpose(
        [[mean_regret(x, cross_fit=False), mean_regret(x)] for x in flat(seeds)]
    )
    # The largest of 25 normal numbers is 1.965 on average.
    assert raw.mean() == pytest.approx(1.965 / np.sqrt(seeds), rel=0.05)
    error = fitted.std() / np.sqrt(len(fitted))
    assert abs(fitted.mean()) < 3 * error
    assert error < 0.05


@pytest.mark.parametrize(
    "measure",
    [
        lambda x, **options: worst_regret(x, 10, **options).regret,
        lambda x, **options: misspecification(x, 0.5, **options).regret,
        learning_rate_sensitivity,
    ],
    ids=["worst", "misspecification", "sensitivity"],
)
def test_other_own_best_measures_of_a_flat_landscape(measure):
    raw, fitted = np.transpose(
        [[measure(x, cross_fit=False), measure(x)] for x in flat(3, repeats=150)]
    )
    assert raw.mean() > 0.3
    assert abs(fitted.mean()) < 3 * fitted.std() / np.sqrt(len(fitted))


def test_by_hand():
    # Means 2, 2.5, 1. Without seed 0 the best is the first (4), which has 0 there;
    # without seed 1 the second (3), which has 2.
    landscape = Landscape([1, 2, 3], [1], [[[0.0, 4.0], [3.0, 2.0], [1.0, 1.0]]])
    assert own_best(landscape) == (0 + 2) / 2
    assert own_best(landscape, cross_fit=False) == 2.5
    assert mean_regret(landscape) == pytest.approx(1 - 5.5 / 3)
    np.testing.assert_array_equal(own_profile(landscape, "learning_rate"), [2, 2.5, 1])
    np.testing.assert_array_equal(own_profile(landscape, "weight_decay"), [1.0])
    with_raw = own_profile(landscape, "weight_decay", cross_fit=False)
    np.testing.assert_array_equal(with_raw, [2.5])


def test_folds_by_hand():
    first, second, third = folds(Landscape([1, 2], [1], [[[1, 2, 6], [3, np.nan, 5]]]))
    np.testing.assert_array_equal(first.chosen_on, [[4, 5]])
    np.testing.assert_array_equal(first.scored_on, [[1, 3]])
    np.testing.assert_array_equal(second.chosen_on, [[3.5, np.nan]])
    np.testing.assert_array_equal(second.scored_on, [[2, np.nan]])
    np.testing.assert_array_equal(third.chosen_on, [[1.5, 3]])
    np.testing.assert_array_equal(third.scored_on, [[6, 5]])


def test_tied_cells_are_averaged():
    scores = [[[1.0, 2.0, 0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]]
    # Without the third seed the first two are tied, and have 0 and 3 there; without
    # one of the others the second is best.
    landscape = Landscape([1, 2, 3], [1], scores)
    assert own_best(landscape) == pytest.approx((1 + 2 + 1.5) / 3)


def test_one_seed_gives_the_raw_value():
    landscape = Landscape([1, 2], [1, 2], [[1, 5], [2, 3]])
    assert own_best(landscape) == 5
    np.testing.assert_array_equal(own_profile(landscape, "weight_decay"), [5, 3])
    assert mean_regret(landscape) == mean_regret(landscape, cross_fit=False) == 2.25


def test_cells_of_one_seed_are_not_chosen():
    landscape = Landscape([1, 2, 3], [1], [[[9, np.nan], [5, 7], [np.nan, 1]]])
    assert own_best(landscape) == 6
    profile = own_profile(landscape, "learning_rate")
    np.testing.assert_array_equal(profile, [9, 6, 1])
    apart = Landscape([1, 2], [1], [[[9, np.nan], [np.nan, 7]]])
    assert own_best(apart) == 9


def test_equal_seeds_change_nothing():
    scores = np.random.default_rng(0).normal(size=(5, 5, 1))
    one, three = (Landscape(AXIS, AXIS, scores.repeat(n, axis=2)) for n in (1, 3))
    assert own_best(three) == pytest.approx(own_best(one))
    for axis in ("learning_rate", "weight_decay"):
        np.testing.assert_allclose(own_profile(three, axis), own_profile(one, axis))


def test_no_score():
    with pytest.raises(ValueError, match="only missing"):
        own_best(Landscape([1], [1], [[np.nan]]))


def test_profile_with_missing_seeds_by_hand():
    scores = [[[3.0, np.nan, 2.0]], [[5.0, 1.0, np.nan]]]
    landscape = Landscape([1], [1, 2], scores)
    # Left out in turn: seed 0 (chosen 2 against 1: worth 3), seed 1 (5, worth 1),
    # seed 2 (3, worth 2).
    np.testing.assert_allclose(own_profile(landscape, "learning_rate"), [2.0])
    # The second rate has its two seeds in two of the folds, the third in none.
    scores = [[[1.0, 2.0, 3.0], [7.0, np.nan, 5.0], [np.nan, 4.0, np.nan]]]
    landscape = Landscape([1, 2, 3], [1], scores)
    np.testing.assert_allclose(own_profile(landscape, "learning_rate"), [2, 6, 4])


def test_the_profile_of_a_width_is_cross_fitted_against_the_own_best():
    # Cross-fitted the profile is 1, 0.5, 0.5 and the best 1; raw it is 1, 2, 0.5.
    scores = [[[1, 1], [4, 0], [0.5, 0.5]], [[0, 0], [1, 1], [0, 0]]]
    landscape = Landscape([1, 10, 100], [1, 2], scores)
    np.testing.assert_array_equal(
        own_profile(landscape, "learning_rate"), [1, 0.5, 0.5]
    )
    assert own_best(landscape) == 0.5
    assert tolerance_width(landscape, 0.1, cross_fit=True).decades == 2
    raw = tolerance_width(landscape, 0.1, cross_fit=False).decades
    assert raw == pytest.approx(0.1 + 0.1 / 1.5)
    assert tolerance_width(landscape, 0.1, 2.0).decades == pytest.approx(raw)


def test_intervals_of_a_linear_curve_are_t_intervals():
    landscape = noisy()
    found = intervals_over_seeds(landscape, lambda each: each.means[0], 0.9)
    for interval, scores in zip(found, landscape.scores[0], strict=True):
        expected = t_interval(scores, 0.9)
        assert interval.n == 4
        np.testing.assert_allclose(
            (interval.estimate, interval.low, interval.high),
            (expected.estimate, expected.low, expected.high),
        )


def test_intervals_are_those_of_the_jackknife():
    landscape = noisy(scale=0.2)
    found = intervals_over_seeds(
        landscape, lambda each: np.array([each.means.max(), each.means[0, 0] ** 2])
    )
    statistics = (np.max, lambda means: means[0, 0] ** 2)
    for interval, statistic in zip(found, statistics, strict=True):
        expected = jackknife_interval(statistic, landscape.scores)
        assert interval.estimate == pytest.approx(statistic(landscape.means))
        assert (interval.low, interval.high) == pytest.approx(
            (expected.low, expected.high)
        )


def test_one_seed_or_an_undefined_point_has_no_interval():
    (one,) = intervals_over_seeds(noisy(1), lambda each: each.means[0, :1])
    assert math.isnan(one.low)
    assert one.n == 1
    scores = noisy(2).scores.copy()
    scores[0, 0, 1] = np.nan
    landscape = Landscape(RATES, DECAYS, scores)
    first, second = intervals_over_seeds(landscape, lambda each: each.means[0, :2])
    assert first.estimate == scores[0, 0, 0]
    assert math.isnan(first.low)
    assert math.isfinite(second.low)


def test_seeds_without_a_score_do_not_count():
    scores = np.concatenate([noisy(3).scores, np.full((3, 3, 1), np.nan)], axis=2)
    (found,) = intervals_over_seeds(
        Landscape(RATES, DECAYS, scores), lambda each: each.means[0, :1]
    )
    assert found.n == 3
    assert math.isfinite(found.low)


def test_jackknife_of_a_mean_is_the_t_interval():
    scores = np.array([[[1.0, 2.0, 4.0, np.nan]]])
    found = jackknife_interval(lambda means: float(means[0, 0]), scores)
    expected = t_interval([1, 2, 4])
    assert (found.estimate, found.n) == (expected.estimate, 3)
    assert found.low == pytest.approx(expected.low)
    assert found.high == pytest.approx(expected.high)


def test_jackknife_by_hand():
    # Means without one of 1, 2, 4: 3, 2.5, 1.5; squares 9, 6.25, 2.25, of mean 35 / 6.
    found = jackknife_interval(lambda m: float(m[0, 0] ** 2), np.array([[[1, 2, 4.0]]]))
    squares = sum((x - 35 / 6) ** 2 for x in (9, 6.25, 2.25))
    half = 4.302653 * math.sqrt(2 / 3 * squares)  # t(0.975, 2)
    assert found.estimate == pytest.approx((7 / 3) ** 2)
    assert found.high - found.estimate == pytest.approx(half, rel=1e-6)
    assert found.estimate - found.low == pytest.approx(half, rel=1e-6)


def test_jackknife_of_angles_goes_round():
    scores = np.array([[[89.0, 91.0, 90.5]]])
    plain = jackknife_interval(lambda means: float(means[0, 0]), scores)
    turned = jackknife_interval(
        lambda means: float((means[0, 0] + 90) % 180 - 90), scores, period=180
    )
    assert turned.estimate == pytest.approx(plain.estimate - 180)
    assert turned.low == pytest.approx(plain.low - 180)
    assert turned.high == pytest.approx(plain.high - 180)


def test_jackknife_without_an_interval():
    def undefined_without_the_first(means):
        return math.nan if means[0, 0] < 1.5 else 1.0

    scores = np.array([[[3.0, 1.0]]])
    found = jackknife_interval(undefined_without_the_first, scores)
    assert (found.estimate, math.isnan(found.low)) == (1.0, True)
    assert jackknife_interval(lambda means: 1.0, scores[..., :1]).n == 1


def test_a_seed_less_keeps_what_diverged():
    mask = np.zeros((1, 3, 2), bool)
    mask[0, 2, 1] = True
    landscape = Landscape(RATES, [0.1], np.ones((1, 3, 2)), floor=0.0, diverged=mask)
    without_first, without_last = without_each_seed(landscape)
    assert without_first.diverged.tolist() == [[[False], [False], [True]]]
    assert without_first.scores[0, 2, 0] == 0
    assert not without_last.diverged.any()
