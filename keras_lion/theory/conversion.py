"""AdamW's learning rate and weight decay turned into Lion's by what they keep equal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from keras_lion.theory.equilibrium import adamw_update_rms, lion_noise_gain

Kept = Literal["update_rms", "weight_rms", "rotation", "timescale"]


@dataclass(frozen=True)
class ConversionFactors:
    """Lion's hyperparameters over AdamW's.

    Attributes:
        learning_rate: η_L / η_A.
        weight_decay: λ_L / λ_A.
    """

    learning_rate: float
    weight_decay: float


def conversion_factors(
    keep: tuple[Kept, Kept] = ("update_rms", "weight_rms"),
    *,
    beta_1: float = 0.9,
    lion_betas: tuple[float, float] = (0.9, 0.99),
) -> ConversionFactors:
    """Factors from AdamW to Lion that keep two quantities under pure gradient noise.

    With L for Lion, A for AdamW, u = √((1 − β₁) / (1 + β₁)) for AdamW's β₁ and G the
    `lion_noise_gain` of Lion's betas, each quantity is one equation:

        "update_rms"   η_L / η_A = u               steps of one size
        "weight_rms"   (η_L / η_A) / (λ_L / λ_A) = 1 / G     weights of one size
        "rotation"     (η_L / η_A) (λ_L / λ_A) = u² G    one angle per step
        "timescale"    (η_L / η_A) (λ_L / λ_A) = 1        one τ = 1 / (ηλ)

    Any two of the first three give the same factors. `"timescale"` is what the authors'
    rule (η / k, λ · k) keeps: with `"weight_rms"` it makes k = √G = 6.8, with
    `"update_rms"` k = 1 / u = 4.4, and Lion then turns more slowly than AdamW.

    These are the limits for ηλ ≪ 1 − β₂. Gradients with a signal change them: where
    they are pure signal both optimizers' steps have the size η.

    Args:
        keep: Two of the names above.
        beta_1: β₁ of AdamW.
        lion_betas: β₁ and β₂ of Lion.

    Returns:
        The factors.

    Raises:
        ValueError: If `keep` is not two different names, or rotation and timescale, of
            which only one can be kept; or a beta is not in [0, 1).

    Example:

    ```python
    from keras_lion import theory

    theory.conversion_factors(("timescale", "weight_rms"))
    # ConversionFactors(learning_rate=0.1476, weight_decay=6.777)
    ```

    References:
        [Chen et al., 2023, section 5](https://arxiv.org/abs/2302.06675) (3 to 10 times)
    """
    names = tuple(keep)
    if len(set(names)) != 2 or len(names) != 2 or not set(names) <= set(get_args(Kept)):
        raise ValueError(
            f"`keep` must be two of {', '.join(get_args(Kept))}. "
            f"Received: keep={keep!r}."
        )
    if set(names) == {"rotation", "timescale"}:
        raise ValueError(
            "Rotation and timescale both depend on the product of learning rate and "
            "weight decay alone, so that only one of them can be kept. Received: "
            f"keep={keep!r}: replace one by 'update_rms' or 'weight_rms'."
        )
    update = math.log(adamw_update_rms(beta_1))
    gain = math.log(lion_noise_gain(*lion_betas))
    # Logarithms: (power of the rate's factor, power of the decay's) = right-hand side.
    equations = {
        "update_rms": ((1, 0), update),
        "weight_rms": ((1, -1), -gain),
        "rotation": ((1, 1), 2 * update + gain),
        "timescale": ((1, 1), 0.0),
    }
    powers = np.array([equations[name][0] for name in names], float)
    rate, decay = np.linalg.solve(powers, [equations[name][1] for name in names])
    return ConversionFactors(math.exp(rate), math.exp(decay))
