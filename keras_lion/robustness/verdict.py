"""The verdict on a claim: its rules, its numbers, and cautions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from keras_lion.robustness.comparison import Comparison
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.wording import counted, with_unit
from keras_lion.statistics import NOTHING, Interval

Outcome = Literal[
    "supported", "not supported", "underpowered", "provisional", "untestable"
]

# Stated in every report; a study may declare others before it runs.
# Decades: smallest difference of widths that matters. One of `DETECTED_GAP` is found in
# about 9 of 10 studies with a 7 × 7 grid of ratio √10 and six seeds, where the
# noise of a run is at most 0.4 ε (`studies/calibration.py`): both widths must show it.
SMALLEST_GAP = 0.75
DETECTED_GAP = 1.0
LEAST_WINDOW_SHARE = 0.75
LEAST_SEEDS = 3  # the intervals are known to cover from here on


@dataclass(frozen=True)
class Verdict:
    """What a study shows of one claim.

    Attributes:
        outcome: `"supported"`, `"not supported"`, `"underpowered"`, `"provisional"` or
            `"untestable"`.
        claim: The claim, as declared.
        sentence: The verdict in one sentence.
        estimate: The number that the claim is about, with its interval.
        p: p-value of the test of it; NaN without one.
        smallest_p: The smallest p-value that so many seeds could give; NaN without one.
        detectable_gap: Smallest true value that such a study finds in 90 of 100 cases,
            the grid's resolution included; NaN where it has no meaning.
        window_share: Share of the sub-windows and moved windows in which the sign of
            the estimate stays; NaN where it was not computed.
        direction: 1 if the first optimizer is better, −1 if the second one is, 0 if
            neither is shown to be: by the interval, or because a censored width leaves
            the sign open.
        reasons: Why, one sentence each.
    """

    outcome: Outcome
    claim: str
    sentence: str
    estimate: Interval
    p: float = math.nan
    smallest_p: float = math.nan
    detectable_gap: float = math.nan
    window_share: float = math.nan
    direction: int = 0
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.claim} {self.outcome.capitalize()}: {self.sentence}"

    @classmethod
    def untestable(cls, claim: str, reason: str, **known: Any) -> Verdict:
        """The verdict where the conditions of a claim are not met, and why."""
        found = cls("untestable", claim, reason, NOTHING, reasons=(reason,))
        return replace(found, **known)


def range_limits(landscapes: Iterable[Landscape], names: Iterable[str]) -> list[str]:
    """One sentence for each optimum that may lie beyond its grid."""
    return [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid."
        for name, landscape in zip(names, landscapes, strict=True)
        if not landscape.all_diverged
        for edge in boundary_optimum(landscape)
        if edge.limit == "range"
    ]


def too_few_seeds(n: int) -> str:
    """Why nothing is settled with so few seeds."""
    are = "is" if n == 1 else "are"
    return (
        f"{counted(n, 'seed')} {are} too few for an interval: at least {LEAST_SEEDS} "
        "are needed."
    )


def outcome_of(
    interval: Interval,
    *,
    margin: float,
    windows: float = math.nan,
    limited: Sequence[str] = (),
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of the claim that a number is larger than 0.

    Returns:
        Supported if the interval lies above 0, not supported if it lies below the
        margin, otherwise underpowered; provisional instead of the first two where there
        are few seeds, windows disagree or an optimum lies on an edge. And the reasons.
    """
    if interval.low > 0:
        outcome: Outcome = "supported"
    elif interval.high < margin:
        outcome = "not supported"
    else:
        few = interval.n < LEAST_SEEDS
        return "underpowered", (too_few_seeds(interval.n),) if few else ()
    reasons = list(limited)
    if interval.n < LEAST_SEEDS:
        reasons.append(too_few_seeds(interval.n))
    if windows < LEAST_WINDOW_SHARE:
        reasons.append(f"the sign stays in only {windows:.0%} of the other windows.")
    return ("provisional" if reasons else outcome), tuple(reasons)


def verdict(
    comparison: Comparison,
    *,
    claim: str | None = None,
    smallest_gap: float = SMALLEST_GAP,
    resolution: float = 0.0,
    window_share: float = math.nan,
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
      the number of seeds, not on p, so that the reasons name these alone.
    - provisional: it would be supported or not supported, but an optimum lies
      range-limited on an edge of its grid, or the sign of a difference stays in less
      than LEAST_WINDOW_SHARE of the windows, or a width is censored that would have
      to be known for this direction.

    A censored width is a lower bound. If the first one is, the difference can only be
    larger: "supported" stands, all else is provisional. If the second one is, a
    difference below 0 stands.

    Returns:
        The verdict with all the numbers that it rests on.
    """
    if not 0 <= resolution < smallest_gap < math.inf:
        raise ValueError(
            "`smallest_gap` must be a difference larger than `resolution`, which "
            f"is 0 or more. Received: smallest_gap={smallest_gap}, "
            f"resolution={resolution}: refine the grid, or declare a larger gap."
        )
    found = comparison.difference
    first, second = comparison.names
    if claim is None:
        claim = f"{first} is better than {second} by {comparison.measure}."
    if comparison.bound == "unknown":
        return Verdict.untestable(
            claim,
            f"the ranges of both {first} and {second} reach an end of their grids.",
            estimate=found,
            p=comparison.sign_flip.p,
            smallest_p=comparison.sign_flip.smallest_p,
            detectable_gap=comparison.detectable_gap,
        )
    direction = 1 if found.low > resolution else -1 if found.high < -resolution else 0
    detectable = comparison.detectable_gap + resolution
    precise = found.high < smallest_gap and detectable <= smallest_gap
    # Censored in a way that leaves the direction open.
    open_bounds = [
        name
        for name, censored, open_to in (
            (first, comparison.censored[0], direction <= 0),
            (second, comparison.censored[1], direction >= 0),
        )
        if censored and open_to
    ]
    reasons = [
        *limited,
        *(
            f"the range of {name} reaches an end of its grid and may be wider."
            for name in open_bounds
        ),
    ]
    if direction and window_share < LEAST_WINDOW_SHARE:
        reasons.append(
            f"the sign stays in only {window_share:.0%} of the windows "
            f"(at least {LEAST_WINDOW_SHARE:.0%} are needed)."
        )
    outcome: Outcome
    if not direction and not precise:
        outcome = "underpowered"
        reasons = _why_underpowered(comparison, smallest_gap, resolution, detectable)
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


def _why_underpowered(
    comparison: Comparison, smallest_gap: float, resolution: float, detectable: float
) -> list[str]:
    """What keeps a difference from being settled: seeds, noise, the grid's steps."""
    found, unit = comparison.difference, comparison.unit
    reasons = []
    if found.n < LEAST_SEEDS:
        reasons.append(too_few_seeds(found.n))
    elif smallest_gap < detectable < math.inf:
        reasons.append(
            f"the smallest difference that matters is "
            f"{with_unit(f'{smallest_gap:g}', unit)}, and {counted(found.n, 'seed')} "
            f"of this noise would often miss one below "
            f"{with_unit(f'{detectable:.2f}', unit)}."
        )
    if -resolution <= found.high < 0 or 0 < found.low <= resolution:
        left = with_unit(f"{resolution:.2f}", unit)
        reasons.append(
            f"the difference is not clear of the {left} that the steps of the grid "
            "leave open."
        )
    return reasons


def _sentence(
    comparison: Comparison,
    outcome: Outcome,
    direction: int,
    smallest_gap: float,
    detectable: float,
) -> str:
    unit = f" {comparison.unit}" if comparison.unit else ""
    smallest = with_unit(f"{smallest_gap:g}", comparison.unit)
    n = comparison.difference.n
    numbers = (
        f"{comparison.measure}, {comparison.names[0]} − {comparison.names[1]}: "
        f"{comparison.difference:.2f}{unit}"
    )
    if outcome == "underpowered":
        if detectable <= smallest_gap:
            return (
                f"{numbers}; a difference of {smallest}, the smallest that "
                "matters, is not excluded."
            )
        seeds = counted(n, "seed")
        missed = "any difference" if n == 1 else f"one below {detectable:.2f}{unit}"
        return f"{numbers}; {seeds} of this noise would often miss {missed}."
    if outcome == "provisional":
        return f"{numbers}; the grids do not settle it."
    if direction:
        better = comparison.names[0] if direction > 0 else comparison.names[1]
        return f"{numbers}; the difference is in favor of {better}."
    return (
        f"{numbers}; no difference of {smallest} or more, which the study "
        "would have found."
    )
