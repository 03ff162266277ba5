import numpy as np
import pytest

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity,
    weight_decay_sensitivity,
)

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


def test_floor_clips_and_divides():
    # Losses 0.1, 0 and 0.9 − 0.5 of the 0.4 between floor and best.
    found = learning_rate_sensitivity(BY_HAND, floor=0.5)
    assert found == pytest.approx((0.1 + 0.4) / 3 / 0.4)
    assert learning_rate_sensitivity(BY_HAND, floor=0) == pytest.approx(0.7 / 3 / 0.9)
    with pytest.raises(ValueError, match="`floor` must be a score below the best, 0.9"):
        learning_rate_sensitivity(BY_HAND, floor=0.9)


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
