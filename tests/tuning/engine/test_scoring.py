"""When a run counts as diverged: every rule, on both sides of its limit."""

import math

import numpy as np
import pytest

from keras_lion.tuning.engine.scoring import chance_accuracy, divergence_reason

FINE = {
    "finite": True,
    "final_loss": 0.5,
    "initial_loss": 1.0,
    "final_accuracy": 0.9,
    "chance": 0.5,
    "num_validation": 100,
}
LIMIT = 0.5 + 2 * 0.05  # chance + 2 √(½ · ½ / 100)


def reason(metric, **changes):
    return divergence_reason(metric=metric, **{**FINE, **changes})


@pytest.mark.parametrize("metric", ["accuracy", "loss", "steps_to_target"])
def test_a_run_that_trained_has_not_diverged(metric):
    assert reason(metric) is None


@pytest.mark.parametrize("metric", ["accuracy", "loss", "steps_to_target"])
def test_a_value_that_is_not_finite_diverges_whatever_the_metric(metric):
    assert "not finite" in reason(metric, finite=False)


@pytest.mark.parametrize(
    ("accuracy", "diverged"),
    [
        (LIMIT + 1e-9, False),
        (LIMIT, True),
        (LIMIT - 1e-9, True),
        (0.5, True),
        (0.0, True),
        (math.nan, True),
    ],
)
def test_accuracy_of_chance(accuracy, diverged):
    found = reason("accuracy", final_accuracy=accuracy)
    assert (found is not None) == diverged
    assert not diverged or "is chance (at most 0.6)" in found


def test_the_limit_depends_on_chance_and_on_the_number_of_examples():
    assert reason("accuracy", final_accuracy=0.55, num_validation=10_000) is None
    assert reason("accuracy", final_accuracy=0.55, num_validation=100) is not None
    assert reason("accuracy", final_accuracy=0.55, chance=0.1) is None


@pytest.mark.parametrize("loss", [5.0, math.inf, math.nan])
def test_an_accurate_but_overconfident_run_has_not_diverged(loss):
    assert reason("accuracy", final_loss=loss) is None


@pytest.mark.parametrize(
    ("loss", "diverged"),
    [
        (math.nextafter(1.0, 0), False),
        (1.0, True),
        (2.0, True),
        (math.inf, True),
        (math.nan, True),
    ],
)
def test_a_loss_that_is_not_below_the_initial_one(loss, diverged):
    found = reason("loss", final_loss=loss)
    assert (found is not None) == diverged
    assert not diverged or "not below the initial 1" in found


def test_accuracy_does_not_matter_where_the_loss_is_the_metric():
    assert reason("loss", final_accuracy=0.0) is None


def test_steps_to_a_target_diverge_by_nothing_else():
    assert reason("steps_to_target", final_accuracy=0.0, final_loss=9.0) is None


def test_chance_is_the_most_frequent_class():
    assert chance_accuracy(np.array([0, 2, 2, 1, 2])) == 0.6
    assert chance_accuracy(np.array([[3, 3], [3, 1]])) == 0.75
    assert chance_accuracy(np.array([4])) == 1
