"""From learning rate and weight decay to memory and size of the weights, and back."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from keras_lion.theory.equilibrium import adamw_equilibrium_rms, lion_equilibrium_rms

Optimizer = Literal["lion", "adamw"]


class Settling(NamedTuple):
    """Where weights settle under pure gradient noise.

    Attributes:
        memory_epochs: 1 / (ηλ) in epochs: how long weights remember an update.
        weight_rms: RMS of a weight.
    """

    memory_epochs: float
    weight_rms: float


class LearningRateAndDecay(NamedTuple):
    """The two hyperparameters of an optimizer.

    Attributes:
        learning_rate: η.
        weight_decay: λ, multiplied by the learning rate, as in Keras.
    """

    learning_rate: float
    weight_decay: float


def settling(
    learning_rate: float,
    weight_decay: float,
    steps_per_epoch: float,
    *,
    optimizer: Optimizer = "lion",
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> Settling:
    """Memory in epochs and settled size of weights, from η and λ.

        memory = 1 / (ηλ S),   size = `lion_equilibrium_rms` or `adamw_equilibrium_rms`

    with S steps per epoch. The product ηλ sets the memory alone; at one product the
    size is proportional to η. `settling_to` is the way back.

    Args:
        learning_rate: η > 0, constant; the mean of a schedule is a fair summary.
        weight_decay: λ > 0, multiplied by the learning rate, as in Keras.
        steps_per_epoch: S: examples over batch size.
        optimizer: `"lion"` or `"adamw"`.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1), which AdamW's size does not depend on.

    Returns:
        Memory and size.

    Raises:
        ValueError: If `optimizer` is another one, `steps_per_epoch` is not positive, ηλ
            not in (0, 2), or a beta not in [0, 1).

    Example:

    ```python
    from keras_lion import theory

    theory.settling(1e-3, 1.0, steps_per_epoch=100)
    # Settling(memory_epochs=10.0, weight_rms=0.1447)
    ```

    References:
        [Wang and Aitchison, 2024](https://arxiv.org/abs/2405.13698) (memory in epochs)
    """
    _check_positive("steps_per_epoch", steps_per_epoch)
    size = _size(learning_rate, weight_decay, optimizer, beta_1, beta_2)
    return Settling(1 / (learning_rate * weight_decay * steps_per_epoch), size)


def settling_to(
    memory_epochs: float,
    weight_rms: float,
    steps_per_epoch: float,
    *,
    optimizer: Optimizer = "lion",
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> LearningRateAndDecay:
    """η and λ whose weights have a memory and a size: the inverse of `settling`.

    Args:
        memory_epochs: How long weights shall remember an update, in epochs, > 0.
        weight_rms: RMS at which they shall settle, > 0.
        steps_per_epoch: As of `settling`.
        optimizer: As of `settling`.
        beta_1: β₁ in [0, 1).
        beta_2: β₂ in [0, 1).

    Returns:
        Learning rate and weight decay.

    Raises:
        ValueError: As `settling`, or if the memory is half a step or less.

    Example:

    ```python
    from keras_lion import theory

    theory.settling_to(memory_epochs=10, weight_rms=0.1447, steps_per_epoch=100)
    # LearningRateAndDecay(learning_rate=0.001, weight_decay=1.0)
    ```
    """
    _check_positive("memory_epochs", memory_epochs)
    _check_positive("weight_rms", weight_rms)
    _check_positive("steps_per_epoch", steps_per_epoch)
    product = 1 / (memory_epochs * steps_per_epoch)
    learning_rate = weight_rms / _size(1.0, product, optimizer, beta_1, beta_2)
    return LearningRateAndDecay(learning_rate, product / learning_rate)


def _size(
    learning_rate: float,
    weight_decay: float,
    optimizer: Optimizer,
    beta_1: float,
    beta_2: float,
) -> float:
    if optimizer == "lion":
        return lion_equilibrium_rms(learning_rate, weight_decay, beta_1, beta_2)
    if optimizer == "adamw":
        return adamw_equilibrium_rms(learning_rate, weight_decay, beta_1)
    raise ValueError(
        f"`optimizer` must be 'lion' or 'adamw'. Received: optimizer={optimizer!r}."
    )


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"`{name}` must be a positive number. Received: {value}.")
