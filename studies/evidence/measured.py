"""What several claims need: rows of verdicts and of best scores, and how to write."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from keras_lion.robustness import decide
from keras_lion.robustness.measures import Question, best_score_verdict
from keras_lion.robustness.verdict import Verdict, outcome_of
from keras_lion.robustness.wording import with_unit
from keras_lion.statistics import Interval
from keras_lion.tuning.study import Comparison
from studies.evidence.basis import basis_of
from studies.evidence.row import Basis, Outcome, Row, missing, unmeasured
from studies.evidence.runs import (
    coverage,
    declared,
    is_complete,
    landscapes,
    runs_of,
)

# What decides whether a claim of several parts holds as a whole, first to last.
WEAKEST_FIRST: tuple[Outcome, ...] = (
    "not supported",
    "untestable",
    "underpowered",
    "provisional",
    "supported",
)
# Measures whose numbers are optima of grids, or distances from them.
TUNED = (
    "tolerance_width",
    "best_score",
    "best_score_kept",
    "best_score_change",
    "best_score_shrinkage",
    "best_score_per_doubling",
    "mean_regret",
    "learning_rate_sensitivity",
)


@dataclass(frozen=True)
class Claim:
    """A claim, and the function that measures it.

    Attributes:
        name: Short name, the anchor of its section.
        text: The claim, in one sentence.
        quantity: What its number is.
        group: Key of the question that it helps to answer.
        source: Who makes it.
        study: File that measures it, next to this folder; None if none does.
        measure: Function without arguments that returns its rows, the most telling
            first where none is primary.
        figure: Picture under results/, if there is one.
        others: Further files whose runs the rows use.
        every: Whether the claim is that all of its rows hold.
        note: Function without arguments that returns a remark, or "".
    """

    name: str
    text: str
    quantity: str
    group: str
    source: str
    study: str | None
    measure: Callable[[], Sequence[Row]]
    figure: str | None = None
    others: tuple[str, ...] = ()
    every: bool = False
    note: Callable[[], str] = str


def of_verdict(
    verdict: Verdict, where: str, errors: str, basis: Basis, unit: str
) -> Row:
    """A verdict on a declared comparison as a row; no reason appears twice."""
    share = verdict.window_share
    text = verdict.sentence.rstrip(".")
    return Row(
        where=where,
        text=re.sub(r"(?<!\w)-(?=\d)", "−", text),
        shows=verdict.outcome,
        interval=verdict.estimate if verdict.estimate.n else None,
        unit=unit,
        coverage=errors,
        windows=None if math.isnan(share) else share,
        basis=basis,
        notes=[
            each.rstrip(".")
            for each in verdict.reasons
            if each.rstrip(".") not in verdict.sentence
        ],
    )


def basis_of_declared(
    study: str,
    frame: pd.DataFrame,
    *,
    primary: bool,
    sides: Sequence[str] | None = None,
) -> Basis:
    """What a row on the declared comparison of a study rests on."""
    comparison = declared(study).comparison
    sides = sides or comparison.sides or sorted(frame["optimizer"].unique())
    return basis_of(
        study,
        frame,
        tuple(sides),
        value="score" if comparison.value == "score" else "final_loss",
        tuned=comparison.measure in TUNED,
        primary=primary,
    )


def unit_of(study: str, frame: pd.DataFrame) -> str:
    """Unit of the numbers of a study's declared comparison."""
    comparison = declared(study).comparison
    return Question(frame, comparison, tuple(comparison.sides or ()), 0.0).unit


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


def each_task(
    study: str, measure: Callable[[str, pd.DataFrame], Row], *tasks: str
) -> list[Row]:
    """One row per task, of those whose runs are complete."""
    return [
        measure(task, runs_of(study, task))
        if is_complete(study, task)
        else not_made(study, task)
        for task in tasks
    ]


def not_made(study: str, task: str) -> Row:
    """A task whose runs are not in the table: they are to be made, or need a GPU."""
    plans = declared(study).plans.get(task, {})
    if "gpu" not in plans or "full" in plans:
        return missing(task)
    command = f"keras-lion run studies/{study}.py --task {task} --preset gpu"
    why = f"not measured on an accelerator yet: `{command}`"
    return unmeasured(task, why, "out of reach")


def judged(
    interval: Interval, margin: float, *, windows: float = math.nan
) -> tuple[Outcome, tuple[str, ...]]:
    """What an interval shows of the claim that a number is larger than 0, and why."""
    outcome, reasons = outcome_of(interval, margin=margin, windows=windows)
    return outcome, tuple(each.rstrip(".") for each in reasons)


def every_part(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a claim that says several things, each of which must hold."""
    return min(outcomes, key=WEAKEST_FIRST.index)


def of_several(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several measures of one thing: open where they contradict."""
    found = set(outcomes)
    if {"supported", "not supported"} <= found:
        return "underpowered"
    return every_part(found - {"not supported"} if len(found) > 1 else found)


def within(interval: Interval, low: float, high: float) -> Outcome:
    """The outcome of the claim that a number lies from `low` to `high`."""
    return outcome_of_prediction(between(interval, low, high))


def difference_of_best(
    study: str,
    frame: pd.DataFrame,
    better: str,
    other: str,
    comparison: Comparison,
    *,
    where: str,
    primary: bool = False,
) -> Row:
    """Whether one optimizer's best score is above another's.

    Args:
        study: The study whose runs they are.
        frame: Runs of one task.
        better: Optimizer whose best is claimed to be above.
        other: The other one.
        comparison: A declared comparison of best scores, with margin and unit.
        where: Task or condition.
        primary: Whether it is the primary outcome of the study.
    """
    sides = (better, other)
    question = Question(frame, replace(comparison, sides=sides), sides, 0.0)
    verdict = best_score_verdict(question)
    gap, unit = verdict.estimate, question.unit
    found = landscapes(frame[frame["optimizer"].isin(sides)], question.value)
    best = " and ".join(
        f"{name} {abs(question.scale * found[name].best.value):.2f}" for name in sides
    )
    is_loss = unit == "nats"
    compared = f"{other} − {better}" if is_loss else f"{better} − {other}"
    share = verdict.window_share
    return Row(
        where=where,
        text=f"best {'loss' if is_loss else 'accuracy'}: {best}; {compared}: "
        f"{written(gap, unit)}; smallest that matters: "
        f"{with_unit(f'{question.margin:g}', unit)}",
        shows=verdict.outcome,
        interval=gap,
        unit=unit,
        windows=None if math.isnan(share) else share,
        coverage=coverage("best score", gap.n),
        basis=basis_of(study, frame, sides, value=question.value, primary=primary),
        notes=[each.rstrip(".") for each in verdict.reasons],
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


def written(interval: Interval, unit: str = "", digits: int = 2) -> str:
    """`−0.37 [−0.42, −0.32] decades (n=6)`."""
    space = " " if unit else ""
    ends = f"[{_number(interval.low, digits)}, {_number(interval.high, digits)}]"
    return f"{_number(interval.estimate, digits)} {ends}{space}{unit} (n={interval.n})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
