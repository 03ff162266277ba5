import numpy as np
import pytest

from keras_lion.robustness.boundary import BoundaryOptimum, boundary_optimum
from keras_lion.robustness.cautions import edge_cautions
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
    assert boundary_optimum(peak(1, 0)) == (
        BoundaryOptimum("learning_rate", "low", "range", (0.5, 0.25)),
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
        "the best cell lies on the high learning_rate edge of the grid (learning_rate "
        "= 6): the optimum may lie beyond it. Extend the grid to 18 and 54."
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
