"""Over how many steps, epochs and examples Lion and AdamW remember."""

from __future__ import annotations

from numpy.typing import ArrayLike

from keras_lion.theory._checks import (
    check_positive,
    checked_schedule,
    shrinkage,
)


def ema_timescale(learning_rate: float, weight_decay: float) -> float:
    """τ = 1 / (ηλ): steps over which weights average their updates.

    With decoupled decay the weights are an exponential moving average of −u / λ, for
    Lion and AdamW alike: w ← (1 − 1/τ) w + (1/τ) (−u / λ).

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0.

    Returns:
        τ in steps.

    Raises:
        ValueError: If ηλ is not in (0, 2).

    Example:

    ```python
    from keras_lion import theory

    theory.ema_timescale(1e-3, 0.1)  # 10000.0
    ```

    References:
        [Wang and Aitchison, 2024](https://arxiv.org/abs/2405.13698)
    """
    shrinkage(learning_rate, weight_decay)
    return 1 / (learning_rate * weight_decay)


def ema_timescale_epochs(
    learning_rate: float, weight_decay: float, batch_size: float, train_examples: float
) -> float:
    """τ in epochs: B / (ηλN).

    Its best value hardly changes with the size of model and data: between about one
    epoch and the number of epochs of the training.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0.
        batch_size: B, examples a step.
        train_examples: N, examples an epoch.

    Returns:
        τ in epochs.

    Raises:
        ValueError: If ηλ is not in (0, 2), or a size is not positive.

    References:
        [Wang and Aitchison, 2024](https://arxiv.org/abs/2405.13698);
        [Bergsma et al., 2025](https://arxiv.org/abs/2505.13738)
    """
    check_positive(batch_size=batch_size, train_examples=train_examples)
    return ema_timescale(learning_rate, weight_decay) * batch_size / train_examples


def kappa(learning_rate: ArrayLike, weight_decay: ArrayLike) -> float:
    """κ = Σ_t η_t λ_t: how many times over a training forgets its initial weights.

    About e^{−κ} of the initial weights is left at the end, Π_t (1 − η_t λ_t) exactly.
    Trainings of other lengths or schedules compare by κ rather than by ηλ.

    Args:
        learning_rate: η_t of every step, shape (steps,).
        weight_decay: λ of all steps, or λ_t of every step, shape (steps,).

    Returns:
        κ, 0 without decay.

    Raises:
        ValueError: If shapes do not fit, or a value is negative or not finite.

    Example:

    ```python
    import numpy as np
    from keras_lion import theory

    theory.kappa(np.full(1000, 1e-3), 0.5)  # 0.5
    ```
    """
    rates, decays = checked_schedule(learning_rate, weight_decay)
    return float((rates * decays).sum())


def relaxation_steps(learning_rate: float, weight_decay: float) -> float:
    """3 / (2ηλ): steps after which weights count as settled.

    The distance of E[w²] from its equilibrium shrinks by (1 − ηλ)² a step: its
    half-life is ln 2 / (2ηλ), and e^{−3} = 5 % of it is left after these steps, where
    1 / (ηλ) is well above the 1 / (1 − β₂) steps that momentum remembers. A
    measurement before them compares with `lion_path` or `adamw_path`, not with an
    equilibrium.

    Args:
        learning_rate: η > 0.
        weight_decay: λ > 0.

    Returns:
        The number of steps.

    Raises:
        ValueError: If ηλ is not in (0, 2).
    """
    return 1.5 * ema_timescale(learning_rate, weight_decay)
