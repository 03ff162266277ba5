"""Reasons to believe a study less, one sentence each, the gravest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from keras_lion.robustness.conditions import own_columns, texts_of
from keras_lion.robustness.divergence import divergence_advice
from keras_lion.robustness.grid import Limit, boundary_optimum
from keras_lion.robustness.grid_extension import extension_text
from keras_lion.robustness.landscape import AxisName, Landscape, Side, Value
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.verdict import SMALLEST_GAP
from keras_lion.robustness.wording import counted, listed, with_unit
from keras_lion.statistics import FEW
from keras_lion.tuning.runs.outcomes import IMPORTED
from keras_lion.tuning.study.extension import Extension

# By what they change: first whether there is a result, then what to run next, then
# what to believe of a comparison, then how much.
Kind = Literal[
    "nothing trained",
    "failed",
    "edge",
    "unlike",
    "diverged",
    "unsettled width",
    "inert decay",
    "missing",
    "few seeds",
    "stability",
]
LEADING = 3  # of them stand above a table


@dataclass(frozen=True)
class Caution:
    """A reason to believe something less.

    Attributes:
        kind: What is wrong; decides the order.
        text: The sentence; of one optimizer without its name.
    """

    kind: Kind
    text: str


def leading(cautions: Sequence[str]) -> tuple[list[str], list[str]]:
    """The cautions that stand above a table, and the others, of a ranked list."""
    return [*cautions[:LEADING]], [*cautions[LEADING:]]


def ranked_cautions(
    landscapes: Mapping[Value, Mapping[str, Landscape]],
    runs: pd.DataFrame,
    *,
    value: Value,
    epsilon: float,
    label: Callable[[str], str] = str,
    failures: Iterable[str] = (),
    extended: Iterable[Extension] = (),
) -> list[str]:
    """All cautions of a table, the gravest first; `leading` has those to show.

    What is true of several optimizers is said once. Where the best loss and the best
    score of an optimizer lie at different places of an axis, and one of them on an
    edge, one sentence says where both are.

    Args:
        landscapes: Value → optimizer → landscape: `value`, and `"score"` too.
        runs: Run records of all of them.
        value: What widths and regrets read.
        epsilon: Loss of `value` that counts as none.
        label: Name of an optimizer → as it is printed.
        failures: Sentences on runs that failed.
        extended: How far the study's grid was extended with `--extend` already.
    """
    extended = [*extended]
    own: dict[Caution, list[str]] = {}
    declared = _declared_here(runs)
    for name, landscape in landscapes[value].items():
        both = [landscapes[each][name] for each in dict.fromkeys((value, "score"))]
        part = runs[runs["optimizer"] == name]
        edges = _edges(both, epsilon, extended=extended, declared=declared)
        for each in (*edges, *_of_one(landscape, epsilon, part, declared=declared)):
            own.setdefault(each, []).append(label(name))
    found = [
        *(Caution(each.kind, f"{listed(own[each])}: {each.text}") for each in own),
        *(Caution("failed", text) for text in failures),
        *(Caution("unlike", text) for text in unlike_cautions(runs)),
        *(
            Caution("unlike", text)
            for text in window_cautions(
                {label(name): each for name, each in landscapes[value].items()}
            )
        ),
    ]
    return [each.text for each in _in_order(found)]


def cautions_of(landscape: Landscape, epsilon: float) -> list[str]:
    """All cautions of one landscape, the gravest first."""
    found = [*_edges([landscape], epsilon), *_of_one(landscape, epsilon)]
    return [each.text for each in _in_order(found)]


def edge_cautions(landscape: Landscape) -> list[str]:
    """On which sides of the grid the optimum may lie beyond it, and what to add."""
    return [each.text for each in _edges([landscape]) if each.kind == "edge"]


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


def window_cautions(landscapes: Mapping[str, Landscape]) -> list[str]:
    """Whether the optimizers were searched over windows of unlike size."""
    sizes = {name: _window(landscape) for name, landscape in landscapes.items()}
    if len(set(sizes.values())) < 2:
        return []
    texts = [f"{name} over {size}" for name, size in sizes.items()]
    return [
        "The grids differ in size, so that widths and regrets cannot be compared "
        f"as they are: {'; '.join(texts)}."
    ]


def unlike_cautions(runs: pd.DataFrame) -> list[str]:
    """In which hyperparameters of the study's own the optimizers differ.

    Args:
        runs: Run records of the optimizers that are compared.
    """
    cautions = []
    for name in own_columns(runs):
        settings = {
            str(optimizer): " / ".join(
                sorted({text or "none" for text in texts_of(part, name)})
            )
            for optimizer, part in runs.groupby("optimizer")
        }
        if len(set(settings.values())) > 1:
            texts = [f"{optimizer} {text}" for optimizer, text in settings.items()]
            cautions.append(
                f"The optimizers differ in {name} ({', '.join(texts)}): a difference "
                "between them may be due to it."
            )
    return cautions


def _in_order(cautions: Iterable[Caution]) -> list[Caution]:
    return sorted(cautions, key=lambda each: get_args(Kind).index(each.kind))


def _declared_here(runs: pd.DataFrame) -> bool:
    """Whether a study's file declares the runs' grid: it does not of imported ones."""
    return "preset" not in runs or not bool((runs["preset"] == IMPORTED).any())


def _of_one(
    landscape: Landscape,
    epsilon: float,
    runs: pd.DataFrame | None = None,
    *,
    declared: bool = True,
) -> list[Caution]:
    """Cautions that are not about an edge."""
    if landscape.empty:
        return [Caution("nothing trained", "no run has finished.")]
    found = [*_missing(landscape), *_diverged(landscape, runs), *_few_seeds(landscape)]
    found += _unsettled_width(landscape, epsilon)
    inert = inert_decay_cautions(landscape, epsilon, law=declared)
    return [*found, *(Caution("inert decay", text) for text in inert)]


def _edges(
    values: Sequence[Landscape],
    epsilon: float = math.nan,
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
            inert = axis == "weight_decay" and inert_decay_cautions(known[0], epsilon)
            if inert:
                matters = "Decay is inert here, so that this matters little."
                advice = f"{matters} To look: {advice}"
            found.append(
                Caution("edge", f"{_beyond(known, axis, sides, asked)} {advice}")
            )
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


def _few_seeds(landscape: Landscape) -> list[Caution]:
    n = landscape.best_interval.n
    if n >= FEW:
        return []
    text = f"the best cell has {counted(n, 'seed')}: the numbers are indicative."
    return [Caution("few seeds", text)]


def _missing(landscape: Landscape) -> list[Caution]:
    counts = landscape.num_seeds
    cautions = []
    if absent := int((counts == 0).sum()):
        has = "has" if absent == 1 else "have"
        text = f"{absent} of {with_unit(str(counts.size), 'cells')} {has} no score."
        cautions.append(Caution("missing", text))
    if partial := int(((counts > 0) & (counts < counts.max())).sum()):
        has = "has" if partial == 1 else "have"
        text = (
            f"{partial} of {with_unit(str(counts.size), 'cells')} {has} fewer than the "
            f"{counted(int(counts.max()), 'seed')} of the others."
        )
        cautions.append(Caution("missing", text))
    return cautions


def _diverged(landscape: Landscape, runs: pd.DataFrame | None) -> list[Caution]:
    advice = divergence_advice(landscape, runs)
    if not advice:
        return []
    if landscape.all_diverged:
        return [Caution("nothing trained", f"every run diverged: {advice}.")]
    share = round(100 * landscape.diverged_share)
    return [Caution("diverged", f"{share} % of the runs diverged: {advice}.")]


def _unsettled_width(landscape: Landscape, epsilon: float) -> list[Caution]:
    """Whether the width of the table and that of the verdict are unlike each other."""
    if landscape.all_diverged:
        return []
    table = tolerance_width(landscape, epsilon)
    verdict = tolerance_width(landscape, epsilon, cross_fit=False)
    if not abs(table.decades - verdict.decades) >= SMALLEST_GAP:
        return []
    quantity = landscape.quantity
    worst = np.nan_to_num(landscape.scores, nan=math.inf).min(axis=2)
    most = np.nan_to_num(landscape.scores, nan=-math.inf).max(axis=2)
    spreads = np.where(landscape.num_seeds > 1, most - worst, 0.0)
    row, column = np.unravel_index(int(np.argmax(spreads)), spreads.shape)
    ends = sorted(quantity.factor * each[row, column] for each in (worst, most))
    shown = " to ".join(f"{end:z{quantity.spec}}" for end in ends)
    text = (
        f"single seeds decide the width around its own best: {table.decades:.2f} "
        "decades where the best cell is chosen on some seeds and scored on another "
        f"(the table), {verdict.decades:.2f} around the best mean (the verdict). "
        f"Seeds differ most at learning_rate = {landscape.learning_rate[column]:.3g}, "
        f"weight_decay = {landscape.weight_decay[row]:.3g}: {shown}"
        f"{f' {quantity.unit}' if quantity.unit else ''}."
    )
    return [Caution("unsettled width", text)]


def _window(landscape: Landscape) -> str:
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    parts = [
        f"one value of {axis}"
        if len(values) == 1
        else f"{len(values)} values and {np.log10(values[-1] / values[0]):.2f} decades "
        f"of {axis}"
        for axis, values in (
            ("learning_rate", landscape.learning_rate),
            ("weight_decay", decays),
        )
        if len(values)
    ]
    if landscape.weight_decay[0] == 0:
        parts.append("no decay")
    return ", ".join(parts)
