"""One measurement of a claim, and what several claims need."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

from keras_lion.robustness import boundary_optimum, decide
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.measures import Question, best_score_verdict
from keras_lion.robustness.verdict import Outcome as Judged
from keras_lion.robustness.verdict import Verdict, outcome_of
from keras_lion.robustness.wording import with_unit
from keras_lion.statistics import Interval
from keras_lion.tuning.study import Comparison
from studies.evidence.runs import (
    coverage,
    declared,
    is_complete,
    landscapes,
    runs_of,
)

Outcome = Judged | Literal["mixed", "out of reach here", "not run yet"]
# What decides whether a claim of several parts holds as a whole, first to last.
WEAKEST_FIRST: tuple[Outcome, ...] = (
    "not supported",
    "mixed",
    "untestable",
    "underpowered",
    "provisional",
    "supported",
)


@dataclass(frozen=True)
class Measured:
    """One measurement of a claim.

    Attributes:
        where: Task or condition.
        text: The measurement in words, with its interval and n.
        outcome: What it shows of the claim.
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


@dataclass(frozen=True)
class Claim:
    """A claim, and the function that measures it.

    Attributes:
        name: Short name, the anchor of its section.
        text: The claim, in one sentence.
        source: Who makes it.
        study: File that measures it, next to this folder; None if none does.
        measure: Function without arguments that returns the measurements.
        figure: Picture under results/, if there is one.
        others: Further files whose runs the measurements use.
        note: Function without arguments that returns a remark, or "".
    """

    name: str
    text: str
    source: str
    study: str | None
    measure: Callable[[], Sequence[Measured]]
    figure: str | None = None
    others: tuple[str, ...] = ()
    note: Callable[[], str] = str


def of_verdict(verdict: Verdict, where: str, errors: str = "") -> Measured:
    """A verdict on a declared comparison as a measurement; no reason appears twice."""
    share = verdict.window_share
    text = verdict.sentence.rstrip(".")
    return Measured(
        where=where,
        text=re.sub(r"(?<!\w)-(?=\d)", "−", text),
        outcome=verdict.outcome,
        interval=verdict.estimate if verdict.estimate.n else None,
        windows=None if math.isnan(share) else share,
        errors=errors,
        reasons=[
            each.rstrip(".")
            for each in verdict.reasons
            if each.rstrip(".") not in verdict.sentence
        ],
    )


def margin_of(study: str, name: str | None = None) -> float:
    """The margin that a study declared, for its comparison or for a secondary one."""
    found = declared(study)
    comparison = found.comparison if name is None else found.secondary[name]
    assert comparison.margin is not None
    return comparison.margin


def verdicts(study: str, *tasks: str) -> Iterator[tuple[str, pd.DataFrame, Verdict]]:
    """(place, runs of its task, verdict) of a study's declared comparison."""
    for task in tasks:
        frame = runs_of(study, task)
        for place, verdict in decide(frame, declared(study).comparison):
            yield place, frame, verdict


def missing(where: str) -> Measured:
    """Runs that were declared and are not in the table."""
    return Measured(where, "declared; not all of its runs were made", "not run yet")


def each_task(
    study: str, measure: Callable[[str, pd.DataFrame], Measured], *tasks: str
) -> list[Measured]:
    """One measurement per task, of those whose runs are complete."""
    return [
        measure(task, runs_of(study, task))
        if is_complete(study, task)
        else missing(task)
        for task in tasks
    ]


def judged(
    interval: Interval,
    margin: float,
    *,
    windows: float = math.nan,
    limited: Sequence[str] = (),
) -> tuple[Outcome, tuple[str, ...]]:
    """Outcome and reasons of the claim that a number is larger than 0."""
    outcome, reasons = outcome_of(
        interval, margin=margin, windows=windows, limited=limited
    )
    return outcome, tuple(each.rstrip(".") for each in reasons)


def every_part(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a claim that says several things, each of which must hold."""
    return min(outcomes, key=WEAKEST_FIRST.index)


def of_several(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several measures of one thing: mixed where they contradict."""
    found = set(outcomes)
    if {"supported", "not supported"} <= found:
        return "mixed"
    return every_part(found - {"not supported"} if len(found) > 1 else found)


def within(interval: Interval, low: float, high: float) -> Outcome:
    """The outcome of the claim that a number lies from `low` to `high`."""
    if low <= interval.low and interval.high <= high:
        return "supported"
    if interval.high < low or interval.low > high:
        return "not supported"
    return "underpowered"


def difference_of_best(
    frame: pd.DataFrame,
    better: str,
    other: str,
    comparison: Comparison,
    *,
    where: str,
) -> Measured:
    """Whether one optimizer's best score is above another's.

    Args:
        frame: Runs of one task.
        better: Optimizer whose best is claimed to be above.
        other: The other one.
        comparison: A declared comparison of best scores, with margin and unit.
        where: Task or condition.
    """
    sides = (better, other)
    question = Question(frame, replace(comparison, sides=sides), sides, 0.0)
    verdict = best_score_verdict(question)
    gap, unit = verdict.estimate, question.unit
    found = landscapes(frame, question.value)
    best = " and ".join(
        f"{name} {abs(question.scale * found[name].best.value):.2f}" for name in sides
    )
    is_loss = unit == "nats"
    compared = f"{other} − {better}" if is_loss else f"{better} − {other}"
    share = verdict.window_share
    return Measured(
        where=where,
        text=f"best {'loss' if is_loss else 'accuracy'}: {best}; {compared}: "
        f"{written(gap, unit)}; smallest that matters: "
        f"{with_unit(f'{question.margin:g}', unit)}",
        outcome=verdict.outcome,
        interval=gap,
        windows=None if math.isnan(share) else share,
        errors=coverage("best score", gap.n),
        reasons=[each.rstrip(".") for each in verdict.reasons],
    )


def between(interval: Interval, low: float, high: float) -> bool | None:
    """Whether the number lies within bounds; None if the interval leaves it open."""
    if low <= interval.low and interval.high <= high:
        return True
    if interval.high < low or interval.low > high:
        return False
    return None


def outcome_of_prediction(held: bool | None) -> Outcome:
    if held is None:
        return "underpowered"
    return "supported" if held else "not supported"


def edges(found: dict[str, Landscape]) -> list[str]:
    """One sentence for each optimum on an edge of its grid."""
    return [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid"
        for name, each in found.items()
        for edge in boundary_optimum(each)
    ]


def written(interval: Interval, unit: str = "", digits: int = 2) -> str:
    """`−0.37 [−0.42, −0.32] decades (n=6)`."""
    space = " " if unit else ""
    ends = f"[{_number(interval.low, digits)}, {_number(interval.high, digits)}]"
    return f"{_number(interval.estimate, digits)} {ends}{space}{unit} (n={interval.n})"


def _number(value: float, digits: int) -> str:
    return f"{value + 0.0:.{digits}f}".replace("-", "−")
