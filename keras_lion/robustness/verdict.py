"""The verdict on a claim: its rules, its numbers, and cautions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_lion.robustness.comparison import Comparison, compare_tolerance
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.windows import window_agreement
from keras_lion.statistics import FEW, Interval

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
    """All cautions of one landscape.

    Args:
        landscape: Scores on a grid.
        epsilon: Loss of score that counts as none, in its unit.

    Returns:
        Cautions, the gravest first; empty if there is nothing to say.

    Example:

    ```python
    for caution in cautions_of(landscape, epsilon=0.05):
        print(caution)
    ```
    """
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
