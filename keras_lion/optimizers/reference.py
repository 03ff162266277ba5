"""Lion in NumPy, to be read next to the paper and to test the others against.

The names are those of Chen et al. (2023), *Symbolic Discovery of Optimization
Algorithms*, Algorithm 2: θ the weights, g the gradient, m the momentum, η the learning
rate, λ the weight decay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def lion_step(
    theta: Array,
    m: Array,
    g: Array,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> tuple[Array, Array]:
    """One step of Lion.

        c_t = β₁ m_{t−1} + (1 − β₁) g_t
        θ_t = θ_{t−1} − η_t (sign(c_t) + λ θ_{t−1})
        m_t = β₂ m_{t−1} + (1 − β₂) g_t

    Args:
        theta: θ_{t−1}, any shape.
        m: m_{t−1}, of the same shape; zeros before the first step.
        g: g_t, of the same shape.
        learning_rate: η_t.
        weight_decay: λ.
        beta_1: β₁, the weight of the old momentum in the step.
        beta_2: β₂, the weight of the old momentum in the new one.

    Returns:
        θ_t and m_t, in the dtype of the arguments.

    Example:

    ```python
    import numpy as np
    from keras_lion.optimizers.reference import lion_step

    theta, m = lion_step(np.ones(3), np.zeros(3), np.array([1.0, -2.0, 0.0]),
                         learning_rate=0.1)
    # theta: [0.9, 1.1, 1.0]   m: [0.01, -0.02, 0.0]
    ```
    """
    c = beta_1 * m + (1 - beta_1) * g
    new_theta = theta - learning_rate * (np.sign(c) + weight_decay * theta)
    new_m = beta_2 * m + (1 - beta_2) * g
    return new_theta.astype(theta.dtype), new_m.astype(m.dtype)


def lion(
    theta: Array,
    gradients: Iterable[Array],
    *,
    learning_rate: float | Callable[[int], float],
    weight_decay: float = 0.0,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> tuple[Array, Array]:
    """Lion from zero momentum over a sequence of gradients.

    Args:
        theta: θ_0, any shape.
        gradients: g_1, g_2, …, each of that shape.
        learning_rate: η, or a function of the step, counted from 0.
        weight_decay: λ.
        beta_1: β₁.
        beta_2: β₂.

    Returns:
        θ and m after the last gradient.
    """
    m = np.zeros_like(theta)
    for step, g in enumerate(gradients):
        eta = learning_rate(step) if callable(learning_rate) else learning_rate
        theta, m = lion_step(
            theta,
            m,
            g,
            learning_rate=eta,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
        )
    return theta, m
