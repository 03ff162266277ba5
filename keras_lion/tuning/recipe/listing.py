"""The trials of a recipe before any of them has run, as text."""

from __future__ import annotations

from keras_lion.optimizers.from_adamw.conversion_rule import convert_adamw
from keras_lion.tuning.recipe.plan import NAMES, next_proposal, roles
from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result

LARGE_BATCH = 1_024
HOW = "How the first trial follows from AdamW's values, and what to do without trials:"
LATER = {
    "search": "where the model of the results expects the largest improvement",
    "betas": "Lion's best so far with the other usual betas",
    "repeat": "the best so far with another seed: how large is noise?",
}


def listing(recipe: AdamWRecipe, max_trials: int, compare: bool = True) -> str:
    """The ordered list of trials with reasons; those that depend on results in words.

    Args:
        recipe: What AdamW is trained with today.
        max_trials: Number of trials.
        compare: Whether half of the trials are AdamW's.
    """
    lines = [f"{max_trials} trials, in this order:"]
    results: list[Result] = []
    for number, (name, kind) in enumerate(roles(max_trials, compare), start=1):
        proposal = next_proposal(recipe, results, max_trials, compare=compare)
        assert proposal is not None
        results.append(Result(proposal, None))
        lines.append("")
        if kind in ("start", "search") and proposal.fixed:
            lines += [
                f"{number:3}. {proposal.settings.code()}",
                f"     {proposal.reason}",
            ]
        else:
            lines.append(f"{number:3}. {NAMES[name]}: {LATER[kind]}")
    return "\n".join([*lines, "", *_remarks(recipe)])


def _remarks(recipe: AdamWRecipe) -> list[str]:
    """What is known of this recipe before any trial."""
    conversion = convert_adamw(
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.beta_1,
        recipe.beta_2,
        steps=recipe.steps,
    )
    lines = [HOW, conversion.explanation]
    if recipe.batch_size is not None and recipe.batch_size >= LARGE_BATCH:
        lines.append(
            f"  Batches of {recipe.batch_size:,} have little gradient noise, for which "
            "the converted\n  values are made: a third of AdamW's rate came nearer."
        )
    return lines
