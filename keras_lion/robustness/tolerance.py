"""How far a hyperparameter may be off before the score suffers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keras_lion.robustness._checks import check_axis_name
from keras_lion.robustness.landscape import AxisName, Landscape


@dataclass(frozen=True)
class ToleranceWidth:
    """Length of the part of an axis whose score is within ε of a reference.

    Attributes:
        decades: Length in powers of ten; NaN without any score.
        censored: Whether the part reaches an end of the grid, so that `decades` is only
            a lower bound.
        low: Smallest value of the axis within ε; NaN if there is none.
        high: Largest value of the axis within ε; NaN if there is none.
    """

    decades: float
    censored: bool
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.decades):
            return "not measured"
        return f"{'≥ ' if self.censored else ''}{self.decades:.2f} decades"


def tolerance_width(
    landscape: Landscape,
    epsilon: float,
    reference: float | None = None,
    axis: AxisName = "learning_rate",
) -> ToleranceWidth:
    """Decades of one hyperparameter whose score is within ε of a reference.

    The length of {x : profile(x) ≥ reference − ε} on x = log₁₀(axis). The profile is
    the best mean at each value of the axis, the other axis retuned there, linear in x
    between them. Values without any score are passed over.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best.
            Reports pass the common best of all optimizers.
        axis: `"learning_rate"` or `"weight_decay"` (its positive values only).

    Returns:
        The width. It is 0 where no cell is within ε, and where every run diverged. An
        axis of one value that is within ε has the width "≥ 0".

    Raises:
        ValueError: If `epsilon` is negative or not finite, or the axis has no positive
            value.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.80, 0.90, 0.80]])
    print(tolerance_width(landscape, epsilon=0.05))  # 1.00 decades
    ```

    References:
        Godbole et al. (2023). Deep learning tuning playbook (isolation plots).
    """
    check_axis_name(axis)
    _check_epsilon(epsilon)
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
    x = np.log10(values[present])
    excess = _excess(profile[present], _reference(landscape, reference), epsilon)
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
    landscape: Landscape, epsilon: float, reference: float | None = None
) -> float:
    """Share of the cells whose mean score is within ε of a reference.

    #{cells : mean ≥ reference − ε} / #{cells with a score}.

    Args:
        landscape: Scores on a grid.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        reference: Score that the loss is counted from. None: the landscape's own best.

    Returns:
        A share in [0, 1]; 0 where every run diverged, NaN without any score.

    Raises:
        ValueError: If `epsilon` is negative or not finite.

    Example:

    ```python
    landscape = Landscape([1e-3, 1e-2], [0.1], [[0.80, 0.90]])
    tolerance_fraction(landscape, epsilon=0.05)  # 0.5
    ```
    """
    _check_epsilon(epsilon)
    if landscape.empty:
        return math.nan
    if landscape.all_diverged:
        return 0.0
    means = landscape.means[np.isfinite(landscape.means)]
    return float(
        np.mean(_excess(means, _reference(landscape, reference), epsilon) >= 0)
    )


def _reference(landscape: Landscape, reference: float | None) -> float:
    return landscape.best.value if reference is None else reference


def _excess(
    values: NDArray[np.float64], reference: float, epsilon: float
) -> NDArray[np.float64]:
    # 0.94 counts as within 0.01 of 0.95, which binary fractions alone would deny.
    return np.round(values - reference + epsilon, 12)


def _check_epsilon(epsilon: float) -> None:
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise ValueError(
            f"`epsilon` must be a finite loss of score, 0 or more. Received: {epsilon}."
        )
