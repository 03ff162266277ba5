"""How much a hyperparameter matters over the range that was searched."""

from __future__ import annotations

import numpy as np

from keras_lion.robustness.cross_fitting import own_best, own_profile
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.weights import Weights, axis_weights


def learning_rate_sensitivity(
    landscape: Landscape,
    weight_decay: float | None = None,
    *,
    floor: float | None = None,
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
        floor: Score of an untrained model. With it, lower scores count as the floor,
            and the sensitivity is divided by best − floor. None: in the unit of the
            scores.
        weights: `"uniform"` (every learning rate alike) or `"trapezoid"` (an integral
            over log lr, divided by the range).
        cross_fit: Whether best and retuning are cross-fitted over seeds.

    Returns:
        The mean loss; 0 for a constant landscape. Below 0 only by the noise of
        cross-fitting.

    Raises:
        ValueError: If every cell is missing, `weight_decay` is not on the grid, or the
            best is not above the floor.

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
    return _sensitivity(part, "learning_rate", floor, weights, cross_fit)


def weight_decay_sensitivity(
    landscape: Landscape,
    learning_rate: float | None = None,
    *,
    floor: float | None = None,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Mean loss of score over weight decays, against the best of them.

    As `learning_rate_sensitivity`, with the axes swapped. No decay is a value like
    another with uniform weights; it has no place on a log axis, and so no weight, with
    `"trapezoid"`.

    Args:
        landscape: Scores on a grid.
        learning_rate: Value of the grid to keep to. None: retuned at each weight decay.
        floor: Score of an untrained model, as there.
        weights: `"uniform"` or `"trapezoid"`.
        cross_fit: Whether best and retuning are cross-fitted over seeds.

    Returns:
        The mean loss; 0 for a constant landscape.

    Raises:
        ValueError: If every cell is missing, `learning_rate` is not on the grid, the
            best is not above the floor, or no weight decay with a score has a weight.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], [[0.6, 0.9], [0.8, 0.7]])
    weight_decay_sensitivity(landscape)  # 0.05
    ```
    """
    part = _only(landscape, "learning_rate", learning_rate)
    return _sensitivity(part, "weight_decay", floor, weights, cross_fit)


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
    rows = at if axis == "weight_decay" else slice(None)
    columns = at if axis == "learning_rate" else slice(None)
    return Landscape(
        landscape.learning_rate[columns],
        landscape.weight_decay[rows],
        landscape.scores[rows][:, columns],
        diverged=landscape.diverged[rows][:, columns],
    )


def _sensitivity(
    landscape: Landscape,
    axis: AxisName,
    floor: float | None,
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
    scores = profile[present]
    unit = 1.0
    if floor is not None:
        scores, unit = np.maximum(scores, floor), best - floor
        if not unit > 0:
            raise ValueError(
                f"`floor` must be a score below the best, {best:.4g}. "
                f"Received: floor={floor}."
            )
    return float(np.average(best - scores, weights=shares) / unit)
