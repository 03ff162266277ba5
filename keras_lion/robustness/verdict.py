"""The verdict on a claim: its rules, its numbers, and cautions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from keras_lion.robustness.comparison import Comparison, compare_best, compare_tolerance
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import AxisName, Landscape, common_best
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.windows import Measure, width_measure, window_agreement
from keras_lion.statistics import FEW, Interval

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
RESOLUTION = 0.25


NOTHING = Interval(math.nan, math.nan, math.nan, 0)


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
    p: float = math.nan
    smallest_p: float = math.nan
    detectable_gap: float = math.nan
    window_share: float = math.nan
    direction: int = 0
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.claim} {self.outcome.capitalize()}: {self.sentence}"

    @classmethod
    def untestable(
        cls, claim: str, reason: str, *, comparison: Comparison | None = None
    ) -> Verdict:
        """The verdict where the conditions of a claim are not met, and why."""
        found = comparison
        return cls(
            outcome="untestable",
            claim=claim,
            sentence=reason,
            estimate=NOTHING if found is None else found.difference,
            p=math.nan if found is None else found.sign_flip.p,
            smallest_p=math.nan if found is None else found.sign_flip.smallest_p,
            detectable_gap=math.nan if found is None else found.detectable_gap,
            reasons=(reason,),
        )


def tolerance_verdict(
    first: Landscape,
    second: Landscape,
    epsilon: float,
    *,
    names: tuple[str, str] = ("first", "second"),
    claim: str | None = None,
    axis: AxisName = "learning_rate",
    smallest_gap: float = SMALLEST_GAP,
    least_window_share: float = LEAST_WINDOW_SHARE,
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
        least_window_share: Window agreement below which a difference is provisional.
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
        found = Verdict.untestable(claim, f"{out_of_reach[0]}.")
        sentence = (
            f"{out_of_reach[0]}, so that its width is not measured; {numbers}; "
            f"{own_text}."
        )
        return replace(found, sentence=sentence)
    limited = range_limits(pair, names)
    sizes = [_size(landscape) for landscape in pair]
    if sizes[0] != sizes[1]:
        limited.append(f"the grids differ in size, {sizes[0]} and {sizes[1]} cells.")
    judged = []
    for comparison, against in ((common, "common"), (own, "own")):
        share = math.nan
        if sizes[0] == sizes[1] and sizes[0] != (1, 1):
            measure = width_measure(axis, epsilon, own_best=against == "own")
            share = _share_of_windows(pair, measure)
        judged.append(
            verdict(
                comparison,
                claim=claim,
                smallest_gap=smallest_gap,
                resolution=RESOLUTION * max(_step(each, axis) for each in pair),
                window_share=share,
                least_window_share=least_window_share,
                limited=limited,
            )
        )
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


def _share_of_windows(pair: tuple[Landscape, Landscape], measure: Measure) -> float:
    return window_agreement(*pair, measure=measure).share


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

    Returns:
        The verdict with all the numbers that it rests on.
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
        return Verdict.untestable(
            claim,
            f"the ranges of both {first} and {second} reach an end of their grids.",
            comparison=comparison,
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


Kind = Literal["edge", "inert_decay", "few_seeds", "missing", "diverged", "window"]


@dataclass(frozen=True)
class Caution:
    """A reason to believe less.

    Attributes:
        kind: `"edge"` (verdicts are provisional), `"inert_decay"` (the product law is
            untestable), `"few_seeds"`, `"missing"`, `"diverged"` or `"window"`
            (grids of unlike size).
        text: One sentence for the reader.
    """

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def edge_cautions(landscape: Landscape) -> list[Caution]:
    """Say on which sides of the grid the best cell lies, and where to search next."""
    if landscape.empty or landscape.all_diverged:
        return []
    return [
        Caution(
            "edge",
            f"the best cell lies on the {at.side} {at.axis} edge of the grid "
            f"({at.axis} = {getattr(landscape.best, at.axis):.3g}): the optimum may "
            f"lie beyond it. Extend the grid to {_list(at.next_values)}.",
        )
        for at in boundary_optimum(landscape)
    ]


def inert_decay_cautions(landscape: Landscape, epsilon: float) -> list[Caution]:
    """Say whether training without decay is as good as the best, within `epsilon`."""
    if landscape.empty or landscape.all_diverged or landscape.weight_decay[0] > 0:
        return []
    undecayed = landscape.means[0][np.isfinite(landscape.means[0])]
    if not (undecayed >= landscape.best.value - epsilon).any():
        return []
    return [
        Caution(
            "inert_decay",
            f"without weight decay the score is within {epsilon:g} of the best: decay "
            "is inert here, and the lr × λ law cannot be tested.",
        )
    ]


def seed_cautions(landscape: Landscape) -> list[Caution]:
    """Say whether the best cell has too few seeds for more than an indication."""
    if landscape.empty or (n := landscape.best_interval.n) >= FEW:
        return []
    seeds = "one seed" if n == 1 else f"{n} seeds"
    return [
        Caution("few_seeds", f"the best cell has {seeds}: the numbers are indicative.")
    ]


def missing_cautions(landscape: Landscape) -> list[Caution]:
    """Say how many cells have no score, or fewer seeds than others."""
    if landscape.empty:
        return [Caution("missing", "no run has finished.")]
    counts = landscape.num_seeds
    cautions = []
    if absent := int((counts == 0).sum()):
        cautions.append(
            Caution("missing", f"{absent} of {counts.size} cells have no score.")
        )
    if partial := int(((counts > 0) & (counts < counts.max())).sum()):
        cautions.append(
            Caution(
                "missing",
                f"{partial} of {counts.size} cells have fewer than the "
                f"{counts.max()} seeds of the others.",
            )
        )
    return cautions


def divergence_cautions(landscape: Landscape) -> list[Caution]:
    """Say whether most of the window does not train."""
    if landscape.empty or landscape.diverged_share <= 0.5:
        return []
    if landscape.all_diverged:
        return [Caution("diverged", "every run diverged: move the grid.")]
    share = round(100 * landscape.diverged_share)
    return [Caution("diverged", f"{share} % of the runs diverged: move the grid.")]


def window_cautions(landscapes: Mapping[str, Landscape]) -> list[Caution]:
    """Say whether the optimizers were searched over windows of unlike size."""
    sizes = {name: _window(landscape) for name, landscape in landscapes.items()}
    if len(set(sizes.values())) < 2:
        return []
    texts = [f"{name} over {size}" for name, size in sizes.items()]
    return [
        Caution(
            "window",
            "The grids differ in size, so that widths and regrets cannot be compared "
            f"as they are: {'; '.join(texts)}.",
        )
    ]


def cautions_of(landscape: Landscape, epsilon: float) -> list[Caution]:
    """All cautions of one landscape."""
    return [
        *missing_cautions(landscape),
        *divergence_cautions(landscape),
        *edge_cautions(landscape),
        *inert_decay_cautions(landscape, epsilon),
        *seed_cautions(landscape),
    ]


def _window(landscape: Landscape) -> str:
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    parts = [
        f"{len(values)} values and {np.log10(values[-1] / values[0]):.2f} decades of "
        f"{axis}"
        for axis, values in (
            ("learning_rate", landscape.learning_rate),
            ("weight_decay", decays),
        )
        if len(values)
    ]
    if landscape.weight_decay[0] == 0:
        parts.append("no decay")
    return ", ".join(parts)


def _list(values: tuple[float, ...]) -> str:
    return " and ".join(f"{value:.3g}" for value in values)
