"""Sessions of a recipe on made-up scores, without training."""

from __future__ import annotations

import numpy as np

from keras_lion.tuning.recipe.plan import next_proposal
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result

RECIPE = AdamWRecipe(1e-3, 0.1)


def hill(peak, height=0.0, slope=0.3):
    """A score with its peak at an offset, the same for both optimizers."""

    def score(settings):
        rate, decay = settings.offset_from(RECIPE.centers[settings.optimizer])
        away = (rate - peak[0]) ** 2 + (decay - peak[1]) ** 2
        return height * (settings.optimizer == "lion") - slope * away

    return score


def session(score, max_trials, *, noise=0.0, seed=0, **options):
    """The results of all trials of a recipe."""
    draw = np.random.default_rng(seed)
    results = []
    while proposal := next_proposal(RECIPE, results, max_trials, **options):
        value = score(proposal.settings) + noise * draw.normal()
        results.append(Result(proposal, float(value)))
    return results
