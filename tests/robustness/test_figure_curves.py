"""What the figures draw: curves with intervals, predictions, tolerated cells."""

import math

import numpy as np
import pytest

from keras_lion.robustness import (
    Landscape,
    common_best,
    expected_best_of,
    tolerance_fraction,
)
from keras_lion.robustness._jackknife import jackknife_interval
from keras_lion.robustness.isolation import isolation_curve
from keras_lion.robustness.product_curves import product_curve
from keras_lion.robustness.regret_bands import regret_profiles, regret_range
from keras_lion.robustness.seed_bands import intervals_over_seeds
from keras_lion.robustness.tolerated_cells import cells_within
from keras_lion.robustness.tuning_curves import tuning_curve
from keras_lion.statistics import t_interval

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2], [0.45, 0.7, 0.5]])


def noisy(seeds=4, scale=0.05, seed=0):
    noise = np.random.default_rng(seed).normal(0, scale, (3, 3, seeds))
    return Landscape(RATES, DECAYS, MEANS[..., None] + noise)


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


def test_isolation_curve_is_the_profile():
    for axis in ("learning_rate", "weight_decay"):
        curve = isolation_curve(noisy(), axis)
        np.testing.assert_allclose(
            [each.estimate for each in curve.best], noisy().profile_over(axis)
        )
        np.testing.assert_array_equal(curve.values, getattr(noisy(), axis))


def test_isolation_counts_decades_from_the_best_positive_value():
    no_decay_best = MEANS + np.array([[0.5], [0], [0]])
    curve = isolation_curve(Landscape(RATES, DECAYS, no_decay_best), "weight_decay")
    assert curve.optimum == 0.01
    np.testing.assert_allclose(curve.decades, [-np.inf, 0, 1])


def test_isolation_without_a_column_and_without_anything():
    scores = MEANS.copy()
    scores[:, 1] = np.nan
    curve = isolation_curve(Landscape(RATES, DECAYS, scores))
    assert curve.values.tolist() == [1e-4, 1e-2]
    assert [each.estimate for each in curve.best] == [0.5, 0.5]
    empty = isolation_curve(Landscape(RATES, DECAYS, np.full((3, 3), np.nan)))
    assert len(empty.values) == 0
    assert math.isnan(empty.optimum)
    with pytest.raises(ValueError, match="`axis` must be one of"):
        isolation_curve(noisy(), "beta_1")


def test_isolation_marks_a_diverged_seed_of_the_best_cell_only():
    bad = np.zeros((3, 3), bool)
    bad[1, 1] = bad[0, 2] = True  # the best of its column, and not
    curve = isolation_curve(Landscape(RATES, DECAYS, MEANS, diverged=bad))
    assert curve.diverged.tolist() == [False, True, False]
    by_decay = isolation_curve(
        Landscape(RATES, DECAYS, MEANS, diverged=bad), "weight_decay"
    )
    assert by_decay.diverged.tolist() == [False, True, False]


def test_regret_profiles_are_tolerance_fractions_within_their_bands():
    pair = {"lion": noisy(), "adamw": noisy(seed=1)}
    epsilons = np.linspace(0, 0.7, 30)
    profiles = regret_profiles(pair, epsilons)
    best = common_best(pair.values())
    for name, landscape in pair.items():
        assert [each.estimate for each in profiles[name]] == [
            tolerance_fraction(landscape, epsilon, best) for epsilon in epsilons
        ]
        assert all(
            0 <= each.low <= each.estimate <= each.high <= 1 for each in profiles[name]
        )
        assert any(each.low < each.high for each in profiles[name])


def test_bands_are_the_profiles_at_the_ends_of_each_cells_interval():
    landscape = noisy()
    leader = landscape.scores[landscape.best.cell]
    ends = [t_interval(leader - cell) for cell in landscape.scores.reshape(9, 4)]
    for epsilon in (0.05, 0.2, 0.4):
        (found,) = regret_profiles({"lion": landscape}, epsilon)["lion"]
        assert found.low == np.mean([each.high <= epsilon for each in ends])
        assert found.high == np.mean([each.low <= epsilon for each in ends])


def test_noise_that_all_cells_of_a_seed_share_gives_no_band():
    shared = MEANS[..., None] + np.array([-0.1, 0.0, 0.1])
    profile = regret_profiles(
        {"lion": Landscape(RATES, DECAYS, shared)}, np.linspace(0.01, 0.7, 20)
    )["lion"]
    assert all(each.low == each.high for each in profile)


def test_optimizers_of_other_seeds_meet_the_common_best_as_it_is():
    fewer = noisy(2)
    found = regret_profiles({"lion": noisy(), "adamw": fewer}, [0.3])["adamw"][0]
    best = common_best([noisy(), fewer])
    ends = [t_interval(best - cell) for cell in fewer.scores.reshape(9, 2)]
    assert found.high == np.mean([each.low <= 0.3 for each in ends])


def test_profiles_of_what_did_not_train():
    dead = Landscape(RATES, DECAYS, MEANS, floor=0.1, diverged=MEANS > 0)
    empty = Landscape(RATES, DECAYS, np.full((3, 3), np.nan))
    profiles = regret_profiles({"a": dead, "b": empty, "c": noisy()}, [0.1, 0.9])
    assert set(profiles) == {"a", "c"}
    assert [each.estimate for each in profiles["a"]] == [0, 0]
    assert regret_profiles({"b": empty}, [0.1]) == {}
    with pytest.raises(ValueError, match="`epsilon` must be"):
        regret_profiles({"c": noisy()}, [-0.1])


def test_regret_range():
    landscape = Landscape([1, 2, 4], [1], [[0.80, 0.90, 0.85]])
    assert regret_range({"lion": landscape}) == pytest.approx((0.05, 0.1))
    close = Landscape([1, 2, 4], [1], [[0.0, 0.9, 0.9 - 1e-6]])
    assert regret_range({"lion": close}) == pytest.approx((0.9e-3, 0.9))
    assert regret_range({"lion": Landscape([1], [1], [[0.9]])}) == (0.1, 1.0)
    assert regret_range({"lion": Landscape([1], [1], [[np.nan]])}) == (0.1, 1.0)


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


def test_product_curve_of_a_law_that_holds():
    x = np.arange(3.0)
    scores = -((x + x[:, None] - 1) ** 2)
    curve = product_curve(Landscape(10 ** (x - 4), 10 ** (x - 2), scores))
    assert curve.prediction == "mean"
    np.testing.assert_allclose(curve.at, 10 ** (np.arange(5.0) - 6))
    np.testing.assert_allclose(curve.predicted, [-1, 0, -1, -4, -9])
    assert curve.r2 == pytest.approx(1)
    assert curve.r2_additive < 1
    np.testing.assert_allclose(curve.ratio[2, 0], 1e-4)
    assert curve.num_left_out == 0


def test_product_curve_leaves_out_missing_cells_and_no_decay():
    scores = MEANS.copy()
    scores[0, 0] = scores[1, 0] = np.nan
    curve = product_curve(Landscape(RATES, DECAYS, scores))
    assert curve.num_left_out == 2
    np.testing.assert_allclose(curve.at, [1e-5, 1e-4, 1e-3])
    np.testing.assert_allclose(curve.predicted, [(0.8 + 0.45) / 2, 0.45, 0.5])


def test_product_curve_where_there_are_no_lines():
    alone = product_curve(Landscape([1e-3], [0.1], [[0.5]]))
    assert alone.prediction == "parabola"
    assert alone.predicted.tolist() == pytest.approx([0.5])
    line = product_curve(Landscape([1e-3, 5e-3], [0.1], [[0.5, 0.6]]))
    np.testing.assert_allclose(line.predicted[[0, -1]], [0.5, 0.6])
    np.testing.assert_allclose(line.at[[0, -1]], [1e-4, 5e-4])
    nothing = product_curve(Landscape([1e-3], [0.1], [[np.nan]]))
    assert len(nothing.at) == 0
    assert math.isnan(nothing.r2)


def test_tolerated_cells_are_those_of_the_fraction():
    landscape = noisy()
    for reference in (None, 0.75):
        for epsilon in (0.0, 0.1, 0.3):
            within = cells_within(landscape, epsilon, reference)
            assert within.mean() == tolerance_fraction(
                landscape, epsilon, reference, cross_fit=False
            )
    close = Landscape([1, 2], [1], [[0.94, 0.95]])
    assert cells_within(close, 0.01).all()  # which binary fractions would deny
    dead = Landscape([1, 2], [1], [[0.1, 0.1]], diverged=[[True, True]])
    assert not cells_within(dead, 1.0).any()
    part = Landscape([1, 2], [1], [[np.nan, 0.9]])
    assert cells_within(part, 1.0).tolist() == [[False, True]]
