"""RMS and rotation of weights step by step, for any schedule, under gradient noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_lion.theory._checks import Array, check_beta, checked_schedule
from keras_lion.theory._interpolation import arcsine_series, from_zero

_NEGLIGIBLE = 1e-13


@dataclass(frozen=True)
class WeightPath:
    """What weights do during training.

    Attributes:
        rms: RMS of a weight before the first step and after each, shape (steps + 1,).
        rotation: Angle between the weights before and after each step in radians,
            shape (steps,); NaN while all weights are zero and have no direction.
    """

    rms: Array
    rotation: Array


def lion_path(
    learning_rate: ArrayLike,
    weight_decay: ArrayLike,
    *,
    initial_rms: float,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> WeightPath:
    """RMS and rotation of weights that Lion trains on noise alone, step by step.

    With V = E[w²], K = −E[w u] and a_t = 1 − η_t λ_t:

        V ← a_t² V + 2 a_t η_t K_t + η_t²
        K_t = 2/π Σ_k s_k Q_{k,t},   arcsin x = Σ_k s_k x^{2k+1}
        Q_k ← a_t (β₂ √(v_t / v_{t+1}))^{2k+1} Q_k + η_t r_t^{2k+1}
        angle_t = atan2(η_t √(V − K_t²), a_t V + η_t K_t)

    with v_t the variance of the interpolated momentum and r_t its correlation with the
    next, both while the momentum fills up from zero. Exact for independent Gaussian
    gradients of any scale, and initial weights that do not depend on them. It settles
    at `lion_equilibrium_rms` and `lion_rotation` where the schedule is constant.

    Args:
        learning_rate: η_t of every step, shape (steps,).
        weight_decay: λ of all steps, or λ_t of every step, shape (steps,).
        initial_rms: RMS of the initial weights, ≥ 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        The path.

    Raises:
        ValueError: If shapes do not fit, or an argument is out of its range.

    Example:

    ```python
    import numpy as np
    from keras_lion import theory

    path = theory.lion_path(np.full(3000, 1e-3), 1.0, initial_rms=0.1)
    path.rms[-1]  # 0.1446; at equilibrium 0.1447
    ```

    References:
        Van Vleck and Middleton, 1966 (the arcsine law).
    """
    rates, decays = checked_schedule(learning_rate, weight_decay)
    variances, covariances = from_zero(beta_1, beta_2, len(rates))
    correlations = covariances / np.sqrt(variances[:-1] * variances[1:])
    fading = beta_2 * np.sqrt(variances[:-1] / variances[1:])
    odd, series = arcsine_series(float(correlations.max()), _NEGLIGIBLE)
    memory = np.zeros_like(odd)  # Q_k
    drift = np.empty(len(rates))  # K_t
    for step, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        drift[step] = 2 / np.pi * (series @ memory)
        memory = (1 - rate * decay) * fading[step] ** odd * memory
        memory += rate * correlations[step] ** odd
    return _path(rates, decays, np.ones(len(rates)), drift, initial_rms)


def adamw_path(
    learning_rate: ArrayLike,
    weight_decay: ArrayLike,
    *,
    initial_rms: float,
    beta_1: float = 0.9,
) -> WeightPath:
    """RMS and rotation of weights that AdamW trains on noise alone, step by step.

    With V = E[w²], U_t = E[u_t²], K = −E[w u], b_t = 1 − β₁^t (t = 1, 2, …: the
    correction of the first moment) and a_t = 1 − η_t λ_t:

        U_t = (1 − β₁) / (1 + β₁) · (1 + β₁^t) / (1 − β₁^t)
        V ← a_t² V + 2 a_t η_t R_t / b_t + η_t² U_t
        R ← β₁ (a_t R + η_t U_t b_t)
        angle_t = atan2(η_t √(U_t V − K_t²), a_t V + η_t K_t),   K_t = R_t / b_t

    Assumes besides a second moment that is the variance of the gradients: not so in the
    first few steps, nor for a short β₂. It settles at `adamw_equilibrium_rms` and
    `adamw_rotation` where the schedule is constant.

    Args:
        learning_rate: η_t of every step, shape (steps,).
        weight_decay: λ of all steps, or λ_t of every step, shape (steps,).
        initial_rms: RMS of the initial weights, ≥ 0.
        beta_1: β₁ in [0, 1).

    Returns:
        The path.

    Raises:
        ValueError: If shapes do not fit, or an argument is out of its range.

    Example:

    ```python
    import numpy as np
    from keras_lion import theory

    cosine = 1e-2 * (1 + np.cos(np.pi * np.linspace(0, 1, 2000))) / 2
    theory.adamw_path(cosine, 0.1, initial_rms=0.1).rms[-1]
    ```
    """
    rates, decays = checked_schedule(learning_rate, weight_decay)
    check_beta("beta_1", beta_1)
    powers = beta_1 ** np.arange(1.0, len(rates) + 1)
    sizes = (1 - beta_1) / (1 + beta_1) * (1 + powers) / (1 - powers)  # U_t
    drift = np.empty(len(rates))
    memory = 0.0  # R_t
    for step, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        correction = 1 - powers[step]
        drift[step] = memory / correction
        memory = (1 - rate * decay) * memory + rate * sizes[step] * correction
        memory *= beta_1
    return _path(rates, decays, sizes, drift, initial_rms)


def _path(
    rates: Array, decays: Array, sizes: Array, drift: Array, initial_rms: float
) -> WeightPath:
    """The path where E[u_t²] is `sizes` and −E[w_t u_t] is `drift`."""
    if not 0 <= initial_rms < np.inf:
        raise ValueError(
            "`initial_rms` must be finite and not negative. "
            f"Received: initial_rms={initial_rms!r}."
        )
    kept = 1 - rates * decays
    variances = np.empty(len(rates) + 1)
    variances[0] = initial_rms**2
    for step, a in enumerate(kept):
        grown = 2 * a * rates[step] * drift[step] + rates[step] ** 2 * sizes[step]
        variances[step + 1] = a**2 * variances[step] + grown
    before = variances[:-1]
    across = rates * np.sqrt(np.maximum(sizes * before - drift**2, 0))
    rotation = np.arctan2(across, kept * before + rates * drift)
    undefined = (before == 0) | (variances[1:] == 0)
    return WeightPath(np.sqrt(variances), np.where(undefined, np.nan, rotation))
