"""What a program does, whatever it looks like: is its update a sign?"""

from __future__ import annotations

import numpy as np

from keras_lion.discovery.language.execution import step_function
from keras_lion.discovery.language.program import Program

SIGN_LIKE = 0.2  # below this a program counts as sign-like; AdamW is at about 0.5
STEPS = 60
SIZE = 256


def size_variation(program: Program, seed: int = 0) -> float:
    """How much the sizes of an update's coordinates differ: std / mean of |update|.

    0 for a sign, 0.76 for the gradient itself, where it is normal noise. Weights are
    zero, so that weight decay has no part in it; the first half of the steps is left
    out, in which moments fill up.

    Args:
        program: A valid program.
        seed: Of the gradients: noise about a mean of the same size, with a scale of its
            own for each coordinate, over four orders of magnitude.

    Returns:
        The mean over the steps; NaN if an update is not finite or zero everywhere.

    Example:

    ```python
    from keras_lion.discovery import size_variation, zoo

    assert size_variation(zoo.LION) < 1e-12
    assert size_variation(zoo.SGD) > 1.0
    ```
    """
    generator = np.random.default_rng(seed)
    scale = 10.0 ** generator.uniform(-3.0, 1.0, SIZE)
    mean = generator.normal(size=SIZE)
    step = step_function(program)
    w = m = v = np.zeros(SIZE)
    found = []
    with np.errstate(all="ignore"):
        for number in range(STEPS):
            g = scale * (mean + generator.normal(size=SIZE))
            update, m, v = step(w, g, m, v, 0.5)
            if number >= STEPS // 2:
                size = np.abs(update)
                found.append(np.std(size) / np.mean(size))
    return float(np.mean(found))


def is_sign_like(program: Program, seed: int = 0) -> bool:
    """True if all coordinates of an update have nearly the same size."""
    return size_variation(program, seed) < SIGN_LIKE
