"""Over how many steps Lion and AdamW remember."""

from __future__ import annotations

from keras_lion.theory._checks import shrinkage


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


def relaxation_steps(learning_rate: float, weight_decay: float) -> float:
    """3 / (2ηλ): steps after which weights count as settled.

    The distance of E[w²] from its equilibrium shrinks by (1 − ηλ)² per step: its
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
