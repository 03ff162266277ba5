"""AdamW's hyperparameters turned into Lion's: numbers only, no Keras."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from keras_lion import theory

Mode = Literal["paper", "matched"]

PAPER_RATIO = 10.0
PAPER_BETAS = (0.9, 0.99)
STABLE_BETAS = (0.95, 0.98)  # where AdamW's β₂ was lowered for stability
LOWERED_BETA_2 = 0.99
USUAL_RATIOS = (3.0, 10.0)  # what the authors advise
SHORT = 0.5  # decay that takes away less than this of a weight settles nothing


@dataclass(frozen=True)
class Conversion:
    """Lion's hyperparameters, and how AdamW's led to them.

    Attributes:
        learning_rate: η of Lion; None where AdamW's is a schedule, every rate of which
            is multiplied by `learning_rate_factor`.
        weight_decay: λ of Lion.
        beta_1: β₁ of Lion.
        beta_2: β₂ of Lion.
        learning_rate_factor: Lion's learning rate divided by AdamW's.
        weight_decay_factor: Lion's weight decay divided by AdamW's.
        mode: `"paper"` or `"matched"`.
        explanation: What was done and why: some lines to print.
    """

    learning_rate: float | None
    weight_decay: float
    beta_1: float
    beta_2: float
    learning_rate_factor: float
    weight_decay_factor: float
    mode: Mode
    explanation: str

    def code(self) -> str:
        """A line of Python that makes the optimizer, to six digits."""
        learning_rate = (
            "schedule" if self.learning_rate is None else _digits(self.learning_rate)
        )
        return (
            f"Lion(learning_rate={learning_rate}, "
            f"weight_decay={_digits(self.weight_decay)}, "
            f"beta_1={_digits(self.beta_1)}, beta_2={_digits(self.beta_2)})"
        )


def convert_adamw(
    learning_rate: float | None,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    *,
    mode: Mode = "paper",
    ratio: float | None = None,
    lion_betas: tuple[float, float] | None = None,
    steps: int | None = None,
) -> Conversion:
    """Hyperparameters of Lion to start from where those of AdamW are known.

    With A for AdamW, L for Lion, η the learning rate and λ the weight decay:

        "paper"     η_L = η_A / ratio,   λ_L = λ_A · ratio
        "matched"   η_L = η_A · √((1 − β₁) / (1 + β₁)),   λ_L = λ_A · (η_L / η_A) · G

    `"paper"` is the authors' rule: it keeps ηλ, the share of a weight that one step
    takes away. `"matched"` keeps, under pure gradient noise, the RMS of a step and the
    RMS at which weights settle; β₁ is AdamW's, and G is `theory.lion_noise_gain` of
    Lion's betas. It is a limit for ηλ ≪ 1 − β₂. Lion's betas are (0.9, 0.99), or
    (0.95, 0.98) where AdamW's β₂ is at most 0.99.

    Args:
        learning_rate: η of AdamW, or None for a schedule.
        weight_decay: λ of AdamW, which is multiplied by the learning rate (as in Keras,
            PyTorch and Optax). 0 for none. Default: Keras's.
        beta_1: β₁ of AdamW.
        beta_2: β₂ of AdamW.
        mode: `"paper"` or `"matched"`.
        ratio: Of mode `"paper"`; 10 unless given. The authors advise 3 to 10.
        lion_betas: β₁ and β₂ of Lion, instead of those above.
        steps: Steps of the training. The explanation then says whether it is too short
            for the weight decay to matter.

    Returns:
        Lion's hyperparameters with an explanation.

    Raises:
        ValueError: If an argument is out of its range, or `ratio` is given with
            `"matched"`.

    Example:

    ```python
    from keras_lion.optimizers import convert_adamw

    conversion = convert_adamw(1e-3, weight_decay=0.1)
    print(conversion.code())
    # Lion(learning_rate=0.0001, weight_decay=1.0, beta_1=0.9, beta_2=0.99)
    ```

    References:
        - [Chen et al., 2023, section 5](https://arxiv.org/abs/2302.06675)
        - `keras_lion.theory`
    """
    _check_arguments(learning_rate, weight_decay, mode, ratio)
    if steps is not None and steps < 1:
        raise ValueError(f"`steps` must be at least 1. Received: steps={steps!r}.")
    _check_betas("AdamW's betas", beta_1, beta_2)
    if lion_betas is None:
        lion_betas = STABLE_BETAS if beta_2 <= LOWERED_BETA_2 else PAPER_BETAS
    lion_beta_1, lion_beta_2 = lion_betas
    _check_betas("`lion_betas`", lion_beta_1, lion_beta_2)

    if mode == "paper":
        ratio = PAPER_RATIO if ratio is None else float(ratio)
        factor, decay_factor = 1 / ratio, ratio
    else:
        factors = theory.conversion_factors(
            ("update_rms", "weight_rms"), beta_1=beta_1, lion_betas=lion_betas
        )
        factor, decay_factor = factors.learning_rate, factors.weight_decay

    rate = None if learning_rate is None else learning_rate * factor
    decay = weight_decay * decay_factor
    lines = [
        f"Lion from AdamW, mode {mode!r}:",
        f"  learning_rate  {_change(learning_rate, rate)}  (times {factor:.4g})",
        f"  weight_decay   {_change(weight_decay, decay)}  (times {decay_factor:.4g})",
        f"  beta_1, beta_2 {beta_1:g}, {beta_2:g} -> {lion_beta_1:g}, {lion_beta_2:g}",
        "Why:",
        *(
            _paper_reasons(learning_rate, weight_decay)
            if mode == "paper"
            else _matched_reasons(
                learning_rate, weight_decay, beta_1, rate, decay, lion_betas
            )
        ),
        *_betas_reason(beta_2, lion_betas),
        *_ratio_reason(ratio),
        *_length_reason(steps, rate, decay),
        "  AdamW's epsilon and AMSGrad have no counterpart in Lion and are dropped.",
        "  This is where to start a search, not its result: the best ratio differs by",
        "  task, so try learning rates 3 times smaller and larger too.",
    ]
    return Conversion(
        learning_rate=rate,
        weight_decay=decay,
        beta_1=lion_beta_1,
        beta_2=lion_beta_2,
        learning_rate_factor=factor,
        weight_decay_factor=decay_factor,
        mode=mode,
        explanation="\n".join(lines),
    )


def _paper_reasons(learning_rate: float | None, weight_decay: float) -> list[str]:
    product = (
        ""
        if learning_rate is None or not weight_decay
        else f" ({learning_rate * weight_decay:.4g})"
    )
    return [
        "  Lion moves every weight by the whole learning rate at every step, AdamW by",
        "  less where gradients are noisy: hence the smaller rate. Decay is multiplied",
        f"  by the rate: the larger weight decay keeps their product{product}.",
    ]


def _matched_reasons(
    learning_rate: float | None,
    weight_decay: float,
    beta_1: float,
    rate: float | None,
    decay: float,
    lion_betas: tuple[float, float],
) -> list[str]:
    reasons = [
        "  If gradients are noise, AdamW's steps have an RMS of "
        f"{theory.adamw_update_rms(beta_1):.4g} learning",
        "  rates and Lion's of 1: with these values the steps are of one size.",
    ]
    if not weight_decay:
        return [*reasons, "  Without weight decay the size of weights is not matched."]
    reasons += [
        "  Lion's signs agree for longer, so that its weights would grow larger: with",
        "  this weight decay they settle at the same RMS.",
    ]
    if learning_rate is None or rate is None or rate * decay >= 1:
        return reasons
    adamw = theory.adamw_equilibrium_rms(learning_rate, weight_decay, beta_1)
    lion = theory.lion_equilibrium_rms(rate, decay, *lion_betas)
    return [
        *reasons,
        f"  Predicted, on noise alone: AdamW {adamw:.4g}, Lion {lion:.4g} (equal only "
        "where",
        "  learning_rate * weight_decay is small).",
    ]


def _betas_reason(beta_2: float, lion_betas: tuple[float, float]) -> list[str]:
    if lion_betas == STABLE_BETAS and beta_2 <= LOWERED_BETA_2:
        return [
            f"  AdamW's beta_2 of {beta_2:g} is low, as chosen for stability: so are "
            "Lion's betas."
        ]
    return []


def _ratio_reason(ratio: float | None) -> list[str]:
    low, high = USUAL_RATIOS
    if ratio is None or low <= ratio <= high:
        return []
    return [
        f"  A ratio of {ratio:g} is unusual: the authors advise {low:g} to {high:g}. "
        "Try one of these, too."
    ]


def _length_reason(steps: int | None, rate: float | None, decay: float) -> list[str]:
    """A word where a training is too short for its weight decay."""
    if steps is None or rate is None or not decay:
        return []
    kappa = steps * rate * decay
    if kappa >= SHORT:
        return []
    return [
        "  The training is short: steps * learning_rate * weight_decay is "
        f"{kappa:.2g}, so that",
        f"  decay takes away {-math.expm1(-kappa):.1%} of a weight at most. It hardly "
        "matters: tune the",
        "  learning rate, and do not expect the product of the two to tell anything.",
    ]


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "the schedule, all of its rates"
    return f"{before:.6g} -> {after:.6g}"


def _digits(value: float) -> str:
    return repr(float(f"{value:.6g}"))


def _check_arguments(
    learning_rate: float | None,
    weight_decay: float,
    mode: str,
    ratio: float | None,
) -> None:
    if mode not in get_args(Mode):
        raise ValueError(
            f"`mode` must be 'paper' or 'matched'. Received: mode={mode!r}."
        )
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise ValueError(
            "`learning_rate` of AdamW must be positive and finite. "
            f"Received: learning_rate={learning_rate!r}."
        )
    if not 0 <= weight_decay < math.inf:
        raise ValueError(
            "`weight_decay` of AdamW must be finite and not negative. "
            f"Received: weight_decay={weight_decay!r}."
        )
    if ratio is None:
        return
    if mode != "paper":
        raise ValueError(
            f"`ratio` belongs to mode 'paper': mode {mode!r} computes its own factors. "
            f"Leave it out. Received: ratio={ratio!r}."
        )
    if not 0 < ratio < math.inf:
        raise ValueError(
            "`ratio` must be positive and finite; 3 to 10 is usual. "
            f"Received: ratio={ratio!r}."
        )


def _check_betas(whose: str, beta_1: float, beta_2: float) -> None:
    if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1):
        raise ValueError(
            f"{whose} must be in the range [0, 1). Received: ({beta_1!r}, {beta_2!r})."
        )
