"""What theory expects of a training with Lion, and what its measurements advise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from keras_lion import theory

# Shares from which on there is advice.
STUCK = 0.05
BOUND = 0.1
IDLE = 0.5
SKIPPED = 0.05
MOST_ADVICE = 2

Row = dict[str, Any]

EXPECTED = ("expected_sign_flips", "expected_weight_rms", "expected_rotation")


@lru_cache  # of every layer and measured update, mostly with the same arguments
def expected(
    learning_rate: float, weight_decay: float, beta_1: float, beta_2: float
) -> dict[str, float]:
    """What pure gradient noise leads to at constant η and λ, or NaN without decay."""
    arguments = (learning_rate, weight_decay, beta_1, beta_2)
    settles = 0 < learning_rate * weight_decay < 1
    values = (
        theory.sign_flip_probability(beta_1, beta_2),
        theory.lion_equilibrium_rms(*arguments) if settles else math.nan,
        theory.lion_rotation(*arguments) if settles else math.nan,
    )
    return dict(zip(EXPECTED, values, strict=True))


def report(total: Row, layers: Sequence[Row], *, cautious: bool) -> list[str]:
    """One line of measurements, and at most two of advice.

    Args:
        total: The row of all weights.
        layers: The rows of layers.
        cautious: Whether steps are cautious, which leave weights out on purpose.
    """
    measured = [
        f"sign flips {_percent(total['sign_flips'])}"
        + _expectation(total["expected_sign_flips"], _percent),
        f"weight RMS {_number(total['weight_rms'])}"
        + _expectation(total["expected_weight_rms"], _number),
        f"rotation {_number(total['rotation'])} radians per step"
        + _expectation(total["expected_rotation"], _number),
        f"cosine of step and update {total['cosine']:.2f}",
    ]
    return [", ".join(measured) + ".", *_advice(total, layers, cautious)[:MOST_ADVICE]]


def _advice(total: Row, layers: Sequence[Row], cautious: bool) -> list[str]:
    found = []
    skipped, updates = total["skipped_steps"], total["updates"]
    if skipped > SKIPPED * (updates + skipped):
        found.append(
            f"{skipped} steps were skipped because a gradient was not finite, and "
            f"{updates} updates were made: lower the learning rate, or look for the "
            "batches that cause it."
        )
    stuck = max(layers, key=lambda row: row["stuck_weights"])
    if stuck["stuck_weights"] >= STUCK:
        found.append(
            f"{_percent(stuck['stuck_weights'])} of the weights of "
            f"`{stuck['layer']}` cannot move: a step of the learning rate "
            f"{_number(total['learning_rate'])} is below half the spacing of "
            f"{stuck['dtype']}. Keep weights in float32 (a policy such as "
            "mixed_bfloat16), or raise the learning rate."
        )
    bound = max(layers, key=lambda row: row["bound_weights"])
    if bound["bound_weights"] >= BOUND:
        decay = bound["weight_decay"]
        found.append(
            f"Decay binds {_percent(bound['bound_weights'])} of the weights of "
            f"`{bound['layer']}`: they are at the largest size that weight_decay="
            f"{_number(decay)} allows, {_number(1 / decay)}. Lower the weight decay."
        )
    idle = max(layers, key=lambda row: row["zero_updates"])
    if idle["zero_updates"] >= IDLE and not cautious:
        found.append(
            f"{_percent(idle['zero_updates'])} of the weights of `{idle['layer']}` got "
            "no update, as their gradients have been zero: units that are never "
            "active, or inputs that do not occur."
        )
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else "unknown"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _expectation(value: float, text: Any) -> str:
    return f" (theory: {text(value)})" if math.isfinite(value) else ""
