import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_lion.statistics import Interval, t_interval, wilson_interval


def test_t_interval_by_hand():
    interval = t_interval([1.0, 2.0, 3.0])
    # s = 1, t(0.975, 2) = 4.302653
    half = 4.302653 / math.sqrt(3)
    assert interval.estimate == 2.0
    assert interval.low == pytest.approx(2 - half, abs=1e-6)
    assert interval.high == pytest.approx(2 + half, abs=1e-6)
    assert interval.n == 3
    assert interval.indicative


def test_one_value_has_no_interval():
    interval = t_interval([0.5])
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert str(interval) == "0.500 [no interval] (n=1)"


def test_wilson_interval_by_hand():
    # p = 0.2, n = 10, z = 1.959964: centre (0.2 + 0.19207) / 1.384146 = 0.283258
    interval = wilson_interval(2, 10)
    assert interval.estimate == 0.2
    assert interval.low == pytest.approx(0.05668, abs=1e-5)
    assert interval.high == pytest.approx(0.50984, abs=1e-5)


@given(st.integers(1, 200), st.data())
def test_wilson_interval_holds_the_share_within_0_and_1(n, data):
    k = data.draw(st.integers(0, n))
    interval = wilson_interval(k, n)
    assert 0 <= interval.low <= k / n <= interval.high <= 1
    assert interval.low < interval.high


@given(
    st.lists(st.integers(-100, 100), min_size=2, max_size=8),
    st.sampled_from([0.5, 0.9, 0.95]),
)
def test_t_interval_widens_with_confidence(values, confidence):
    narrow, wide = t_interval(values, confidence), t_interval(values, 0.99)
    assert wide.low <= narrow.low <= narrow.estimate <= narrow.high <= wide.high


def test_formats():
    interval = Interval(0.957, 0.951, 0.962, 10)
    assert str(interval) == "0.957 [0.951, 0.962] (n=10)"
    assert f"{interval:.1f}" == "1.0 [1.0, 1.0] (n=10)"
    assert f"{interval.scaled(100):.1f}" == "95.7 [95.1, 96.2] (n=10)"
    assert not interval.indicative
    assert str(Interval(math.nan, math.nan, math.nan, 0)) == "no value (n=0)"


def test_a_negative_scale_swaps_the_ends():
    scaled = Interval(-0.3, -0.4, -0.2, 3).scaled(-1)
    assert (scaled.low, scaled.estimate, scaled.high) == (0.2, 0.3, 0.4)


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, np.nan], [np.inf]])
def test_t_interval_refuses(values):
    with pytest.raises(ValueError, match="`values` must"):
        t_interval(values)


def test_bad_counts_and_confidence():
    with pytest.raises(ValueError, match="successes=3, n=2"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_interval([1.0, 2.0], confidence=95)
