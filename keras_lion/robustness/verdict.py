"""The verdict on a claim: its rules, its numbers, and cautions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from keras_lion.robustness.cautions import cautions_of as cautions_of
from keras_lion.robustness.cautions import edge_cautions as edge_cautions
from keras_lion.robustness.cautions import window_cautions as window_cautions
from keras_lion.robustness.comparison import Comparison, compare_best, compare_tolerance
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import AxisName, Landscape, common_best
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.windows import grid_shape, width_measure, windows_agreeing
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
# Where its points fall moves a measured width by about this share of a grid's step.
SHARE_OF_STEP = 0.25


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


def tolerance_verdict(
    first: Landscape,
    second: Landscape,
    epsilon: float,
    *,
    names: tuple[str, str] = ("first", "second"),
    claim: str | None = None,
    axis: AxisName = "learning_rate",
    smallest_gap: float = SMALLEST_GAP,
    unit: str = "",
    generator: np.random.Generator | None = None,
) -> Verdict:
    """Verdict on "the first optimizer tolerates a wider range than the second".

    Three numbers stand side by side: the difference of the best scores, that of the
    widths within ε of the common best, and that of the widths within ε of each
    optimizer's own best. Both widths are judged by `verdict`, with the
    edges of the grids, the windows and a resolution of a quarter of the widest step:
    two equal optimizers whose optima lie otherwise between the grid's points differ by
    about as much, with any number of seeds.

    The verdict needs both widths to agree. Where no setting of one optimizer comes
    within ε of the common best, its best score is worse and nothing is said of its
    tolerance: there is no width, and the claim is untestable.

    Args:
        first: Landscape of the optimizer that the claim speaks for.
        second: Landscape of the other; seed k of both is one pair.
        epsilon: Tolerated loss of score, in its unit; 0 or more.
        names: The two optimizers.
        claim: The claim in words. None: "… tolerates a wider range of … than …".
        axis: `"learning_rate"` or `"weight_decay"`.
        smallest_gap: Smallest difference that matters, in decades; declared beforehand.
        unit: Unit of the scores, for the sentence.
        generator: For the sign-flip test; needed for more than 16 seeds.

    Returns:
        The verdict; its estimate is the difference of the widths within ε of the common
        best. It is untestable where nothing trained in one of the landscapes, too.
    """
    if claim is None:
        claim = f"{names[0]} tolerates a wider range of {axis} than {names[1]}."
    pair = (first, second)
    for name, landscape in zip(names, pair, strict=True):
        if landscape.empty or landscape.all_diverged:
            return Verdict.untestable(claim, f"no run of {name} trained.")
    space = f" {unit}" if unit else ""
    numbers = f"best score, {names[0]} − {names[1]}: {_best(pair, generator)}{space}"
    reference = common_best(pair)
    out_of_reach = [
        f"no setting of {name} comes within {epsilon:g}{space} of the common best"
        for name, landscape in zip(names, pair, strict=True)
        if tolerance_width(landscape, epsilon, reference, axis).none
    ]
    common, own = (
        compare_tolerance(
            first,
            second,
            epsilon,
            axis=axis,
            own_best=own_best,
            names=names,
            generator=generator,
        )
        for own_best in (False, True)
    )
    own_text = (
        f"width within {epsilon:g}{space} of its own best: {own.difference:.2f} decades"
    )
    if out_of_reach:
        return Verdict.untestable(
            claim,
            f"{out_of_reach[0]}.",
            sentence=f"{out_of_reach[0]}, so that its width is not measured; "
            f"{numbers}; {own_text}.",
        )
    limited = range_limits(pair, names)
    sizes = [grid_shape(landscape) for landscape in pair]
    if sizes[0] != sizes[1]:
        limited.append(f"the grids differ in size, {sizes[0]} and {sizes[1]} cells.")
    resolution = SHARE_OF_STEP * max(_step(each, axis) for each in pair)
    judged = [
        verdict(
            comparison,
            claim=claim,
            smallest_gap=smallest_gap,
            resolution=resolution,
            window_share=windows_agreeing(
                *pair, width_measure(axis, epsilon, own_best=own_best)
            ),
            limited=limited,
        )
        for comparison, own_best in ((common, False), (own, True))
    ]
    numbers += (
        f"; width within {epsilon:g}{space} of the common best: "
        f"{common.difference:.2f} decades; {own_text}"
    )
    return _agreed(judged[0], judged[1], numbers)


def range_limits(landscapes: Iterable[Landscape], names: Iterable[str]) -> list[str]:
    """One sentence for each optimum that may lie beyond its grid."""
    return [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid."
        for name, landscape in zip(names, landscapes, strict=True)
        if not landscape.all_diverged
        for edge in boundary_optimum(landscape)
        if edge.limit == "range"
    ]


def _best(
    pair: tuple[Landscape, Landscape], generator: np.random.Generator | None
) -> str:
    try:
        found = compare_best(*pair, generator=generator).difference
    except ValueError:  # an interrupted sweep lacks seeds of some cells
        found = Interval(pair[0].best.value - pair[1].best.value, math.nan, math.nan, 1)
    return f"{found:.3f}"


def _agreed(common: Verdict, own: Verdict, numbers: str) -> Verdict:
    """One verdict of two widths: theirs where they agree."""
    outcome: Outcome = common.outcome
    reasons = common.reasons
    if common.outcome == own.outcome and common.direction == own.direction:
        tail = "both widths agree"
    else:
        tail = (
            f"the widths do not agree: {common.outcome} by the common best, "
            f"{own.outcome} by the own best"
        )
        pair = {common.outcome, own.outcome}
        weakest: tuple[Outcome, ...] = ("untestable", "underpowered", "provisional")
        outcome = next((each for each in weakest if each in pair), "provisional")
        reasons = (f"{tail}.", *dict.fromkeys((*common.reasons, *own.reasons)))
    shares = [each.window_share for each in (common, own)]
    return replace(
        common,
        outcome=outcome,
        sentence=f"{numbers}; {tail}.",
        detectable_gap=max(common.detectable_gap, own.detectable_gap),
        window_share=min(shares),
        direction=common.direction if common.direction == own.direction else 0,
        reasons=reasons,
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
        return "underpowered", ()
    reasons = list(limited)
    if interval.n < LEAST_SEEDS:
        reasons.append(f"{interval.n} seeds are too few for an interval.")
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
      the number of seeds, not on p.
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


def _step(landscape: Landscape, axis: AxisName) -> float:
    values = getattr(landscape, axis)
    return float(np.diff(np.log10(values[values > 0])).max(initial=0.0))


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
        return f"{numbers}; the difference is in favor of {better}."
    return (
        f"{numbers}; no difference of {smallest_gap:g}{unit} or more, which the study "
        "would have found."
    )
