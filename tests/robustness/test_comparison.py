"""Two optimizers compared, paired by seed: hand-computed values and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lion.robustness import Landscape, mean_regret, tolerance_width
from keras_lion.robustness.calibration.planted import Noise, noisy, plant
from keras_lion.robustness.comparison import (
    best_gains,
    best_score,
    compare,
    compare_best,
    compare_tolerance,
    hull,
)
from keras_lion.robustness.frames.quantity import ACCURACY
from keras_lion.statistics import t_interval

RATES = [1e-3, 1e-2, 1e-1]


def row(*seeds, rates=RATES, shift=0.0):
    """One row of cells; each argument is one seed."""
    scores = np.array(seeds, float).T[None] + shift
    return Landscape(rates, [0.1], scores)


def mean_of_first_cell(landscape, best):
    return landscape.means[0, 0]


def pair(seed=0, seeds=5):
    truths = plant("bowl", width=1.6), plant("bowl")
    return noisy(truths, seeds, np.random.default_rng(seed))


def test_a_mean_has_the_paired_t_interval():
    first, second = (
        row([1, 0, 0], [2, 0, 0], [6, 0, 0]),
        row([0] * 3, [1, 0, 0], [2] * 3),
    )
    found = compare(first, second, mean_of_first_cell, name="score", names=("a", "b"))
    assert found.values == pytest.approx((1, 1, 4))
    assert found.difference.low == pytest.approx(t_interval([1, 1, 4]).low)
    assert found.difference.estimate == pytest.approx(2)
    assert found.estimates == pytest.approx((3, 1))
    # Deviations (−2, −1, 3) and (−1, 0, 1): 5 / √(14 · 2).
    assert found.correlation == pytest.approx(5 / math.sqrt(28))
    assert found.sign_flip.p == 0.25
    assert found.improvement.estimate == 1
    assert found.detectable_gap == pytest.approx(math.sqrt(3) * 3.923, rel=1e-3)
    assert str(found) == (
        "score, a − b: 2.000 [-2.303, 6.303] (n=3); pairing correlation 0.94; "
        "sign-flip p = 0.25 (smallest attainable 0.25); better on 100% of the seeds"
    )


def test_jackknife_of_a_width_by_hand():
    # Means (0, 4, 1), and (−1, 4, 2) and (1, 4, 0) without one seed, within 2 of 4:
    # left of the peak 2/4, 2/5, 2/3 decades, right of it 2/3, 1 (2 is within), 2/4.
    first = row([1, 4, 0], [-1, 4, 2])
    second = row([0, 4, 0], [0, 4, 0])  # 1/2 + 1/2 always
    found = compare_tolerance(first, second, 2.0)
    whole, last, front = 1 / 2 + 2 / 3 - 1, 2 / 5 + 1 - 1, 2 / 3 + 1 / 2 - 1
    centre = (last + front) / 2
    # Without seed 0 the means are seed 1's, and the other way round.
    expected = (whole + centre - last, whole + centre - front)
    assert found.values == pytest.approx(expected)
    assert found.difference.estimate == pytest.approx(whole)
    assert found.unit == "decades"
    assert math.isnan(found.correlation)  # the second does not vary


@pytest.mark.parametrize("axis", ["learning_rate", "weight_decay"])
def test_second_computation(axis):
    first, second = pair()
    found = compare_tolerance(first, second, 1.0, axis=axis)

    def theta(keep):
        parts = [
            Landscape(each.learning_rate, each.weight_decay, each.scores[..., keep])
            for each in (first, second)
        ]
        best = max(each.means.max() for each in parts)
        widths = [tolerance_width(each, 1.0, best, axis).decades for each in parts]
        return widths[0] - widths[1]

    without = np.array([theta([s for s in range(5) if s != k]) for k in range(5)])
    # The standard error of the jackknife, from its other formula.
    error = math.sqrt(4 / 5 * ((without - without.mean()) ** 2).sum())
    assert found.difference.estimate == pytest.approx(theta(range(5)))
    half = 2.776445 * error
    assert found.difference.high - found.difference.estimate == pytest.approx(
        half, rel=1e-6
    )
    assert found.difference.n == 5


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.permutations(range(5)))
def test_laws(seed, order):
    first, second = pair(seed)
    found = compare_tolerance(first, second, 1.0)
    swapped = compare_tolerance(second, first, 1.0)
    assert swapped.values == pytest.approx([-v for v in found.values])
    assert swapped.difference.low == pytest.approx(-found.difference.high)
    assert swapped.correlation == pytest.approx(found.correlation)
    assert swapped.improvement.estimate == pytest.approx(1 - found.improvement.estimate)

    def changed(each, shift=0.0, scale=1.0, seeds=slice(None)):
        scores = each.scores[..., seeds] + shift
        return Landscape(each.learning_rate * scale, each.weight_decay, scores)

    for change in ({"shift": 7.0}, {"scale": 3.0}, {"seeds": list(order)}):
        moved = compare_tolerance(
            changed(first, **change), changed(second, **change), 1.0
        )
        expected = np.array(found.values)[change.get("seeds", slice(None))]
        assert moved.values == pytest.approx(expected, abs=1e-9)
        assert moved.difference.low == pytest.approx(found.difference.low, abs=1e-9)


def test_any_measure_against_the_common_best():
    first, second = row([3, 1, 1], [3, 1, 1]), row([5, 5, 2], [5, 5, 2])
    found = compare(first, second, lambda each, best: -mean_regret(each, best))
    assert found.estimates == pytest.approx((5 / 3 - 5, 4 - 5))
    assert found.difference.low == found.difference.high  # no spread at all
    assert math.isnan(found.correlation)


def test_one_seed_has_no_interval():
    found = compare_tolerance(row([0, 4, 0]), row([0, 4, 1]), 2.0)
    assert found.difference.estimate == pytest.approx(-1 / 6)
    assert math.isnan(found.difference.low)
    assert found.detectable_gap == math.inf
    assert found.sign_flip.p == 1


@pytest.mark.parametrize(
    ("first", "second", "bound"),
    [
        ([0, 4, 0], [0, 4, 0], "exact"),
        ([4, 4, 0], [0, 4, 0], "at least"),
        ([0, 4, 0], [0, 4, 4], "at most"),
        ([4, 4, 0], [0, 4, 4], "unknown"),
    ],
)
def test_censored_widths_make_bounds(first, second, bound):
    found = compare_tolerance(row(first, first), row(second, second), 2.0)
    assert found.bound == bound
    marks = {"exact": ": 0", "at least": "≥ ", "at most": "≤ ", "unknown": "? "}
    assert marks[bound] in str(found)


def test_seeds_without_a_score_are_left_out_of_both():
    nothing = [math.nan] * 3
    first = row([1, 4, 0], nothing, [-1, 4, 2])
    second = row([0, 4, 0], [9, 9, 9], [0, 4, 0])
    whole = compare_tolerance(first, second, 2.0)
    kept = np.array([0, 2])
    part = compare_tolerance(first.select(seeds=kept), second.select(seeds=kept), 2.0)
    assert whole.values == part.values
    with pytest.raises(ValueError, match="No seed has a score in both"):
        compare_tolerance(row(nothing), row([1, 2, 3]), 1.0)
    with pytest.raises(ValueError, match="2 and 1 seeds"):
        compare_tolerance(row([1, 2, 3], [1, 2, 3]), row([1, 2, 3]), 1.0)
    with pytest.raises(ValueError, match="measure must be finite"):
        compare(row([1, 2, 3]), row([1, 2, 3]), lambda each, best: math.nan)


def test_many_seeds_need_a_generator():
    first, second = pair(seeds=17)
    with pytest.raises(ValueError, match="need `generator`"):
        compare_tolerance(first, second, 1.0)
    found = [
        compare_tolerance(first, second, 1.0, generator=np.random.default_rng(3))
        for _ in range(2)
    ]
    assert found[0] == found[1]


# Chosen on the even seeds cell 1 is best, on the odd ones cell 0.
CROSSED = [[0, 3, 0], [5, 0, 0], [1, 5, 0], [4, 0, 0]]


def test_best_score_by_hand():
    # Even seeds are scored at cell 0: (0, 1), odd ones at cell 1: (0, 0). The best cell
    # of all is 0, with (0, 5, 1, 4).
    found = best_score(row(*CROSSED))
    at_best, crossed = t_interval([0, 5, 1, 4]), t_interval([0, 0, 1, 0])
    assert found.estimate == 2.5
    assert found.low == min(at_best.low, crossed.low)
    assert found.high == max(at_best.high, crossed.high)
    assert crossed.low > at_best.low
    assert best_score(row([1, 2, 3])).estimate == 3
    assert math.isnan(best_score(row([1, 2, 3])).low)


def test_best_scores_compared_by_hand():
    second = row(*[[2, 0, 0]] * 4)
    found = compare_best(row(*CROSSED), second, names=("a", "b"))
    assert found.values == (-2, -2, -1, -2)
    assert found.estimates == (2.5, 2)
    assert found.difference.estimate == 0.5
    raw, crossed = t_interval([-2, 3, -1, 2]), t_interval([-2, -2, -1, -2])
    assert found.difference.low == min(raw.low, crossed.low)
    assert found.difference.high == max(raw.high, crossed.high)
    assert found.names == ("a", "b")
    one = compare_best(row([1, 2, 3]), row([1, 2, 2]))
    assert one.difference.estimate == 1
    assert math.isnan(one.difference.low)


def test_a_selected_cell_needs_all_seeds():
    with pytest.raises(ValueError, match="1 missing at learning_rate=0.1"):
        best_score(row([1, 2, 9], [1, 2, math.nan]))


def test_a_true_gap_is_found_and_none_invented():
    truths = plant("bowl", width=2.0), plant("bowl")
    quiet = noisy(truths, 4, np.random.default_rng(0), noise=Noise(0.05, 0.0, 2.0))
    found = compare_tolerance(*quiet, 1.0)
    assert 0.9 < found.difference.low < found.difference.high < 1.1
    same = noisy((truths[1],) * 2, 4, np.random.default_rng(0), noise=Noise(0, 0, 1))
    assert compare_tolerance(*same, 1.0).difference.estimate == 0


def test_intervals_of_accuracies_are_accuracies():
    scores = np.array([[[0.97, 0.999, 1.0], [0.2, 0.9, 0.1]]])
    bounded = Landscape([1, 2], [1], scores, quantity=ACCURACY)
    for found in (best_score(bounded), bounded.best_interval):
        assert 0 < found.low < found.estimate < found.high < 1
    free = best_score(Landscape([1, 2], [1], scores))
    assert free.high > 1
    other = Landscape([1, 2], [1], scores[:, ::-1] - 0.1, quantity=ACCURACY)
    pair = compare_best(bounded, other).difference
    assert -1 <= pair.low <= pair.high <= 1
    assert bounded.select(seeds=slice(0, 2)).bounds == (0, 1)
    with pytest.raises(ValueError, match="divide percentages by 100"):
        Landscape([1, 2], [1], 100 * scores, quantity=ACCURACY)


def test_the_hull_of_a_change_covers_where_the_interval_at_the_best_cell_does_not():
    """Two conditions, one of them flat: the best of many equal cells is no gain."""
    generator = np.random.default_rng(0)
    rates, decays = np.geomspace(1e-3, 1, 7), np.geomspace(1e-2, 10, 7)
    level = np.zeros((7, 7, 1))
    peak = np.full((7, 7, 1), -10.0)
    peak[3, 3] = 0.0

    def gains(seeds):
        """Of a flat landscape on a peaked one: the best of both is 0 in truth."""
        noisy = (each + generator.normal(size=(7, 7, seeds)) for each in (level, peak))
        first, second = (Landscape(rates, decays, each) for each in noisy)
        return best_gains(first, second)

    for seeds in (3, 6):
        covered, narrow = 0, 0
        for _ in range(300):
            # A change from a condition in which both are peaked.
            steady = generator.normal(size=(1, seeds)).repeat(2, axis=0)
            change = gains(seeds) - steady
            found, naive = hull(change), t_interval(change[0])
            covered += found.low <= 0 <= found.high
            narrow += naive.low <= 0 <= naive.high
            assert found.low <= naive.low
            assert naive.high <= found.high
        assert covered / 300 > 0.93 > narrow / 300


def test_the_gains_of_the_best_cells_are_those_of_the_comparison():
    generator = np.random.default_rng(1)
    first, second = (
        Landscape([1e-3, 1e-2], [0.1, 1.0], generator.normal(size=(2, 2, 6)))
        for _ in range(2)
    )
    found = compare_best(first, second)
    again = hull(best_gains(first, second))
    assert (again.low, again.high) == pytest.approx(
        (found.difference.low, found.difference.high)
    )
    np.testing.assert_allclose(best_gains(first, second)[1], found.values)
