"""Widths, areas and fractions: hand-computed values and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import mean_regret, regret_profile_area, regrets
from keras_lion.robustness.tolerance import (
    cells_within,
    tolerance_area,
    tolerance_fraction,
    tolerance_width,
)
from tests.robustness.made_up import ADAMW, LION, noisy

RATES = np.array([1e-4, 1e-3, 1e-2, 1e-1])


@st.composite
def landscapes(draw, rates=RATES):
    # Quarters are exact in binary, so that sums are, too.
    shape = (3, len(rates), 2)
    quarters = hnp.arrays(np.int64, shape, elements=st.integers(0, 40))
    scores = draw(quarters) / 4
    diverged = draw(hnp.arrays(bool, shape, elements=st.booleans()))
    return rates, [0.0, 0.1, 1.0], scores, diverged


def build(arguments):
    rates, decays, scores, diverged = arguments
    return Landscape(rates, decays, scores, floor=-1, diverged=diverged)


def one_row(scores, rates=RATES):
    return Landscape(rates[: len(scores)], [0.1], [scores])


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
        ([1], 3, "no setting within ε"),
        ([0, 1, 0], 3, "no setting within ε"),
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


@given(landscapes(), st.integers(0, 8), st.integers(0, 8))
def test_more_tolerance_is_never_narrower(arguments, epsilon, more):
    landscape = build(arguments)
    narrow = tolerance_width(landscape, epsilon)
    assert narrow.decades <= tolerance_width(landscape, epsilon + more).decades
    assert (regrets(landscape, cross_fit=False) >= 0).all()


def test_weights_of_a_mean():
    # Half the gaps of 2 and 1 decades on either side; the row of no decay has no area.
    landscape = Landscape([1, 100, 1000], [0, 1], [[9, 9, 9], [7, 6, 8]])
    widths = np.array([1.0, 1.5, 0.5])
    by_area = widths @ np.array([2, 3, 1]) / widths.sum()
    assert mean_regret(landscape, 9, weights="trapezoid") == pytest.approx(by_area)
    assert mean_regret(landscape, 9) == pytest.approx((2 + 3 + 1) / 6)
    share = tolerance_fraction(landscape, 2, 9, weights="trapezoid")
    assert share == pytest.approx((1.0 + 0.5) / 3)
    area = regret_profile_area(landscape, 2, 9, weights="trapezoid")
    assert area == pytest.approx(1 - (1.0 * 1 + 1.5 * 1 + 0.5 * 0.5) / 3)


@given(landscapes(), st.integers(1, 12), st.integers(-4, 4))
def test_profile_area_is_the_mean_of_the_fraction(arguments, quarters, above):
    landscape, largest = build(arguments), quarters / 4
    reference = landscape.best.value + above / 4
    # Regrets are multiples of 1/8 from here: the fraction is constant between them.
    edges = np.arange(0, largest, 1 / 8)
    shares = [tolerance_fraction(landscape, e + 1 / 16, reference) for e in edges]
    if landscape.all_diverged:
        shares = (regrets(landscape, reference) <= edges[:, None, None]).mean((1, 2))
    area = regret_profile_area(landscape, largest, reference)
    assert area == pytest.approx(np.mean(shares))


def test_area_of_a_ridge_is_width_times_height():
    landscape = Landscape(
        [1, 10, 100, 1000], [0, 1, 100], [[9] * 4] + [[0, 4, 0, 0]] * 2
    )
    area = tolerance_area(landscape, epsilon=1, reference=4)
    width = tolerance_width(one_row([0, 4, 0, 0]), epsilon=1).decades
    assert area.square_decades == pytest.approx(2 * width)
    assert area.censored
    assert str(area) == "≥ 1.00 decades²"


def test_area_of_a_pyramid():
    # Each of the four squares around the top: triangles (0, 4, 1) and (0, 0, 1), each
    # twice. Above level 2 lie (2/4) · (2/3) of the first, and nothing of the second.
    scores = np.zeros((3, 3))
    scores[1, 1] = 4
    area = tolerance_area(Landscape([1, 10, 100], [1, 10, 100], scores), epsilon=2)
    assert area.square_decades == pytest.approx(4 * (2 * (2 / 4) * (2 / 3)) / 4)
    assert not area.censored
    assert str(area) == "0.67 decades²"


@given(landscapes(), st.integers(0, 160), st.booleans())
def test_area_agrees_with_a_fine_grid(arguments, quarters, cross_fit):
    """An independent count of points of the same interpolation."""
    landscape, epsilon = build(arguments), quarters / 4 + 1 / 16
    found = tolerance_area(landscape, epsilon, cross_fit=cross_fit)
    if landscape.all_diverged:
        assert found.square_decades == 0
        return
    best = regrets(landscape, cross_fit=cross_fit) + landscape.means
    (low, high), level = landscape.means[1:], best[0, 0] - epsilon
    at = (np.arange(40) + 0.5) / 20 - 1
    x, y = np.meshgrid(at, at)
    inside = 0.0
    for a, b, c, d in zip(low, low[1:], high[1:], high, strict=False):
        middle = (a + b + c + d) / 4
        # On the triangle of a side the height falls linearly to the middle.
        ends = {"south": (a, b), "north": (d, c), "west": (a, d), "east": (b, c)}
        side = np.where(
            np.abs(y) >= np.abs(x),
            np.where(y < 0, "south", "north"),
            np.where(x < 0, "west", "east"),
        )
        value = np.zeros_like(x)
        for name, (first, last) in ends.items():
            along, across = (
                (x, np.abs(y)) if name in ("south", "north") else (y, np.abs(x))
            )
            plane = middle + (across * ((first + last) / 2 - middle))
            plane = plane + along * (last - first) / 2
            value = np.where(side == name, plane, value)
        inside += float((value >= level).mean())
    assert found.square_decades == pytest.approx(inside, abs=0.08)


def test_area_beside_missing_cells_is_a_lower_bound():
    scores = np.zeros((4, 4))
    scores[1, 1] = 4
    axis = [1, 10, 100, 1000]
    whole = tolerance_area(Landscape(axis, axis, scores), 2)
    scores[3, 3] = np.nan  # far off
    assert tolerance_area(Landscape(axis, axis, scores), 2) == whole
    scores[0, 0] = np.nan  # one of the four squares around the top
    part = tolerance_area(Landscape(axis, axis, scores), 2)
    assert part.square_decades == pytest.approx(whole.square_decades * 3 / 4)
    assert part.censored
    assert not whole.censored


def test_edge_cases_of_the_area():
    assert str(tolerance_area(one_row([1, 2, 1]), 0.5)) == "≥ 0.00 decades²"
    assert str(tolerance_area(one_row([1, 2, 1]), 0.5, 9)) == "0.00 decades²"
    nothing = Landscape([1, 2], [1], [[0, 0]], floor=0, diverged=[[True, True]])
    assert str(tolerance_area(nothing, 1)) == "0.00 decades²"
    with pytest.raises(ValueError, match="positive values of `weight_decay`"):
        tolerance_area(Landscape([1, 2], [0], [[1, 2]]), 1)
    with pytest.raises(ValueError, match="only missing"):
        tolerance_area(one_row([np.nan, np.nan]), 1)
    with pytest.raises(ValueError, match="needs scores"):
        tolerance_area(one_row([np.nan, np.nan]), 1, 2)


@pytest.mark.parametrize("reference", [math.nan, math.inf])
def test_bad_reference(reference):
    for measure in (
        lambda: mean_regret(one_row([1, 2]), reference),
        lambda: regret_profile_area(one_row([1, 2]), 1, reference),
        lambda: tolerance_width(one_row([1, 2]), 1, reference),
        lambda: tolerance_fraction(one_row([1, 2]), 1, reference),
        lambda: tolerance_area(one_row([1, 2]), 1, reference),
    ):
        with pytest.raises(ValueError, match="`reference` must be a finite score"):
            measure()


@pytest.mark.parametrize("largest", [0, -1, math.nan, math.inf])
def test_bad_largest_epsilon(largest):
    with pytest.raises(ValueError, match="`epsilon_max` must"):
        regret_profile_area(one_row([1, 2]), largest)


@pytest.mark.parametrize("cell", [(0, 1), (1, 0), (1, 2), (2, 1)])
def test_area_at_each_edge_is_a_lower_bound(cell):
    scores = np.zeros((3, 3))
    scores[cell] = 1
    assert tolerance_area(Landscape([1, 2, 3], [1, 2, 3], scores), 0.5).censored


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


def test_arguments_in_the_wrong_order_are_named():
    landscape = Landscape([1e-3, 1e-2], [0.1], [[0.5, 0.6]])
    with pytest.raises(TypeError, match="`epsilon` must be a number, 0 or more, after"):
        tolerance_width(1.0, landscape)
