"""What the algebra predicts of Lion and AdamW under pure gradient noise.

All of it assumes that gradients are dominated by noise: independent from step to step,
Gaussian with mean zero and one variance per weight. Learning rate and weight decay are
constant, and the weights have run for several times 1 / (learning_rate · weight_decay)
steps. A signal in the gradients makes signs flip less and steps add up more than this
says: the distance between a measurement and these numbers is the signal.

With η the learning rate, λ the weight decay, a = 1 − ηλ and u the update (all but
decay, in units of η), a weight follows

    w ← a w − η u
    E[w²] = η² E[u²] / (1 − a²) · (1 + 2 Σ_{τ≥1} a^τ corr(u_t, u_{t+τ})).

RMS values are per weight: the norm of n weights is √n times as large.

References:
    - [Kosson et al., 2023, *Rotational Equilibrium*](https://arxiv.org/abs/2305.17212),
      whose linearised constant for Lion the arcsine law here makes exact
    - Van Vleck and Middleton, 1966, *The spectrum of clipped noise*
      (corr(sign x, sign y) = 2/π · arcsin corr(x, y) for Gaussian x, y)
"""

from __future__ import annotations

import math

import numpy as np

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
    a = _shrinkage(learning_rate, weight_decay)
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
    a = _shrinkage(learning_rate, weight_decay)
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
    _check_beta("beta_1", beta_1)
    return math.sqrt((1 - beta_1) / (1 + beta_1))


def sign_flip_probability(beta_1: float = 0.9, beta_2: float = 0.99) -> float:
    """Share of weights whose Lion update changes its sign from one step to the next.

        arccos(ρ₁) / π

    A measured share below this is signal in the gradients.

    Args:
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        The probability: 0.386 for (0.9, 0.99), 0.176 for (0.95, 0.98).

    Raises:
        ValueError: If a beta is not in [0, 1).
    """
    return math.acos(_lag_one_correlation(beta_1, beta_2)) / math.pi


def _lag_one_correlation(beta_1: float, beta_2: float) -> float:
    """ρ₁ = corr(c_t, c_{t+1}); at lag τ ≥ 1 it is ρ₁ β₂^{τ−1}.

    The gradient of j steps ago has weight 1 − β₁ in c at j = 0, and
    β₁ (1 − β₂) β₂^{j−1} at j ≥ 1.
    """
    _check_beta("beta_1", beta_1)
    _check_beta("beta_2", beta_2)
    newest = 1 - beta_1
    next_newest = beta_1 * (1 - beta_2)
    older = next_newest * next_newest / ((1 - beta_2) * (1 + beta_2))
    variance = newest * newest + older
    return (newest * next_newest + beta_2 * older) / variance


def _lion_memory(beta_1: float, beta_2: float, a: float) -> float:
    """1 + 4/π Σ_{τ≥1} a^τ arcsin(ρ₁ β₂^{τ−1}).

    With arcsin x = Σ_k s_k x^{2k+1} the sum over τ is geometric for each k, so that
    long memories cost nothing.
    """
    correlation = _lag_one_correlation(beta_1, beta_2)
    if correlation == 0:
        return 1.0
    terms = 1 + math.ceil(math.log(_NEGLIGIBLE) / (2 * math.log(correlation)))
    k = np.arange(terms)
    odd = 2 * k + 1
    # s_k = (1·3·…·(2k−1)) / (2·4·…·2k) / (2k + 1)
    series = np.cumprod(np.where(k > 0, (odd - 2) / np.maximum(2 * k, 1), 1.0)) / odd
    summed = series * correlation**odd * a / (1 - a * beta_2**odd)
    return 1 + 4 / math.pi * float(summed.sum())


def _shrinkage(learning_rate: float, weight_decay: float) -> float:
    if (
        not learning_rate > 0
        or not weight_decay > 0
        or not learning_rate * weight_decay < 2
    ):
        raise ValueError(
            "Weights settle where learning_rate and weight_decay are positive and "
            "their product is below 2. Received: "
            f"learning_rate={learning_rate!r}, weight_decay={weight_decay!r}."
        )
    return 1 - learning_rate * weight_decay


def _check_beta(name: str, beta: float) -> None:
    if not 0 <= beta < 1:
        raise ValueError(
            f"`{name}` must be in the range [0, 1). Received: {name}={beta!r}."
        )
