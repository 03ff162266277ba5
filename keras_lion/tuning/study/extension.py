"""More values at the ends of a grid, in steps of its own ratio."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

DIRECTIONS = ("down", "up")
STEPS = 2  # where an extension names no number
MOST = 100
FORM = "AXIS=up or AXIS=down, with a number of steps if need be: learning_rate=up:2"
# `Axis.geometric` rounds to six digits. Finer grids get twelve, so that 0.1 is 0.1.
DIGITS, FINE_DIGITS = 6, 12
ROOTS = 12  # ratios up to the twelfth root of a short number are recognized


@dataclass(frozen=True)
class Extension:
    """How far an axis is extended.

    Attributes:
        axis: Name of the hyperparameter.
        down: Number of values below the lowest positive one.
        up: Number of values above the highest.
    """

    axis: str
    down: int = 0
    up: int = 0

    @classmethod
    def parse(cls, text: str) -> Extension:
        """The extension that a text such as `learning_rate=up:2` asks for."""
        axis, _, rest = text.partition("=")
        direction, colon, count = rest.partition(":")
        steps = count if colon else str(STEPS)
        if not axis or direction not in DIRECTIONS or not _is_count(steps):
            raise ValueError(
                f"An extension of a grid is {FORM} (0 to {MOST} steps, {STEPS} if "
                f"none are given). Received: {text!r}."
            )
        return cls(axis, **{direction: int(steps)})


def combined(kept: Iterable[str], given: Iterable[str]) -> list[str]:
    """The extensions of a grid: those given, and those kept that they do not replace.

    One that is given replaces the kept one of the same end of the same axis; of 0 steps
    it removes it.

    Example:

    ```python
    combined(["learning_rate=up:2"], ["weight_decay=down:1", "learning_rate=up:0"])
    # ["weight_decay=down:1"]
    ```
    """
    steps: dict[tuple[str, str], int] = {}
    for text in (*kept, *given):
        found = Extension.parse(text)
        direction = text.partition("=")[2].partition(":")[0]
        steps[found.axis, direction] = getattr(found, direction)
    return [
        f"{axis}={direction}:{count}"
        for (axis, direction), count in steps.items()
        if count
    ]


def extended(
    name: str, values: Sequence[float], *, down: int = 0, up: int = 0
) -> tuple[float, ...]:
    """Ascending numbers with more of them at the ends, in steps of their ratio.

    The given numbers stay as they are. Those of `Axis.geometric` become the ones that
    it gives for `num + down + up` values around the shifted centre.

    Args:
        name: Name of the hyperparameter, for messages.
        values: Numbers, ascending; a 0 stays the first.
        down: Number of values below the lowest positive one.
        up: Number of values above the highest.

    Raises:
        ValueError: If the positive values have no common ratio, whole numbers would
            not stay whole, or a number of steps is not from 0 to 100.
    """
    if not (0 <= down <= MOST and 0 <= up <= MOST):
        raise ValueError(
            f"An axis is extended by 0 to {MOST} steps. Received: down={down}, up={up}."
        )
    positive = [value for value in values if value > 0]
    if name.startswith("beta_") or common_ratio(positive) is None:
        raise ValueError(
            f"Axis '{name}' cannot be extended: that takes at least two positive "
            f"values of one ratio, of no beta. Received: {tuple(values)}. Write the "
            "values that you want into the study's file."
        )
    anchor, at, ratio = _rule(positive)
    digits = _digits(positive)

    def value(k: int) -> float:
        exact = _rounded(anchor * ratio ** (k - at), digits)
        if not all(isinstance(each, int) for each in positive):
            return exact
        if not exact.is_integer():
            raise ValueError(
                f"Axis '{name}' cannot be extended: its values are whole numbers, and "
                f"the next one would be {exact:g}. Received: {tuple(values)}."
            )
        return int(exact)

    return (
        *(value for value in values if value <= 0),
        *(value(k) for k in range(-down, 0)),
        *positive,
        *(value(len(positive) + k) for k in range(up)),
    )


def common_ratio(values: Sequence[float]) -> float | None:
    """The ratio of neighboring positive numbers, or None if they have several."""
    ratios = [high / low for low, high in itertools.pairwise(values)]
    if not ratios or any(abs(ratio / ratios[0] - 1) > 1e-4 for ratio in ratios):
        return None
    return ratios[0]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= MOST


def _rule(values: Sequence[float]) -> tuple[float, float, float]:
    """The anchor, its place and the ratio that reproduce the values.

    Values that are rounded do not tell their ratio exactly. The simplest anchor and
    ratio that give all of them are those that the grid was made with. The anchor is a
    value, or lies between two, as the centre of an even number of values does.
    """
    last, digits = len(values) - 1, _digits(values)
    rough = (values[-1] / values[0]) ** (1 / last)
    centre = math.exp(math.fsum(map(math.log, values)) / len(values))
    places = sorted(
        (k / 2 for k in range(2 * last + 1)), key=lambda k: abs(k - last / 2)
    )
    anchors = [
        (_rounded(centre * rough ** (place - last / 2), digit), place)
        for digit in range(1, DIGITS + 1)
        for place in places
    ]
    for ratio in (*_simple_ratios(rough), rough):
        for anchor, at in anchors:
            if all(
                _rounded(anchor * ratio ** (k - at), digits) == _rounded(value, digits)
                for k, value in enumerate(values)
            ):
                return anchor, at, ratio
    return values[-1], float(last), rough


def _simple_ratios(rough: float) -> Iterator[float]:
    """Short numbers and roots of whole numbers that are the rough ratio, or near it."""
    for digit in range(1, 5):
        yield from _near(_rounded(rough, digit), rough)
    for root in range(2, ROOTS + 1):
        yield from _near(float(round(rough**root)) ** (1 / root), rough)


def _near(ratio: float, rough: float) -> Iterator[float]:
    if abs(ratio / rough - 1) < 1e-5:
        yield ratio


def _digits(values: Sequence[float]) -> int:
    short = all(_rounded(value, DIGITS) == value for value in values)
    return DIGITS if short else FINE_DIGITS


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
