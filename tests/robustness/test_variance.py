import numpy as np
import pytest

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.variance import variance_shares

AXES = np.arange(1, 5), np.arange(4)


def values(shares):
    return shares.learning_rate, shares.weight_decay, shares.interaction


def test_by_hand():
    # Columns differ by 2, rows by 4, and one cell of four is off by 4: the effects are
    # ±2 (columns 1, 5 → 3 ± 2), ±3 and ±1.
    shares = variance_shares(Landscape([1, 2], [0, 1], [[-1, 1], [3, 9]]))
    assert values(shares) == pytest.approx((4 / 14, 9 / 14, 1 / 14))


def test_pure_effects():
    rates = Landscape([1, 2, 3], [1, 2], [[1, 5, 2], [1, 5, 2]])
    assert values(variance_shares(rates)) == (1, 0, 0)
    both = variance_shares(Landscape([1, 2], [1, 2], [[1, 0], [0, 1]]))
    assert values(both) == (0, 0, 1)
    row = variance_shares(Landscape([1, 2, 3], [1], [[1, 5, 2]]))
    assert values(row) == (1, 0, 0)
    column = variance_shares(Landscape([1], [1, 2, 3], [[1], [5], [2]]))
    assert values(column) == (0, 1, 0)


def test_what_is_noise_by_hand():
    landscape = Landscape([1, 2], [1, 2], [[[0, 0], [3, 5]], [[2, 2], [2, 2]]])
    # Means [[0, 4], [2, 2]]: effects ±1, 0 and ±1, squares 4, 0 and 4. The deviations
    # of either seed, ±[[0, 1], [0, 0]], have the effects ±1/4 and the squares 1/4, so
    # that 2 · (1/4) / (2 · 1) is noise.
    shares = variance_shares(landscape, correct_noise=True)
    assert values(shares) == pytest.approx((3.75 / 7.5, 0, 3.75 / 7.5))
    landscape = Landscape([1, 2], [1, 2], [[[0, 0], [2, 6]], [[2, 2], [3, 3]]])
    # Means [[0, 4], [2, 3]]: squares 6.25, 0.25 and 2.25; deviations of 2: 1 each.
    shares = variance_shares(landscape, correct_noise=True)
    assert values(shares) == pytest.approx((5.25 / 6.5, 0, 1.25 / 6.5))


@pytest.mark.parametrize("shared", [0.0, 3.0])
def test_corrected_shares_are_those_without_noise(shared):
    generator = np.random.default_rng(2)
    truth = generator.normal(size=(4, 4))
    expected = values(variance_shares(Landscape(*AXES, truth)))
    found, raw = [], []
    for _ in range(200):
        # Columns differ in their noise, and a part of it is the seed's.
        noise = generator.normal(size=(4, 4, 3)) * np.linspace(0.2, 1.2, 4)[:, None]
        noise += shared * generator.normal(size=3)
        landscape = Landscape(*AXES, truth[..., None] + noise)
        found.append(values(variance_shares(landscape, correct_noise=True)))
        raw.append(values(variance_shares(landscape)))
    assert np.mean(found, axis=0) == pytest.approx(expected, abs=0.03)
    assert np.abs(np.mean(raw, axis=0) - expected).max() > 0.02


def test_swapped_axes_swap_the_shares():
    scores = np.random.default_rng(4).normal(size=(4, 3, 2))
    one = Landscape([1, 2, 3], [1, 2, 3, 4], scores)
    other = Landscape([1, 2, 3, 4], [1, 2, 3], scores.transpose(1, 0, 2))
    for correct in (False, True):
        a = variance_shares(one, correct_noise=correct)
        b = variance_shares(other, correct_noise=correct)
        assert a.learning_rate == pytest.approx(b.weight_decay)
        assert a.weight_decay == pytest.approx(b.learning_rate)
        assert a.interaction == pytest.approx(b.interaction)


def test_clear_errors():
    with pytest.raises(ValueError, match="1 missing cells"):
        variance_shares(Landscape([1, 2], [1], [[1, np.nan]]))
    with pytest.raises(ValueError, match="all have the score 0.7"):
        variance_shares(Landscape([1, 2, 3], [1], [[0.7, 0.1 + 0.6, 0.7]]))
    with pytest.raises(ValueError, match=r"two or more seeds.*1 to 1 seeds"):
        variance_shares(Landscape([1, 2], [1], [[1, 2]]), correct_noise=True)
    partial = Landscape([1, 2], [1], [[[1, 2], [3, np.nan]]])
    with pytest.raises(ValueError, match="1 to 2 seeds"):
        variance_shares(partial, correct_noise=True)
    noise = Landscape([1, 2], [1], [[[0, 9], [9, 1]]])
    with pytest.raises(ValueError, match="nothing is left"):
        variance_shares(noise, correct_noise=True)
