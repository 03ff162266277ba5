"""Some compiled steps of `Lion`, and the same steps of the NumPy reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SHAPES = ((64, 48), (2048,), (5,))
STEPS = 4
Arrays = list[np.ndarray]


def problem(*, exact: bool) -> tuple[Arrays, list[Arrays]]:
    """Weights, and gradients of each step: multiples of 1/8 if nothing may round."""
    generator = np.random.default_rng(1)

    def draw() -> Arrays:
        found = [generator.normal(size=shape) for shape in SHAPES]
        values = [np.round(8 * each) / 8 if exact else each for each in found]
        return [each.astype("float32") for each in values]

    return draw(), [draw() for _ in range(STEPS)]


def trained(
    weights: Arrays,
    gradients: Sequence[Arrays],
    hyperparameters: dict[str, Any],
    dtype: str = "float32",
    **options: Any,
) -> tuple[Arrays, Arrays]:
    """Weights and momenta after compiled steps of `Lion`."""
    import jax
    import keras
    from keras import ops

    from keras_lion import Lion

    variables = [keras.Variable(weight, dtype=dtype) for weight in weights]
    optimizer = Lion(**hyperparameters, **options)
    optimizer.build(variables)
    step = jax.jit(
        lambda state, gradients, values: optimizer.stateless_apply(
            state, gradients, values
        )
    )
    values = [v.value for v in variables]
    state = [v.value for v in optimizer.variables]
    for each in gradients:
        given = [ops.cast(ops.convert_to_tensor(g), dtype) for g in each]
        values, state = step(state, given, values)
    momenta = [
        value
        for variable, value in zip(optimizer.variables, state, strict=True)
        if variable.path.endswith("momentum")
    ]
    return tuple(
        [ops.convert_to_numpy(ops.cast(v, "float32")) for v in found]
        for found in (values, momenta)
    )  # type: ignore[return-value]


def in_numpy(
    weights: Arrays, gradients: Sequence[Arrays], hyperparameters: dict[str, Any]
) -> tuple[Arrays, Arrays]:
    """Weights and momenta of the reference, in float64."""
    from keras_lion.optimizers.reference import lion

    found = [
        lion(
            weight.astype("float64"),
            [g[k].astype("float64") for g in gradients],
            **hyperparameters,
        )
        for k, weight in enumerate(weights)
    ]
    return [theta for theta, _ in found], [m for _, m in found]


def from_reference(
    found: tuple[Arrays, Arrays],
    hyperparameters: dict[str, Any],
    weights: Arrays,
    gradients: Sequence[Arrays],
) -> float:
    """Largest difference from the reference."""
    return difference(found, in_numpy(weights, gradients, hyperparameters))


def difference(one: tuple[Arrays, Arrays], other: tuple[Arrays, Arrays]) -> float:
    """Largest difference of weights or momenta; infinite where one is not finite."""
    pairs = [p for a, b in zip(one, other, strict=True) for p in zip(a, b, strict=True)]
    largest = max(float(np.max(abs(a - b))) for a, b in pairs)
    return largest if np.isfinite(largest) else np.inf
