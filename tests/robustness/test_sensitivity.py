"""Sensitivities, isolation curves and variance shares."""

import math

import numpy as np
import pytest

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.sensitivity import (
    isolation_curve,
    learning_rate_sensitivity,
    variance_shares,
    weight_decay_sensitivity,
)
from tests.robustness.made_up import DECAYS, MEANS, RATES, noisy

BY_HAND = Landscape([1, 10, 1000], [0, 1], [[0.6, 0.9, 0.3], [0.8, 0.7, 0.2]])


def test_by_hand():
    # Retuned: 0.8, 0.9, 0.3.
    assert learning_rate_sensitivity(BY_HAND) == pytest.approx(0.7 / 3)
    assert learning_rate_sensitivity(BY_HAND, 0) == pytest.approx(0.9 / 3)
    assert learning_rate_sensitivity(BY_HAND, 1) == pytest.approx(0.7 / 3)
    by_area = (0.5 * 0.1 + 1.0 * 0.6) / 3
    found = learning_rate_sensitivity(BY_HAND, weights="trapezoid")
    assert found == pytest.approx(by_area)
    # Retuned: 0.9 without decay, 0.8 with it.
    assert weight_decay_sensitivity(BY_HAND) == pytest.approx(0.05)
    assert weight_decay_sensitivity(BY_HAND, 1) == pytest.approx(0.1)
    found = weight_decay_sensitivity(BY_HAND, weights="trapezoid")
    assert found == pytest.approx(0.1)  # of the only value that counts


def test_one_value_and_constant_landscapes_are_not_sensitive():
    assert learning_rate_sensitivity(Landscape([1], [1, 2], [[1], [3]])) == 0
    flat = Landscape([1, 2, 3], [0, 1], np.full((2, 3, 2), 0.7))
    assert learning_rate_sensitivity(flat) == pytest.approx(0, abs=1e-12)
    assert weight_decay_sensitivity(flat) == pytest.approx(0, abs=1e-12)


def test_missing_values_are_left_out():
    landscape = Landscape([1, 10, 100], [1], [[2, np.nan, 1]])
    assert learning_rate_sensitivity(landscape) == 0.5


def test_cross_fitting_by_hand():
    # At the first rate the second decay is chosen on seed 0 (5, worth 1 on seed 1) and
    # the first on seed 1 (3, worth 2); at the second rate there is one choice. The best
    # of all is chosen on seed 0 at 9 (worth 2), on seed 1 at 3 (worth 2).
    scores = [[[2, 3], [9, 2]], [[5, 1], [np.nan, np.nan]]]
    landscape = Landscape([1, 10], [1, 2], scores)
    expected = 2 - (1.5 + 5.5) / 2
    assert learning_rate_sensitivity(landscape) == pytest.approx(expected)
    raw = learning_rate_sensitivity(landscape, cross_fit=False)
    assert raw == pytest.approx(5.5 - (3 + 5.5) / 2)


def test_values_that_are_not_on_the_grid():
    with pytest.raises(ValueError, match="`weight_decay` must be a value of the grid"):
        learning_rate_sensitivity(BY_HAND, 0.5)
    with pytest.raises(ValueError, match="`learning_rate` must be a value of the grid"):
        weight_decay_sensitivity(BY_HAND, 2)
    assert learning_rate_sensitivity(BY_HAND, 1 + 1e-12) == pytest.approx(0.7 / 3)


def test_nothing_to_weigh():
    undecayed = Landscape([1, 2], [0, 1], [[1, 2], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="scores of no decay only"):
        weight_decay_sensitivity(undecayed, weights="trapezoid")
    with pytest.raises(ValueError, match="only missing"):
        learning_rate_sensitivity(Landscape([1], [1], [[np.nan]]))


AXES = np.arange(1, 5), np.arange(4)


def values(shares):
    return shares.learning_rate, shares.weight_decay, shares.interaction


def test_shares_by_hand():
    # Columns differ by 2, rows by 4, and one cell of four is off by 4: the effects are
    # ±2 (columns 1, 5 → 3 ± 2), ±3 and ±1.
    shares = variance_shares(Landscape([1, 2], [0, 1], [[-1, 1], [3, 9]]))
    assert values(shares) == pytest.approx((4 / 14, 9 / 14, 1 / 14))


def test_pure_effects():
    rates = Landscape([1, 2, 3], [1, 2], [[1, 5, 2], [1, 5, 2]])
    assert values(variance_shares(rates)) == (1, 0, 0)
    both = variance_shares(Landscape([1, 2], [1, 2], [[1, 0], [0, 1]]))
    assert values(both) == (0, 0, 1)
    row = variance_shares(Landscape([1, 2, 3], [1], [[1, 5, 2]]))
    assert values(row) == (1, 0, 0)
    column = variance_shares(Landscape([1], [1, 2, 3], [[1], [5], [2]]))
    assert values(column) == (0, 1, 0)


def test_what_is_noise_by_hand():
    landscape = Landscape([1, 2], [1, 2], [[[0, 0], [3, 5]], [[2, 2], [2, 2]]])
    # Means [[0, 4], [2, 2]]: effects ±1, 0 and ±1, squares 4, 0 and 4. The deviations
    # of either seed, ±[[0, 1], [0, 0]], have the effects ±1/4 and the squares 1/4, so
    # that 2 · (1/4) / (2 · 1) is noise.
    shares = variance_shares(landscape, correct_noise=True)
    assert values(shares) == pytest.approx((3.75 / 7.5, 0, 3.75 / 7.5))
    landscape = Landscape([1, 2], [1, 2], [[[0, 0], [2, 6]], [[2, 2], [3, 3]]])
    # Means [[0, 4], [2, 3]]: squares 6.25, 0.25 and 2.25; deviations of 2: 1 each.
    shares = variance_shares(landscape, correct_noise=True)
    assert values(shares) == pytest.approx((5.25 / 6.5, 0, 1.25 / 6.5))


@pytest.mark.parametrize("shared", [0.0, 3.0])
def test_corrected_shares_are_those_without_noise(shared):
    generator = np.random.default_rng(2)
    truth = generator.normal(size=(4, 4))
    expected = values(variance_shares(Landscape(*AXES, truth)))
    found, raw = [], []
    for _ in range(200):
        # Columns differ in their noise, and a part of it is the seed's.
        noise = generator.normal(size=(4, 4, 3)) * np.linspace(0.2, 1.2, 4)[:, None]
        noise += shared * generator.normal(size=3)
        landscape = Landscape(*AXES, truth[..., None] + noise)
        found.append(values(variance_shares(landscape, correct_noise=True)))
        raw.append(values(variance_shares(landscape)))
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.03)
    assert np.abs(np.mean(raw, axis=0) - expected).max() > 0.02


def test_clear_errors():
    with pytest.raises(ValueError, match="1 missing cells"):
        variance_shares(Landscape([1, 2], [1], [[1, np.nan]]))
    with pytest.raises(ValueError, match="all have the score 0.7"):
        variance_shares(Landscape([1, 2, 3], [1], [[0.7, 0.1 + 0.6, 0.7]]))
    with pytest.raises(ValueError, match=r"two or more seeds.*1 to 1 seeds"):
        variance_shares(Landscape([1, 2], [1], [[1, 2]]), correct_noise=True)
    partial = Landscape([1, 2], [1], [[[1, 2], [3, np.nan]]])
    with pytest.raises(ValueError, match="1 to 2 seeds"):
        variance_shares(partial, correct_noise=True)
    noise = Landscape([1, 2], [1], [[[0, 9], [9, 1]]])
    with pytest.raises(ValueError, match="nothing is left"):
        variance_shares(noise, correct_noise=True)


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
