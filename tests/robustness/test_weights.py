import numpy as np
import pytest

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.weights import axis_weights, cell_weights


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
