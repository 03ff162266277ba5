"""Cautions on optima that lie on the edge of their grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_lion.robustness.grid import Limit, boundary_optimum
from keras_lion.robustness.grid_extension import extension_text
from keras_lion.robustness.landscape import AxisName, Landscape, Side
from keras_lion.robustness.wording import listed
from keras_lion.tuning.study.extension import Extension

# By what they change: first whether there is a result, then what to run next (the
# learning rate matters more than the decay), then what to believe of a comparison, then
# how much.
Kind = Literal[
    "incomplete",
    "nothing trained",
    "failed",
    "learning_rate edge",
    "weight_decay edge",
    "unlike",
    "diverged",
    "unsettled width",
    "inert decay",
    "missing",
    "few seeds",
    "stability",
]

EDGE: Mapping[AxisName, Kind] = {
    "learning_rate": "learning_rate edge",
    "weight_decay": "weight_decay edge",
}


@dataclass(frozen=True)
class Caution:
    """A reason to believe something less.

    Attributes:
        kind: What is wrong; decides the order.
        text: The sentence; of one optimizer without its name.
    """

    kind: Kind
    text: str


def edge_cautions(landscape: Landscape) -> list[str]:
    """On which sides of the grid the optimum may lie beyond it, and what to add."""
    return [each.text for each in edges_of([landscape]) if each.kind in EDGE.values()]


def inert_decay_cautions(
    landscape: Landscape, epsilon: float, *, law: bool = True
) -> list[str]:
    """Whether training without decay is as good as the best, within `epsilon`.

    `law` says whether the study asks about lr × λ; imported runs do not.
    """
    if landscape.empty or landscape.all_diverged or landscape.weight_decay[0] > 0:
        return []
    undecayed = landscape.means[0][np.isfinite(landscape.means[0])]
    if not (undecayed >= landscape.best.value - epsilon).any():
        return []
    quantity = landscape.quantity
    return [
        f"without weight decay the {quantity.name} is within "
        f"{quantity.amount(epsilon)} of the best: decay is inert here"
        f"{', and the lr × λ law cannot be tested' if law else ''}."
    ]


def edges_of(
    values: Sequence[Landscape],
    *,
    extended: Sequence[Extension] = (),
    declared: bool = True,
) -> list[Caution]:
    """On which edges the best cells of one optimizer lie, by each of its values."""
    known = [each for each in values if not each.empty and not each.all_diverged]
    found: list[Caution] = []
    if not known:
        return found
    axes: tuple[AxisName, ...] = ("learning_rate", "weight_decay")
    for axis in axes:
        for limit in ("range", "stability"):
            sides = [_side(each, axis, limit) for each in known]
            if not any(sides):
                continue
            if limit == "stability":
                found.append(_breaking(known, axis, sides))
                continue
            asked = {side for side in sides if side}
            advice = extension_text(
                known[0], axis, asked, extended=extended, declared=declared
            )
            text = f"{_beyond(known, axis, sides, asked)} {advice}"
            found.append(Caution(EDGE[axis], text))
    return found


def _side(landscape: Landscape, axis: AxisName, limit: Limit) -> Side | None:
    for at in boundary_optimum(landscape):
        if (at.axis, at.limit) == (axis, limit):
            return at.side
    return None


def _beyond(
    values: Sequence[Landscape],
    axis: AxisName,
    sides: Sequence[Side | None],
    asked: set[Side],
) -> str:
    """One sentence on all values of an optimizer, at least one of them on an edge."""
    places = [f"{getattr(each.best, axis):.3g}" for each in values]
    names = [f"the best {each.quantity.name}" for each in values]
    if len(asked) == 1 and all(sides):
        places = list(dict.fromkeys(places))
        names = list(dict.fromkeys(names))
        lie = "lies" if len(names) == 1 else "lie"
        text = (
            f"{listed(names)} {lie} on the {sides[0]} {axis} edge of the grid ({axis} "
            f"= {listed(places)}): the optimum may lie beyond it."
        )
    elif len(asked) == 1:
        at = next(k for k, side in enumerate(sides) if side)
        text = (
            f"{names[at]} lies on the {sides[at]} {axis} edge of the grid ({axis} = "
            f"{places[at]}) and its optimum may lie beyond it; {names[1 - at]} lies at "
            f"{places[1 - at]}."
        )
    else:
        text = (
            f"{names[0]} lies on the {sides[0]} {axis} edge of the grid ({axis} = "
            f"{places[0]}), {names[1]} on the {sides[1]} one ({places[1]}): they ask "
            "for opposite changes, and each optimum may lie beyond its edge."
        )
    return text


def _breaking(
    values: Sequence[Landscape], axis: AxisName, sides: Sequence[Side | None]
) -> Caution:
    names = dict.fromkeys(
        f"the best {each.quantity.name} lies on the {side} {axis} edge of the grid"
        for each, side in zip(values, sides, strict=True)
        if side
    )
    return Caution(
        "stability",
        f"{listed([*names])}, where runs diverge: a larger grid is not needed there.",
    )
