"""How to extend a grid whose best cell lies on an edge, as text to paste."""

from __future__ import annotations

from collections.abc import Collection

from keras_lion.robustness.landscape import Array, AxisName, Landscape, Side
from keras_lion.robustness.wording import listed
from keras_lion.tuning.study.extension import extended

STEPS = 2  # values to add on a side


def values_beyond(
    axis: AxisName, values: Array, *, down: int = 0, up: int = 0
) -> tuple[float, ...]:
    """The values of an axis and more at its ends, in steps of its own ratio.

    Those that it has stay as they are, to the last digit. An axis without a common
    ratio continues with that of its last two values on each side.
    """
    known = [float(value) for value in values]
    if has_ratio(axis, values):
        return extended(axis, known, down=down, up=up)
    positive = [value for value in known if value > 0]
    below, above = positive[1] / positive[0], positive[-1] / positive[-2]
    return (
        *known[: len(known) - len(positive)],
        *(_short(positive[0] / below**k) for k in range(down, 0, -1)),
        *positive,
        *(_short(positive[-1] * above**k) for k in range(1, up + 1)),
    )


def has_ratio(axis: AxisName, values: Array) -> bool:
    """Whether `keras-lion run --extend` can extend an axis of these values."""
    try:
        extended(axis, [float(value) for value in values], up=1)
    except ValueError:
        return False
    return True


def extension_text(
    landscape: Landscape, axis: AxisName, sides: Collection[Side]
) -> str:
    """One sentence: the values to add, the option, and the line of the study's file."""
    values = getattr(landscape, axis)
    steps = {
        way: STEPS for way, side in (("down", "low"), ("up", "high")) if side in sides
    }
    longer = values_beyond(axis, values, **steps)
    new = listed([repr(each) for each in longer if each not in values])
    options = " ".join(f"{axis}={way}:{count}" for way, count in steps.items())
    line = f'Axis("{axis}", ({", ".join(map(repr, longer))}))'
    if has_ratio(axis, values):
        return f"Add {new}: --extend {options}, or in the study's file {line}."
    return f"Add {new}, in the study's file: {line}."


def _short(value: float) -> float:
    return float(f"{value:.6g}")
