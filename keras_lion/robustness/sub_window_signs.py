"""Which windows agree with a comparison: the list behind `window_agreement`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.windows import (
    Measure,
    WindowAgreement,
    grid_shape,
    shifted_windows,
    sign_of,
    smaller_windows,
    width_measure,
    window_agreement,
    window_differences,
)


@dataclass(frozen=True)
class SubWindow:
    """Some neighbouring rows and columns of both landscapes.

    Attributes:
        weight_decay: (first, number) of its rows of positive weight decay.
        learning_rate: (first, number) of its columns.
        sign: Of the difference there, first minus second; 0 for a tie, and where the
            measure is undefined.
    """

    weight_decay: tuple[int, int]
    learning_rate: tuple[int, int]
    sign: int

    @property
    def size(self) -> tuple[int, int]:
        """(weight decays, learning rates)."""
        return self.weight_decay[1], self.learning_rate[1]


@dataclass(frozen=True)
class Shift:
    """The windows that overlap when one landscape is moved against the other.

    Attributes:
        weight_decay: By how many cells the first landscape's part lies above that of
            the second: −1, 0 or 1.
        learning_rate: By how many cells it lies to the right, likewise.
        sign: As that of a `SubWindow`.
    """

    weight_decay: int
    learning_rate: int
    sign: int


@dataclass(frozen=True)
class WindowSigns:
    """The sign of a comparison in every window.

    Attributes:
        agreement: The shares.
        shape: (positive weight decays, learning rates) of the full window.
        sub_windows: The full window is not among them.
        shifts: The shifts.
    """

    agreement: WindowAgreement
    shape: tuple[int, int]
    sub_windows: tuple[SubWindow, ...]
    shifts: tuple[Shift, ...]


def window_signs(
    first: Landscape,
    second: Landscape,
    epsilon: float | None = None,
    *,
    axis: AxisName = "learning_rate",
    measure: Measure | None = None,
    smallest: int | None = None,
) -> WindowSigns:
    """The sign of a comparison in each window that `window_agreement` counts.

    Args:
        first: Landscape of one optimizer.
        second: Landscape of the other, on a grid of as many values.
        epsilon: Compare `tolerance_width`s at this tolerated loss of score.
        axis: Of the tolerance width.
        measure: Compare this instead: (landscape, reference) → number.
        smallest: Fewest values on an axis of a sub-window, as in `window_agreement`.

    Returns:
        The signs and the shares.

    Raises:
        ValueError: As `window_agreement`.

    Example:

    ```python
    found = window_signs(lion, adamw, epsilon=0.05)
    [window.size for window in found.sub_windows if window.sign != found.agreement.sign]
    ```
    """
    agreement = window_agreement(
        first, second, epsilon, axis=axis, measure=measure, smallest=smallest
    )
    compared = measure or width_measure(axis, math.nan if epsilon is None else epsilon)
    shape = grid_shape(first)
    windows = list(smaller_windows(shape, agreement.smallest))
    moved = list(shifted_windows(shape))
    return WindowSigns(
        agreement=agreement,
        shape=shape,
        sub_windows=tuple(
            SubWindow(_extent(rows), _extent(columns), sign_of(difference))
            for ((rows, columns), _), difference in zip(
                windows,
                window_differences(first, second, windows, compared),
                strict=True,
            )
        ),
        shifts=tuple(
            Shift(
                ahead[0].start - behind[0].start,
                ahead[1].start - behind[1].start,
                sign_of(difference),
            )
            for (ahead, behind), difference in zip(
                moved, window_differences(first, second, moved, compared), strict=True
            )
        ),
    )


def _extent(part: slice) -> tuple[int, int]:
    return part.start, part.stop - part.start
