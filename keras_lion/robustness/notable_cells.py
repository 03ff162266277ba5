"""The cells of a landscape that a reader wants to see first."""

from __future__ import annotations

import numpy as np

from keras_lion.robustness.cross_fitting import first_best
from keras_lion.robustness.landscape import Landscape

Cell = tuple[int, int]


def cells_to_show(landscape: Landscape) -> dict[str, Cell]:
    """The best cell, the one in the middle of the grid, and the worst.

    Best and worst by mean score, diverged runs at their floor; of equal cells the one
    of least weight decay, then of least learning rate. The centre is the cell with a
    score that is nearest to the middle of the grid, counted in cells, the row of no
    decay left out where there is another.

    Args:
        landscape: Scores on a grid.

    Returns:
        `"best"`, `"centre"` and `"worst"` → (row, column).

    Raises:
        ValueError: If every cell is missing.

    Example:

    ```python
    cells_to_show(Landscape([1, 2, 4], [1], [[5, 7, 6]]))["worst"]  # (0, 0)
    ```
    """
    best = landscape.best.cell
    present = landscape.num_seeds > 0
    decayed = landscape.weight_decay > 0
    if present[decayed].any():
        present = present & decayed[:, None]
        middle_row = (decayed.argmax() + len(decayed) - 1) / 2
    else:
        middle_row = np.float64(0)
    middle_column = (len(landscape.learning_rate) - 1) / 2
    rows, columns = np.nonzero(present)
    distance = (rows - middle_row) ** 2 + (columns - middle_column) ** 2
    centre = int(distance.argmin())
    return {
        "best": best,
        "centre": (int(rows[centre]), int(columns[centre])),
        "worst": first_best(-landscape.means),
    }
