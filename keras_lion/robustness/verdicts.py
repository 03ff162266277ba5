"""What a study says: one of five verdicts, its sentence and its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_lion.robustness.boundary import boundary_optimum
from keras_lion.robustness.comparison import Comparison, compare_tolerance
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.windows import window_agreement
from keras_lion.statistics import Interval

Outcome = Literal[
    "supported", "not supported", "underpowered", "provisional", "untestable"
]

# Stated in every report; a study may declare others before it runs.
# Decades: what a 7 × 7 grid of ratio √10 with six seeds finds in more than 90 of 100
# cases, where the noise of a run is at most 0.4 ε (`studies/calibration.py`).
SMALLEST_GAP = 0.75
LEAST_WINDOW_SHARE = 0.75
# Where its points fall moves a measured width by about this share of a grid's step.
RESOLUTION = 0.25


@dataclass(frozen=True)
class Verdict:
    """What a study says of one claim.

    Attributes:
        outcome: `"supported"`, `"not supported"`, `"underpowered"`, `"provisional"` or
            `"untestable"`.
        claim: The claim, as declared.
        sentence: The verdict in one sentence.
        estimate: The number that the claim is about, with its interval.
        p: p-value of the test beside it; NaN without one.
        smallest_p: The smallest p-value that so many seeds could give; NaN without one.
        detectable_gap: Smallest true value that such a study finds in 90 of 100 cases,
            the grid's resolution included; NaN where it has no meaning.
        window_share: Share of the sub-windows and moved windows in which the sign of
            the estimate stays; NaN where it was not asked for.
        direction: 1 if the first optimizer is better, −1 if the second one is, 0 if
            neither can be told: from the interval, or because a censored width leaves
            the sign open.
        reasons: Why it is so, one sentence each.
    """

    outcome: Outcome
    claim: str
    sentence: str
    estimate: Interval
    p: float
    smallest_p: float
    detectable_gap: float
    window_share: float
    direction: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.claim} {self.outcome.capitalize()}: {self.sentence}"


def tolerance_verdict(
    first: Landscape,
    second: Landscape,
    epsilon: float,
    *,
    names: tuple[str, str] = ("first", "second"),
    axis: AxisName = "learning_rate",
    smallest_gap: float = SMALLEST_GAP,
    least_window_share: float = LEAST_WINDOW_SHARE,
    generator: np.random.Generator | None = None,
) -> Verdict:
    """Verdict on "the first optimizer tolerates a wider range than the second".

    The whole analysis of a study's headline: `compare_tolerance`, `boundary_optimum` of
    both landscapes, `window_agreement`, `verdict`. The resolution is a quarter of the
    widest step of the grids: two equal optimizers whose optima lie otherwise between
    the grid's points differ by about as much, with any number of seeds.

    Args:
        first: Landscape of the optimizer that the claim speaks for.
        second: Landscape of the other; seed k of both is one pair.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        names: The two optimizers.
        axis: `"learning_rate"` or `"weight_decay"`.
        smallest_gap: Smallest difference that matters, in decades; declared beforehand.
        least_window_share: Window agreement below which a difference is provisional.
        generator: For the sign-flip test; needed for more than 16 seeds.

    Returns:
        The verdict. It is untestable where nothing trained in one of the landscapes.

    Raises:
        ValueError: As `compare_tolerance` and `verdict`.

    Example:

    ```python
    print(tolerance_verdict(lion, adamw, 0.05, names=("lion", "adamw")))
    ```
    """
    claim = f"{names[0]} tolerates a wider range of {axis} than {names[1]}."
    for name, landscape in zip(names, (first, second), strict=True):
        if landscape.empty or landscape.all_diverged:
            reason = f"no run of {name} trained."
            return _untestable(claim, reason)
    comparison = compare_tolerance(
        first, second, epsilon, axis=axis, names=names, generator=generator
    )
    limited = [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid."
        for name, landscape in zip(names, (first, second), strict=True)
        for edge in boundary_optimum(landscape)
        if edge.limit == "range"
    ]
    share = math.nan
    sizes = [_size(landscape) for landscape in (first, second)]
    if sizes[0] != sizes[1]:
        limited.append(f"the grids differ in size, {sizes[0]} and {sizes[1]} cells.")
    elif sizes[0] != (1, 1):
        share = window_agreement(first, second, epsilon, axis=axis).share
    return verdict(
        comparison,
        claim=claim,
        smallest_gap=smallest_gap,
        resolution=RESOLUTION * max(_step(each, axis) for each in (first, second)),
        window_share=share,
        least_window_share=least_window_share,
        limited=limited,
    )


def verdict(
    comparison: Comparison,
    *,
    claim: str | None = None,
    smallest_gap: float = SMALLEST_GAP,
    resolution: float = 0.0,
    window_share: float = math.nan,
    least_window_share: float = LEAST_WINDOW_SHARE,
    limited: Sequence[str] = (),
) -> Verdict:
    """Verdict on "the first is better than the second by this measure".

    With [low, high] the interval of the difference, r the resolution and g the smallest
    gap that matters:

    - untestable: both widths are censored, so that not even a sign is known.
    - supported: low > r.
    - not supported: high < −r; or neither, but high < g and the study would have found
      g (its detectable gap is at most g).
    - underpowered: neither, and g may have been missed. This depends on the noise and
      the number of seeds, not on p.
    - provisional: it would be supported or not supported, but an optimum lies
      range-limited on an edge of its grid, or the sign of a difference stays in less
      than `least_window_share` of the windows, or a width is censored that would have
      to be known for this direction.

    A censored width is a lower bound. If the first one is, the difference can only be
    larger: "supported" stands, all else is provisional. If the second one is, a
    difference below 0 stands.

    Args:
        comparison: The difference, first minus second.
        claim: The claim in words. None: "… is better than … by …".
        smallest_gap: Smallest difference that matters, in the measure's unit.
        resolution: Differences up to this one mean nothing, however many seeds show
            them; in the measure's unit.
        window_share: `window_agreement(...).share`; NaN: not asked for.
        least_window_share: Window agreement below which a difference is provisional.
        limited: Why the grid may be too small, one sentence for each optimum on an
            edge.

    Returns:
        The verdict with all the numbers that it rests on.

    Raises:
        ValueError: If `smallest_gap` is not positive or not above `resolution`, or
            `least_window_share` is not a share.

    Example:

    ```python
    print(verdict(compare_tolerance(lion, adamw, 0.05)).outcome)
    ```
    """
    if not 0 <= resolution < smallest_gap < math.inf:
        raise ValueError(
            "`smallest_gap` must be a difference larger than `resolution`, which "
            f"is 0 or more. Received: smallest_gap={smallest_gap}, "
            f"resolution={resolution}: refine the grid, or declare a larger gap."
        )
    if not 0 <= least_window_share <= 1:
        raise ValueError(
            f"`least_window_share` must lie in [0, 1]. Received: {least_window_share}."
        )
    found = comparison.difference
    first, second = comparison.names
    if claim is None:
        claim = f"{first} is better than {second} by {comparison.measure}."
    if comparison.bound == "unknown":
        return _untestable(
            claim,
            f"the ranges of both {first} and {second} reach an end of their grids.",
            comparison,
        )
    direction = 1 if found.low > resolution else -1 if found.high < -resolution else 0
    detectable = comparison.detectable_gap + resolution
    precise = found.high < smallest_gap and detectable <= smallest_gap
    reasons = [*limited]
    open_bounds = [name for name, to in _needed(comparison, direction) if to]
    reasons += [
        f"the range of {name} reaches an end of its grid and may be wider."
        for name in open_bounds
    ]
    if direction and window_share < least_window_share:
        reasons.append(
            f"the sign stays in only {window_share:.0%} of the windows "
            f"(at least {least_window_share:.0%} are asked for)."
        )
    outcome: Outcome
    if not direction and not precise:
        outcome = "underpowered"
    elif reasons:
        outcome = "provisional"
    else:
        outcome = "supported" if direction > 0 else "not supported"
    return Verdict(
        outcome=outcome,
        claim=claim,
        sentence=_sentence(comparison, outcome, direction, smallest_gap, detectable),
        estimate=found,
        p=comparison.sign_flip.p,
        smallest_p=comparison.sign_flip.smallest_p,
        detectable_gap=detectable,
        window_share=window_share,
        direction=0 if open_bounds else direction,
        reasons=tuple(reasons),
    )


def _size(landscape: Landscape) -> tuple[int, int]:
    return int((landscape.weight_decay > 0).sum()), len(landscape.learning_rate)


def _step(landscape: Landscape, axis: AxisName) -> float:
    values = getattr(landscape, axis)
    return float(np.diff(np.log10(values[values > 0])).max(initial=0.0))


def _needed(comparison: Comparison, direction: int) -> list[tuple[str, bool]]:
    """Which optimizer's width is censored in a way that leaves the direction open."""
    (first, second), (first_open, second_open) = comparison.names, comparison.censored
    return [
        (first, first_open and direction <= 0),
        (second, second_open and direction >= 0),
    ]


def _sentence(
    comparison: Comparison,
    outcome: Outcome,
    direction: int,
    smallest_gap: float,
    detectable: float,
) -> str:
    unit = f" {comparison.unit}" if comparison.unit else ""
    n = comparison.difference.n
    numbers = (
        f"{comparison.measure}, {comparison.names[0]} − {comparison.names[1]}: "
        f"{comparison.difference:.2f}{unit}"
    )
    if outcome == "underpowered":
        if detectable <= smallest_gap:
            return (
                f"{numbers}; a difference of {smallest_gap:g}{unit}, the smallest that "
                "matters, is not excluded."
            )
        seeds = "one seed" if n == 1 else f"{n} seeds"
        missed = "any difference" if n == 1 else f"one below {detectable:.2f}{unit}"
        return f"{numbers}; {seeds} of this noise would often miss {missed}."
    if outcome == "provisional":
        return f"{numbers}; the grids do not settle it."
    if direction:
        better = comparison.names[0] if direction > 0 else comparison.names[1]
        return f"{numbers}; the difference is in favour of {better}."
    return (
        f"{numbers}; no difference of {smallest_gap:g}{unit} or more, which the study "
        "would have found."
    )


def _untestable(
    claim: str, reason: str, comparison: Comparison | None = None
) -> Verdict:
    nothing = Interval(math.nan, math.nan, math.nan, 0)
    return Verdict(
        outcome="untestable",
        claim=claim,
        sentence=reason,
        estimate=nothing if comparison is None else comparison.difference,
        p=math.nan if comparison is None else comparison.sign_flip.p,
        smallest_p=math.nan if comparison is None else comparison.sign_flip.smallest_p,
        detectable_gap=math.nan if comparison is None else comparison.detectable_gap,
        window_share=math.nan,
        direction=0,
        reasons=(reason,),
    )
