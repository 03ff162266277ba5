"""Which conversion from AdamW is nearest to Lion's own best: regrets and the rule.

Applies the rule that studies/transfer_from_adamw.py declares to its runs. Losses are of
validation examples, in nats; a regret is a loss less that at Lion's own best on a grid
of learning rates and weight decays (studies/learning_rate_weight_decay.py, or the
preset "pilot" of the study). studies/conversion_text.py prints and keeps the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from keras_lion.robustness import Landscape
from keras_lion.robustness.comparison import best_score
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.statistics import Interval, t_interval
from keras_lion.tuning import complete_runs
from studies.learning_rate_weight_decay import STUDY as MAIN
from studies.transfer_from_adamw import (
    EPSILON,
    FACTORS,
    LATER,
    RECIPES,
    SAME_NORMS,
    STUDY,
    cell,
)

BELOW_BASELINE = ("python_lm",)  # a bigram model has a lower loss
MATCHED = "matched"
OTHERS_K = "k of the other tasks"
KEYS: dict[str, float | str] = {
    MATCHED: MATCHED,
    "k = 3.2": FACTORS[2],
    "k = 5.6": FACTORS[3],
    "k = 10": FACTORS[4],
}
DECLARED = (OTHERS_K, "k = 3.2", "k = 10")  # what the rule compares matched with
ADVISED = tuple(k for k in FACTORS if 3 <= k <= 10.01)  # 3.2, 5.6 and 10


@dataclass(frozen=True)
class Conversions:
    """Lion's losses at converted values on one task.

    Attributes:
        task: Its name.
        epsilon: Loss that counts as none, in nats.
        losses: Factor k, or `"matched"` → loss of each seed.
        adamw: AdamW's loss at its recipe, per seed.
        own_best: Lion's loss at its best cell of a grid, with its interval.
        edges: Sides of the grid that the best cell lies on.
    """

    task: str
    epsilon: float
    losses: Mapping[float | str, np.ndarray]
    adamw: np.ndarray
    own_best: Interval
    edges: tuple[str, ...]

    def regret(self, conversion: float | str) -> Interval:
        """Loss at converted values less that at Lion's own best.

        The seeds of the two are not paired: their intervals add in squares. Below 0
        where the converted values beat the cells of the grid.
        """
        loss = t_interval(self.losses[conversion])
        best = self.own_best
        gap = loss.estimate - best.estimate
        below = math.hypot(loss.estimate - loss.low, best.high - best.estimate)
        above = math.hypot(loss.high - loss.estimate, best.estimate - best.low)
        return Interval(gap, gap - below, gap + above, loss.n)

    def less(self, first: float | str, second: float | str) -> Interval:
        """Loss at one conversion less that at another, paired by seed."""
        return t_interval(self.losses[first] - self.losses[second])


def conversions(task: str, runs: pd.DataFrame, own: pd.DataFrame) -> Conversions:
    """The losses of one task.

    Args:
        task: Its name.
        runs: Its runs of the preset "full" of the study.
        own: Runs of Lion on a grid, for its own best.
    """
    lion = runs[runs["optimizer"] == "lion"]
    learning_rate, weight_decay = RECIPES[task]

    def loss(smaller: float, larger: float) -> np.ndarray:
        space = cell("lion", learning_rate / smaller, weight_decay * larger)
        (chosen,) = space.configurations()
        here = np.logical_and.reduce(
            [lion[name] == chosen[name] for name in ("learning_rate", "weight_decay")]
        )
        return _losses(lion[here].sort_values("seed"))

    grid = Landscape.from_runs(own, optimizer="lion", value="final_loss")
    return Conversions(
        task=task,
        epsilon=EPSILON[task],
        losses={MATCHED: loss(*SAME_NORMS), **{k: loss(k, k) for k in FACTORS}},
        adamw=_losses(runs[runs["optimizer"] == "adamw"].sort_values("seed")),
        own_best=best_score(grid).scaled(-1),
        edges=tuple(
            f"{edge.side} {edge.axis}"
            for edge in boundary_optimum(grid)
            if edge.limit == "range"
        ),
    )


def _losses(runs: pd.DataFrame) -> np.ndarray:
    """Final losses; a run that diverged, or ends higher, has the loss it began with."""
    start = runs["initial_loss"].to_numpy(float)
    final = runs["final_loss"].to_numpy(float)
    ended = (runs["status"] == "ok").to_numpy() & np.isfinite(final)
    return np.where(ended, np.fmin(final, start), start)


def factor_of_others(found: Sequence[Conversions], task: str) -> float:
    """The advised k with the least mean loss, in units of ε, on all other tasks."""
    others = [each for each in found if each.task != task]
    return min(
        ADVISED,
        key=lambda k: sum(each.losses[k].mean() / each.epsilon for each in others),
    )


@dataclass(frozen=True)
class Decision:
    """What the declared rule says.

    Attributes:
        mean_regret: Conversion → mean regret over tasks, in units of ε, with its
            interval over tasks.
        gap: Conversion → matched less it, in units of ε, paired by task.
        worst_gap: Largest mean loss of matched above that of the k of the other tasks,
            in units of ε.
        worst_task: Where.
    """

    mean_regret: Mapping[str, Interval]
    gap: Mapping[str, Interval]
    worst_gap: float
    worst_task: str

    @property
    def holds(self) -> bool:
        """Whether matched becomes the default."""
        least = min(self.mean_regret[name].estimate for name in DECLARED)
        return self.mean_regret[MATCHED].estimate <= least and self.worst_gap <= 1


def decide(found: Sequence[Conversions], tasks: Sequence[str]) -> Decision:
    """Apply the rule to some of the tasks; the k of the others is chosen on all."""
    judged = [each for each in found if each.task in tasks]
    if len(judged) < 2:
        raise ValueError(
            "The rule compares over two tasks or more. Received runs of "
            f"{[each.task for each in judged]} of {list(tasks)}."
        )
    counted = [each for each in found if each.task not in BELOW_BASELINE]

    def regrets(name: str) -> np.ndarray:
        return np.array([each.regret(_key(name, each)).estimate for each in judged])

    def _key(name: str, each: Conversions) -> float | str:
        if name == OTHERS_K:
            return factor_of_others(counted, each.task)
        return KEYS[name]

    epsilon = np.array([each.epsilon for each in judged])
    names = (MATCHED, OTHERS_K, *(name for name in KEYS if name != MATCHED))
    values = {name: regrets(name) / epsilon for name in names}
    gaps = {name: values[MATCHED] - values[name] for name in names[1:]}
    worst = int(np.argmax(gaps[OTHERS_K]))
    return Decision(
        mean_regret={name: t_interval(each) for name, each in values.items()},
        gap={name: t_interval(each) for name, each in gaps.items()},
        worst_gap=float(gaps[OTHERS_K][worst]),
        worst_task=judged[worst].task,
    )


def all_conversions(runs: pd.DataFrame) -> list[Conversions]:
    """Every task of the study whose runs, and Lion's own best, are in the table."""
    found = []
    for task in STUDY.plans:
        full = "full" in STUDY.plans[task]
        own = (
            complete_runs(runs, STUDY, task, "pilot")
            if task in LATER
            else complete_runs(runs, MAIN, task)
        )
        transfer = complete_runs(runs, STUDY, task) if full else None
        if own is not None and transfer is not None:
            found.append(conversions(task, transfer, own))
    return found
