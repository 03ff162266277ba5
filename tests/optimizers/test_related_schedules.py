"""The schedules: points are met, lines between them, and no step is lost."""

import keras
import numpy as np
import pytest

from keras_lion import Lion
from keras_lion.optimizers import PiecewiseLinear, WarmupStableDecay
from tests.arrays import array
from tests.optimizers.related_steps import assert_resumes

POINTS = [(10, 1.0), (30, 0.25), (50, 0.5)]


def rates(schedule, steps):
    return np.array([float(array(schedule(step))) for step in steps])


@pytest.mark.parametrize("points", [POINTS, [(0, 0.5), *POINTS], [(7, 2.0)]])
def test_straight_lines_between_points(points):
    steps = np.arange(0, 60)
    known = points if points[0][0] == 0 else [(0, 0.0), *points]
    expected = np.interp(steps, *zip(*known, strict=True))
    found = rates(PiecewiseLinear(0.5, points), steps)
    np.testing.assert_allclose(found, 0.5 * expected, atol=1e-7)


def test_two_points_are_a_polynomial_decay_of_power_1():
    ours = PiecewiseLinear(0.5, [(0, 1.0), (20, 0.1)])
    theirs = keras.optimizers.schedules.PolynomialDecay(0.5, 20, 0.05)
    steps = range(30)
    np.testing.assert_allclose(rates(ours, steps), rates(theirs, steps), atol=1e-7)


def test_far_steps_are_exact_enough():
    schedule = PiecewiseLinear(1.0, [(0, 1.0), (10_000_000, 0.0)])
    np.testing.assert_allclose(rates(schedule, [5_000_000]), 0.5, rtol=1e-6)


@pytest.mark.parametrize("decay", ["linear", "square_root", "cosine"])
def test_warm_up_constant_and_decay(decay):
    schedule = WarmupStableDecay(2.0, 4, 10, 9, end_factor=0.1, decay=decay)
    found = rates(schedule, range(30))
    np.testing.assert_allclose(found[:4], 2.0 * np.arange(1, 5) / 5, rtol=1e-6)
    np.testing.assert_allclose(found[4:14], 2.0, rtol=1e-6)
    x = np.arange(1, 10) / 10
    form = {
        "linear": 1 - x,
        "square_root": 1 - x**0.5,
        "cosine": np.cos(np.pi * x / 2) ** 2,
    }[decay]
    np.testing.assert_allclose(found[14:23], 2.0 * (0.1 + 0.9 * form), rtol=1e-5)
    np.testing.assert_allclose(found[23:], 0.2, rtol=1e-5)


def test_no_step_of_a_training_is_lost():
    found = rates(WarmupStableDecay(1.0, 3, 0, 7), range(11))
    assert (found[:10] > 0).all()
    assert found[10] == 0


@pytest.mark.parametrize("parts", [(0, 5, 5), (5, 0, 5), (5, 5, 0), (0, 0, 0)])
def test_parts_may_be_missing(parts):
    found = rates(WarmupStableDecay(1.0, *parts), range(12))
    assert np.isfinite(found).all()
    assert (np.diff(found[parts[0] :]) <= 0).all()
    assert found[sum(parts) :].max() == 0


@pytest.mark.parametrize(
    "schedule",
    [PiecewiseLinear(1e-2, POINTS), WarmupStableDecay(1e-2, 2, 3, 8, 0.1, "cosine")],
)
def test_a_model_with_it_resumes_bit_by_bit(tmp_path, schedule):
    assert_resumes(Lion(schedule), tmp_path)
    assert rates(type(schedule).from_config(schedule.get_config()), range(60)) == (
        pytest.approx(rates(schedule, range(60)), abs=0)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PiecewiseLinear(-1.0, POINTS), "learning_rate=-1.0"),
        (lambda: PiecewiseLinear(1.0, []), r"points=\[\]"),
        (lambda: PiecewiseLinear(1.0, [(5, 1.0), (5, 0.5)]), "ascending"),
        (lambda: PiecewiseLinear(1.0, [(5, -1.0)]), "neither negative"),
        (lambda: PiecewiseLinear(1.0, 5), "points=5"),
        (lambda: WarmupStableDecay(1.0, -1, 2, 3), "warmup_steps=-1"),
        (lambda: WarmupStableDecay(1.0, 1, 2, 3, 1.5), "end_factor=1.5"),
        (lambda: WarmupStableDecay(1.0, 1, 2, 3, decay="step"), "decay='step'"),
    ],
)
def test_what_is_out_of_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
