"""Which trials are proposed, and in which order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from keras_lion.optimizers import convert_adamw
from keras_lion.tuning.recipe.plan import best_settings, next_proposal, roles
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result
from tests.tuning.recipe.sessions import RECIPE, hill, session


@pytest.mark.parametrize("max_trials", range(1, 40))
def test_both_optimizers_get_as_many_trials(max_trials):
    planned = roles(max_trials)
    lion = [kind for name, kind in planned if name == "lion"]
    adamw = [kind for name, kind in planned if name == "adamw"]
    assert len(planned) == max_trials
    assert 0 <= len(lion) - len(adamw) <= 1
    assert (
        lion.count("repeat")
        == adamw.count("repeat")
        == max(max_trials // 5, int(max_trials >= 4))
    )
    kinds = [kind for _, kind in planned]
    assert "repeat" not in kinds[: len(kinds) - kinds.count("repeat")]
    assert lion.count("betas") == (max_trials >= 12)


def test_without_comparison_all_trials_are_lions():
    results = session(hill((0, 0)), 8, compare=False)
    assert len(results) == 8
    assert {each.proposal.settings.optimizer for each in results} == {"lion"}


def test_the_first_trials_are_the_conversion_and_the_recipe():
    lion, adamw = session(hill((0, 0)), 2)
    converted = convert_adamw(RECIPE.learning_rate, RECIPE.weight_decay)
    settings = lion.proposal.settings
    assert settings.learning_rate == pytest.approx(converted.learning_rate, rel=5e-3)
    assert settings.weight_decay == pytest.approx(converted.weight_decay, rel=5e-3)
    assert (settings.beta_1, settings.beta_2) == (converted.beta_1, converted.beta_2)
    own = adamw.proposal.settings
    assert (own.learning_rate, own.weight_decay) == (1e-3, 0.1)
    assert (own.beta_1, own.beta_2) == (0.9, 0.999)


def test_adamw_without_weight_decay_is_tried_as_it_is():
    recipe = AdamWRecipe(1e-3, 0.0)
    results = []
    while proposal := next_proposal(recipe, results, 8):
        results.append(Result(proposal, float(len(results))))
    decays = [each.proposal.settings.weight_decay for each in results]
    assert decays[1] == 0.0
    assert decays[0] > 0
    assert min(decays[2:]) > 0 or decays[2:].count(0.0) == 1  # a repeat


@pytest.mark.parametrize("seed", range(5))
def test_no_trial_is_proposed_twice(seed):
    results = session(hill((0.4, -0.3)), 30, noise=0.3, seed=seed)
    tried = [(each.proposal.settings, each.proposal.seed) for each in results]
    assert len(set(tried)) == 30


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_workers_get_different_trials(workers):
    """Results arrive in another order than proposals, several trials later."""
    draw = np.random.default_rng(workers)
    score = hill((0.4, -0.3))
    results, running = [], []
    while proposal := next_proposal(RECIPE, results, 24):
        results.append(Result(proposal, None))
        running.append(len(results) - 1)
        if len(running) == workers:
            done = running.pop(int(draw.integers(workers)))
            value = score(results[done].proposal.settings) + 0.1 * draw.normal()
            results[done] = replace(results[done], score=float(value))
    tried = [(each.proposal.settings, each.proposal.seed) for each in results]
    assert len(set(tried)) == 24


def test_units_of_the_score_do_not_matter():
    score = hill((0.5, 0.25))
    plain = session(score, 16)
    scaled = session(lambda settings: 1e3 * score(settings) - 7e3, 16)
    assert [each.proposal for each in plain] == [each.proposal for each in scaled]


def test_where_scores_are_equal_both_are_searched_alike():
    results = session(hill((0.5, 0.25)), 16)
    offsets = {
        name: [
            each.proposal.settings.offset_from(RECIPE.centers[name])
            for each in results
            if each.proposal.settings.optimizer == name
            and each.proposal.kind == "search"
        ]
        for name in ("lion", "adamw")
    }
    least = min(map(len, offsets.values()))
    assert least >= 3
    assert np.allclose(offsets["lion"][:least], offsets["adamw"][:least], atol=0.02)


@pytest.mark.parametrize("peak", [(0.5, 0.25), (-0.5, 0.5), (0.25, -0.75), (1, 1)])
def test_it_climbs_a_hill(peak):
    results = session(hill(peak), 16, compare=False)
    best = best_settings("lion", RECIPE, results)
    found = best.offset_from(RECIPE.centers["lion"])
    assert math.dist(found, peak) < 0.3


def test_diverged_trials_are_left_behind():
    def cliff(settings):
        rate, _ = settings.offset_from(RECIPE.centers[settings.optimizer])
        return math.nan if rate > -0.2 else hill((-0.25, 0.0))(settings)

    results = session(cliff, 16, compare=False)
    diverged = [math.isnan(each.score) for each in results]
    assert sum(diverged[:4]) == 3
    assert sum(diverged[4:]) <= 2
    best = best_settings("lion", RECIPE, results)
    assert cliff(best) > -0.1
    assert best_settings("adamw", RECIPE, results) is None


def test_a_search_goes_on_where_everything_diverges():
    results = session(lambda settings: math.nan, 12)
    assert len(results) == 12
    assert best_settings("lion", RECIPE, results) is None


def test_better_betas_win():
    def score(settings):
        return hill((0, 0))(settings) + (settings.beta_2 == 0.98)

    results = session(score, 16)
    assert best_settings("lion", RECIPE, results).beta_2 == 0.98
    repeated = [e for e in results if e.proposal.kind == "repeat"]
    assert {e.proposal.settings.beta_2 for e in repeated} == {0.98, 0.999}


def test_values_that_are_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`learning_rate` of AdamW must be positive"):
        AdamWRecipe(0.0, 0.1)
    with pytest.raises(ValueError, match="`weight_decay` of AdamW must be finite"):
        AdamWRecipe(1e-3, -0.1)
