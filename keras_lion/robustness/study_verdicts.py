"""The verdicts of a study: on the comparison that it declared, and on lr × λ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pandas as pd

from keras_lion.robustness.cautions.cautions import unlike_cautions
from keras_lion.robustness.effective_decay.law import product_verdict
from keras_lion.robustness.frames.conditions import (
    parts_of,
    splitting_columns,
)
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.frames.runs import name_contenders
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.measures import MEASURES, Question, claim_of
from keras_lion.robustness.summary import task_optimizers
from keras_lion.robustness.verdict import LEAST_SEEDS, Verdict, too_few_seeds
from keras_lion.robustness.wording import listed
from keras_lion.tuning.study.comparison import MEASURES as DECLARABLE
from keras_lion.tuning.study.comparison import Comparison, read_comparison

# Measures that count from the common best of all optimizers.
AGAINST_ALL = ("tolerance_width", "mean_regret")
EPSILON = 0.05  # of tasks for which a study declares none


def findings(
    frame: pd.DataFrame,
    *,
    task: str,
    epsilon: float,
    comparison: Comparison | None = None,
    value: Value = "final_loss",
    seed: int = 0,
) -> list[Verdict]:
    """The verdict on the declared comparison, and what each optimizer shows of lr × λ.

    The declared comparison comes first, where its measure is one of runs that share
    their conditions; `decide` has those over several conditions. It is left out where
    nothing can be compared. The verdicts on the product law follow, one per optimizer.

    Args:
        frame: Run records of one condition, one per row.
        task: Task whose runs are read.
        epsilon: Tolerated loss of `value`, in its unit.
        comparison: What the study declared. None: Lion's tolerance width and AdamW's.
        value: `"final_loss"` (validation, negated) or `"score"`: of the product law.
        seed: Of the sign-flip tests with many seeds.

    Returns:
        The verdicts. Where an analysis cannot be made, its verdict is `"untestable"`
        and gives the reason.

    Example:

    ```python
    for verdict in findings(load_runs("results/lr_wd"), task="digits", epsilon=0.05):
        print(verdict)
    ```
    """
    if comparison is None:
        comparison = Comparison("", {task: epsilon}, value=value)
    found: list[Verdict] = []
    if MEASURES[comparison.measure].scope == "condition":
        runs = frame[frame["task"] == task]
        found += _judge(runs, comparison, epsilon, seed)
    return [
        *found,
        *law_verdicts(frame, task=task, epsilon=epsilon, value=value),
    ]


def law_verdicts(
    frame: pd.DataFrame,
    *,
    task: str,
    epsilon: float,
    value: Value = "final_loss",
) -> list[Verdict]:
    """What each optimizer shows of "lr × λ alone explains the score"."""
    runs = frame[frame["task"] == task]
    found = []
    for name in task_optimizers(runs, task):
        try:
            landscape = Landscape.from_runs(runs, optimizer=name, value=value)
            verdict = product_verdict(landscape, epsilon, name=name)
        except ValueError as error:
            claim = f"lr × λ alone explains the score of {name}."
            verdict = Verdict.untestable(claim, str(error))
        found.append(_with_few_seeds(verdict, runs[runs["optimizer"] == name]))
    return found


def decide(
    frame: pd.DataFrame, comparison: Comparison, *, seed: int = 0
) -> list[tuple[str, Verdict]]:
    """Every verdict on the comparison that a study declared, and where it was reached.

    A measure of one condition is judged under each (`conditions_of`). A measure of a
    task reads all of its batch sizes and budgets, and is judged for each value of the
    hyperparameters of the study's own, except those that follow the learning rate, as
    initial weights proportional to it do. A measure of the study chooses its runs by
    the conditions that it declares in `between`: where they leave several values of
    another hyperparameter, the verdict is untestable and names it. It reads the tasks
    for which the comparison declares an ε; all, if it declares none.

    Where the optimizers differ in such a hyperparameter, the verdict says so among its
    reasons.

    Args:
        frame: Run records of a study, one per row.
        comparison: What the study declared.
        seed: Of the sign-flip tests with many seeds.

    Returns:
        (place, verdict): the place is the task and the condition if it has several, or
        empty for a measure of the whole study. Empty where nothing can be compared.

    Example:

    ```python
    study = load_study_file("studies/warm_up.py")
    decide(load_runs("results/warm_up"), study.comparison)
    ```
    """
    if comparison.measure not in MEASURES:
        raise ValueError(
            f"The measure {comparison.measure} may be declared, but `MEASURES` of "
            "robustness/measures.py has no function of that name: add it there."
        )
    scope = MEASURES[comparison.measure].scope
    if scope == "study":
        read = frame["task"].isin(comparison.epsilon)
        frame = frame[read] if read.any() else frame
        epsilon = comparison.epsilon.get(str(frame["task"].iloc[0]), EPSILON)
        return [("", each) for each in _judge(frame, comparison, epsilon, seed)]
    if scope == "condition":
        frame = name_contenders(frame)
    found = []
    for task in dict.fromkeys(frame["task"]):
        epsilon = comparison.epsilon.get(task, EPSILON)
        runs = frame[frame["task"] == task]
        columns = None if scope == "condition" else splitting_columns(runs)
        for part in parts_of(runs, columns):
            place = ", ".join(filter(None, (str(task), part.label)))
            verdicts = _judge(part.runs, comparison, epsilon, seed)
            found += [(place, each) for each in verdicts]
    return found


def usual_sides(optimizers: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs that are compared where a study declares none.

    Lion and AdamW first, then each other optimizer with AdamW; without AdamW, Lion with
    each; without both, the first by name with each. Empty for a single optimizer.
    """
    names = sorted(optimizers, key=lambda each: (each != "lion", each))
    if "adamw" in names:
        return [(name, "adamw") for name in names if name != "adamw"]
    return [(names[0], name) for name in names[1:]]


def _judge(
    runs: pd.DataFrame, comparison: Comparison, epsilon: float, seed: int
) -> list[Verdict]:
    """The verdicts of a comparison's measure on some runs."""
    present = sorted(runs["optimizer"].unique())
    pair = DECLARABLE[comparison.measure].pair
    if comparison.sides is not None:
        all_sides = [tuple(comparison.sides)]
    elif pair:
        all_sides = [*usual_sides(present)]
    else:
        all_sides = [tuple(present)] if present else []
    found = []
    for sides in all_sides:
        # The claim speaks of the first pair.
        own = comparison if sides == all_sides[0] else replace(comparison, statement="")
        note = ""
        if pair:
            note = _note(comparison.measure, sides, present, len(all_sides))
        found += [
            replace(each, sentence=f"{each.sentence}{note}")
            if each.outcome != "untestable"
            else each
            for each in _judge_sides(runs, own, sides, epsilon, seed)
        ]
    return found


def _note(
    measure: str, sides: tuple[str, ...], present: Sequence[str], pairs: int
) -> str:
    """What else is in the tables and not in a verdict on a pair."""
    if pairs > 1:
        return (
            f" One of {pairs} comparisons, each with an interval of 95 %: at least one "
            f"of them errs in up to {min(5 * pairs, 100)} % of such studies."
        )
    rest = [name for name in present if name not in sides]
    if not rest or not set(sides) <= set(present):
        return ""
    if measure in AGAINST_ALL:
        others = f"the common best is that of all {len(present)} optimizers"
    else:
        named = listed(rest) if len(rest) <= 3 else f"{len(rest)} other optimizers"
        others = f"{named} {'is' if len(rest) == 1 else 'are'} in the tables"
    return f" Decided by {listed(sides)}; {others}."


def _judge_sides(
    runs: pd.DataFrame,
    comparison: Comparison,
    sides: tuple[str, ...],
    epsilon: float,
    seed: int,
) -> list[Verdict]:
    question = Question(runs, comparison, sides, epsilon, seed)
    measure = MEASURES[comparison.measure]
    claim = claim_of(question)
    absent = sorted(set(sides) - set(runs["optimizer"]), key=sides.index)
    if absent:
        return [Verdict.untestable(claim, f"no run of {absent[0]}.")]
    try:
        verdicts = measure.judge(question)
    except ValueError as error:
        return [Verdict.untestable(claim, str(error))]
    own = runs[runs["optimizer"].isin(sides)]
    unlike = unlike_cautions(own) if DECLARABLE[comparison.measure].pair else []
    return [
        replace(found, reasons=(*found.reasons, *unlike))
        for found in (_with_few_seeds(each, own) for each in verdicts)
    ]


def _with_few_seeds(verdict: Verdict, runs: pd.DataFrame) -> Verdict:
    """The verdict; provisional if it was reached with too few seeds."""
    seeds = runs.loc[runs["status"] != "failed", "seed"].nunique()
    if seeds >= LEAST_SEEDS or verdict.outcome not in ("supported", "not supported"):
        return verdict
    reason = too_few_seeds(seeds)
    if reason in verdict.reasons:
        return replace(verdict, outcome="provisional")
    return replace(verdict, outcome="provisional", reasons=(*verdict.reasons, reason))


def decide_secondary(
    frame: pd.DataFrame, declared: Mapping[str, Any], *, seed: int = 0
) -> list[tuple[str, Verdict]]:
    """The verdicts on the secondary comparisons of a study, none of which decides it.

    A comparison in points is read on tasks whose score is a share, one in nats where it
    is a loss.

    Args:
        frame: Run records of the study.
        declared: Its `study.json`.
        seed: Of the sign-flip tests with many seeds.

    Returns:
        (place, verdict) as `decide`; the claims begin with "Secondary:".
    """
    found: list[tuple[str, Verdict]] = []
    for name, each in declared.get("secondary", {}).items():
        try:
            comparison = read_comparison(each)
            tasks = [t for t, runs in frame.groupby("task") if _fits(comparison, runs)]
            runs = frame[frame["task"].isin(tasks)]
            verdicts = decide(runs, comparison, seed=seed) if tasks else []
        except ValueError as error:
            verdicts = [("", Verdict.untestable(f"{name}.", str(error)))]
        found += [
            (place, replace(verdict, claim=f"Secondary: {verdict.claim}"))
            for place, verdict in verdicts
        ]
    return found


def _fits(comparison: Comparison, runs: pd.DataFrame) -> bool:
    """Whether the scores of a task have the unit that a comparison declares."""
    quantity = quantity_of_runs(runs, comparison.value)
    return comparison.unit not in ("points", "nats") or (
        comparison.unit == quantity.difference
    )


def error_rates() -> pd.DataFrame:
    """How often the verdicts err on cases with known answers, as simulated.

    Returns:
        The table that `studies/calibration.py` writes: control, event, rate with low
        and high, n, limit, passed.
    """
    file = files("keras_lion.robustness") / "error_rates.csv"
    with file.open(encoding="utf-8") as table:
        return pd.read_csv(table)
