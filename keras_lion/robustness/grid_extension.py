"""How to extend a grid whose best cell lies on an edge, as text to paste."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from keras_lion.robustness.landscape import Array, AxisName, Landscape, Side
from keras_lion.robustness.wording import listed
from keras_lion.tuning.study.extension import Extension
from keras_lion.tuning.study.extension import extended as extended_axis

STEPS = 2  # values to add on a side
SAME_STEP = 0.01  # steps that differ by less, as a share of one, are equal


def values_beyond(
    axis: AxisName, values: Array, *, down: int = 0, up: int = 0
) -> tuple[float, ...]:
    """The values of an axis and more at its ends, in steps of its own ratio.

    Those that it has stay as they are, to the last digit. An axis without a common
    ratio continues with that of its last two values on each side.
    """
    known = [float(value) for value in values]
    if has_ratio(axis, values):
        return extended_axis(axis, known, down=down, up=up)
    positive = [value for value in known if value > 0]
    below, above = positive[1] / positive[0], positive[-1] / positive[-2]
    return (
        *known[: len(known) - len(positive)],
        *(_short(positive[0] / below**k) for k in range(down, 0, -1)),
        *positive,
        *(_short(positive[-1] * above**k) for k in range(1, up + 1)),
    )


def without_holes(values: Array) -> Array:
    """The values, with those that one ratio for all steps would have in between.

    A grid that was extended once and is read without its middle has steps that are
    powers of its least one. Other grids stay as they are.
    """
    positive = values[values > 0]
    gaps = np.diff(np.log10(positive))
    if len(gaps) < 2:
        return values
    counts = np.round(gaps / gaps.min()).astype(int)
    if counts.max() == 1 or np.abs(gaps / gaps.min() - counts).max() > SAME_STEP:
        return values
    ratio = 10 ** gaps.min()
    filled = [
        _short(float(low) * ratio**k)
        for low, count in zip(positive[:-1], counts, strict=True)
        for k in range(1, int(count))
    ]
    return np.sort(np.concatenate([values, filled]))


def has_ratio(axis: AxisName, values: Array) -> bool:
    """Whether `keras-lion run --extend` can extend an axis of these values."""
    try:
        extended_axis(axis, [float(value) for value in values], up=1)
    except ValueError:
        return False
    return True


def extension_text(
    landscape: Landscape,
    axis: AxisName,
    sides: Collection[Side],
    *,
    extended: Collection[Extension] = (),
    declared: bool = True,
) -> str:
    """One sentence: the values to add, the option, and the line of the study's file.

    Args:
        landscape: Scores on the grid, as extended as it is.
        axis: The axis to extend.
        sides: Its ends where values are to be added.
        extended: Extensions that the grid has already: the option counts its steps from
            the study's file.
        declared: Whether a study's file declares the grid. Imported runs have none.
    """
    values = without_holes(getattr(landscape, axis))
    steps = {
        way: STEPS for way, side in (("down", "low"), ("up", "high")) if side in sides
    }
    longer = values_beyond(axis, values, **steps)
    known = getattr(landscape, axis)
    new = listed([repr(each) for each in longer if each not in known])
    if not declared:
        return f"Add runs at {axis} = {new}, and import them too."
    before = {
        way: sum(getattr(each, way) for each in extended if each.axis == axis)
        for way in steps
    }
    options = " ".join(
        f"{axis}={way}:{count + before[way]}" for way, count in steps.items()
    )
    line = f'Axis("{axis}", ({", ".join(map(repr, longer))}))'
    if has_ratio(axis, known):
        counted = " (counted from the study's file)" if any(before.values()) else ""
        return f"Add {new}: --extend {options}{counted}, or in the study's file {line}."
    return f"Add {new}, in the study's file: {line}."


def _short(value: float) -> float:
    return float(f"{value:.6g}")
