"""How far a hyperparameter may be off before the score suffers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness.grid import Weights, mean_over_cells
from keras_lion.robustness.intervals import own_profile, reference_of
from keras_lion.robustness.landscape import (
    AxisName,
    Landscape,
    check_choice,
    rounded,
)


@dataclass(frozen=True)
class ToleranceWidth:
    """Length of the part of an axis whose score is within ε of a reference.

    Attributes:
        decades: Length in powers of ten; NaN without a score at a positive value.
        censored: Whether the part reaches an end of the grid, so that `decades` is only
            a lower bound.
        low: Smallest value of the axis within ε; NaN if there is none.
        high: Largest value of the axis within ε; NaN if there is none.
    """

    decades: float
    censored: bool
    low: float
    high: float

    @property
    def none(self) -> bool:
        """Whether no setting is within ε of the reference."""
        return self.decades == 0 and math.isnan(self.low)

    def __str__(self) -> str:
        if math.isnan(self.decades):
            return "not measured"
        if self.none:
            return "no setting within ε"
        return f"{'≥ ' if self.censored else ''}{self.decades:.2f} decades"


@dataclass(frozen=True)
class ToleranceArea:
    """Area of the part of the (lr, λ) plane whose score is within ε of a reference.

    Attributes:
        square_decades: Area in powers of ten of lr times powers of ten of λ.
        censored: Whether the part reaches an edge of the grid or a missing cell, so
            that `square_decades` is only a lower bound.
    """

    square_decades: float
    censored: bool

    def __str__(self) -> str:
        return f"{'≥ ' if self.censored else ''}{self.square_decades:.2f} decades²"


def tolerance_width(
    landscape: Landscape,
    epsilon: float,
    reference: float | None = None,
    axis: AxisName = "learning_rate",
    *,
    cross_fit: bool = True,
) -> ToleranceWidth:
    """Decades of one hyperparameter whose score is within ε of a reference.

    The length of {x : profile(x) ≥ reference − ε} on x = log₁₀(axis). The profile is
    the best mean at each value of the axis, the other axis retuned there, linear in x
    between them. Values without any score are passed over. What lies outside the window
    does not enter, so that moving it around an uncensored part changes nothing.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best.
            Reports pass the common best of all optimizers.
        axis: `"learning_rate"` (retuning over λ includes no decay) or `"weight_decay"`
            (its positive values: no decay has no place on a log axis).
        cross_fit: Whether, against the own best, profile and best are cross-fitted over
            seeds (each seed left out once). A given reference meets the raw
            profile.

    Returns:
        The width. It is 0 where no cell is within ε, and where every run diverged. An
        axis of one value that is within ε has the width "≥ 0".

    Raises:
        ValueError: If `epsilon` is negative or not finite, the reference is not finite,
            or the axis has no positive value.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.80, 0.90, 0.80]])
    print(tolerance_width(landscape, epsilon=0.05))  # 1.00 decades
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (isolation plots).
    """
    check_choice("axis", axis, AxisName)
    check_epsilon(epsilon)
    values = getattr(landscape, axis)
    profile = landscape.profile_over(axis)
    if not (values > 0).any():
        raise ValueError(
            f"A tolerance width needs positive values of `{axis}`. "
            f"Received: {values.tolist()}."
        )
    present = (values > 0) & np.isfinite(profile)
    if not present.any():
        return ToleranceWidth(math.nan, False, math.nan, math.nan)
    if landscape.all_diverged:
        return ToleranceWidth(0.0, False, math.nan, math.nan)
    if reference is None:
        profile = own_profile(landscape, axis, cross_fit)
    x = np.log10(values[present])
    level = reference_of(landscape, reference, cross_fit)
    excess = _excess(profile[present], level, epsilon)
    starts, ends = [], []
    for x0, x1, y0, y1 in zip(x, x[1:], excess, excess[1:], strict=False):
        if max(y0, y1) < 0:
            continue
        crossing = x0 + (x1 - x0) * y0 / (y0 - y1) if y0 != y1 else x0
        starts.append(x0 if y0 >= 0 else crossing)
        ends.append(x1 if y1 >= 0 else crossing)
    if len(x) == 1 and excess[0] >= 0:
        starts, ends = [x[0]], [x[0]]
    if not starts:
        return ToleranceWidth(0.0, False, math.nan, math.nan)
    return ToleranceWidth(
        decades=float(np.sum(np.subtract(ends, starts))),
        censored=bool(excess[0] >= 0 or excess[-1] >= 0),
        low=float(10 ** min(starts)),
        high=float(10 ** max(ends)),
    )


def tolerance_fraction(
    landscape: Landscape,
    epsilon: float,
    reference: float | None = None,
    *,
    weights: Weights = "uniform",
    cross_fit: bool = True,
) -> float:
    """Share of the cells whose mean score is within ε of a reference.

    Σ over cells with mean ≥ reference − ε of their weight; missing cells have none.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best.
        weights: `"uniform"` (every cell alike, no decay included) or `"trapezoid"` (by
            area in log lr and log λ, no decay left out).
        cross_fit: Whether the own best is cross-fitted over seeds.

    Returns:
        A share in [0, 1]; 0 where every run diverged, NaN without any score.

    Raises:
        ValueError: If `epsilon` is negative or not finite, the reference is not finite,
            or no cell with a score has a weight.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]])
    tolerance_fraction(landscape, epsilon=0.05)  # 0.5
    ```
    """
    check_epsilon(epsilon)
    if landscape.empty:
        return math.nan
    if landscape.all_diverged:
        return 0.0
    level = reference_of(landscape, reference, cross_fit)
    within = _excess(landscape.means, level, epsilon) >= 0
    return mean_over_cells(landscape, within.astype(float), weights)


def tolerance_area(
    landscape: Landscape,
    epsilon: float,
    reference: float | None = None,
    *,
    cross_fit: bool = True,
) -> ToleranceArea:
    """Decades² of learning rate and weight decay whose score is within ε.

    The area of {(x, y) : mean score ≥ reference − ε} on x = log₁₀(lr), y = log₁₀(λ).
    Between four neighboring cells the score is interpolated on four triangles that
    meet in the middle, at the mean of the four: exact where the score is linear. Four
    cells of which one is missing add nothing.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best.
        cross_fit: Whether the own best is cross-fitted over seeds.

    Returns:
        The area: 0 where no cell is within ε and where every run diverged. The row of
        no decay counts for the own best, but has no area. An axis of one positive value
        has none either: "≥ 0.00 decades²".

    Raises:
        ValueError: If every cell is missing, no weight decay is positive, `epsilon` is
            negative or not finite, or the reference is not finite.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1, 1], [[0, 4, 0], [0, 4, 0]])
    print(tolerance_area(landscape, epsilon=1))  # ≥ 0.50 decades²
    ```
    """
    check_epsilon(epsilon)
    level = reference_of(landscape, reference, cross_fit)
    rows = landscape.weight_decay > 0
    if not rows.any() or landscape.empty:
        raise ValueError(
            "A tolerance area needs scores, and positive values of `weight_decay`. "
            f"Received: weight_decay={landscape.weight_decay.tolist()}, "
            f"{int(landscape.num_seeds.sum())} scores."
        )
    if landscape.all_diverged:
        return ToleranceArea(0.0, False)
    excess = _excess(landscape.means[rows], level, epsilon)
    heights = np.diff(np.log10(landscape.weight_decay[rows]))
    widths = np.diff(np.log10(landscape.learning_rate))
    corners = np.stack(
        [excess[:-1, :-1], excess[:-1, 1:], excess[1:, 1:], excess[1:, :-1]]
    )
    middle = corners.mean(axis=0)
    shares = np.mean(
        [
            _positive_share(corners[side], corners[(side + 1) % 4], middle)
            for side in range(4)
        ],
        axis=0,
    )
    known = np.isfinite(middle)
    areas = np.multiply.outer(heights, widths)
    beside_missing = ((corners >= 0) & ~known).any()
    outer = np.concatenate([excess[[0, -1]].ravel(), excess[:, [0, -1]].ravel()])
    return ToleranceArea(
        square_decades=float((areas * shares)[known].sum()),
        censored=bool(beside_missing or (outer >= 0).any()),
    )


def _positive_share(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of a triangle where the linear function with these corners is ≥ 0."""
    low, middle, high = np.sort([a, b, c], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        one_above = high**2 / ((high - low) * (high - middle))
        one_below = 1 - low**2 / ((low - middle) * (low - high))
    return np.select(
        [low >= 0, high < 0, middle < 0],
        [np.ones_like(low), np.zeros_like(low), one_above],
        one_below,
    )


def _excess(
    values: NDArray[np.float64], reference: float, epsilon: float
) -> NDArray[np.float64]:
    return rounded(values - reference + epsilon)


def check_epsilon(epsilon: float) -> None:
    if not isinstance(epsilon, Real):
        raise TypeError(
            "`epsilon` must be a number, 0 or more, after the landscape. Received: "
            f"{epsilon!r}."
        )
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise ValueError(
            f"`epsilon` must be a finite loss of score, 0 or more. Received: {epsilon}."
        )


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
    check_epsilon(epsilon)
    if landscape.empty or landscape.all_diverged:
        return np.zeros(landscape.means.shape, dtype=bool)
    level = reference_of(landscape, reference, cross_fit=False)
    return np.asarray(_excess(landscape.means, level, epsilon) >= 0)
