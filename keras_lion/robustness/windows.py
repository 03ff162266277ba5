"""Whether a comparison depends on where the window was laid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from keras_lion.robustness.landscape import (
    RESOLUTION,
    AxisName,
    Landscape,
    common_best,
)
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.wording import counted

# (landscape, score that both optimizers are compared with) → number
Measure = Callable[[Landscape, float], float]
Part = tuple[slice, slice]


@dataclass(frozen=True)
class WindowAgreement:
    """In how many other windows a comparison comes out with the same sign.

    Attributes:
        share: Share of the decided windows whose sign is that of the full window. Where
            that is 0 (a tie): share of all windows that tie, too. 0 if no window is
            decided.
        sign: Of the difference in the full window, first minus second: 1, −1 or 0.
        num_windows: Number of sub-windows and shifts.
        num_decided: Number of those with a difference other than 0: in the others the
            measure ties, as two widths that both fill the window do, or is undefined.
        share_of_sub_windows: As `share`, of the sub-windows alone.
        share_of_shifts: As `share`, of the shifts alone.
        smallest: (weight decays, learning rates) of the smallest sub-window.
    """

    share: float
    sign: int
    num_windows: int
    num_decided: int
    share_of_sub_windows: float
    share_of_shifts: float
    smallest: tuple[int, int]

    def __str__(self) -> str:
        if not self.num_decided:
            return f"no decided window (of {self.num_windows})"
        return (
            f"{self.share:.0%} of {counted(self.num_decided, 'decided window')} "
            f"(of {self.num_windows})"
        )


@dataclass(frozen=True)
class SubWindow:
    """Some neighboring rows and columns of both landscapes.

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


def window_agreement(
    first: Landscape,
    second: Landscape,
    epsilon: float | None = None,
    *,
    axis: AxisName = "learning_rate",
    measure: Measure | None = None,
    smallest: int | None = None,
) -> WindowAgreement:
    """Share of other windows in which the sign of a comparison stays.

    The sign of measure(first, r) − measure(second, r), with r the common best of both
    in the window, is taken again

    - in every sub-window: the same neighboring rows and columns of both landscapes,
      matched by index, down to `smallest` of each;
    - in every shift: the window of one row, one column or both fewer, one cell further
      on in one landscape than in the other. Which cells of two grids face each other is
      a choice of the grid's designer.

    The row of no decay belongs to every window.

    Args:
        first: Landscape of one optimizer.
        second: Landscape of the other, on a grid of as many values: the same one, or
            moved by (1/k, k).
        epsilon: Compare `tolerance_width`s at this tolerated loss of score.
        axis: Of the tolerance width.
        measure: Compare this instead: (landscape, reference) → number, such as
            `mean_regret`.
        smallest: Fewest values on an axis of a sub-window. None: two fewer than the
            axis has, but at least two.

    Returns:
        The shares with their counts.

    Raises:
        ValueError: If neither or both of `epsilon` and `measure` are given, the grids
            differ in their numbers of values, one has no score, the measure is NaN in
            the full window, no other window exists, or `smallest` is not positive.

    Example:

    ```python
    print(window_agreement(lion, adamw, measure=mean_regret))
    ```

    References:
        Choi et al. (2019). On empirical comparisons of optimizers for deep learning
        (rankings change with the search space).
    """
    return window_signs(
        first, second, epsilon, axis=axis, measure=measure, smallest=smallest
    ).agreement


def windows_agreeing(
    first: Landscape,
    second: Landscape,
    measure: Measure | None = None,
    others: Sequence[Landscape] = (),
) -> float:
    """Share of the other windows in which the sign of a difference stays.

    `measure` None: of the best scores. The best of `others`, further optimizers of the
    study, counts in the common best of every window. NaN for grids of one cell or of
    unlike sizes.
    """
    compared = measure or (lambda each, reference: each.best.value - reference)
    best = max(
        (each.best.value for each in others if not each.empty), default=-math.inf
    )

    def against_all(landscape: Landscape, reference: float) -> float:
        return compared(landscape, max(reference, best))

    try:
        return window_agreement(first, second, measure=against_all).share
    except ValueError:
        return math.nan


def window_signs(
    first: Landscape,
    second: Landscape,
    epsilon: float | None = None,
    *,
    axis: AxisName = "learning_rate",
    measure: Measure | None = None,
    smallest: int | None = None,
) -> WindowSigns:
    """The sign of a comparison in each window that `window_agreement` counts."""
    if epsilon is not None and measure is None:
        measure = width_measure(axis, epsilon)
    elif epsilon is not None or measure is None:
        raise ValueError(
            "Windows are compared by a tolerance width or by another measure: give "
            f"`epsilon` or `measure`. Received: epsilon={epsilon}, measure={measure}."
        )
    if smallest is not None and smallest < 1:
        raise ValueError(f"`smallest` must be 1 or more. Received: {smallest}.")
    shape = grid_shape(first)
    if shape != grid_shape(second):
        raise ValueError(
            "Windows are matched by index: both grids need the same numbers of "
            "positive weight decays and of learning rates. "
            f"Received: {shape} and {grid_shape(second)}."
        )

    def sign(part: Part, facing: Part) -> int | None:
        """Sign of the difference, 0 for rounding errors; None if it is undefined."""
        parts = sub_landscape(first, part), sub_landscape(second, facing)
        if any(each.empty for each in parts):
            return None
        reference = common_best(parts)
        difference = measure(parts[0], reference) - measure(parts[1], reference)
        if math.isnan(difference):
            return None
        return int(np.sign(difference)) if abs(difference) > RESOLUTION else 0

    whole = (slice(0, shape[0]), slice(0, shape[1]))
    full = sign(whole, whole)
    if full is None:
        raise ValueError(
            "The measure must be a number for both landscapes in the full window. "
            f"Received NaN for {first!r} and {second!r}."
        )
    least = (_least(shape[0], smallest), _least(shape[1], smallest))
    sub_windows = tuple(
        SubWindow(_extent(part[0]), _extent(part[1]), sign(part, part) or 0)
        for part in _smaller(shape, least)
    )
    shifts = tuple(
        Shift(
            ahead[0].start - behind[0].start,
            ahead[1].start - behind[1].start,
            sign(ahead, behind) or 0,
        )
        for ahead, behind in _shifted(shape)
    )
    inner, moved = ([each.sign for each in group] for group in (sub_windows, shifts))
    if not inner + moved:
        raise ValueError(
            "A grid of one cell has no other windows. "
            f"Received: {first!r} and {second!r}."
        )
    agreement = WindowAgreement(
        share=_share(inner + moved, full),
        sign=full,
        num_windows=len(inner + moved),
        num_decided=sum(each != 0 for each in inner + moved),
        share_of_sub_windows=_share(inner, full),
        share_of_shifts=_share(moved, full),
        smallest=least,
    )
    return WindowSigns(agreement, shape, sub_windows, shifts)


def sub_landscape(landscape: Landscape, part: Part) -> Landscape:
    """Some rows (of positive weight decay; that of no decay stays) and columns."""
    decays = landscape.weight_decay
    undecayed, decayed = np.flatnonzero(decays == 0), np.flatnonzero(decays > 0)
    rows = np.concatenate([undecayed, decayed[part[0]]])
    return landscape.select(weight_decay=rows, learning_rate=part[1])


def width_measure(axis: AxisName, epsilon: float, *, own_best: bool = False) -> Measure:
    """The tolerance width as a measure, around the common or around the own best."""

    def measure(landscape: Landscape, reference: float) -> float:
        level = None if own_best else reference
        return tolerance_width(landscape, epsilon, level, axis, cross_fit=False).decades

    return measure


def grid_shape(landscape: Landscape) -> tuple[int, int]:
    """Numbers of positive weight decays and of learning rates."""
    return int((landscape.weight_decay > 0).sum()), len(landscape.learning_rate)


def _least(values: int, smallest: int | None) -> int:
    return min(values, max(2, values - 2) if smallest is None else smallest)


def _smaller(shape: tuple[int, int], least: tuple[int, int]) -> Iterator[Part]:
    """Every window of neighboring rows and columns, but the full one."""
    rows, columns = (
        [
            slice(start, start + size)
            for size in range(fewest, values + 1)
            for start in range(values - size + 1)
        ]
        for values, fewest in zip(shape, least, strict=True)
    )
    for part in product(rows, columns):
        if part != (slice(0, shape[0]), slice(0, shape[1])):
            yield part


def _shifted(shape: tuple[int, int]) -> Iterator[tuple[Part, Part]]:
    """Every pair of windows of which one lies a cell further on."""
    for moves in product((-1, 0, 1), repeat=2):
        fits = all(
            move == 0 or values > 1 for move, values in zip(moves, shape, strict=True)
        )
        if moves == (0, 0) or not fits:
            continue
        ahead, behind = (
            tuple(
                slice(max(0, sign * move), values + min(0, sign * move))
                for move, values in zip(moves, shape, strict=True)
            )
            for sign in (1, -1)
        )
        yield (ahead[0], ahead[1]), (behind[0], behind[1])


def _extent(part: slice) -> tuple[int, int]:
    return part.start, part.stop - part.start


def _share(signs: Sequence[int], full: int) -> float:
    counted = [sign for sign in signs if sign != 0 or full == 0]
    return counted.count(full) / len(counted) if counted else 0.0
