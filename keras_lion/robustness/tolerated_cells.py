"""Which cells are good enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import regrets
from keras_lion.robustness.tolerance import tolerance_fraction


def cells_within(
    landscape: Landscape, epsilon: float, reference: float | None = None
) -> NDArray[np.bool_]:
    """Cells whose mean score is within ε of a reference.

    Their share is `tolerance_fraction`.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best
            mean, not cross-fitted.

    Returns:
        Shape (m, n); False for missing cells, and everywhere if every run diverged.

    Raises:
        ValueError: If `epsilon` is negative or not finite, or the reference is not
            finite.

    Example:

    ```python
    cells_within(Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]]), 0.05)  # False, True
    ```
    """
    share = tolerance_fraction(landscape, epsilon, reference, cross_fit=False)
    if not share > 0:  # no score, nothing trained, or nothing close
        return np.zeros(landscape.means.shape, dtype=bool)
    found = regrets(landscape, reference, cross_fit=False)
    return np.asarray(np.round(found - epsilon, 12) <= 0)
