"""Switch or stay: error rates on made-up landscapes, and what is said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result
from keras_lion.tuning.recipe.recommendation import Measured, recommendation
from keras_lion.tuning.recipe.verdict import verdict
from tests.tuning.recipe.sessions import RECIPE, hill, session

NOISE = 0.05


def rate_of_switches(height, max_trials, sessions=60):
    found = [
        verdict(
            RECIPE,
            session(hill((0.3, 0.1), height), max_trials, noise=NOISE, seed=seed),
        ).switch
        for seed in range(sessions)
    ]
    return np.mean(found)


@pytest.mark.parametrize("max_trials", [2, 4, 8, 16])
def test_equal_optimizers_are_hardly_ever_told_apart(max_trials):
    assert rate_of_switches(0.0, max_trials) <= 0.05


@pytest.mark.parametrize(("max_trials", "found"), [(8, 0.5), (16, 0.9)])
def test_a_large_gain_is_found(max_trials, found):
    assert rate_of_switches(0.5, max_trials) >= found


def test_a_worse_lion_is_hardly_ever_chosen():
    assert rate_of_switches(-0.1, 8) <= 0.02


def test_units_of_the_score_do_not_matter():
    results = session(hill((0.3, 0.1), 0.4), 8, noise=NOISE)
    scaled = [Result(e.proposal, 50 * e.score + 3) for e in results]
    plain, other = verdict(RECIPE, results), verdict(RECIPE, scaled)
    assert other.switch == plain.switch
    assert other.margin == pytest.approx(50 * plain.margin)
    assert other.noise == pytest.approx(50 * plain.noise)


def test_noise_is_learned_from_repeats():
    quiet = verdict(RECIPE, session(hill((0.3, 0.1)), 30, noise=0.002))
    loud = verdict(RECIPE, session(hill((0.3, 0.1)), 30, noise=0.2))
    assert 0.001 < quiet.noise < 0.02
    assert 0.1 < loud.noise < 0.4
    assert quiet.repeated >= 6


def test_a_score_of_zero_counts():
    results = session(lambda settings: 0.0, 4)
    found = verdict(RECIPE, results)
    assert found.lion.scores == (0.0, 0.0)
    assert not found.switch


def test_the_recommendation_is_code_that_runs():
    keras = pytest.importorskip("keras")
    for height, kind in ((2.0, "Lion"), (-2.0, "AdamW")):
        results = session(hill((0.3, 0.1), height), 8, noise=0.01)
        found = recommendation(
            RECIPE, results, objective="val_loss", sign=-1, measured=Measured({}, 1000)
        )
        names: dict = {}
        exec(found.code, names)
        optimizer = names["optimizer"]
        assert isinstance(optimizer, keras.optimizers.Optimizer)
        assert type(optimizer).__name__ == kind
        assert float(optimizer.learning_rate) == pytest.approx(found.learning_rate)
        assert optimizer.weight_decay == pytest.approx(found.weight_decay)
        assert found.switch == (kind == "Lion")
        assert ("Switch to Lion" in found.text) == found.switch
        assert "1,000 parameters" in found.text


def test_the_objective_is_shown_with_its_own_sign():
    results = [Result(e.proposal, -0.25) for e in session(hill((0, 0)), 4)]
    text = recommendation(RECIPE, results, objective="val_loss", sign=-1).text
    assert "val_loss 0.25 (2 seeds" in text


def test_a_schedule_stays_yours():
    results = session(hill((0, 0)), 4)
    found = recommendation(RECIPE, results, objective="val_loss", scheduled=True)
    assert "learning_rate=schedule" in found.code


def test_without_any_score_there_is_no_recommendation():
    results = session(lambda settings: math.nan, 4)
    with pytest.raises(ValueError, match="No trial has a score"):
        recommendation(AdamWRecipe(1e-3, 0.1), results, objective="val_loss")
