"""Lion next to AdamW on every task: best, tolerance, joint mistake and baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from keras_lion.robustness import (
    Landscape,
    best_score,
    common_best,
    misspecification,
    tolerance_width,
)
from keras_lion.robustness.cautions.missed_optimum import Misspecification
from keras_lion.robustness.comparison import compare_best, compare_tolerance
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import Array, paired
from keras_lion.robustness.tolerance import ToleranceWidth
from keras_lion.robustness.wording import listed
from keras_lion.statistics import Interval
from studies.evidence.basis import basis_of
from studies.evidence.main_claims import MAIN_TASKS
from studies.evidence.measured import each_task, judged, written
from studies.evidence.row import Baseline, Row
from studies.evidence.runs import (
    MAIN,
    declared,
    is_complete,
    jackknife_errors,
    landscapes,
    runs_of,
)

SIDES = ("adamw", "lion")
DECADES = 0.3  # standard deviation of a mistake in log₁₀: a factor of 2
MISTAKE = "a random factor of about 2"


@dataclass(frozen=True)
class Compared:
    """Both on one task; pairs are of AdamW and Lion, differences are Lion − AdamW.

    Attributes:
        task: Name of the task.
        epsilon: Loss that counts as none, in nats.
        score: Best scores: accuracy in percent, or loss in nats.
        loss: Lowest validation losses.
        common: Learning rates within ε of the lowest loss of both.
        own: Learning rates within ε of the own lowest loss.
        joint: Expected rise of the loss where both hyperparameters are missed.
        loss_gap: Difference of the lowest losses.
        own_gap: Difference of `own`, in decades.
        joint_gap: Difference of `joint`, in nats.
        baseline: The trivial model, and the worse of both optimizers.
    """

    task: str
    epsilon: float
    score: tuple[Interval, Interval]
    loss: tuple[float, float]
    common: tuple[ToleranceWidth, ToleranceWidth]
    own: tuple[ToleranceWidth, ToleranceWidth]
    joint: tuple[Misspecification, Misspecification]
    loss_gap: Interval
    own_gap: Interval
    joint_gap: Interval
    baseline: Baseline | None


@cache
def compared() -> tuple[Compared, ...]:
    """Every task of the main study whose runs are complete."""
    return tuple(_compare(task) for task in MAIN_TASKS if is_complete(MAIN, task))


def tested() -> list[Compared]:
    """Those on which both optimizers are better than a trivial model."""
    return [each for each in compared() if each.baseline is None or _learned(each)]


def _learned(each: Compared) -> bool:
    return each.baseline is not None and each.baseline.reached


def _compare(task: str) -> Compared:
    runs, epsilon = runs_of(MAIN, task), declared(MAIN).comparison.epsilon[task]
    grids, scores = landscapes(runs, "final_loss"), landscapes(runs)
    adamw, lion = (grids[name] for name in SIDES)
    best = common_best([adamw, lion])
    baseline = basis_of(MAIN, runs, SIDES).baseline
    scale = -1.0 if (runs["metric"] == "loss").all() else 100.0
    return Compared(
        task=task,
        epsilon=epsilon,
        score=_pair(lambda name: _scaled(best_score(scores[name]), scale)),
        loss=_pair(lambda name: -grids[name].best.value),
        common=_pair(lambda name: tolerance_width(grids[name], epsilon, best)),
        own=_pair(lambda name: tolerance_width(grids[name], epsilon)),
        joint=_pair(lambda name: misspecification(grids[name], DECADES)),
        # Scores are negated losses.
        loss_gap=compare_best(adamw, lion).difference,
        own_gap=compare_tolerance(lion, adamw, epsilon, own_best=True).difference,
        joint_gap=joint_gap(lion, adamw),
        baseline=baseline,
    )


T = TypeVar("T")


def _pair(measure: Callable[[str], T]) -> tuple[T, T]:
    return measure("adamw"), measure("lion")


def _scaled(interval: Interval, factor: float) -> Interval:
    low, high = sorted((factor * interval.low, factor * interval.high))
    return Interval(factor * interval.estimate, low, high, interval.n)


def joint_gap(first: Landscape, second: Landscape) -> Interval:
    """What a joint mistake costs the first optimizer less what it costs the second.

    Returns:
        The difference in the unit of the scores, with a jackknife interval over seeds.
    """
    first, second = paired(first, second)
    grids = (first, second)
    pooled = np.concatenate(
        [each.scores.reshape(1, -1, each.scores.shape[2]) for each in grids], axis=1
    )
    size = first.means.size

    def difference(means: Array) -> float:
        parts = (means[0, :size], means[0, size:])
        one, other = (
            misspecification(_with_means(grid, part), DECADES, cross_fit=False).regret
            for grid, part in zip(grids, parts, strict=True)
        )
        return one - other

    return jackknife_interval(difference, pooled)


def _with_means(grid: Landscape, means: Array) -> Landscape:
    return Landscape(
        grid.learning_rate, grid.weight_decay, means.reshape(grid.means.shape)
    )


def joint_mistakes() -> list[Row]:
    """A joint mistake costs Lion more than AdamW, on every task."""

    def measure(task: str, frame: object) -> Row:
        (each,) = (each for each in compared() if each.task == task)
        outcome, reasons = judged(each.joint_gap, each.epsilon)
        adamw, lion = each.joint
        return Row(
            where=task,
            text=f"expected rise of the validation loss where lr and λ are each off by "
            f"{MISTAKE}: adamw {adamw}, lion {lion}; lion − adamw: "
            f"{written(each.joint_gap, 'nats', 3)}; smallest that matters: "
            f"{each.epsilon:g} nats",
            shows=outcome,
            interval=each.joint_gap,
            unit="nats",
            coverage=jackknife_errors(each.joint_gap.n),
            windows=None,
            basis=basis_of(MAIN, runs_of(MAIN, task), SIDES, value="final_loss"),
            notes=reasons,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


@dataclass(frozen=True)
class Tasks:
    """Names of tasks by what they show; the rest shows no difference.

    Attributes:
        every: All of them.
        higher: Lion's lowest loss is above AdamW's.
        narrower: Around its own best, Lion takes a smaller range of learning rates.
        wider: A larger one.
        dearer: A joint mistake costs Lion more.
        cheaper: It costs Lion less.
    """

    every: list[str]
    higher: list[str]
    narrower: list[str]
    wider: list[str]
    dearer: list[str]
    cheaper: list[str]

    @property
    def alike(self) -> list[str]:
        """Tasks on which the ranges of learning rates are not shown to differ."""
        differ = (*self.narrower, *self.wider)
        return [task for task in self.every if task not in differ]


def shown() -> Tasks:
    """On which tasks an interval lies on one side of no difference."""
    found = tested()
    return Tasks(
        every=[each.task for each in found],
        higher=[each.task for each in found if each.loss_gap.low > 0],
        narrower=[each.task for each in found if each.own_gap.high < 0],
        wider=[each.task for each in found if each.own_gap.low > 0],
        dearer=[each.task for each in found if each.joint_gap.low > 0],
        cheaper=[each.task for each in found if each.joint_gap.high < 0],
    )


def tolerance() -> str:
    """How Lion takes a wrong learning rate and a wrong pair, as a clause."""
    tasks = shown()
    ranges = [f"alike {on(tasks.alike, tasks.every)}"] if tasks.alike else []
    ranges += [f"smaller {on(tasks.narrower, tasks.every)}"] if tasks.narrower else []
    ranges += [f"larger {on(tasks.wider, tasks.every)}"] if tasks.wider else []
    costs = [f"it loses more {on(tasks.dearer, tasks.every)}"] if tasks.dearer else []
    costs += (
        [f"it loses less {on(tasks.cheaper, tasks.every)}"] if tasks.cheaper else []
    )
    known = (*tasks.dearer, *tasks.cheaper)
    rest = [task for task in tasks.every if task not in known]
    costs += [f"no difference is shown {on(rest, tasks.every)}"] if rest else []
    cost = " and ".join(costs)
    return (
        "around each optimizer's own best, Lion's range of learning rates is "
        f"{listed(ranges)}; where learning rate and weight decay are both off by "
        f"{MISTAKE}, {cost}"
    )


def headline() -> str:
    """What the table says, in one sentence."""
    tasks = shown()
    more, less = (
        [task for task in tasks.every if any(task in each for each in groups)]
        for groups in ((tasks.wider, tasks.cheaper), (tasks.narrower, tasks.dearer))
    )
    small = [each.task for each in tested() if each.loss_gap.high < each.epsilon]
    epsilon = max((each.epsilon for each in tested() if each.task in small), default=0)
    except_on = (
        f" (by less than {epsilon:g} nats {on(small, tasks.every)})" if small else ""
    )
    return (
        f"Lion's lowest loss is above AdamW's {on(tasks.higher, tasks.every)}"
        f"{except_on}; it is "
        f"more forgiving of wrong values {on(more, tasks.every)}, and less "
        f"{on(less, tasks.every)}."
    )


def on(tasks: Sequence[str], of: Sequence[str]) -> str:
    if len(tasks) == len(of):
        return "on every task"
    if not tasks:
        return "on no task"
    return f"on {listed(list(tasks))}"


def table() -> str:
    """The Markdown table, AdamW / Lion in every cell, and what was left out."""
    head = (
        "task",
        "best accuracy, %",
        "lowest loss, nats",
        "lr range around the common best, decades",
        "around its own best",
        "lr and λ both off, nats",
        "trivial model",
    )
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for each in tested():
        cells = (
            each.task,
            _both(f"{score.estimate:.1f}" for score in each.score),
            _both(f"{loss:.3f}" for loss in each.loss),
            _both(map(_width, each.common)),
            f"{_both(map(_width, each.own))}; Lion − AdamW {_plain(each.own_gap)}",
            f"{_both(map(_regret, each.joint))}; Lion − AdamW "
            f"{_plain(each.joint_gap, 3)}",
            _trivial(each.baseline),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + f"\n\n{legend()}\n"


def legend() -> str:
    """What the columns are, and which tasks are left out."""
    seeds = sorted({each.score[0].n for each in tested()})
    out = [
        f"{each.task} ({each.baseline})" for each in compared() if each not in tested()
    ]
    text = (
        "AdamW / Lion, both tuned over learning rate (lr) and weight decay (λ); "
        f"{' or '.join(map(str, seeds))} seeds, 95 % intervals. Range: decades of "
        "learning rates whose validation loss, with λ retuned, is within 0.05 nats "
        "(mnist1d_mlp) or 0.02 nats of the lowest; none: no setting is. Both off: "
        f"expected rise of the loss where lr and λ are each off by {MISTAKE}. A "
        "difference is taken where neither optimum was chosen on its own noise, so "
        "that it is not that of the two numbers before it."
    )
    if out:
        text += f" Left out, since nothing follows from such runs: {'; '.join(out)}."
    return text


def _both(texts: Iterable[str]) -> str:
    return " / ".join(texts)


def _width(width: ToleranceWidth) -> str:
    if width.none:
        return "none"
    return f"{'≥ ' if width.censored else ''}{width.decades:.2f}"


def _regret(missed: Misspecification) -> str:
    return f"{missed.regret:.3f}"


def _plain(interval: Interval, digits: int = 2) -> str:
    return written(interval, digits=digits).rpartition(" (")[0]


def _trivial(baseline: Baseline | None) -> str:
    if baseline is None:
        return "–"
    unit = "%" if baseline.unit == "%" else "nats"
    return f"{baseline.model}: {baseline.value:.1f} {unit}"
