"""Lion's interpolated momentum c on independent gradients of variance 1.

The gradient of j steps ago has weight 1 − β₁ in c at j = 0, and β₁ (1 − β₂) β₂^{j−1}
at j ≥ 1.
"""

from __future__ import annotations

import numpy as np

from keras_lion.theory._checks import Array, check_beta


def variance(beta_1: float, beta_2: float) -> float:
    """S = (1 − β₁)² + β₁² (1 − β₂) / (1 + β₂), the variance of c."""
    check_beta("beta_1", beta_1)
    check_beta("beta_2", beta_2)
    return (1 - beta_1) ** 2 + beta_1**2 * (1 - beta_2) / (1 + beta_2)


def lag_one_correlation(beta_1: float, beta_2: float) -> float:
    """ρ₁ = corr(c_t, c_{t+1}); at lag τ ≥ 1 it is ρ₁ β₂^{τ−1}."""
    older = beta_1**2 * (1 - beta_2) / (1 + beta_2)
    newest = (1 - beta_1) * beta_1 * (1 - beta_2)
    return (newest + beta_2 * older) / variance(beta_1, beta_2)


def from_zero(beta_1: float, beta_2: float, steps: int) -> tuple[Array, Array]:
    """The same while the momentum fills up from zero.

    Returns:
        Variance of c at the steps 0 … `steps`, and the covariance of c at each of the
        first `steps` steps with the next; at lag τ it is β₂^{τ−1} times that.
    """
    variance(beta_1, beta_2)  # checks the betas
    filled: Array = np.asarray(1 - beta_2 ** (2.0 * np.arange(steps + 1)), float)
    older = beta_1**2 * (1 - beta_2) / (1 + beta_2) * filled
    newest = (1 - beta_1) * beta_1 * (1 - beta_2)
    return (1 - beta_1) ** 2 + older, newest + beta_2 * older[:-1]


def arcsine_series(correlation: float, negligible: float) -> tuple[Array, Array]:
    """arcsin x = Σ_k s_k x^{2k+1}, up to terms that are negligible at `correlation`.

    Returns:
        The exponents 2k + 1 and the coefficients s_k.
    """
    terms = 1
    if correlation > 0:
        terms += int(np.ceil(np.log(negligible) / (2 * np.log(correlation))))
    k = np.arange(terms)
    odd = np.asarray(2 * k + 1, float)
    # s_k = (1·3·…·(2k−1)) / (2·4·…·2k) / (2k + 1)
    factors = np.where(k > 0, (odd - 2) / np.maximum(2 * k, 1), 1.0)
    return odd, np.asarray(np.cumprod(factors) / odd, float)
