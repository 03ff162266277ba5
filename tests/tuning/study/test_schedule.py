"""The learning rate over a run: warm-up, peak, decay, and nothing lost."""

import numpy as np
import pytest

from keras_lion.tuning.study import Schedule


def test_by_hand():
    # W = 2 steps warm up; the others have cosines of π/4, π/2 and 3π/4.
    expected = [0.5, 1, 0.5 + np.sqrt(2) / 4, 0.5, 0.5 - np.sqrt(2) / 4]
    np.testing.assert_allclose(Schedule(warmup=0.4).factors(5), expected, rtol=1e-14)
    np.testing.assert_allclose(
        Schedule(warmup=0.4, decay="constant").factors(5), [0.5, 1, 1, 1, 1]
    )


@pytest.mark.parametrize("steps", [1, 2, 10, 33, 400])
@pytest.mark.parametrize("warmup", [0, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("decay", ["cosine", "constant"])
def test_shape(steps, warmup, decay):
    factors = Schedule(warmup, decay).factors(steps)
    warm = round(warmup * steps)
    assert factors.shape == (steps,)
    assert factors.dtype == np.float64
    assert (factors > 0).all()
    assert factors.max() <= 1
    np.testing.assert_allclose(np.diff(factors[:warm]), 1 / max(warm, 1), rtol=1e-9)
    if warm:
        assert factors[0] == 1 / warm
        assert factors[warm - 1] == 1
    if decay == "constant":
        assert (factors[warm:] == 1).all()
    else:
        assert (np.diff(factors[max(warm - 1, 0) :]) < 0).all()


def test_sum_of_a_cosine():
    # Without warm-up the factors are symmetric about ½, and so is their sum.
    np.testing.assert_allclose(Schedule(warmup=0).factors(100).sum(), 50)


def test_a_zero_share_of_few_steps_still_starts_near_the_peak():
    assert Schedule(warmup=0, decay="cosine").factors(99)[0] > 0.999


@pytest.mark.parametrize("warmup", [-0.1, 1, 2])
def test_an_impossible_warm_up_is_refused(warmup):
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        Schedule(warmup=warmup)


def test_an_unknown_decay_is_refused():
    with pytest.raises(ValueError, match=r"'cosine' or 'constant'.*'linear'"):
        Schedule(decay="linear")


def test_text_tells_schedules_apart():
    texts = {
        str(Schedule()),
        str(Schedule(warmup=0.1)),
        str(Schedule(decay="constant")),
    }
    assert len(texts) == 3
