"""Whether the optimum lies within the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras_lion.robustness.landscape import AxisName, Landscape, Side

Limit = Literal["range", "stability"]


@dataclass(frozen=True)
class BoundaryOptimum:
    """A side of the grid on which the best cell lies.

    Attributes:
        axis: Name of the axis.
        side: `"low"` or `"high"` end of it.
        limit: `"range"` (the optimum may lie beyond the grid: verdicts are provisional)
            or `"stability"` (training breaks down there, so that it does not).
        next_values: Two values that continue the grid on that side, the nearer first.
    """

    axis: AxisName
    side: Side
    limit: Limit
    next_values: tuple[float, float]


def boundary_optimum(landscape: Landscape) -> tuple[BoundaryOptimum, ...]:
    """On which sides of the grid the best cell lies, and why.

    A side is stability-limited if, of the cells beside the best one along that edge (or
    of the best cell itself), one has at least half of its seeds diverged: what lies
    further out is then likely to break down, too. Otherwise it is range-limited.
    No decay is not an edge, and an axis of one positive value has none. The next values
    go on with the ratio of the last two on that side.

    Args:
        landscape: Scores on a grid.

    Returns:
        None to two sides, learning rate first; empty where the optimum is within the
        grid. Of equally good cells the first counts, as in `landscape.best`.

    Raises:
        ValueError: If every cell is missing, or every run diverged.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.7, 0.8, 0.9]])
    (side,) = boundary_optimum(landscape)
    side.limit, side.next_values  # ('range', (1.0, 10.0))
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (search space boundaries).
    """
    row, column = landscape.best.cell
    if landscape.all_diverged:
        raise ValueError(
            "An optimum needs a run that trained. Received a landscape whose runs all "
            "diverged: move the grid."
        )
    unstable = 2 * landscape.num_diverged >= landscape.num_seeds.clip(1)
    found = []
    for axis, side in landscape.edge:
        on_edge = unstable[:, column] if axis == "learning_rate" else unstable[row]
        at = row if axis == "learning_rate" else column
        limit: Limit = (
            "stability" if on_edge[max(at - 1, 0) : at + 2].any() else "range"
        )
        found.append(BoundaryOptimum(axis, side, limit, _beyond(landscape, axis, side)))
    return tuple(found)


def _beyond(landscape: Landscape, axis: AxisName, side: Side) -> tuple[float, float]:
    values = getattr(landscape, axis)
    values = values[values > 0]
    if side == "low":
        values = values[::-1]
    ratio = float(values[-1] / values[-2])
    last = float(values[-1])
    return last * ratio, last * ratio**2
