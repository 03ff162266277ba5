import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from keras_lion.statistics import (
    Interval,
    SignFlipTest,
    bootstrap_interval,
    detectable_gap,
    probability_of_improvement,
    sign_flip_test,
    t_interval,
    wilson_interval,
)


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
    assert not Interval(0.0, -1.0, 1.0, 5).indicative
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


def test_sign_flip_by_hand():
    # ±1 ±2 ±3: |sum| is at least 6 for two of the eight, at least 2 for six.
    assert sign_flip_test([1, 2, 3]) == SignFlipTest(p=0.25, smallest_p=0.25, n=3)
    assert sign_flip_test([1, -2, 3]).p == 0.75
    assert sign_flip_test([0.0, 0.0]).p == 1
    assert sign_flip_test([5.0]).p == 1
    assert str(sign_flip_test([1] * 6)) == "p = 0.0312 (smallest attainable 0.0312)"


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=8))
def test_sign_flip_counts_all_changes(values):
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(values))
    ]
    expected = sum(each >= abs(sum(values)) for each in sums) / len(sums)
    found = sign_flip_test(np.array(values) / 10)
    assert found.p == expected
    assert found.p >= found.smallest_p == 2.0 ** (1 - len(values))
    assert sign_flip_test([-v for v in values]).p == found.p


def test_many_values_are_flipped_at_random():
    values = np.arange(1, 18)
    found = sign_flip_test(values, generator=np.random.default_rng(0), draws=999)
    assert found == sign_flip_test(
        values, generator=np.random.default_rng(0), draws=999
    )
    assert found.p == found.smallest_p == 0.001  # the observed one counts
    around_0 = np.r_[values[:16] * (-1.0) ** np.arange(16), 0.5]
    exact = sign_flip_test(np.delete(around_0, 16)).p
    random = sign_flip_test(around_0, generator=np.random.default_rng(0)).p
    assert random == pytest.approx(exact, abs=0.05)
    assert 0.05 < random < 1
    with pytest.raises(ValueError, match="17 values, generator=None"):
        sign_flip_test(values)


def test_sixteen_values_are_still_counted():
    assert sign_flip_test(np.arange(16) + 1.0).p == 2.0**-15


def test_probability_of_improvement_by_hand():
    found = probability_of_improvement([0.1, 0.2, -0.1, 0.0])
    assert found.estimate == 0.625  # a tie is half a win
    assert found == wilson_interval(2.5, 4)
    assert probability_of_improvement([-1.0]).estimate == 0


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std, np.max])
def test_bootstrap_agrees_with_scipy(method, statistic):
    values = np.random.default_rng(1).exponential(size=25)
    found = bootstrap_interval(
        values, statistic, generator=np.random.default_rng(2), method=method
    )
    theirs = stats.bootstrap(
        (values,),
        statistic,
        method={"bca": "BCa"}.get(method, method),
        random_state=np.random.default_rng(3),
    ).confidence_interval
    assert found.estimate == statistic(values)
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.06 * width)
    assert found.n == 25


def test_bootstrap_is_reproducible_and_widens():
    values = np.linspace(0, 1, 20) ** 2
    narrow, again, wide = (
        bootstrap_interval(
            values, generator=np.random.default_rng(0), confidence=c, resamples=999
        )
        for c in (0.5, 0.5, 0.99)
    )
    assert narrow == again
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_bootstrap_of_equal_values_has_no_width():
    found = bootstrap_interval([0.5] * 20, generator=np.random.default_rng(0))
    assert found == Interval(0.5, 0.5, 0.5, 20)


def test_bootstrap_refuses_few_values():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="20 values or more.*Received: 19 values"):
        bootstrap_interval(np.arange(19.0), generator=generator)
    with pytest.raises(ValueError, match="method='BCa'"):
        bootstrap_interval(np.arange(20.0), generator=generator, method="BCa")


def test_detectable_gap():
    # A paired t test of 6 pairs finds 1.67 standard deviations with 90 %.
    gap = detectable_gap(1.0, 6)
    assert gap == pytest.approx(1.6704, abs=1e-4)
    t = stats.t.ppf(0.975, 5)
    assert stats.nct.sf(t, 5, gap * math.sqrt(6)) == pytest.approx(0.9)
    assert detectable_gap(3.0, 6) == pytest.approx(3 * gap)
    assert detectable_gap(1.0, 6, power=0.8) < gap < detectable_gap(1.0, 5)
    assert detectable_gap(1.0, 6, confidence=0.99) > gap
    assert detectable_gap(0.0, 6) == 0
    assert detectable_gap(0.0, 1) == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 6), "`deviation` must"),
        ((math.nan, 6), "`deviation` must"),
        ((1.0, 6, 0.4), "`power` must"),
        ((1.0, 6, 1.0), "`power` must"),
        ((1.0, 6, 0.9, 1.0), "`confidence` must"),
    ],
)
def test_detectable_gap_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        detectable_gap(*arguments)


@pytest.mark.parametrize("function", [sign_flip_test, probability_of_improvement])
@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, np.nan], [np.inf]])
def test_statistics_of_values_refuse(function, values):
    with pytest.raises(ValueError, match="`values` must"):
        function(values)


SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(SHARES)
def test_an_interval_of_shares_lies_between_0_and_1(values):
    found = t_interval(values)
    inside = found.within(0, 1)
    assert (inside.estimate, inside.n) == (found.estimate, found.n)
    assert 0 <= inside.low <= inside.estimate + 1e-12
    assert inside.estimate - 1e-12 <= inside.high <= 1
    # 1 − x has the mirrored interval, and so has any other unit.
    mirror = t_interval([1 - value for value in values]).within(0, 1)
    assert (1 - mirror.high, 1 - mirror.low) == pytest.approx((inside.low, inside.high))
    percent = found.scaled(100).within(0, 100)
    assert (percent.low, percent.high) == pytest.approx(
        (100 * inside.low, 100 * inside.high)
    )


def test_within_bounds_by_hand():
    # logit(0.9) = ln 9; the half-width 0.018 is 0.018 / 0.09 = 0.2 there.
    found = Interval(0.9, 0.882, 0.918, 4).within(0, 1)
    for end, by in ((found.low, -0.2), (found.high, 0.2)):
        assert math.log(end / (1 - end)) == pytest.approx(math.log(9) + by)


@given(st.floats(0.2, 0.8), st.floats(1e-6, 1e-3))
def test_far_from_the_bounds_little_changes(mean, half):
    found = Interval(mean, mean - half, mean + half, 6)
    inside = found.within(0, 1)
    assert inside.low == pytest.approx(found.low, abs=10 * half**2)
    assert inside.high == pytest.approx(found.high, abs=10 * half**2)


@pytest.mark.parametrize(
    ("values", "bounds", "ends"),
    [
        ([0.1, 0.3], (0.0, math.inf), (0.0, 1.4706)),  # cut: no loss is negative
        ([-0.1, -0.3], (-math.inf, 0.0), (-1.4706, 0.0)),
        ([0.1, 0.3], (-math.inf, math.inf), (-1.0706, 1.4706)),
        ([1.0, 1.0], (0.0, 1.0), (1.0, 1.0)),
        ([0.0, 0.0, 0.0], (0.0, 1.0), (0.0, 0.0)),
        ([5.0, 7.0], (0.0, 1.0), (-6.7062, 18.7062)),  # percentages, not shares
        ([0.9], (0.0, 1.0), (math.nan, math.nan)),
        ([0.0, 1.0], (0.0, 1.0), (0.0, 1.0)),
    ],
)
def test_bounds_of_one_side_and_none(values, bounds, ends):
    found = t_interval(values).within(*bounds)
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-4, nan_ok=True)
