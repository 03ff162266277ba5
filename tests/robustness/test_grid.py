"""Lines of equal lr × λ, interior optima, edges and weights: by hand and by laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.robustness.cautions.edge_cautions import edge_cautions
from keras_lion.robustness.grid import (
    BoundaryOptimum,
    axis_weights,
    boundary_optimum,
    cell_weights,
    has_lines,
    interior_peak,
    steps,
)
from keras_lion.robustness.landscape import Landscape

AXES = [1, 2, 6], [0, 1, 4, 12]


def peak(*cell, diverged=()):
    scores = np.zeros((4, 3, 2))
    scores[cell] = 1
    mask = np.zeros((4, 3, 2), bool)
    for at in diverged:
        mask[at] = True
    return Landscape(*AXES, scores, floor=-1, diverged=mask)


def test_sides_and_next_values():
    assert boundary_optimum(peak(2, 1)) == ()
    assert boundary_optimum(peak(0, 1)) == ()
    lowest = BoundaryOptimum("learning_rate", "low", "range", (0.5, 0.25))
    assert boundary_optimum(peak(1, 0)) == (lowest,)
    assert boundary_optimum(peak(1, 0).select(weight_decay=slice(1, None))) == (
        lowest,
        BoundaryOptimum("weight_decay", "low", "range", (0.25, 0.0625)),
    )
    rate, decay = boundary_optimum(peak(3, 2))
    assert rate == BoundaryOptimum("learning_rate", "high", "range", (18.0, 54.0))
    assert (decay.side, decay.next_values) == ("high", (36.0, 108.0))
    (rate,) = boundary_optimum(peak(0, 0))
    assert rate.axis == "learning_rate"


@pytest.mark.parametrize(
    ("diverged", "limits"),
    [
        ([(2, 2, 0)], ["stability", "range"]),  # half of the seeds, beside it
        ([(1, 2), (0, 2)], ["range", "range"]),  # along the edge, but far off
        ([(3, 1)], ["range", "stability"]),
        ([(2, 1)], ["range", "range"]),  # not on an edge
        ([(3, 2, 1)], ["stability", "stability"]),  # the best cell itself
    ],
)
def test_limits(diverged, limits):
    landscape = peak(3, 2, diverged=diverged)
    # The best cell keeps the best mean, with one seed at the floor.
    scores = landscape.scores.copy()
    scores[3, 2, 0] = 5
    landscape = Landscape(*AXES, scores, diverged=landscape.diverged)
    assert [at.limit for at in boundary_optimum(landscape)] == limits


def test_fewer_than_half_of_the_seeds_are_luck():
    scores = np.zeros((1, 2, 3))
    scores[0, 1] = 1
    for seeds, limit in ((1, "range"), (2, "stability")):
        mask = np.zeros((2, 2, 3), bool)
        mask[0, 1, :seeds] = True
        both = np.concatenate([scores - 1, scores])
        landscape = Landscape([1, 2], [1, 2], both, floor=-1, diverged=mask)
        assert boundary_optimum(landscape)[0].limit == limit


def test_missing_neighbours_say_nothing():
    landscape = Landscape([1, 2], [1, 2], [[0, np.nan], [0, 1]])
    assert [at.limit for at in boundary_optimum(landscape)] == ["range", "range"]


def test_cautions_name_the_same_sides():
    caution, _ = edge_cautions(peak(3, 2))
    assert str(caution) == (
        "the best score lies on the high learning_rate edge of the grid (learning_rate "
        "= 6): the optimum may lie beyond it. Add 18.0 and 54.0, in the study's file: "
        'Axis("learning_rate", (1.0, 2.0, 6.0, 18.0, 54.0)).'
    )


def test_no_optimum():
    with pytest.raises(ValueError, match="no best cell"):
        boundary_optimum(Landscape([1], [1], [[np.nan]]))
    nothing = Landscape([1], [1], [[0]], floor=0, diverged=[[True]])
    with pytest.raises(ValueError, match="runs all diverged"):
        boundary_optimum(nothing)
    assert boundary_optimum(Landscape([1], [1], [[3]])) == ()


def test_both_neighbours_along_the_edge_count():
    # Best at the largest rate, in the middle of its weight decays.
    for beside in (1, 3):
        (side,) = boundary_optimum(peak(2, 2, diverged=[(beside, 2)]))
        assert side.limit == "stability"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 10, 100], [0.5, 1, 0.5]),
        ([1, 10, 1000], [0.5, 1.5, 1]),
        ([0, 1, 10, 1000], [0, 0.5, 1.5, 1]),
        ([3], [1]),
        ([0, 3], [0, 1]),
        ([0], [1]),
    ],
)
def test_trapezoid_by_hand(values, expected):
    np.testing.assert_allclose(axis_weights(values, "trapezoid"), expected)
    np.testing.assert_array_equal(axis_weights(values), np.ones(len(values)))


def test_trapezoid_integrates_lines():
    values = np.array([1e-4, 3e-4, 2e-3, 0.5])
    x = np.log10(values)
    integral = (x[-1] ** 2 - x[0] ** 2) / 2
    assert axis_weights(values, "trapezoid") @ x == pytest.approx(integral)


def test_missing_cells_have_no_weight():
    landscape = Landscape([1, 10], [0, 1, 10], [[1, 2], [3, np.nan], [5, 6]])
    np.testing.assert_allclose(
        cell_weights(landscape), np.array([[1, 1], [1, 0], [1, 1]]) / 5
    )
    np.testing.assert_allclose(
        cell_weights(landscape, "trapezoid"), np.array([[0, 0], [1, 0], [1, 1]]) / 3
    )


def test_clear_errors():
    with pytest.raises(ValueError, match="one of uniform, trapezoid"):
        axis_weights([1, 2], "log")
    undecayed = Landscape([1, 10], [0, 1], [[1, 2], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="no decay does not count"):
        cell_weights(undecayed, "trapezoid")


@pytest.mark.parametrize(
    ("rates", "decays", "lines"),
    [
        ([1, 2, 4], [3, 6], True),
        ([1, 3, 10, 30], [0.1, 0.3, 1], True),  # 1-3-10 counts as √10
        ([1, 3, 10, 30], [0, 0.1, 0.3, 1], True),
        ([1, 2, 4], [1, 3, 9], False),
        ([1, 3, 9, 27, 81], 10 ** (np.arange(5) / 2), False),  # 0.18 steps apart
        ([1, 3, 9], [1, 3.1, 9.61], False),
        ([1, 3], [1, 3.1], True),
        ([1, 2, 3], [1, 2, 3], False),
        ([1, 2, 4], [1], False),
        ([1, 2, 4], [0, 1], False),
    ],
)
def test_which_grids_have_lines_of_equal_product(rates, decays, lines):
    landscape = Landscape(rates, decays, np.zeros((len(decays), len(rates))))
    assert has_lines(landscape) is lines


def test_steps_in_decades():
    rate, decay = steps(Landscape([1, 10, 100], [0, 1], np.zeros((2, 3))))
    assert rate == pytest.approx(1)
    assert math.isnan(decay)


@pytest.mark.parametrize(
    ("y", "peak"),
    [
        ([0, 4, 0, 0], 1.0),
        ([0, 3, 4, 1], 1.75),  # −2 (x − 1.75)² + c through the last three
        ([0, 4, 4, 0], 1.5),
        ([4, 0, 0, 0], math.nan),
        ([0, 0, 0, 4], math.nan),
        ([1, 1, 1, 1], math.nan),
        # Slopes 2 at x = 1 and −4 at x = 2.5.
        ([0, np.nan, 4, 0], 1.5),
        ([np.nan, 1, 2, np.nan], math.nan),
    ],
)
def test_peaks_by_hand(y, peak):
    x = np.arange(4.0)
    found = interior_peak(x, np.array(y, float), np.ones(4, bool))
    assert found == pytest.approx(peak, nan_ok=True)


def test_no_peak_beside_a_score_at_the_floor():
    y, x = np.array([0.0, 4, 3, 0]), np.arange(4.0)
    assert not math.isnan(interior_peak(x, y, np.array([True, True, True, False])))
    assert math.isnan(interior_peak(x, y, np.array([True, True, False, True])))


@given(st.floats(0.55, 3.45), st.floats(0.1, 10))
def test_peaks_of_parabolas_are_exact(at, bend):
    x = np.arange(5.0)
    found = interior_peak(x, -bend * (x - at) ** 2, np.ones(5, bool))
    assert found == pytest.approx(at, abs=1e-6)
