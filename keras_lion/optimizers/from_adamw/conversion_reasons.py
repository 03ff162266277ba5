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
LARGE_RATE = 0.01  # of AdamW
EQUAL = 0.1  # relative difference of weights that "matched" still calls the same
FEWEST_STEPS = 10  # no training is shorter


class Values(NamedTuple):
    """Hyperparameters of an optimizer.

    Attributes:
        learning_rate: The learning rate, or the peak of a schedule; None if the peak is
            not known.
        weight_decay: λ.
        beta_1: β₁.
        beta_2: β₂.
    """

    learning_rate: float | None
    weight_decay: float
    beta_1: float
    beta_2: float

    @property
    def product(self) -> float | None:
        """Learning rate times weight decay, if both are known and not zero."""
        return (self.learning_rate or 0.0) * self.weight_decay or None


def explanation(
    adamw: Values,
    lion: Values,
    factors: tuple[float, float],
    *,
    ratio: float | None,
    steps: int | None,
    scheduled: bool = False,
    assumed_decay: bool = False,
) -> str:
    """Lines to print.

    Args:
        adamw: What was converted.
        lion: What it became.
        factors: Lion's learning rate and weight decay divided by AdamW's.
        ratio: Of mode "paper"; None for mode "matched".
        steps: Steps of the training, or None.
        scheduled: Whether the learning rates are peaks of a schedule.
        assumed_decay: Whether AdamW's weight decay is a default of ours.
    """
    mode = "matched" if ratio is None else "paper"
    times = f"  (times {factors[1]:.4g})" if adamw.weight_decay else ""
    rate_name = "peak" if scheduled else "learning_rate"
    lines = [
        f"Lion from AdamW, mode {mode!r}:",
        f"  learning_rate  {_rate_change(adamw, lion, scheduled)}"
        f"  (times {factors[0]:.4g})",
        f"  weight_decay   {_change(adamw.weight_decay, lion.weight_decay)}{times}",
        *_assumed_decay(adamw, assumed_decay),
        f"  beta_1, beta_2 {adamw.beta_1:g}, {adamw.beta_2:g} -> "
        f"{lion.beta_1:g}, {lion.beta_2:g}",
        *_memory(adamw, lion),
        "Why:",
        *(
            _matched_reasons(adamw, lion)
            if ratio is None
            else _paper_reasons(adamw, ratio)
        ),
        *_betas_reason(adamw, lion),
        *_reach_reason(lion.learning_rate, ratio, steps, rate_name),
        *_decay_reason(lion, steps, rate_name),
        *_ratio_reason(ratio, short=_is_short(lion.learning_rate, steps)),
        "  AdamW's epsilon and AMSGrad have no counterpart in Lion and are dropped.",
        "  This is where to start a search, not its result: the best ratio differs by",
        "  task, so try learning rates 3 times smaller and larger too.",
    ]
    return "\n".join(lines)


def cautions(
    adamw: Values, lion: Values, *, scheduled: bool, assumed_decay: bool
) -> tuple[str, ...]:
    """What is wrong with the values themselves, one sentence each.

    Args:
        adamw: What was converted.
        lion: What it became.
        scheduled: Whether the learning rates are peaks of a schedule.
        assumed_decay: Whether AdamW's weight decay is a default of ours.
    """
    found = []
    rate, decay, product = adamw.learning_rate, adamw.weight_decay, lion.product
    if product is not None and product >= 1:
        name = "peak" if scheduled else "learning_rate"
        at = "a step at the peak" if scheduled else "every step"
        found.append(
            f"{name} * weight_decay is {product:.4g}: {at} would take away the whole "
            "weight. It must be far below 1."
        )
    if (
        not assumed_decay
        and rate is not None
        and rate > LARGE_RATE
        and 0 < decay < rate
    ):
        found.append(
            f"AdamW's learning rate of {rate:g} is large, and larger than its weight "
            f"decay of {decay:g}: are they swapped?"
        )
    return tuple(found)


def _assumed_decay(adamw: Values, assumed: bool) -> list[str]:
    if not assumed:
        return []
    return [
        f"                 {adamw.weight_decay:g} is assumed: Keras's default "
        "(PyTorch's is 0.01, Optax's 0.0001)"
    ]


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


def _paper_reasons(adamw: Values, ratio: float) -> list[str]:
    if ratio == 1:
        return ["  A ratio of 1 keeps AdamW's learning rate and weight decay."]
    reasons = [
        "  Lion moves every weight by the whole learning rate at every step, AdamW by",
        "  less where gradients are noisy: hence the smaller rate.",
    ]
    if not adamw.weight_decay:
        return reasons
    product = "" if adamw.product is None else f" ({adamw.product:.4g})"
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
    reasons.append(
        "  Lion's signs agree for longer, so that its weights would grow larger."
    )
    if adamw.product is None or lion.product is None:
        return [
            *reasons,
            "  With this weight decay they settle at the same RMS, as long as",
            "  learning_rate * weight_decay is small.",
        ]
    if max(adamw.product, lion.product) >= 1:
        return reasons
    before = theory.adamw_equilibrium_rms(*adamw[:3])  # type: ignore[arg-type]
    after = theory.lion_equilibrium_rms(*lion)  # type: ignore[arg-type]
    predicted = f"Predicted, on noise alone: AdamW {before:.4g}, Lion {after:.4g}."
    if abs(after / before - 1) < EQUAL:
        return [
            *reasons,
            "  With this weight decay they settle at nearly the same RMS.",
            f"  {predicted}",
        ]
    return [
        *reasons,
        "  This weight decay equalizes the RMS only where learning_rate * weight_decay",
        f"  is small. Here it is {lion.product:.2g}, too large for that.",
        f"  {predicted}",
    ]


def _betas_reason(adamw: Values, lion: Values) -> list[str]:
    swapped = [
        f"  {name}'s beta_1 of {values.beta_1:g} is larger than its beta_2 of "
        f"{values.beta_2:g}: are they swapped?"
        for name, values in (("AdamW", adamw), ("Lion", lion))
        if values.beta_1 > values.beta_2
    ]
    if swapped:
        return swapped
    if (lion.beta_1, lion.beta_2) == STABLE_BETAS and adamw.beta_2 <= LOWERED_BETA_2:
        return [
            f"  AdamW's beta_2 of {adamw.beta_2:g} is low, as chosen for stability: so "
            "are Lion's betas."
        ]
    return []


def _is_short(rate: float | None, steps: int | None) -> bool:
    """Whether a training is known to be too short for signs to move weights far."""
    return rate is not None and steps is not None and steps * rate < SHORT_REACH


def _ratio_reason(ratio: float | None, *, short: bool) -> list[str]:
    low, high = USUAL_RATIOS
    if ratio is None or low <= ratio <= high or (short and ratio < low):
        return []
    return [
        f"  A ratio of {ratio:g} is unusual: the authors advise {low:g} to {high:g}. "
        "Try one of these,",
        "  too, unless the training is short." if ratio < low else "  too.",
    ]


def _reach_reason(
    rate: float | None, ratio: float | None, steps: int | None, rate_name: str
) -> list[str]:
    """A word on trainings that are too short for signs to move weights far."""
    if steps is None and rate is None:
        when = f"Where steps * peak is below {SHORT_REACH:g}"
    elif steps is None:
        fewest = SHORT_REACH / (rate or 1)
        if fewest < FEWEST_STEPS:
            return []
        when = f"In fewer than about {fewest:,.0f} steps"
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
        f"  A sign moves no weight further than steps * {rate_name} in all.",
        f"  {when}: {remedy}",
    ]


def _decay_reason(lion: Values, steps: int | None, rate_name: str) -> list[str]:
    """A word on what weight decay does in a step, and in the whole training."""
    product = lion.product
    if product is None:
        return []
    formula = f"{rate_name} * weight_decay"
    if product >= 1:  # a caution says so
        return []
    if steps is None:
        return [
            f"  Weight decay acts over about {1 / product:,.0f} steps, 1 / "
            f"({rate_name} *",
            "  weight_decay). Is your training shorter? With its number of steps",
            "  (steps=N, --steps N) this text says what then.",
        ]
    kappa = steps * product
    if kappa >= SHORT_DECAY:
        less = (
            ["  A schedule that is rarely near its peak has less."]
            if rate_name == "peak"
            else []
        )
        return [
            f"  steps * {formula} is {kappa:.3g}: long enough for weight decay to act.",
            *less,
        ]
    return [
        f"  The training is short for weight decay: steps * {formula} is {kappa:.2g},",
        f"  so that decay takes away {-math.expm1(-kappa):.1%} of a weight at most. It "
        "hardly matters: tune the",
        "  learning rate, and do not expect the product of the two to tell anything.",
    ]


def _rate_change(adamw: Values, lion: Values, scheduled: bool) -> str:
    if adamw.learning_rate is None or lion.learning_rate is None:
        return "the schedule, all of its rates"
    change = _change(adamw.learning_rate, lion.learning_rate)
    return f"the schedule, all of its rates; peak {change}" if scheduled else change


def _change(before: float, after: float) -> str:
    return f"{before:.6g} -> {after:.6g}"
