"""The published limits, to compare: linear in the noise, for a small ηλ.

They are what Kosson et al. derive and their code computes. For AdamW they are the limit
of the forms of this package for ηλ ≪ 1 − β₁. For Lion they also take the sign as linear
in the momentum (Bussgang), so that even their limit is off: RMS 0.7 % low for the betas
(0.9, 0.99), 2.9 % for (0.95, 0.98). At a finite ηλ they are too large: for (0.9, 0.99)
by 4 % at ηλ = 1e-3 and by 39 % at 1e-2.

References:
    [Kosson et al., 2023, *Rotational Equilibrium*](https://arxiv.org/abs/2305.17212)
"""

from __future__ import annotations

import math

from keras_lion.theory._checks import check_beta, shrinkage
from keras_lion.theory._interpolation import variance


def published_lion_rms(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9, beta_2: float = 0.99
) -> float:
    """√(η / (π λ S)),   S = (1 − β₁)² + β₁² (1 − β₂) / (1 + β₂).

    The published limit of `lion_equilibrium_rms`, with its arguments and errors.
    """
    shrinkage(learning_rate, weight_decay)
    noise = variance(beta_1, beta_2)
    return math.sqrt(learning_rate / (math.pi * weight_decay * noise))


def published_adamw_rms(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9
) -> float:
    """√(η / 2λ), for every β₁.

    The published limit of `adamw_equilibrium_rms`, with its arguments and errors.
    """
    shrinkage(learning_rate, weight_decay)
    check_beta("beta_1", beta_1)
    return math.sqrt(learning_rate / (2 * weight_decay))


def published_lion_rotation(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9, beta_2: float = 0.99
) -> float:
    """√(π η λ S),   S = (1 − β₁)² + β₁² (1 − β₂) / (1 + β₂), in radians a step.

    The published limit of `lion_rotation`, with its arguments and errors.
    """
    shrinkage(learning_rate, weight_decay, below=1)
    noise = variance(beta_1, beta_2)
    return math.sqrt(math.pi * learning_rate * weight_decay * noise)


def published_adamw_rotation(
    learning_rate: float, weight_decay: float, beta_1: float = 0.9
) -> float:
    """√(2 η λ (1 − β₁) / (1 + β₁)), in radians a step.

    The published limit of `adamw_rotation`, with its arguments and errors.
    """
    shrinkage(learning_rate, weight_decay, below=1)
    check_beta("beta_1", beta_1)
    share = (1 - beta_1) / (1 + beta_1)
    return math.sqrt(2 * learning_rate * weight_decay * share)
