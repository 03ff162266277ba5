"""AdamW's hyperparameters turned into Lion's: numbers only, no Keras."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

from keras_lion import theory
from keras_lion.optimizers.from_adamw.conversion_reasons import (
    LOWERED_BETA_2,
    STABLE_BETAS,
    Values,
    cautions,
    explanation,
)

Mode = Literal["matched", "paper"]

PAPER_RATIO = 10.0
PAPER_BETAS = (0.9, 0.99)
KERAS_DECAY = 0.004  # default of Keras's AdamW


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
        mode: `"matched"` or `"paper"`.
        explanation: What was done and why: some lines to print.
        cautions: What is wrong with the values, such as a learning rate and a weight
            decay that seem to be swapped: a sentence each.
    """

    learning_rate: float | None
    weight_decay: float
    beta_1: float
    beta_2: float
    learning_rate_factor: float
    weight_decay_factor: float
    mode: Mode
    explanation: str
    cautions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """All there is to print: cautions, code, explanation."""
        cautions = [f"Caution: {each}" for each in self.cautions]
        return "\n".join([*cautions, self.code(), self.explanation])

    def code(self) -> str:
        """A line of Python that makes the optimizer, to six digits.

        Where AdamW's learning rate is a schedule, `schedule` stands for it.
        """
        learning_rate = (
            f"ScaledSchedule(schedule, {_digits(self.learning_rate_factor)})"
            if self.learning_rate is None
            else _digits(self.learning_rate)
        )
        return (
            f"Lion(learning_rate={learning_rate}, "
            f"weight_decay={_digits(self.weight_decay)}, "
            f"beta_1={_digits(self.beta_1)}, beta_2={_digits(self.beta_2)})"
        )


def convert_adamw(
    learning_rate: float | None,
    weight_decay: float | None = None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    *,
    mode: Mode | None = None,
    ratio: float | None = None,
    lion_betas: tuple[float, float] | None = None,
    steps: int | None = None,
    peak_learning_rate: float | None = None,
) -> Conversion:
    """Hyperparameters of Lion to start from where those of AdamW are known.

    With A for AdamW, L for Lion, η the learning rate and λ the weight decay:

        "matched"   η_L = η_A · √((1 − β₁) / (1 + β₁)),   λ_L = λ_A · (η_L / η_A) · G
        "paper"     η_L = η_A / ratio,   λ_L = λ_A · ratio

    `"matched"` keeps, under pure gradient noise, the RMS of a step and the RMS at which
    weights settle; β₁ is AdamW's, and G is `theory.lion_noise_gain` of Lion's betas:
    with the usual betas a learning rate 4.4 times smaller and a weight decay 10.5 times
    larger. It is a limit for ηλ ≪ 1 − β₂. `"paper"` is the authors' rule: it keeps ηλ,
    the share of a weight that one step takes away. Lion's betas are (0.9, 0.99), or
    (0.95, 0.98) where AdamW's β₂ is at most 0.99.

    Args:
        learning_rate: η of AdamW, or None for a schedule.
        weight_decay: λ of AdamW, which is multiplied by the learning rate (as in Keras,
            PyTorch and Optax). 0 for none. Default: Keras's 0.004, which the
            explanation then calls assumed.
        beta_1: β₁ of AdamW.
        beta_2: β₂ of AdamW.
        mode: `"matched"` or `"paper"`. Default: `"paper"` where `ratio` is given,
            otherwise `"matched"`.
        ratio: Of mode `"paper"`, 1 or more; 10 unless given. The authors advise 3 to
            10; in a short training, 1 and 3 are worth trying first.
        lion_betas: β₁ and β₂ of Lion, instead of those above.
        steps: Updates of the training. The explanation then says whether it is too
            short for Lion's learning rate, or for the weight decay to matter.
        peak_learning_rate: Peak of AdamW's schedule, where `learning_rate` is None. The
            explanation then judges a schedule by its peak.

    Returns:
        Lion's hyperparameters with an explanation.

    Raises:
        ValueError: If an argument is out of its range, `ratio` is given with
            `"matched"`, or a peak next to a learning rate.

    Example:

    ```python
    from keras_lion.optimizers import convert_adamw

    conversion = convert_adamw(1e-3, weight_decay=0.1)
    print(conversion.code())
    # Lion(learning_rate=0.000229416, weight_decay=1.05364, beta_1=0.9, beta_2=0.99)
    ```

    References:
        - [Chen et al., 2023, section 5](https://arxiv.org/abs/2302.06675)
        - `keras_lion.theory`
    """
    assumed_decay = weight_decay is None
    weight_decay = KERAS_DECAY if weight_decay is None else weight_decay
    if mode is None:
        mode = "matched" if ratio is None else "paper"
    _check_arguments(learning_rate, weight_decay, mode, ratio)
    peak = _checked_peak(learning_rate, peak_learning_rate)
    steps = checked_steps(steps)
    _check_betas("AdamW's betas", (beta_1, beta_2))
    if lion_betas is None:
        lion_betas = STABLE_BETAS if beta_2 <= LOWERED_BETA_2 else PAPER_BETAS
    _check_betas("`lion_betas`", lion_betas)
    lion_beta_1, lion_beta_2 = lion_betas

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
    adamw = Values(peak, weight_decay, beta_1, beta_2)
    lion = Values(peak and peak * factor, decay, lion_beta_1, lion_beta_2)
    scheduled = learning_rate is None
    return Conversion(
        learning_rate=rate,
        weight_decay=decay,
        beta_1=lion_beta_1,
        beta_2=lion_beta_2,
        learning_rate_factor=factor,
        weight_decay_factor=decay_factor,
        mode=mode,
        explanation=explanation(
            adamw,
            lion,
            (factor, decay_factor),
            ratio=ratio,
            steps=steps,
            scheduled=scheduled,
            assumed_decay=assumed_decay,
        ),
        cautions=cautions(
            adamw, lion, scheduled=scheduled, assumed_decay=assumed_decay
        ),
    )


def _digits(value: float) -> str:
    return repr(float(f"{value:.6g}"))


def _check_arguments(
    learning_rate: float | None,
    weight_decay: float,
    mode: str,
    ratio: float | None,
) -> None:
    if mode not in get_args(Mode):
        close = difflib.get_close_matches(str(mode), get_args(Mode), n=1)
        raise ValueError(
            f"`mode` must be 'matched' or 'paper'. Received: mode={mode!r}."
            + (f" Did you mean {close[0]!r}?" if close else "")
        )
    if learning_rate is not None and not (
        _is_number(learning_rate) and 0 < learning_rate < math.inf
    ):
        raise ValueError(
            "`learning_rate` of AdamW must be positive and finite, or None for a "
            "schedule. To convert an optimizer or a schedule itself, use "
            f"`lion_from_adamw`. Received: learning_rate={learning_rate!r}."
        )
    if not _is_number(weight_decay) or not 0 <= weight_decay < math.inf:
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
    if not _is_number(ratio) or not 1 <= ratio < math.inf:
        inverse = _is_number(ratio) and 0 < ratio < 1
        raise ValueError(
            "`ratio` must be 1 or more and finite: Lion's learning rate is AdamW's "
            f"divided by it, and 3 to 10 is usual. Received: ratio={ratio!r}."
            + (f" Did you mean ratio={1 / ratio:g}?" if inverse else "")
        )


def _checked_peak(learning_rate: float | None, peak: Any) -> float | None:
    """What the explanation judges: the learning rate, or the peak of a schedule."""
    if peak is None:
        return learning_rate
    if learning_rate is not None:
        raise ValueError(
            "`peak_learning_rate` describes a schedule: pass it with "
            f"learning_rate=None. Received: learning_rate={learning_rate!r}, "
            f"peak_learning_rate={peak!r}."
        )
    if not _is_number(peak) or not 0 < peak < math.inf:
        raise ValueError(
            "`peak_learning_rate` of AdamW must be positive and finite. "
            f"Received: peak_learning_rate={peak!r}."
        )
    return float(peak)


def checked_steps(steps: Any) -> int | None:
    """A number of steps, or None."""
    if steps is None:
        return None
    if not _is_number(steps) or not 1 <= steps < math.inf or steps != int(steps):
        raise ValueError(
            f"`steps` must be a whole number of 1 or more. Received: steps={steps!r}."
        )
    return int(steps)


def _check_betas(whose: str, betas: Any) -> None:
    if not isinstance(betas, Sequence) or len(betas) != 2:
        raise ValueError(
            f"{whose} must be two numbers, (beta_1, beta_2). Received: {betas!r}."
        )
    if not all(_is_number(beta) and 0 <= beta < 1 for beta in betas):
        raise ValueError(
            f"{whose} must be in the range [0, 1). "
            f"Received: ({betas[0]!r}, {betas[1]!r})."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
