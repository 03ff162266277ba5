"""Switch to Lion, or stay with AdamW: a test on the trials of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from keras_lion.tuning.recipe.model import posterior, unit_of
from keras_lion.tuning.recipe.plan import best_settings, best_value, trials
from keras_lion.tuning.recipe.prior import Prior, fitted_prior
from keras_lion.tuning.recipe.proposal import (
    AdamWRecipe,
    OptimizerName,
    Result,
    Settings,
)

LEVEL = 0.025  # of a one-sided test, as both ends of a 95 % interval have


@dataclass(frozen=True)
class Side:
    """The best settings of one optimizer.

    Attributes:
        settings: The hyperparameters.
        scores: Of their trials, one per seed; larger is better.
        tried: How many settings of the optimizer were tried.
        worth: By how much one more trial is expected to raise the best score.
    """

    settings: Settings
    scores: tuple[float, ...]
    tried: int
    worth: float

    @property
    def mean(self) -> float:
        """Mean score over the seeds."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class Verdict:
    """What the trials say.

    Attributes:
        switch: Whether Lion is shown to be better.
        lion: Lion's best; None if no trial of Lion has a score.
        adamw: AdamW's best; None if no trial of AdamW has a score.
        difference: Mean score of Lion's best less AdamW's; NaN without both.
        margin: A difference above it counts as shown: what noise explains, and what
            one more trial of AdamW is expected to gain. Infinite without a score of
            both.
        noise: Estimated standard deviation of a score over seeds.
        repeated: Number of pairs of equal settings that the estimate rests on.
    """

    switch: bool
    lion: Side | None
    adamw: Side | None
    difference: float
    margin: float
    noise: float
    repeated: int


def verdict(
    recipe: AdamWRecipe, results: Sequence[Result], prior: Prior | None = None
) -> Verdict:
    """Whether Lion's best is better than AdamW's by more than noise.

    A one-sided t test at 2.5 %, with a head start for AdamW. Its variance is that of
    repeated settings, together with what earlier studies say of noise, which counts as
    some degrees of freedom more.

    Args:
        recipe: What AdamW is trained with today.
        results: Of all trials.
        prior: What earlier runs say. Default: the fitted one.
    """
    prior = fitted_prior() if prior is None else prior
    lion, adamw = (_side(name, recipe, results, prior) for name in ("lion", "adamw"))
    noise, repeated = _noise(results, prior)
    if lion is None or adamw is None:
        return Verdict(False, lion, adamw, math.nan, math.inf, noise, repeated)
    difference = lion.mean - adamw.mean
    quantile = float(stats.t.ppf(1 - LEVEL, prior.noise.degrees + repeated))
    spread = math.sqrt(1 / len(lion.scores) + 1 / len(adamw.scores))
    margin = quantile * noise * spread + adamw.worth
    return Verdict(
        difference > margin, lion, adamw, difference, margin, noise, repeated
    )


def _side(
    name: OptimizerName,
    recipe: AdamWRecipe,
    results: Sequence[Result],
    prior: Prior,
) -> Side | None:
    settings = best_settings(name, recipe, results, prior)
    if settings is None:
        return None
    own = [each for each in results if each.proposal.settings.optimizer == name]
    scores = tuple(
        each.score
        for each in own
        if each.proposal.settings == settings
        and each.finished
        and each.score is not None
    )
    finished = [each.score or 0.0 for each in results if each.finished]
    offsets, values = trials(name, recipe, results, prior)
    gains = posterior(prior.search, offsets, values).expected_improvement(
        best_value(prior.search, offsets, values)
    )
    # Near the best, a compressed score is a distance in units.
    tried = len({each.proposal.settings for each in own})
    return Side(settings, scores, tried, float(gains.max()) * unit_of(finished))


def _noise(results: Sequence[Result], prior: Prior) -> tuple[float, int]:
    """Standard deviation of seeds, and on how many repeats it rests."""
    scores: dict[Settings, list[float]] = {}
    for each in results:
        if each.finished and each.score is not None:
            scores.setdefault(each.proposal.settings, []).append(each.score)
    known = [score for each in scores.values() for score in each]
    unit = unit_of(known) if known else 1.0
    squares = sum(float(np.var(each)) * len(each) for each in scores.values())
    repeated = sum(len(each) - 1 for each in scores.values())
    degrees = prior.noise.degrees
    before = (prior.noise.share * unit) ** 2
    variance = (degrees * before + squares) / (degrees + repeated)
    if repeated:  # what is known from before may raise the estimate, not lower it
        variance = max(variance, squares / repeated)
    return math.sqrt(variance), repeated
