"""What a measured interval says of a claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from keras_lion.statistics import Interval

Outcome = Literal[
    "reproduced",
    "not reproduced",
    "underpowered",
    "provisional",
    "untestable",
    "out of reach here",
    "not run yet",
]
LEAST_SEEDS = 3
LEAST_WINDOW_SHARE = 0.75


@dataclass(frozen=True)
class Measured:
    """One measurement of a claim.

    Attributes:
        where: Task or condition.
        text: The measurement in words, with its interval and n.
        outcome: What it says of the claim.
        interval: The number that decides; None where nothing was measured.
        windows: Share of the other windows in which the sign stays; None where the
            measure has no window.
        errors: How often the analysis errs where the answer is known.
        reasons: Why the outcome is not plainly that of the interval.
    """

    where: str
    text: str
    outcome: Outcome
    interval: Interval | None = None
    windows: float | None = None
    errors: str = ""
    reasons: Sequence[str] = field(default_factory=tuple)


def outcome_of(
    interval: Interval,
    *,
    margin: float,
    windows: float | None = None,
    limited: Sequence[str] = (),
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of the claim that a number is larger than 0.

    Args:
        interval: The number with its interval; its claimed sign is plus.
        margin: Difference that is too small to matter, declared beforehand; 0 or more.
        windows: Share of the other windows in which the sign stays.
        limited: Reasons why the number may be that of the window only.

    Returns:
        Reproduced if the interval lies above 0, not reproduced if it lies below the
        margin, else underpowered; provisional instead of the first two where there are
        few seeds, windows disagree or an optimum lies on an edge. And the reasons.

    Example:

    ```python
    outcome_of(Interval(0.2, 0.1, 0.3, 6), margin=0.05)  # ("reproduced", ())
    ```
    """
    if interval.low > 0:
        outcome: Outcome = "reproduced"
    elif interval.high < margin:
        outcome = "not reproduced"
    else:
        return "underpowered", ()
    reasons = list(limited)
    if interval.n < LEAST_SEEDS:
        reasons.append(f"{interval.n} seeds are too few for an interval")
    if windows is not None and windows < LEAST_WINDOW_SHARE:
        reasons.append(f"the sign stays in {windows:.0%} of the other windows only")
    return ("provisional" if reasons else outcome), tuple(reasons)


def negative(interval: Interval) -> Interval:
    """The interval of the number with the other sign."""
    return Interval(-interval.estimate, -interval.high, -interval.low, interval.n)


def scaled(interval: Interval, factor: float) -> Interval:
    """The interval in another unit; `factor` is positive."""
    return Interval(
        factor * interval.estimate,
        factor * interval.low,
        factor * interval.high,
        interval.n,
    )


def written(interval: Interval, unit: str = "", digits: int = 2) -> str:
    """`−0.37 [−0.42, −0.32] decades (n=6)`."""
    space = " " if unit else ""
    ends = f"[{_number(interval.low, digits)}, {_number(interval.high, digits)}]"
    return f"{_number(interval.estimate, digits)} {ends}{space}{unit} (n={interval.n})"


def _number(value: float, digits: int) -> str:
    return f"{value + 0.0:.{digits}f}".replace("-", "−")
