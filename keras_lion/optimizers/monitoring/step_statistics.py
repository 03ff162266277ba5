"""What one step of Lion did, from the weights and momenta before and after it.

The interpolated momentum c is not stored. With κ = (1 − β₁) / (1 − β₂), it follows from
two successive momenta:

    m' = m + (1 − β₂) (g − m),   c = m + (1 − β₁) (g − m) = m + κ (m' − m)

κ is 10 for the default betas and multiplies the rounding of m'. With a float32
momentum, sign(c) can be wrong only where |c| < κ 2⁻²⁴ |m'|, about 6e-7 |m'|. With a
bfloat16 momentum that is κ 2⁻⁷ |m'|: about one sign in 300 under gradient noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lion.optimizers.backend import compute_dtype
from keras_lion.optimizers.updates import Betas

Tensor = Any
Array = np.ndarray

NEAR_BOUND = 0.9  # decay binds a weight where λ|w| is at least this

# What is added up over the weights of one variable; the first two are maxima.
SUMS = (
    "largest_c",
    "largest_weight",
    "abs_c",  # Σ |c| / max|c|: squares of small gradients would vanish in float32
    "c_c",  # Σ (c / max|c|)²
    "flips",
    "zeros",
    "bound",
    "stuck",
    "weight_weight",
    "weight_change",
    "change_change",
)

METRICS = (
    "cosine",
    "sign_flips",
    "zero_updates",
    "decay_bound",
    "bound_weights",
    "weight_rms",
    "rotation",
    "stuck_weights",
)


def measure_step(
    before: tuple[Sequence[Tensor], Sequence[Tensor]],
    after: tuple[Sequence[Tensor], Sequence[Tensor]],
    last_directions: Sequence[Tensor],
    learning_rate: Tensor,
    weight_decays: Tensor,
    *,
    betas: Betas,
    cautious: bool = False,
    rounds_stochastically: bool = False,
) -> tuple[Tensor, list[Tensor]]:
    """The sums of each variable over one step, and the direction of each weight.

    Args:
        before: Weights and momenta before the step, one of each per variable.
        after: Weights and momenta after it.
        last_directions: The directions of the step before, or zeros.
        learning_rate: η of the step, float32.
        weight_decays: λ of each variable, shape (variables,), float32.
        betas: β₁ and β₂.
        cautious: Whether weights move only where the step descends.
        rounds_stochastically: Whether bfloat16 weights are rounded at random, so that
            any step moves some.

    Returns:
        `SUMS` of each variable, shape (variables, len(SUMS)), float32, and the
        directions, int8: −1, 0 or 1, against which weights moved.
    """
    sums, directions = [], []
    for index, (weight, momentum, new_weight, new_momentum, last) in enumerate(
        zip(*before, *after, last_directions, strict=True)
    ):
        dtype = compute_dtype(weight)
        momentum = ops.cast(momentum, dtype)
        moved = ops.cast(new_momentum, dtype) - momentum
        c = momentum + betas.one_minus_beta_1 / betas.one_minus_beta_2 * moved
        direction = ops.sign(c)
        if cautious:
            gradient = momentum + moved / betas.one_minus_beta_2
            direction = direction * ops.cast(direction * gradient > 0, dtype)
        found = {
            **_sums_of_momentum(c, direction, ops.cast(last, dtype)),
            **_sums_of_weights(
                weight,
                new_weight,
                ops.cast(learning_rate, dtype),
                ops.cast(weight_decays[index], dtype),
            ),
        }
        if rounds_stochastically and weight.dtype == "bfloat16":
            found["stuck"] = ops.zeros_like(found["stuck"])
        sums.append(ops.stack([ops.cast(found[name], "float32") for name in SUMS]))
        directions.append(ops.cast(direction, "int8"))
    return ops.stack(sums), directions


def _sums_of_momentum(c: Tensor, direction: Tensor, last: Tensor) -> dict[str, Tensor]:
    size = ops.absolute(c)
    largest = ops.max(size)
    scaled = size / ops.where(largest > 0, largest, ops.ones_like(largest))
    return {
        "largest_c": largest,
        "abs_c": ops.sum(scaled),
        "c_c": ops.sum(scaled * scaled),
        "flips": _count(direction * last < 0),
        "zeros": _count(ops.equal(direction, 0)),
    }


def _sums_of_weights(
    weight: Tensor, new_weight: Tensor, learning_rate: Tensor, weight_decay: Tensor
) -> dict[str, Tensor]:
    old = ops.cast(weight, learning_rate.dtype)
    new = ops.cast(new_weight, learning_rate.dtype)
    change = new - old
    # Where neither a step up nor a step down is a new number of the weight's dtype.
    stays = [
        _same_number(
            ops.cast(old - learning_rate * (sign + weight_decay * old), weight.dtype),
            weight,
        )
        for sign in (1.0, -1.0)
    ]
    return {
        "largest_weight": ops.max(ops.absolute(new)),
        "bound": _count(weight_decay * ops.absolute(new) >= NEAR_BOUND),
        "stuck": _count(ops.logical_and(*stays)),
        "weight_weight": ops.sum(old * old),
        "weight_change": ops.sum(old * change),
        "change_change": ops.sum(change * change),
    }


def _same_number(one: Tensor, other: Tensor) -> Tensor:
    # XLA may compare numbers of 16 bits before it rounds them, but not their bits.
    if keras.backend.standardize_dtype(other.dtype) in ("bfloat16", "float16"):
        one, other = ops.view(one, "int16"), ops.view(other, "int16")
    return ops.equal(one, other)


def _count(condition: Tensor) -> Tensor:
    return ops.sum(ops.cast(condition, "float32"))


def summarize(sums: Array, sizes: Array, weight_decays: Array) -> dict[str, float]:
    """`METRICS` of some variables together, as if they were one vector.

    Args:
        sums: `SUMS` of each variable, shape (variables, len(SUMS)).
        sizes: Weights of each variable, shape (variables,).
        weight_decays: λ of each variable, shape (variables,).

    Returns:
        Shares are of all weights. `cosine` is NaN where every c is zero, and
        `rotation`, in radians, where every weight is.
    """
    s = dict(zip(SUMS, np.asarray(sums, np.float64).T, strict=True))
    count = sizes.sum()
    largest = s["largest_c"].max()
    relative = s["largest_c"] / largest if largest > 0 else s["largest_c"]
    abs_c, c_c = (s["abs_c"] * relative).sum(), (s["c_c"] * relative**2).sum()
    old, along, change = (
        s[name].sum() for name in ("weight_weight", "weight_change", "change_change")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = abs_c / np.sqrt(count * c_c)
        across = np.sqrt(np.maximum(change - along**2 / old, 0))
        rotation = np.arctan2(across, (old + along) / np.sqrt(old))
    return {
        "cosine": float(cosine),
        "sign_flips": float(s["flips"].sum() / count),
        "zero_updates": float(s["zeros"].sum() / count),
        "decay_bound": float((weight_decays * s["largest_weight"]).max()),
        "bound_weights": float(s["bound"].sum() / count),
        "weight_rms": float(np.sqrt(np.maximum(old + 2 * along + change, 0) / count)),
        "rotation": float(rotation),
        "stuck_weights": float(s["stuck"].sum() / count),
    }
