"""How much a hyperparameter matters over the range that was searched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.grid import Weights, axis_weights
from keras_lion.robustness.intervals import (
    intervals_over_seeds,
    own_best,
    own_profile,
)
from keras_lion.robustness.landscape import RESOLUTION, Array, AxisName, Landscape
from keras_lion.statistics import Interval


def learning_rate_sensitivity(
    landscape: Landscape,
    weight_decay: float | None = None,
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Mean loss of score over learning rates, against the best of them.

    Σ over learning rates of weight · (best − score), where the score at a learning rate
    is the one with the given weight decay, or with the best weight decay there (no
    decay included), and `best` the largest of these. It depends on the range: compare
    optimizers over equally many decades.

    Args:
        landscape: Scores on a grid.
        weight_decay: Value of the grid to keep to. None: retuned at each learning rate.
        weights: `"uniform"` (every learning rate alike) or `"trapezoid"` (an integral
            over log lr, divided by the range).
        cross_fit: Whether best and retuning are cross-fitted over seeds.

    Returns:
        The mean loss, in the unit of the scores; 0 for a constant landscape. Below 0
        only by the noise of cross-fitting.

    Raises:
        ValueError: If every cell is missing, or `weight_decay` is not on the grid.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], [[0.6, 0.9], [0.8, 0.7]])
    learning_rate_sensitivity(landscape)  # 0.05
    learning_rate_sensitivity(landscape, weight_decay=0)  # 0.15
    ```

    References:
        Wortsman et al. (2023). Small-scale proxies for large-scale Transformer training
        instabilities. arXiv:2309.14322.
    """
    part = _only(landscape, "weight_decay", weight_decay)
    return _sensitivity(part, "learning_rate", weights, cross_fit)


def weight_decay_sensitivity(
    landscape: Landscape,
    learning_rate: float | None = None,
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Mean loss of score over weight decays, against the best of them.

    As `learning_rate_sensitivity`, with the axes swapped. No decay is a value like
    another with uniform weights; it has no place on a log axis, and so no weight, with
    `"trapezoid"`.
    """
    part = _only(landscape, "learning_rate", learning_rate)
    return _sensitivity(part, "weight_decay", weights, cross_fit)


def _only(landscape: Landscape, axis: AxisName, value: float | None) -> Landscape:
    """The row or column of one value."""
    if value is None:
        return landscape
    values = getattr(landscape, axis)
    at = np.flatnonzero(np.isclose(values, value, rtol=1e-9, atol=0))
    if len(at) == 0:
        raise ValueError(
            f"`{axis}` must be a value of the grid, {values.tolist()}, or None for the "
            f"best at each value of the other axis. Received: {value}."
        )
    return landscape.select(**{axis: at})


def _sensitivity(
    landscape: Landscape,
    axis: AxisName,
    weights: Weights,
    cross_fit: bool,
) -> float:
    best = own_best(landscape, cross_fit)
    profile = own_profile(landscape, axis, cross_fit)
    present = np.isfinite(profile)
    shares = axis_weights(getattr(landscape, axis), weights)[present]
    if not shares.any():
        raise ValueError(
            f"A value of `{axis}` with a score must have a weight. Received scores of "
            f"no decay only, and weights={weights!r}: use 'uniform'."
        )
    return float(np.average(best - profile[present], weights=shares))


@dataclass(frozen=True)
class IsolationCurve:
    """Best scores over one hyperparameter.

    Attributes:
        axis: `"learning_rate"` or `"weight_decay"`.
        values: Values of the hyperparameter that have a score, ascending, shape (k,).
        best: Best score at each of them, with its interval over seeds.
        diverged: Whether a run of the best cell there diverged, shape (k,).
    """

    axis: AxisName
    values: Array
    best: tuple[Interval, ...]
    diverged: NDArray[np.bool_]

    @property
    def optimum(self) -> float:
        """The positive value of the best score, the first of ties; NaN without one."""
        scores = np.array([each.estimate for each in self.best])
        scores[self.values <= 0] = -np.inf
        if not np.isfinite(scores).any():
            return math.nan
        return float(self.values[scores.argmax()])

    @property
    def decades(self) -> Array:
        """Powers of ten from the optimum to each value, shape (k,); −∞ for 0."""
        with np.errstate(divide="ignore"):  # 0 is infinitely many decades away
            return np.asarray(np.log10(self.values) - np.log10(self.optimum))


def isolation_curve(
    landscape: Landscape, axis: AxisName = "learning_rate"
) -> IsolationCurve:
    """Best score at each value of one hyperparameter, the other retuned there.

    The scores are `landscape.profile_over(axis)`: raw bests, those whose distance from
    a common best `tolerance_width` measures. Diverged runs count with their floor.

    Args:
        landscape: Scores on a grid.
        axis: `"learning_rate"` (retuning over λ includes no decay) or `"weight_decay"`.

    Returns:
        The curve, without the values that have no score; empty if no cell has one.

    Raises:
        ValueError: If `axis` is neither.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], [[0.6, 0.9], [0.8, 0.7]])
    isolation_curve(landscape).best[0].estimate  # 0.8
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (isolation plots).
    """
    profile = landscape.profile_over(axis)
    known = np.isfinite(profile)
    if not known.any():
        return IsolationCurve(axis, np.empty(0), (), np.empty(0, bool))
    bests = intervals_over_seeds(
        landscape, lambda each: each.profile_over(axis), bounds=landscape.bounds
    )
    lines = landscape.means.T if axis == "learning_rate" else landscape.means
    counts = landscape.num_diverged
    counts = counts.T if axis == "learning_rate" else counts
    diverged = ((lines == profile[:, None]) & (counts > 0)).any(axis=1)
    values: Array = getattr(landscape, axis)
    return IsolationCurve(
        axis=axis,
        values=values[known],
        best=tuple(each for each, keep in zip(bests, known, strict=True) if keep),
        diverged=diverged[known],
    )


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
