"""The verdict on two tolerance widths: around the common and around the own best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keras_lion.robustness.comparison import compare_best, compare_tolerance
from keras_lion.robustness.landscape import AxisName, Landscape, common_best
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.verdict import (
    SMALLEST_GAP,
    Outcome,
    Verdict,
    range_limits,
    verdict,
)
from keras_lion.robustness.windows import grid_shape, width_measure, windows_agreeing
from keras_lion.robustness.wording import with_unit

AXES: dict[AxisName, str] = {
    "learning_rate": "learning rates",
    "weight_decay": "weight decays",
}
# Where its points fall moves a measured width by about this share of a grid's step.
SHARE_OF_STEP = 0.25


def tolerance_verdict(
    first: Landscape,
    second: Landscape,
    epsilon: float,
    *,
    names: tuple[str, str] = ("first", "second"),
    claim: str | None = None,
    axis: AxisName = "learning_rate",
    smallest_gap: float = SMALLEST_GAP,
    others: Sequence[Landscape] = (),
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
        others: Landscapes of further optimizers of the study: the common best is that
            of all of them.
        generator: For the sign-flip test; needed for more than 16 seeds.

    Returns:
        The verdict; its estimate is the difference of the widths within ε of the common
        best. It is untestable where nothing trained in one of the landscapes, too.
    """
    if claim is None:
        claim = f"{names[0]} tolerates a wider range of {AXES[axis]} than {names[1]}."
    pair = (first, second)
    for name, landscape in zip(names, pair, strict=True):
        if landscape.empty or landscape.all_diverged:
            return Verdict.untestable(claim, f"no run of {name} trained.")
    quantity = first.quantity
    within = quantity.amount(epsilon)
    numbers = f"{quantity.gap(*names)}: {_best(pair, generator)}"
    reference = common_best((*pair, *others))
    out_of_reach = [
        f"no setting of {name} comes within {within} of the common best"
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
            others=others,
            generator=generator,
        )
        for own_best in (False, True)
    )
    own_text = (
        f"width within {within} of its own best, {names[0]} − {names[1]}: "
        f"{own.difference:.2f} decades"
    )
    if out_of_reach:
        return Verdict.untestable(
            claim,
            f"{' and '.join(out_of_reach)}.",
            sentence=f"{' and '.join(out_of_reach)}, so that its width is not "
            "measured; "
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
                *pair, width_measure(axis, epsilon, own_best=own_best), others
            ),
            limited=limited,
        )
        for comparison, own_best in ((common, False), (own, True))
    ]
    numbers += (
        f"; width within {within} of the common best, {names[0]} − {names[1]}: "
        f"{common.difference:.2f} decades; {own_text}"
    )
    return _agreed(judged[0], judged[1], numbers, smallest_gap)


def _best(
    pair: tuple[Landscape, Landscape], generator: np.random.Generator | None
) -> str:
    try:
        found = compare_best(*pair, generator=generator).difference
    except ValueError:  # an interrupted sweep lacks seeds of some cells
        gap = pair[0].best.value - pair[1].best.value
        return f"{pair[0].quantity.gap_text(gap)} (no interval: some cells lack seeds)"
    return pair[0].quantity.gap_interval(found)


def _agreed(
    common: Verdict, own: Verdict, numbers: str, smallest_gap: float
) -> Verdict:
    """One verdict of two widths: theirs where they agree, else the weaker one."""
    outcome: Outcome = common.outcome
    reasons = common.reasons
    if common.outcome == own.outcome and common.direction == own.direction:
        tail = "both widths lead to the same outcome"
    else:
        tail = (
            "the intervals of the two width differences lead to different outcomes: "
            f"{common.outcome} by the common best, {own.outcome} by the own best"
        )
        pair = {common.outcome, own.outcome}
        weakest: tuple[Outcome, ...] = ("untestable", "underpowered", "provisional")
        outcome = next((each for each in weakest if each in pair), "provisional")
        deciding = [each for each in (common, own) if each.outcome == outcome]
        why = [reason for each in deciding or (common, own) for reason in each.reasons]
        reasons = (f"{tail}.", *dict.fromkeys(why))
    shares = [each.window_share for each in (common, own)]
    return replace(
        common,
        outcome=outcome,
        sentence=f"{numbers}; {tail} (the smallest difference that matters: "
        f"{with_unit(f'{smallest_gap:g}', 'decades')}).",
        detectable_gap=max(common.detectable_gap, own.detectable_gap),
        window_share=min(shares),
        direction=common.direction if common.direction == own.direction else 0,
        reasons=reasons,
    )


def _step(landscape: Landscape, axis: AxisName) -> float:
    values = getattr(landscape, axis)
    return float(np.diff(np.log10(values[values > 0])).max(initial=0.0))
