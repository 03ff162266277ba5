"""Programs as fast functions of NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_lion.discovery.execution import NUMPY, make_step
from keras_lion.discovery.program import Program

Arrays = Any  # one array, or a list of arrays
StepFunction = Callable[[Arrays, Arrays, Arrays, Arrays, float], tuple[Any, Any, Any]]


def step_function(program: Program) -> StepFunction:
    """One step of a program as a function of arrays.

    Only live statements run (`abstract.live`), scalars are Python floats in double
    precision, and arrays keep their dtype. Nothing guards against overflow: the caller
    looks at the result. Unless the program calls `norm`, a list of arrays may as well
    be given as one long array, which is faster.

    Args:
        program: A valid program.

    Returns:
        (w, g, m, v, lr) → (update, m, v), all of arrays or all of lists of arrays.
        Arguments are never changed. A state that no update depends on comes back as it
        went in.

    Raises:
        InvalidProgram: If the program cannot run.

    Example:

    ```python
    import numpy as np
    from keras_lion.discovery import step_function, zoo

    step = step_function(zoo.SGD)
    w = m = v = np.zeros(3)
    update, m, v = step(w, np.ones(3), m, v, 1.0)
    assert np.allclose(update, 0.01)
    ```
    """
    run = make_step(program.instructions, NUMPY)

    def step(
        w: Arrays, g: Arrays, m: Arrays, v: Arrays, lr: float
    ) -> tuple[Any, Any, Any]:
        with np.errstate(all="ignore"):
            if not isinstance(w, np.ndarray):
                return run(w, g, m, v, float(lr))
            update, m, v = run([w], [g], [m], [v], float(lr))
            return update[0], m[0], v[0]

    return step
