"""What lr·λ means: axes for tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.landscape import Landscape


@dataclass(frozen=True)
class ProductAxes:
    """The product of the two hyperparameters of each cell, in three units.

    Attributes:
        product: lr·λ: the share of a weight that one step forgets, shape (m, n).
        timescale: τ = B / (lr·λ·N) in epochs, shape (m, n): how far back the weights
            remember their updates; infinite without decay.
        kappa: κ = λ Σ_t lr_t, shape (m, n): about e^−κ of the initial weights is left
            at the end of the training; 0 without decay.
    """

    product: Array = field(compare=False)
    timescale: Array = field(compare=False)
    kappa: Array = field(compare=False)


def product_axes(
    landscape: Landscape,
    *,
    batch_size: float,
    train_examples: float,
    sum_of_schedule: float,
) -> ProductAxes:
    """lr·λ of every cell, as it is, as a timescale in epochs, and as κ.

    Args:
        landscape: Scores on a grid; only its axes are read.
        batch_size: B, examples a step.
        train_examples: N, examples an epoch.
        sum_of_schedule: Σ_t lr_t / lr over the training: the number of steps for a
            constant learning rate, about half of it for a cosine.

    Returns:
        The three, each of shape (m, n).

    Raises:
        ValueError: If a number is not positive and finite.

    Example:

    ```python
    axes = product_axes(
        landscape, batch_size=64, train_examples=1024, sum_of_schedule=320
    )
    axes.timescale  # 64 / (lr·λ·1024)
    ```

    References:
        Wang and Aitchison (2024). How to set AdamW's weight decay as you scale model
        and dataset size.
    """
    numbers = (batch_size, train_examples, sum_of_schedule)
    if not all(np.isfinite(number) and number > 0 for number in numbers):
        raise ValueError(
            "`batch_size`, `train_examples` and `sum_of_schedule` must be positive. "
            f"Received: {batch_size}, {train_examples}, {sum_of_schedule}."
        )
    product = np.outer(landscape.weight_decay, landscape.learning_rate)
    with np.errstate(divide="ignore"):  # no decay remembers for ever
        timescale = np.asarray(batch_size / train_examples / product)
    return ProductAxes(product, timescale, product * sum_of_schedule)
