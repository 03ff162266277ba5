"""The next trial, from the AdamW recipe and the results so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keras_lion.optimizers.from_adamw.conversion_reasons import STABLE_BETAS
from keras_lion.optimizers.from_adamw.conversion_rule import PAPER_BETAS
from keras_lion.tuning.recipe.model import (
    CANDIDATES,
    Array,
    compressed,
    posterior,
    unit_of,
)
from keras_lion.tuning.recipe.prior import Prior, SearchPrior, fitted_prior
from keras_lion.tuning.recipe.proposal import (
    AdamWRecipe,
    Kind,
    Offset,
    OptimizerName,
    Proposal,
    Result,
    Settings,
)

Role = tuple[OptimizerName, Kind]
NAMES: dict[OptimizerName, str] = {"lion": "Lion", "adamw": "AdamW"}
FEWEST_WITH_BETAS = 12
TRIALS_PER_REPEAT = 5  # one repeat of each optimizer's best in so many trials


def roles(max_trials: int, compare: bool = True) -> list[Role]:
    """What each trial is for.

    To compare, as many trials are AdamW's as Lion's, and the last ones are repeats of
    the best of both. Otherwise all are Lion's.
    """
    if not compare:
        found: list[Role] = [("lion", "start")]
        found += [("lion", "search")] * (max_trials - 1)
    else:
        repeats = max(max_trials // TRIALS_PER_REPEAT, int(max_trials >= 4))
        searches = max(max_trials - 2 * repeats - 2, 0)
        found = [("lion", "start"), ("adamw", "start")]
        found += [("lion", "search"), ("adamw", "search")] * (searches // 2)
        found += [("lion", "search")] * (searches % 2)
        found += [("lion", "repeat"), ("adamw", "repeat")] * repeats
    if max_trials >= FEWEST_WITH_BETAS:
        last = max(i for i, role in enumerate(found) if role == ("lion", "search"))
        found[last] = ("lion", "betas")
    return found[:max_trials]


def next_proposal(
    recipe: AdamWRecipe,
    results: Sequence[Result],
    max_trials: int,
    *,
    compare: bool = True,
    prior: Prior | None = None,
) -> Proposal | None:
    """The next trial; None after the last one.

    It depends on nothing but the arguments: the same results give the same trial.

    Args:
        recipe: What AdamW is trained with today.
        results: Of all trials so far, in the order of their proposals. Trials that
            still run count with the score that the model predicts.
        max_trials: Number of trials in all.
        compare: Whether half of the trials are AdamW's.
        prior: What earlier runs say. Default: the fitted one.
    """
    prior = fitted_prior() if prior is None else prior
    if len(results) >= max_trials:
        return None
    name, kind = roles(max_trials, compare)[len(results)]
    center = recipe.centers[name]
    if kind == "start":
        reason = (
            "what you have: the value to beat"
            if name == "adamw"
            else "AdamW's values converted (matched): steps and weights of the same "
            "size under gradient noise"
        )
        if name == "adamw":
            center = replace(center, weight_decay=recipe.weight_decay)
        return Proposal(center, kind, 0, reason, fixed=True)
    own = [each for each in results if each.proposal.settings.optimizer == name]
    best = best_settings(name, recipe, results, prior)
    if kind == "repeat" and best is not None:
        seed = sum(each.proposal.settings == best for each in own)
        reason = f"{NAMES[name]}'s best so far, with another seed: how large is noise?"
        return Proposal(best, kind, seed, reason)
    if kind == "betas" and best is not None:
        betas = PAPER_BETAS if center.beta_2 < PAPER_BETAS[1] else STABLE_BETAS
        other = replace(best, beta_1=betas[0], beta_2=betas[1])
        reason = f"the best so far with the other usual betas, {betas[0]}, {betas[1]}"
        return Proposal(other, kind, 0, reason)
    return _search(name, recipe, results, prior)


def _search(
    name: OptimizerName,
    recipe: AdamWRecipe,
    results: Sequence[Result],
    prior: Prior,
) -> Proposal:
    """Other values of learning rate and weight decay, not tried yet."""
    center = recipe.centers[name]
    order = prior.search.order
    tried = {each.proposal.settings for each in results}
    for offset in order:
        if (settings := center.moved(offset)) not in tried:
            number = order.index(offset)
            reason = _order_reason(offset, number)
            return Proposal(settings, "search", 0, reason, fixed=True)
    offsets, values = trials(name, recipe, results, prior)
    free = [each for each in CANDIDATES if center.moved(each) not in tried]
    found = posterior(prior.search, offsets, values, at=free)
    gains = found.expected_improvement(best_value(prior.search, offsets, values))
    offset = free[int(np.argmax(gains))]
    return Proposal(
        center.moved(offset),
        "search",
        0,
        f"{_words(offset)}: the largest expected improvement after "
        f"{len(offsets)} trials of {NAMES[name]}",
    )


def _order_reason(offset: Offset, number: int) -> str:
    rate, decay = offset
    return (
        f"{_words(offset)} (pace {_times(rate + decay)}, size {_times(rate - decay)}): "
        f"number {number + 1} in the order that lowered regret most in earlier studies"
    )


def _words(offset: Offset) -> str:
    rate, decay = offset
    return f"learning rate {_times(rate)}, weight decay {_times(decay)} of the start"


def _times(exponent: float) -> str:
    """`× 3.2`, `÷ 3.2` or `as it is`, of a power of ten."""
    if exponent == 0:
        return "× 1"
    return f"{'×' if exponent > 0 else '÷'} {10 ** abs(exponent):.2g}"


def trials(
    name: OptimizerName,
    recipe: AdamWRecipe,
    results: Sequence[Result],
    prior: Prior,
) -> tuple[list[Offset], Array]:
    """Offsets and compressed scores of an optimizer's trials.

    A diverged trial counts as much worse than the worst one, a running one as the model
    predicts it. Trials with other betas take no part.
    """
    center = recipe.centers[name]
    finished = [each for each in results if each.finished]
    unit = unit_of([each.score or 0.0 for each in finished]) if finished else 1.0
    own = [
        each
        for each in results
        if each.proposal.settings.optimizer == name
        and each.proposal.settings.beta_2 == center.beta_2
    ]
    scores = [each.score for each in own if each.finished and each.score is not None]
    best = max(scores, default=0.0)
    worst = float(compressed(min(scores, default=0.0), best, unit)) - 1.0
    offsets: list[Offset] = []
    values: list[float] = []
    waiting: list[Offset] = []
    for each in own:
        offset = each.proposal.settings.offset_from(center)
        if each.score is None:
            waiting.append(offset)
            continue
        offsets.append(offset)
        values.append(
            float(compressed(each.score, best, unit)) if each.finished else worst
        )
    if waiting and offsets:
        expected = posterior(prior.search, offsets, values, at=waiting)
        values += expected.mean.tolist()
        offsets += waiting
    return offsets, np.array(values)


def best_value(prior: SearchPrior, offsets: Sequence[Offset], values: Array) -> float:
    """The highest compressed score that the model expects of the trials."""
    if not offsets:
        return 0.0
    return float(posterior(prior, offsets, values, at=offsets).mean.max())


def best_settings(
    name: OptimizerName,
    recipe: AdamWRecipe,
    results: Sequence[Result],
    prior: Prior | None = None,
) -> Settings | None:
    """The tried settings with the best score that the model expects; None of none.

    The model takes off what is luck of a seed; diverged trials take no part, which
    would pull their neighbors down. Settings with other betas win if their
    mean score is higher than that of all others.
    """
    prior = fitted_prior() if prior is None else prior
    own = [each for each in results if each.proposal.settings.optimizer == name]
    scores: dict[Settings, list[float]] = {}
    for each in own:
        if each.score is not None:
            value = each.score if math.isfinite(each.score) else -math.inf
            scores.setdefault(each.proposal.settings, []).append(value)
    means = {settings: float(np.mean(each)) for settings, each in scores.items()}
    means = {settings: mean for settings, mean in means.items() if mean > -math.inf}
    if not means:
        return None
    first = max(means, key=lambda settings: means[settings])
    center = recipe.centers[name]
    if (first.beta_1, first.beta_2) != (center.beta_1, center.beta_2):
        return first
    usual = [
        each
        for each in means
        if (each.beta_1, each.beta_2) == (first.beta_1, first.beta_2)
    ]
    finished = [each for each in results if each.score is None or each.finished]
    offsets, values = trials(name, recipe, finished, prior)
    expected = posterior(
        prior.search,
        offsets,
        values,
        at=[each.offset_from(center) for each in usual],
    )
    return usual[int(np.argmax(expected.mean))]
