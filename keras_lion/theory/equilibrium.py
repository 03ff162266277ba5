"""Where Lion and AdamW settle under pure gradient noise.

All of it assumes that gradients are dominated by noise: independent from step to step,
Gaussian with mean zero and one variance per weight. Learning rate and weight decay are
constant, and the weights have run for several times 1 / (learning_rate · weight_decay)
steps.

Where that fails, numbers differ, and in either direction. A steady signal makes signs
flip less and steps add up more. A loss that pushes weights back makes signs flip more
and weights smaller. Lion also sees the shape of the noise, as the newest gradient is
most of what it takes the sign of (71 % of its variance, for the default betas): weights
are 12 % larger with Laplace's distribution, 30 % larger if half of the gradients are
zero, and 37 % smaller if gradients are ±1. AdamW does not see it, but lags behind
gradients whose size changes. `studies/theory.py` measures all of this in training.

With η the learning rate, λ the weight decay, a = 1 − ηλ and u the update (all but
decay, in units of η), a weight follows

    w ← a w − η u
    E[w²] = η² E[u²] / (1 − a²) · (1 + 2 Σ_{τ≥1} a^τ corr(u_t, u_{t+τ})).

RMS values are per weight: the norm of n weights is √n times as large.

References:
    - [Kosson et al., 2023, *Rotational Equilibrium*](https://arxiv.org/abs/2305.17212),
      whose linearized constant for Lion the arcsine law here makes exact
    - Van Vleck and Middleton, 1966, *The spectrum of clipped noise*
      (corr(sign x, sign y) = 2/π · arcsin corr(x, y) for Gaussian x, y)
"""

from __future__ import annotations

import math

from keras_lion.theory._checks import check_beta, shrinkage
from keras_lion.theory._interpolation import (
    arcsine_series,
    lag_one_correlation,
)

_NEGLIGIBLE = 1e-17


def lion_equilibrium_rms(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9, beta_2: float = 0.99
) -> float:
    """RMS of a weight that Lion trains on noise alone, once it no longer changes.

        w² = η² / (1 − a²) · [1 + 4/π Σ_{τ≥1} a^τ arcsin(ρ₁ β₂^{τ−1})],   a = 1 − ηλ,

    with ρ₁ the correlation of successive interpolated momenta. Exact for independent
    Gaussian gradients of any scale. For ηλ ≪ 1 − β₂ it tends to √(G η / 2λ), G being
    `lion_noise_gain`; at ηλ = 1 − β₂ it is about 0.7 times that.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0; without decay the weights never stop growing.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        The root of the mean square of the weight.

    Raises:
        ValueError: If ηλ is not in (0, 2), where weights settle, or a beta not in
            [0, 1).

    Example:

    ```python
    from keras_lion import theory

    theory.lion_equilibrium_rms(1e-3, 1.0)  # 0.1447
    ```
    """
    a = shrinkage(learning_rate, weight_decay)
    # 1 − a², without the cancellation that ηλ ≪ 1 would bring
    forgotten = (1 - a) * (1 + a)
    return learning_rate * math.sqrt(_lion_memory(beta_1, beta_2, a) / forgotten)


def adamw_equilibrium_rms(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9
) -> float:
    """RMS of a weight that AdamW trains on noise alone, once it no longer changes.

        w² = η² / (1 − a²) · (1 − β₁) / (1 + β₁) · (1 + β₁ a) / (1 − β₁ a),   a = 1 − ηλ

    which tends to √(η / 2λ) for ηλ ≪ 1 − β₁. Assumes besides a second moment that
    averages so long that it is the variance of the gradients (1 − β₂ ≪ 1), and a
    negligible ε.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0, multiplied by the learning rate, as in Keras.
        beta_1: β₁ in [0, 1).

    Returns:
        The root of the mean square of the weight.

    Raises:
        ValueError: If ηλ is not in (0, 2), where weights settle, or β₁ not in [0, 1).
    """
    a = shrinkage(learning_rate, weight_decay)
    memory = (1 + beta_1 * a) / (1 - beta_1 * a)
    forgotten = (1 - a) * (1 + a)
    return learning_rate * adamw_update_rms(beta_1) * math.sqrt(memory / forgotten)


def lion_noise_gain(beta_1: float = 0.9, beta_2: float = 0.99) -> float:
    """G: how much faster the variance of weights grows than if signs were independent.

        G = 1 + 4/π Σ_{τ≥1} arcsin(ρ₁ β₂^{τ−1})

    so that, with little decay, weights settle at √(G η / 2λ). AdamW's G is 1 in this
    sense: its weights settle at √(η / 2λ) for every β₁.

    Args:
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        G: 45.93 for (0.9, 0.99), 58.08 for (0.95, 0.98).

    Raises:
        ValueError: If a beta is not in [0, 1).
    """
    return _lion_memory(beta_1, beta_2, 1.0)


def adamw_update_rms(beta_1: float = 0.9) -> float:
    """RMS of AdamW's update of a weight, in units of the learning rate: Lion's is 1.

        √((1 − β₁) / (1 + β₁))

    Assumes besides a second moment that averages so long that it is the variance of
    the gradients (at β₂ = 0.95 updates are about 1 % smaller), and a negligible ε.
    Where gradients are pure signal it is 1, as Lion's.

    Args:
        beta_1: β₁ in [0, 1).

    Returns:
        The RMS: 0.2294 for β₁ = 0.9.

    Raises:
        ValueError: If β₁ is not in [0, 1).
    """
    check_beta("beta_1", beta_1)
    return math.sqrt((1 - beta_1) / (1 + beta_1))


def sign_flip_probability(beta_1: float = 0.9, beta_2: float = 0.99) -> float:
    """Share of weights whose Lion update changes its sign from one step to the next.

        arccos(ρ₁) / π

    Signs flip less than this with a steady signal, and with gradients that have heavier
    tails than Gaussian ones (9 % less with Laplace's); more where the loss pushes
    weights back, as with large batches.

    Args:
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        The probability: 0.386 for (0.9, 0.99), 0.176 for (0.95, 0.98).

    Raises:
        ValueError: If a beta is not in [0, 1).
    """
    return math.acos(lag_one_correlation(beta_1, beta_2)) / math.pi


def _lion_memory(beta_1: float, beta_2: float, a: float) -> float:
    """1 + 4/π Σ_{τ≥1} a^τ arcsin(ρ₁ β₂^{τ−1}).

    With arcsin x = Σ_k s_k x^{2k+1} the sum over τ is geometric for each k, so that
    long memories cost nothing.
    """
    correlation = lag_one_correlation(beta_1, beta_2)
    odd, series = arcsine_series(correlation, _NEGLIGIBLE)
    summed = series * correlation**odd * a / (1 - a * beta_2**odd)
    return 1 + 4 / math.pi * float(summed.sum())
