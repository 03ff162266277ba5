"""Reasons to believe a study less, one sentence each, the gravest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

import numpy as np
import pandas as pd

from keras_lion.robustness.cautions.divergence import divergence_advice
from keras_lion.robustness.cautions.edge_cautions import (
    Caution,
    Kind,
    edges_of,
    inert_decay_cautions,
)
from keras_lion.robustness.frames.conditions import own_columns, texts_of
from keras_lion.robustness.frames.runs import MISSING
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.robustness.verdict import SMALLEST_GAP
from keras_lion.robustness.wording import counted, listed, with_unit
from keras_lion.statistics import FEW
from keras_lion.tuning.runs.outcomes import IMPORTED
from keras_lion.tuning.study.extension import Extension

LEADING = 3  # of them stand above a table


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
        runs: Run records of all of them, and perhaps rows of status `missing` for the
            declared runs that lack one: until these are trained, nothing is said of
            edges and windows, which are not the study's.
        value: What widths and regrets read.
        epsilon: Loss of `value` that counts as none.
        label: Name of an optimizer → as it is printed.
        failures: Sentences on runs that failed.
        extended: How far the study's grid was extended with `--extend` already.
    """
    extended = [*extended]
    own: dict[Caution, list[str]] = {}
    declared = _declared_here(runs)
    incomplete = incomplete_cautions(runs, label)
    for name, landscape in landscapes[value].items():
        both = [landscapes[each][name] for each in dict.fromkeys((value, "score"))]
        part = runs[runs["optimizer"] == name]
        edges = (
            [] if incomplete else edges_of(both, extended=extended, declared=declared)
        )
        for each in (*edges, *_of_one(landscape, epsilon, part, declared=declared)):
            own.setdefault(each, []).append(label(name))
    windows = {label(name): each for name, each in landscapes[value].items()}
    found = [
        *(Caution("incomplete", text) for text in incomplete),
        *(Caution(each.kind, f"{listed(own[each])}: {each.text}") for each in own),
        *(Caution("failed", text) for text in failures),
        *(Caution("unlike", text) for text in unlike_cautions(runs)),
        *(
            Caution("unlike", text)
            for text in ([] if incomplete else window_cautions(windows))
        ),
    ]
    return [each.text for each in _in_order(found)]


def cautions_of(landscape: Landscape, epsilon: float) -> list[str]:
    """All cautions of one landscape, the gravest first."""
    found = [*edges_of([landscape]), *_of_one(landscape, epsilon)]
    return [each.text for each in _in_order(found)]


def incomplete_cautions(
    runs: pd.DataFrame, label: Callable[[str], str] = str
) -> list[str]:
    """How many declared runs have no record, and how they are trained."""
    absent = runs.loc[runs["status"] == MISSING, "optimizer"].value_counts(sort=False)
    if absent.empty:
        return []
    each = [f"{count} of {label(str(name))}" for name, count in absent.items()]
    is_are = "run is" if absent.sum() == 1 else "runs are"
    return [
        f"{absent.sum()} of {len(runs)} declared {is_are} missing ({listed(each)}): "
        "run the study again with the same command, which trains only these, before "
        "you read the edges of the grid or compare widths."
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
