"""What a conversion from AdamW prints: what became of each value, and why."""

from __future__ import annotations

import math
from typing import NamedTuple

from keras_lion import theory

USUAL_RATIOS = (3.0, 10.0)  # what the authors advise
SHORT_DECAY = 0.5  # decay that takes away less than this of a weight settles nothing
# Lion's best learning rate times steps was larger on every task of
# studies/learning_rate_weight_decay.py.
SHORT_REACH = 0.3
STABLE_BETAS = (0.95, 0.98)  # of Lion, where AdamW's β₂ was lowered for stability
LOWERED_BETA_2 = 0.99


class Values(NamedTuple):
    """Hyperparameters of an optimizer; a learning rate of None is a schedule."""

    learning_rate: float | None
    weight_decay: float
    beta_1: float
    beta_2: float


def explanation(
    adamw: Values,
    lion: Values,
    factors: tuple[float, float],
    *,
    ratio: float | None,
    steps: int | None,
) -> str:
    """Lines to print.

    Args:
        adamw: What was converted.
        lion: What it became.
        factors: Lion's learning rate and weight decay divided by AdamW's.
        ratio: Of mode "paper"; None for mode "matched".
        steps: Steps of the training, or None.
    """
    mode = "matched" if ratio is None else "paper"
    times = f"  (times {factors[1]:.4g})" if adamw.weight_decay else ""
    lines = [
        f"Lion from AdamW, mode {mode!r}:",
        f"  learning_rate  {_change(adamw.learning_rate, lion.learning_rate)}"
        f"  (times {factors[0]:.4g})",
        f"  weight_decay   {_change(adamw.weight_decay, lion.weight_decay)}{times}",
        f"  beta_1, beta_2 {adamw.beta_1:g}, {adamw.beta_2:g} -> "
        f"{lion.beta_1:g}, {lion.beta_2:g}",
        *_memory(adamw, lion),
        "Why:",
        *(_matched_reasons(adamw, lion) if ratio is None else _paper_reasons(adamw)),
        *_betas_reason(adamw, lion),
        *_reach_reason(lion.learning_rate, ratio, steps),
        *_decay_reason(lion, steps),
        *_ratio_reason(ratio),
        "  AdamW's epsilon and AMSGrad have no counterpart in Lion and are dropped.",
        "  This is where to start a search, not its result: the best ratio differs by",
        "  task, so try learning rates 3 times smaller and larger too.",
    ]
    return "\n".join(lines)


def _memory(adamw: Values, lion: Values) -> list[str]:
    """For how many steps weights remember an update, of both."""
    products = [
        each.learning_rate * each.weight_decay
        for each in (adamw, lion)
        if each.learning_rate is not None
    ]
    if len(products) < 2 or not all(0 < each < 1 for each in products):
        return []
    before, after = (f"{1 / each:,.0f}" for each in products)
    return [
        f"  memory         {before} -> {after} steps, 1 / (learning_rate * "
        "weight_decay)"
    ]


def _paper_reasons(adamw: Values) -> list[str]:
    reasons = [
        "  Lion moves every weight by the whole learning rate at every step, AdamW by",
        "  less where gradients are noisy: hence the smaller rate.",
    ]
    if not adamw.weight_decay:
        return reasons
    product = (
        ""
        if adamw.learning_rate is None
        else f" ({adamw.learning_rate * adamw.weight_decay:.4g})"
    )
    return [
        *reasons,
        "  Decay is multiplied by the rate: the larger weight decay keeps their product"
        f"{product}.",
    ]


def _matched_reasons(adamw: Values, lion: Values) -> list[str]:
    reasons = [
        "  If gradients are noise, AdamW's steps have an RMS of "
        f"{theory.adamw_update_rms(adamw.beta_1):.4g} learning",
        "  rates and Lion's of 1: with these values the steps are of one size.",
    ]
    if not adamw.weight_decay:
        return [*reasons, "  Without weight decay the size of weights is not matched."]
    reasons += [
        "  Lion's signs agree for longer, so that its weights would grow larger: with",
        "  this weight decay they settle at the same RMS.",
    ]
    if (
        adamw.learning_rate is None
        or lion.learning_rate is None
        or lion.learning_rate * lion.weight_decay >= 1
        or adamw.learning_rate * adamw.weight_decay >= 1
    ):
        return reasons
    before = theory.adamw_equilibrium_rms(
        adamw.learning_rate, adamw.weight_decay, adamw.beta_1
    )
    after = theory.lion_equilibrium_rms(
        lion.learning_rate, lion.weight_decay, lion.beta_1, lion.beta_2
    )
    return [
        *reasons,
        f"  Predicted, on noise alone: AdamW {before:.4g}, Lion {after:.4g} (equal "
        "only where",
        "  learning_rate * weight_decay is small).",
    ]


def _betas_reason(adamw: Values, lion: Values) -> list[str]:
    if adamw.beta_1 > adamw.beta_2:
        return [
            f"  AdamW's beta_1 of {adamw.beta_1:g} is larger than its beta_2 of "
            f"{adamw.beta_2:g}: are they swapped?"
        ]
    if (lion.beta_1, lion.beta_2) == STABLE_BETAS and adamw.beta_2 <= LOWERED_BETA_2:
        return [
            f"  AdamW's beta_2 of {adamw.beta_2:g} is low, as chosen for stability: so "
            "are Lion's betas."
        ]
    return []


def _ratio_reason(ratio: float | None) -> list[str]:
    low, high = USUAL_RATIOS
    if ratio is None or low <= ratio <= high:
        return []
    return [
        f"  A ratio of {ratio:g} is unusual: the authors advise {low:g} to {high:g}. "
        "Try one of these,",
        "  too, unless the training is short." if ratio < low else "  too.",
    ]


def _reach_reason(
    rate: float | None, ratio: float | None, steps: int | None
) -> list[str]:
    """A word on trainings that are too short for signs to move weights far."""
    if steps is None and rate is None:
        when = f"Where steps * peak is below {SHORT_REACH:g}"
    elif steps is None:
        when = f"In fewer than about {SHORT_REACH / (rate or 1):,.0f} steps"
    elif rate is None:
        when = f"With a peak of Lion below {SHORT_REACH / steps:.2g}"
    elif steps * rate < SHORT_REACH:
        when = f"Here that is only {steps * rate:.2g}"
    else:
        return []
    remedy = (
        "try AdamW's learning rate and a third of it first\n"
        "  (mode 'paper', ratio 1 and 3)."
        if ratio is None or ratio > USUAL_RATIOS[0]
        else "try larger learning rates first."
    )
    return [
        "  A sign moves no weight further than steps * learning_rate in all.",
        f"  {when}: {remedy}",
    ]


def _decay_reason(lion: Values, steps: int | None) -> list[str]:
    """A word on what weight decay does in a step, and in the whole training."""
    if lion.learning_rate is None or not lion.weight_decay:
        return []
    product = lion.learning_rate * lion.weight_decay
    if product >= 1:
        return [
            f"  learning_rate * weight_decay is {product:.4g}: every step would take "
            "away the whole",
            "  weight. It must be far below 1.",
        ]
    if steps is None:
        return [
            f"  Weight decay acts over about {1 / product:.3g} steps, 1 / "
            "(learning_rate *",
            "  weight_decay). Is your training shorter? The argument steps says what "
            "then.",
        ]
    kappa = steps * product
    if kappa >= SHORT_DECAY:
        return [
            f"  steps * learning_rate * weight_decay is {kappa:.3g}: long enough for "
            "weight decay to act."
        ]
    return [
        "  The training is short for weight decay: steps * learning_rate * "
        f"weight_decay is {kappa:.2g},",
        f"  so that decay takes away {-math.expm1(-kappa):.1%} of a weight at most. It "
        "hardly matters: tune the",
        "  learning rate, and do not expect the product of the two to tell anything.",
    ]


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "the schedule, all of its rates"
    return f"{before:.6g} -> {after:.6g}"
