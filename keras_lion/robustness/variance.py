"""Which hyperparameter makes scores differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_lion.robustness._checks import Array
from keras_lion.robustness.cross_fitting import RESOLUTION
from keras_lion.robustness.landscape import Landscape


@dataclass(frozen=True)
class VarianceShares:
    """Shares of the variance between cells; they add up to 1.

    Attributes:
        learning_rate: Share of the means of the learning rates.
        weight_decay: Share of the means of the weight decays.
        interaction: Share that the two leave.
    """

    learning_rate: float
    weight_decay: float
    interaction: float


def variance_shares(
    landscape: Landscape, *, correct_noise: bool = False
) -> VarianceShares:
    """Shares of learning rate, weight decay and their interaction in the variance.

    With u_ij the mean score of cell (i, j), and a dot for the mean over an index,

        u_ij − u.. = (u.j − u..) + (u_i. − u..) + (u_ij − u_i. − u.j + u..)

    and the sums of squares of the three terms add up to that of the left. Every cell
    counts alike; no decay is a weight decay as any other, and diverged runs count with
    their floor.

    With S seeds, noise adds to each sum of squares SS(u) on average
    Σ_s SS(u_s − u) / (S (S − 1)), u_s being the scores of seed s: whatever the noise,
    and however far all cells of a seed share it. `correct_noise` subtracts that, and
    counts what falls below 0 as 0.

    Args:
        landscape: Scores on a grid without a missing cell.
        correct_noise: Whether to subtract what seeds add; needs two or more seeds, in
            every cell.

    Returns:
        The shares. An axis of one value has the share 0.

    Raises:
        ValueError: If a cell is missing, all cells are equal (or differ by no more than
            noise, if corrected), or there are too few seeds to correct.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], [[0.6, 0.8], [0.6, 0.8]])
    variance_shares(landscape).learning_rate  # 1.0
    ```

    References:
        Fisher (1925). Statistical methods for research workers. (analysis of variance)
    """
    if absent := int((landscape.num_seeds == 0).sum()):
        raise ValueError(
            "Variance shares need a score in every cell. Received a landscape with "
            f"{absent} missing cells: leave their row or column out, or run them."
        )
    squares = _squares(landscape.means)
    scale = max(1.0, float(np.abs(landscape.means).max()))
    if float(squares.sum()) <= (RESOLUTION * scale) ** 2 * landscape.means.size:
        raise ValueError(
            "Variance shares need cells that differ. Received a landscape whose cells "
            f"all have the score {landscape.means.flat[0]:.6g}."
        )
    if correct_noise:
        left = squares - _noise(landscape)
        squares = np.where(left > RESOLUTION * squares.sum(), left, 0.0)
        if not squares.any():
            raise ValueError(
                "Variance shares need cells that differ by more than noise. Received a "
                "landscape of which nothing is left once noise is subtracted."
            )
    shares = squares / squares.sum()
    return VarianceShares(*(float(share) for share in shares))


def _squares(values: Array) -> Array:
    """Sums of squares of learning rate, weight decay and interaction."""
    mean = values.mean()
    rates = values.mean(axis=0, keepdims=True) - mean
    decays = values.mean(axis=1, keepdims=True) - mean
    rows, columns = values.shape
    interaction = values - mean - rates - decays
    return np.array(
        [
            rows * float((rates**2).sum()),
            columns * float((decays**2).sum()),
            float((interaction**2).sum()) if min(rows, columns) > 1 else 0.0,
        ]
    )


def _noise(landscape: Landscape) -> Array:
    """What noise adds to the sums of squares on average."""
    seeds = landscape.scores.shape[2]
    if seeds < 2 or (landscape.num_seeds < seeds).any():
        raise ValueError(
            "Subtracting noise needs two or more seeds, all of them in every cell. "
            f"Received: {int(landscape.num_seeds.min())} to {seeds} seeds."
        )
    deviations = landscape.scores - landscape.means[..., None]
    total = sum(_squares(deviations[..., seed]) for seed in range(seeds))
    return np.asarray(total / (seeds * (seeds - 1)))
