"""The grids that studies use: around a centre, and along lines of equal lr × λ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from keras_lion.tuning.study.search_space import Axis, SearchSpace

RATIO = math.sqrt(10)  # of both axes, so that anti-diagonals are lines of equal lr × λ

# Chen et al. (2023) compare Lion with these betas and AdamW with those.
OF_ADAM, OF_LION = (
    {"beta_1": 0.9, "beta_2": 0.999},
    {"beta_1": 0.9, "beta_2": 0.99},
)
USUAL_BETAS: Mapping[str, Mapping[str, float]] = {
    "adam": OF_ADAM,
    "adamw": OF_ADAM,
    "cautious_lion": OF_LION,
    "lamb": OF_ADAM,
    "lion": OF_LION,
    "nadam": OF_ADAM,
    "schedule_free_adamw": OF_ADAM,
    "sgd_momentum": {"beta_1": 0.9},
    "signum": {"beta_1": 0.9},
}


def window(
    optimizer: str,
    centre: tuple[float, float],
    shape: tuple[int, int],
    *,
    ratio: float = RATIO,
    zero: bool = False,
    fixed: Mapping[str, float] | None = None,
) -> SearchSpace:
    """Learning rates and weight decays of equal ratio around a centre.

    Args:
        optimizer: Whose usual betas are fixed, unless `fixed` says otherwise.
        centre: Learning rate and weight decay in the middle.
        shape: Numbers of learning rates and of positive weight decays.
        ratio: Of neighbouring values on both axes.
        zero: Whether there is a row without weight decay.
        fixed: Further fixed hyperparameters.

    Returns:
        The grid.

    Example:

    ```python
    from keras_lion.tuning.study.grids import window

    len(window("lion", centre=(1e-3, 1.0), shape=(5, 3), zero=True))  # 20
    ```
    """
    (learning_rate, weight_decay), (rates, decays) = centre, shape
    return SearchSpace(
        axes=(
            Axis.geometric(
                "weight_decay", centre=weight_decay, ratio=ratio, num=decays, zero=zero
            ),
            Axis.geometric(
                "learning_rate", centre=learning_rate, ratio=ratio, num=rates
            ),
        ),
        fixed={**USUAL_BETAS.get(optimizer, {}), **(fixed or {})},
    )


def iso_product_lines(
    optimizer: str,
    learning_rates: Sequence[float],
    products: Sequence[float],
    *,
    fixed: Mapping[str, float] | None = None,
) -> tuple[SearchSpace, ...]:
    """Every learning rate with the weight decays that give each product.

    Args:
        optimizer: Whose usual betas are fixed, unless `fixed` says otherwise.
        learning_rates: The learning rates η.
        products: The values of ηλ, ascending.
        fixed: Further fixed hyperparameters.

    Returns:
        One grid for each learning rate. Weight decays are rounded to five digits, so
        that equal ones of different lines are equal.

    Example:

    ```python
    from keras_lion.tuning.study.grids import iso_product_lines

    [line] = iso_product_lines("lion", [1e-2], [1e-3, 1e-2])
    line.axis("weight_decay").values  # (0.1, 1.0)
    ```
    """
    betas = {**USUAL_BETAS.get(optimizer, {}), **(fixed or {})}
    return tuple(
        SearchSpace(
            axes=(
                Axis(
                    "weight_decay",
                    tuple(float(f"{product / rate:.5g}") for product in products),
                ),
                Axis("learning_rate", (rate,)),
            ),
            fixed=betas,
        )
        for rate in learning_rates
    )
