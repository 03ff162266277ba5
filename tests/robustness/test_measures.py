"""Tolerance and regret: hand-computed values and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness import (
    Landscape,
    mean_regret,
    regrets,
    tolerance_fraction,
    tolerance_width,
)

from .made_up import ADAMW, LION

RATES = np.array([1e-4, 1e-3, 1e-2, 1e-1])


@st.composite
def landscapes(draw, rates=RATES):
    # Quarters are exact in binary, so that sums are, too.
    shape = (3, len(rates), 2)
    quarters = hnp.arrays(np.int64, shape, elements=st.integers(0, 40))
    scores = draw(quarters) / 4
    diverged = draw(hnp.arrays(bool, shape, elements=st.booleans()))
    return rates, [0.0, 0.1, 1.0], scores, diverged


def build(arguments, shift=0.0, scale=1.0):
    rates, decays, scores, diverged = arguments
    return Landscape(
        rates * scale, decays, scores + shift, floor=-1 + shift, diverged=diverged
    )


def one_row(scores, rates=RATES):
    return Landscape(rates[: len(scores)], [0.1], [scores])


def test_golden_values_of_the_lion_paper():
    landscape = Landscape(**LION)
    assert round(mean_regret(landscape), 3) == 0.619
    assert round(mean_regret(landscape, reference=77.57), 3) == 0.619
    shares = [tolerance_fraction(landscape, e) for e in (0.25, 0.5, 1, 2)]
    assert np.round(shares, 3).tolist() == [0.556, 0.667, 0.778, 0.889]
    assert regrets(landscape)[2].round(2).tolist() == [0, 0.03, 0.03]


def test_widths_of_the_lion_paper_by_hand():
    # AdamW's profile is 74.05, 75.67, 75.88; 75.57 is crossed after 1.52 of the 1.62
    # points between 1.5e-3 and 3e-3.
    width = tolerance_width(Landscape(**ADAMW), 2, reference=77.57)
    decades = math.log10(2) * (2 - 1.52 / 1.62)
    assert width.decades == pytest.approx(decades)
    assert width.censored
    assert width.high == pytest.approx(6e-3)
    assert str(tolerance_width(Landscape(**LION), 2)) == "≥ 0.60 decades"


def test_width_of_a_triangle():
    width = tolerance_width(one_row([0, 4, 0, 0]), epsilon=1)
    assert width.decades == pytest.approx(0.5)
    assert not width.censored
    assert width.low == pytest.approx(10**-3.25)
    assert width.high == pytest.approx(10**-2.75)
    assert str(width) == "0.50 decades"


def test_width_adds_up_separate_parts():
    width = tolerance_width(one_row([4, 0, 4, 0]), epsilon=1)
    assert width.decades == pytest.approx(0.25 + 0.5)
    assert width.censored


def test_decimal_scores_at_the_level_count():
    assert tolerance_fraction(one_row([0.94, 0.95]), epsilon=0.01) == 1
    assert tolerance_width(one_row([0.94, 0.95]), epsilon=0.01).decades == 1


def test_width_of_weight_decay_leaves_no_decay_out():
    landscape = Landscape([1e-3], [0.0, 0.1, 1.0, 10.0], [[5], [0], [4], [0]])
    width = tolerance_width(landscape, 1, reference=4, axis="weight_decay")
    assert width.decades == pytest.approx(0.5)
    with pytest.raises(ValueError, match="positive values of `weight_decay`"):
        tolerance_width(Landscape([1, 2], [0], [[1, 2]]), 1, axis="weight_decay")


@pytest.mark.parametrize(
    ("scores", "reference", "text"),
    [
        ([1], None, "≥ 0.00 decades"),
        ([1], 3, "0.00 decades"),
        ([0, 1, 0], 3, "0.00 decades"),
        ([0, 3, 0], 4, "0.00 decades"),  # touched at one point
        ([np.nan, 3, 3], None, "≥ 1.00 decades"),
        ([3, np.nan, 3], None, "≥ 2.00 decades"),
        ([np.nan, np.nan], None, "not measured"),
    ],
)
def test_edge_cases_of_the_width(scores, reference, text):
    assert str(tolerance_width(one_row(scores), 1, reference)) == text


def test_nothing_trained_tolerates_nothing():
    landscape = Landscape([1, 2], [1], [[0, 0]], floor=0, diverged=[[True, True]])
    assert tolerance_width(landscape, 1).decades == 0
    assert tolerance_fraction(landscape, 1) == 0
    assert mean_regret(landscape, 2) == 2


def test_missing_scores():
    nothing = one_row([np.nan, np.nan])
    assert math.isnan(mean_regret(nothing, 1))
    assert math.isnan(tolerance_fraction(nothing, 1))
    assert mean_regret(one_row([1, np.nan, 0])) == 0.5


@pytest.mark.parametrize("epsilon", [-1, math.nan, math.inf])
def test_bad_epsilon(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must"):
        tolerance_width(one_row([1, 2]), epsilon)
    with pytest.raises(ValueError, match="`epsilon` must"):
        tolerance_fraction(one_row([1, 2]), epsilon)


def test_bad_axis():
    with pytest.raises(ValueError, match="`axis` must be one of"):
        tolerance_width(one_row([1, 2]), 1, axis="lr")


@given(landscapes(), st.integers(-8, 8), st.integers(0, 8))
def test_a_constant_changes_no_regret_and_no_width(arguments, shift, epsilon):
    before, after = build(arguments), build(arguments, shift=shift)
    np.testing.assert_array_equal(regrets(before), regrets(after))
    assert mean_regret(before) == mean_regret(after)
    assert tolerance_width(before, epsilon) == tolerance_width(after, epsilon)
    share = tolerance_fraction(before, epsilon)
    assert share == tolerance_fraction(after, epsilon)


@given(landscapes(), st.floats(1e-3, 1e3), st.integers(0, 8))
def test_the_unit_of_the_rate_changes_no_width(arguments, scale, epsilon):
    before = tolerance_width(build(arguments), epsilon)
    after = tolerance_width(build(arguments, scale=scale), epsilon)
    assert after.decades == pytest.approx(before.decades, abs=1e-9)
    assert after.censored == before.censored
    assert after.low == pytest.approx(before.low * scale, nan_ok=True)


@given(st.lists(st.integers(0, 10), min_size=4, max_size=4), st.integers(0, 2))
def test_moving_the_window_keeps_an_uncensored_width(inner, cut):
    rates = 10.0 ** np.arange(-6, 4)
    scores = np.array([-5, -5, -5, *inner, -5, -5, -5], dtype=float)
    whole = tolerance_width(one_row(scores, rates), epsilon=2)
    part = slice(cut, cut + 8)
    moved = tolerance_width(one_row(scores[part], rates[part]), epsilon=2)
    assert not whole.censored
    assert moved.decades == pytest.approx(whole.decades)


@given(landscapes(), st.integers(0, 8), st.integers(0, 8))
def test_more_tolerance_is_never_narrower(arguments, epsilon, more):
    landscape = build(arguments)
    narrow = tolerance_width(landscape, epsilon)
    assert narrow.decades <= tolerance_width(landscape, epsilon + more).decades
    assert (regrets(landscape) >= 0).all()
