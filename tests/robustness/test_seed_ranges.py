import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.fitted_line import line_of_slope
from keras_lion.robustness.seed_ranges import seed_ranges


def test_mean_and_range_at_each_point():
    frame = pd.DataFrame(
        {
            "step": [2, 1, 1, 1, 2],
            "seed": [0, 0, 1, 2, 1],
            "rms": [7.0, 1.0, 2.0, 6.0, np.nan],
        }
    )
    found = seed_ranges(frame, "rms", by=["step"])
    assert found["step"].tolist() == [1, 2]
    assert found["mean"].tolist() == [3, 7]
    assert found["low"].tolist() == [1, 7]
    assert found["high"].tolist() == [6, 7]
    assert found["num_seeds"].tolist() == [3, 1]


def test_clear_errors():
    frame = pd.DataFrame({"step": [1, 1], "seed": [0, 0], "rms": [1.0, 2.0]})
    with pytest.raises(ValueError, match="Missing: tensor"):
        seed_ranges(frame, "rms", by=["tensor", "step"])
    with pytest.raises(ValueError, match="one value at each point"):
        seed_ranges(frame, "rms", by=["step"])


def test_the_line_passes_through_the_mean():
    x, y = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 5.0])
    slope, intercept = np.polyfit(x, y, 1)
    at = [-1.0, 10.0]
    expected = intercept + slope * np.array(at)
    np.testing.assert_allclose(line_of_slope(x, y, slope, at), expected)
    with_gap = line_of_slope([*x, 9.0], [*y, np.nan], slope, at)
    np.testing.assert_allclose(with_gap, expected)
    assert np.isnan(line_of_slope([1], [np.nan], 2, at)).all()
