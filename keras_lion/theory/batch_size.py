"""Hyperparameters for another batch size at the same number of epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keras_lion.theory._checks import check_beta, check_positive
from keras_lion.theory.equilibrium import lion_noise_gain


@dataclass(frozen=True)
class BatchSizeConversion:
    """Hyperparameters at the other batch size.

    Attributes:
        learning_rate: η there.
        weight_decay: λ there.
        beta_1: β₁ there.
        beta_2: β₂ there.
    """

    learning_rate: float
    weight_decay: float
    beta_1: float
    beta_2: float


def adamw_at_batch_size(
    ratio: float,
    learning_rate: float,
    weight_decay: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    *,
    rescale_betas: bool = True,
) -> BatchSizeConversion:
    """AdamW's hyperparameters for batches `ratio` times as large, in gradient noise.

        η → √κ η,   λ → √κ λ,   β₁ → β₁^κ,   β₂ → β₂^κ       κ = ratio

    The square root rule: after the same number of examples weights have the same RMS
    and the same mean drift. The timescale stays the same in epochs, B / (ηλN), and the
    moments' half-lives in examples. ε, where it matters, becomes ε / √κ.

    It holds while gradients are mostly noise, at most up to the critical batch size,
    and for ηλ ≪ 1 − β₁ at both sizes.

    Args:
        ratio: κ > 0, the new batch size over the old.
        learning_rate: η > 0.
        weight_decay: λ ≥ 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        rescale_betas: False leaves the betas as they are.

    Returns:
        The hyperparameters at the new batch size.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    from keras_lion import theory

    theory.adamw_at_batch_size(4, 1e-3, 0.1)
    # learning_rate=0.002, weight_decay=0.2, beta_1=0.6561, beta_2=0.996
    ```

    References:
        - [Malladi et al., 2022](https://arxiv.org/abs/2205.10287) (square root; there
          1 − β → κ (1 − β), which β^κ tends to)
        - [Marek et al., 2025](https://arxiv.org/abs/2507.07101) (half-lives)
    """
    _check(ratio, learning_rate, weight_decay, beta_1, beta_2)
    root = math.sqrt(ratio)
    if rescale_betas:
        beta_1, beta_2 = beta_1**ratio, beta_2**ratio
    return BatchSizeConversion(
        root * learning_rate, root * weight_decay, beta_1, beta_2
    )


def lion_at_batch_size(
    ratio: float,
    learning_rate: float,
    weight_decay: float,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
    *,
    rescale_betas: bool = True,
) -> BatchSizeConversion:
    """Lion's hyperparameters for batches `ratio` times as large, in gradient noise.

        β₁ → β₁ β₂^{κ−1},   β₂ → β₂^κ,   η → η √(κ G / G′),   λ → κ ηλ / η′

    with κ = ratio and G, G′ the `lion_noise_gain` of the betas before and after. β₂'s
    half-life stays the same in examples, and so does the weight of the newest κ old
    batches, which are one batch now. After the same number of examples weights then
    have the same RMS, and the timescale is the same in epochs. Betas that stay as they
    are have G = G′: the square root rule. Rescaled ones flip signs more often, so that
    the learning rate must grow faster.

    It holds while gradients are mostly noise, for ηλ ≪ 1 − β₂ at both sizes, and after
    more than 1 / (1 − β₂) steps: betas that stay as they are remember more examples. A
    signal saturates Lion's sign: beyond that, larger batches need smaller learning
    rates again (Li et al.).

    Args:
        ratio: κ > 0, the new batch size over the old.
        learning_rate: η > 0.
        weight_decay: λ ≥ 0.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).
        rescale_betas: False leaves the betas as they are.

    Returns:
        The hyperparameters at the new batch size.

    Raises:
        ValueError: If an argument is out of its range, or smaller batches need a β₁ of
            1 or more.

    Example:

    ```python
    from keras_lion import theory

    theory.lion_at_batch_size(4, 1e-3, 1.0, rescale_betas=False)
    # learning_rate=0.002, weight_decay=2.0, beta_1=0.9, beta_2=0.99
    ```

    References:
        - [Marek et al., 2025](https://arxiv.org/abs/2507.07101) (half-lives)
        - [Li et al., 2024](https://arxiv.org/abs/2405.14578) (saturation)
    """
    _check(ratio, learning_rate, weight_decay, beta_1, beta_2)
    gain = lion_noise_gain(beta_1, beta_2)
    if rescale_betas:
        # 0 to a negative power, too, is a beta_1 that Lion does not have.
        vanished = beta_2 == 0 and ratio < 1
        beta_1 = math.inf if vanished else beta_1 * beta_2 ** (ratio - 1)
        beta_2 = beta_2**ratio
        if not beta_1 < 1:
            raise ValueError(
                "Batches so much smaller need a beta_1 of 1 or more, which Lion does "
                f"not have. Received: ratio={ratio!r}: use rescale_betas=False, or a "
                "larger ratio."
            )
    rate = learning_rate * math.sqrt(ratio * gain / lion_noise_gain(beta_1, beta_2))
    decay = ratio * learning_rate * weight_decay / rate
    return BatchSizeConversion(rate, decay, beta_1, beta_2)


def _check(
    ratio: float,
    learning_rate: float,
    weight_decay: float,
    beta_1: float,
    beta_2: float,
) -> None:
    check_positive(ratio=ratio, learning_rate=learning_rate)
    check_beta("beta_1", beta_1)
    check_beta("beta_2", beta_2)
    if not 0 <= weight_decay < math.inf:
        raise ValueError(
            "`weight_decay` must be finite and not negative. "
            f"Received: weight_decay={weight_decay!r}."
        )
