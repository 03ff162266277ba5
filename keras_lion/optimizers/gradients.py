"""Checks of the gradients that an optimizer is given, against their variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_lion.optimizers.backend import path_of


def check_gradients(gradients: Sequence[Any], variables: Sequence[Any]) -> None:
    """Refuse gradients that are not those of the variables, by number and shape.

    Args:
        gradients: Tensors; None for a variable without a gradient.
        variables: Trainable variables, in the same order.

    Raises:
        ValueError: If the two do not fit together.
    """
    if gradients and len(gradients) != len(variables):
        raise ValueError(
            "`grads` must have one gradient, or None, for each of "
            f"`trainable_variables`. Received: {len(gradients)} gradients and "
            f"{len(variables)} variables."
        )
    for gradient, variable in zip(gradients, variables, strict=False):
        if not hasattr(variable, "assign"):
            raise ValueError(
                "`trainable_variables` must be variables: call "
                "`apply(gradients, variables)`, in this order. Received: "
                f"{type(variable).__name__}."
            )
        given = getattr(gradient, "shape", None)
        if given is None or getattr(given, "rank", 0) is None:
            continue  # TensorFlow need not know a shape before it runs
        shape, expected = tuple(given), tuple(variable.shape)
        if None not in shape and shape != expected:
            raise ValueError(
                f"The gradient of {path_of(variable)!r} must have its shape, "
                f"{expected}. Received: {shape}. Pass gradients in the order of "
                "`trainable_variables`."
            )
