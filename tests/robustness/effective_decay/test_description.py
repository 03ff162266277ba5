"""Lines of equal lr × λ and what is fitted to them: by hand, by laws, by simulation."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_lion.robustness import Landscape
from keras_lion.robustness.effective_decay.description import (
    SingleIndex,
    groupings,
    num_trained_columns,
    product_quadratic,
    ridge,
    single_index,
)
from keras_lion.statistics import Interval
from tests.robustness.made_up import LION

AXIS = 10.0 ** np.arange(-4, 1)


ROW, COLUMN = np.indices((5, 5)) - 2.0


SURFACES = {
    "product": -((ROW + COLUMN) ** 2),
    "ratio": -((COLUMN - ROW) ** 2),
    "additive": -(COLUMN**2) - ROW**2,
    "learning_rate": -(COLUMN**2),
    "weight_decay": -(ROW**2),
}


def grid(scores, **options):
    rows, columns = np.shape(scores)[:2]
    return Landscape(AXIS[:columns], AXIS[:rows], scores, **options)


def noisy(surface, seeds, sigma, generator):
    return grid(surface[..., None] + generator.normal(0, sigma, (5, 5, seeds)))


quarters = hnp.arrays(np.int64, (4, 4, 3), elements=st.integers(0, 40)).map(
    lambda values: values / 4
)


def test_groupings_by_hand():
    # Means of the lines of equal product are 0, 3, 6: residuals ±1 on the middle one.
    # Total about the mean 3: 9 + 1 + 1 + 9. Additive: row effects ∓2, column ∓1.
    found = groupings(grid([[0, 2], [4, 6]]))
    assert found.product == pytest.approx(1 - 2 / 20)
    assert found.ratio == pytest.approx(1 - 18 / 20)
    assert found.additive == pytest.approx(1)


def test_each_surface_is_explained_by_its_grouping():
    for name in ("product", "ratio", "additive"):
        assert getattr(groupings(grid(SURFACES[name])), name) == pytest.approx(1)
    for name in ("learning_rate", "weight_decay"):
        assert groupings(grid(SURFACES[name])).additive == pytest.approx(1)
        assert groupings(grid(SURFACES[name])).product < 0.6


def test_a_missing_cell_is_left_out_and_no_decay_too():
    scores = np.array([[9, 9, 9], [0, 1, 2], [1, np.nan, 3], [2, 3, 4]])
    landscape = Landscape(AXIS[:3], [0, *AXIS[:3]], scores)
    assert groupings(landscape).product == pytest.approx(1)


def test_quadratic_by_hand():
    landscape = grid(np.random.default_rng(1).normal(size=(3, 4)))
    product = np.add.outer(np.arange(3.0), np.arange(4.0)).ravel()
    values = landscape.means.ravel()
    total = ((values - values.mean()) ** 2).sum()
    residuals = values - np.polyval(np.polyfit(product, values, 2), product)
    expected = 1 - (residuals**2).sum() / total
    assert product_quadratic(landscape) == pytest.approx(expected)
    assert product_quadratic(grid([[0, 2], [4, 6]])) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("name", "degrees"),
    [("product", 45), ("ratio", -45), ("learning_rate", 0), ("weight_decay", 90)],
)
def test_the_direction_of_planted_surfaces(name, degrees):
    found = single_index(grid(SURFACES[name]))
    assert found.degrees == degrees
    assert found.r2 == pytest.approx(1)
    assert math.isnan(found.interval.low)
    assert not found.holds_product


def test_the_direction_needs_no_equal_ratios():
    x, y = np.array([0, 1, 2.5, 3]), np.array([0, 0.3, 2])
    product = np.add.outer(y, x)
    scores = -((product - 2) ** 2)
    assert single_index(Landscape(10**x, 10**y, scores)).degrees == 45
    assert product_quadratic(Landscape(10**x, 10**y, scores)) == pytest.approx(1)
    with pytest.raises(ValueError, match="one geometric ratio on both"):
        groupings(Landscape(10**x, 10**y, scores))


def test_the_angle_between_those_of_the_grid():
    landscape = Landscape(**LION)
    row, column = np.indices((3, 3)).reshape(2, -1) - 1.0
    values, residuals = landscape.means.ravel(), {}
    for degrees in np.arange(41, 42, 0.01):
        angle = math.radians(degrees)
        index = math.cos(angle) * column + math.sin(angle) * row
        fitted = np.polyval(np.polyfit(index, values, 2), index)
        residuals[degrees] = ((values - fitted) ** 2).sum()
    best = min(residuals, key=residuals.get)
    assert single_index(landscape).interval.estimate == pytest.approx(best, abs=0.02)


def test_no_direction():
    for scores in ([[1, 1], [1, 1]], [[1, 2, 4]], [[1, 2], [3, np.nan]]):
        assert math.isnan(single_index(grid(scores)).degrees)


def test_an_interval_across_the_end_of_the_circle():
    generator = np.random.default_rng(0)
    found = single_index(noisy(SURFACES["weight_decay"], 6, 0.1, generator))
    assert found.interval.high - found.interval.low < 20
    distance = abs(found.interval.estimate) - 90
    assert abs(distance) < 5
    assert not found.holds_product


def test_a_wide_interval_holds_the_product_at_any_turn():
    def index(low, high):
        return SingleIndex(0.0, 1.0, Interval((low + high) / 2, low, high, 3))

    assert index(40, 50).holds_product
    assert index(-140, -130).holds_product  # −135 is 45
    assert index(-200, 0).holds_product
    assert not index(46, 220).holds_product
    assert index(46, 225).holds_product
    assert not index(math.nan, math.nan).holds_product


@pytest.mark.parametrize(
    ("surface", "slope"),
    [
        (SURFACES["product"], -1),
        (SURFACES["ratio"], 1),
        (SURFACES["additive"], 0),
        (-(np.abs(ROW + COLUMN) ** 3) - 0.1 * (ROW + COLUMN), -1),  # any shape
    ],
)
def test_ridges_of_planted_surfaces(surface, slope):
    found = ridge(grid(surface))
    assert found.interval.estimate == pytest.approx(slope, abs=1e-9)
    assert len(found.learning_rate) == (5 if slope == 0 else 3)


def test_the_ridge_in_units():
    # Best where lr × λ = 1e-4 on axes 1e-4 … 1: λ* = 1e-1, 1e-2, 1e-3.
    found = ridge(grid(SURFACES["product"]))
    assert found.learning_rate == pytest.approx((1e-3, 1e-2, 1e-1))
    assert found.weight_decay == pytest.approx((1e-1, 1e-2, 1e-3))
    assert not found.holds_product  # one seed: no interval


def test_columns_that_only_bound_the_ridge_take_no_part():
    # All columns are best at the top: their λ* would be a slope of 0.
    found = ridge(grid(np.array(ROW)))
    assert math.isnan(found.interval.estimate)
    assert found.learning_rate == ()


def test_diverged_columns():
    diverged = np.zeros((5, 5), bool)
    diverged[:, 4] = True
    diverged[4, 3] = True
    landscape = grid(SURFACES["additive"], floor=-30, diverged=diverged)
    found = ridge(landscape)
    assert num_trained_columns(landscape) == 4
    assert len(found.learning_rate) == 4
    assert found.interval.estimate == pytest.approx(0)
    diverged[3, 0] = True  # a neighbour of the best of its column
    found = ridge(grid(SURFACES["additive"], floor=-30, diverged=diverged))
    assert len(found.learning_rate) == 3


@pytest.mark.parametrize("seeds", [3, 6])
def test_intervals_of_angle_and_ridge_cover(seeds):
    # A percentile bootstrap covers the ridge .66 and .81 here.
    generator = np.random.default_rng(100 + seeds)
    surface = SURFACES["product"] / 4
    landscapes = [noisy(surface, seeds, 0.05, generator) for _ in range(60)]
    assert sum(single_index(each).holds_product for each in landscapes) >= 53
    assert sum(ridge(each).holds_product for each in landscapes) >= 53


@given(quarters, st.integers(-8, 8), st.floats(1e-3, 1e3), st.permutations(range(3)))
def test_invariances(values, shift, scale, seeds):
    before = grid(values)
    moved = Landscape(AXIS[:4] * scale, AXIS[:4], values[..., list(seeds)] + shift)
    flat = np.ptp(before.means) == 0

    def shares(landscape):
        return dataclasses.astuple(groupings(landscape))

    for each in (shares, product_quadratic):
        a, b = (each(found) for found in (before, moved))
        a, b = np.atleast_1d(a), np.atleast_1d(b)
        assert a == pytest.approx(b, nan_ok=True)
        assert flat == np.isnan(a[0])
    first, second = ridge(before), ridge(moved)
    assert first.interval.estimate == pytest.approx(
        second.interval.estimate, nan_ok=True
    )
    assert np.multiply(first.learning_rate, scale) == pytest.approx(
        second.learning_rate
    )
    assert single_index(before).r2 == pytest.approx(single_index(moved).r2, nan_ok=True)
