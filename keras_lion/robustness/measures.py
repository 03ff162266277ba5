"""The measures that may decide a study, each with its verdict.

`keras_lion.tuning.study.comparison` defines what a `Comparison` may declare: the names
of the measures, their units and their sides, so that a study is checked before it runs.
This module has the function, the direction and the sentence of each.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from keras_lion.robustness.comparison import best_gains, compare, compare_best, hull
from keras_lion.robustness.effective_decay.lines import compare_parametrizations
from keras_lion.robustness.effective_decay.pace import best_memory, memory_verdict
from keras_lion.robustness.effective_decay.spread import (
    lines_of_equal_product,
    spread_verdict,
)
from keras_lion.robustness.frames.quantity import Quantity, quantity_of_runs
from keras_lion.robustness.frames.runs import Array
from keras_lion.robustness.frames.transfer import (
    factor_of_least_loss,
    gain_at_factor,
    transfer_curve,
)
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.regret import mean_regret
from keras_lion.robustness.verdict import (
    SMALLEST_GAP,
    Verdict,
    outcome_of,
    range_limits,
)
from keras_lion.robustness.width_verdict import tolerance_verdict
from keras_lion.robustness.windows import windows_agreeing
from keras_lion.robustness.wording import with_unit
from keras_lion.statistics import Interval
from keras_lion.tuning.study.comparison import MEASURES as DECLARABLE
from keras_lion.tuning.study.comparison import Comparison, Condition

Scope = Literal["condition", "task", "study"]
SCALE = {"points": 100.0}  # of a score that is a share
# Factors by which the advice moves AdamW's hyperparameters; their rounding counts.
ADVISED = (3, 10.01)


@dataclass(frozen=True)
class Question:
    """A declared comparison, and the runs that answer it.

    Attributes:
        runs: Run records: of one condition, of a task or of the study, by the scope of
            the measure.
        comparison: What was declared.
        sides: The optimizers that are compared, or judged one by one.
        epsilon: Loss of score that counts as none, in its unit.
        seed: Of sign-flip tests with many seeds.
    """

    runs: pd.DataFrame
    comparison: Comparison
    sides: tuple[str, ...]
    epsilon: float
    seed: int = 0

    @property
    def value(self) -> Value:
        """What the measure reads."""
        return "score" if self.comparison.value == "score" else "final_loss"

    @property
    def unit(self) -> str:
        """Unit of the numbers: the declared one, or the usual one."""
        if self.comparison.unit is not None:
            return self.comparison.unit
        units = DECLARABLE[self.comparison.measure].units
        if units[0] == "" and units != ("",):
            usual = self.quantity.difference
            # A declared margin without a unit is one of the records.
            as_recorded = usual == "points" and self.comparison.margin is not None
            return "" if as_recorded else usual
        return units[0]

    @property
    def quantity(self) -> Quantity:
        """What the measure reads, for sentences."""
        return quantity_of_runs(self.runs, self.value)

    @property
    def scale(self) -> float:
        """Units per unit of the records."""
        return SCALE.get(self.unit, 1.0)

    @property
    def margin(self) -> float:
        """Smallest difference that matters, in `unit`: declared or usual."""
        if self.comparison.margin is not None:
            return self.comparison.margin
        width = self.comparison.measure == "tolerance_width"
        return SMALLEST_GAP if width else self.epsilon * self.scale

    @property
    def pair(self) -> tuple[str, str]:
        """The two sides."""
        first, second = self.sides
        return first, second

    @property
    def generator(self) -> np.random.Generator:
        """A new generator for a sign-flip test."""
        return np.random.default_rng(self.seed)

    def landscape(
        self, optimizer: str, condition: Condition | None = None
    ) -> Landscape:
        """Scores of one optimizer, under one condition."""
        return Landscape.from_runs(
            self.runs, optimizer=optimizer, value=self.value, where=condition
        )

    def landscapes(
        self, condition: Condition | None = None
    ) -> tuple[Landscape, Landscape]:
        """Scores of the two sides."""
        first, second = self.pair
        return self.landscape(first, condition), self.landscape(second, condition)

    def others(self) -> list[Landscape]:
        """Scores of the optimizers that are no side; they count in the common best."""
        found = []
        for name in sorted(set(self.runs["optimizer"]) - set(self.sides)):
            # What does not form one landscape has no place in a table either.
            with contextlib.suppress(ValueError):
                found.append(self.landscape(name))
        return found


@dataclass(frozen=True)
class Measure:
    """A function of landscapes or runs that may decide a study.

    Attributes:
        judge: Question → its verdicts: one, or one per optimizer or pair of conditions.
        sentence: The claim where a study states none; `{first}` and `{second}` are the
            sides.
        direction: Of the claim: 1, the number of the first side is larger; 0, it is no
            smaller or no different by more than the margin.
        scope: Which runs answer: of a condition, of a task, or of the whole study.
    """

    judge: Callable[[Question], list[Verdict]]
    sentence: str
    direction: Literal[0, 1] = 1
    scope: Scope = "condition"


def _tolerance_width(question: Question) -> list[Verdict]:
    return [
        tolerance_verdict(
            *question.landscapes(),
            question.epsilon,
            names=question.pair,
            claim=claim_of(question),
            smallest_gap=question.margin,
            others=question.others(),
            generator=question.generator,
        )
    ]


def _mean_regret(question: Question) -> list[Verdict]:
    pair = question.landscapes()

    def measure(landscape: Landscape, best: float) -> float:
        return -mean_regret(landscape, best)

    others = question.others()
    found = compare(
        *pair, measure, others=others, generator=question.generator
    ).difference
    return [
        _judged(
            question,
            found.scaled(question.scale),
            f"mean regret of {{second}} − that of {{first}} ({question.quantity.name})",
            windows=windows_agreeing(*pair, measure, others),
            limited=range_limits(pair, question.pair),
        )
    ]


def _best_score(question: Question) -> list[Verdict]:
    kept = MEASURES[question.comparison.measure].direction == 0
    return [best_score_verdict(question, kept=kept)]


def best_score_verdict(question: Question, *, kept: bool = False) -> Verdict:
    """Verdict on the difference of the best scores of two optimizers."""
    pair = question.landscapes()
    for name, each in zip(question.pair, pair, strict=True):
        if each.empty or each.all_diverged:
            return Verdict.untestable(claim_of(question), f"no run of {name} trained.")
    found = compare_best(*pair, generator=question.generator)
    return _judged(
        question,
        found.difference.scaled(question.scale),
        question.quantity.gap(),
        windows=windows_agreeing(*pair),
        limited=range_limits(pair, question.pair),
        kept=kept,
    )


def _best_score_change(question: Question, shrinks: bool = False) -> list[Verdict]:
    return [
        _change(question, label, conditions, shrinks=shrinks)
        for label, conditions in question.comparison.between.items()
    ]


def _change(
    question: Question,
    label: str,
    conditions: tuple[Condition, Condition],
    *,
    shrinks: bool,
) -> Verdict:
    """Gain of the first side under one condition less that under another."""
    gains, limited = [], []
    try:
        for condition in conditions:
            pairs = [question.landscapes(each) for each in _single(condition)]
            gains.append(
                question.scale * np.mean([best_gains(*pair) for pair in pairs], axis=0)
            )
            limited += [
                limit for pair in pairs for limit in range_limits(pair, question.pair)
            ]
        change = hull(gains[0] - gains[1])
    except ValueError as error:
        return Verdict.untestable(claim_of(question, label), str(error))
    found = [
        f"{with_unit(_number(hull(gain)), question.unit)} ({_condition(condition)})"
        for gain, condition in zip(gains, conditions, strict=True)
    ]
    if shrinks and gains[0][0].mean() <= 0:
        reason = (
            f"{question.pair[0]} has no gain on {question.pair[1]} that could shrink: "
            f"{found[0]}."
        )
        return Verdict.untestable(claim_of(question, label), reason, estimate=change)
    return _judged(
        question,
        change,
        f"{question.quantity.gap()}: {found[0]} and {found[1]}; the first is larger by",
        limited=dict.fromkeys(limited),
        name=label,
    )


def _best_score_per_doubling(question: Question) -> list[Verdict]:
    gains = batch_gains(question)
    if len(gains) < 2:
        reason = "a change per doubling needs runs of two batch sizes or more."
        return [Verdict.untestable(claim_of(question), reason)]
    x = np.log2(np.array(list(gains), dtype=float))
    by_size = np.array(list(gains.values()))  # sizes × (at the best, crossed) × seeds
    slopes = np.polyfit(x, by_size.reshape(len(x), -1), 1)[0]
    slope = hull(slopes.reshape(by_size.shape[1:]))
    beyond = sum(
        bool(range_limits([question.landscape(name, {"batch_size": size})], [name]))
        for size in gains
        for name in question.pair
    )
    limited = f"{beyond} of {2 * len(gains)} optima lie on an edge of their grids."
    return [
        _judged(
            question,
            slope,
            f"change of the {question.quantity.gap()}, per doubling of the batch size",
            limited=[limited] if beyond else [],
        )
    ]


def batch_gains(question: Question) -> dict[int, Array]:
    """Batch size → `best_gains` of the first side on the second."""
    return {
        int(size): question.scale
        * best_gains(*question.landscapes({"batch_size": size}))
        for size in sorted(question.runs["batch_size"].unique().tolist())
    }


def _rule_of_thumb(question: Question) -> list[Verdict]:
    curve = transfer_curve(question.runs, *question.pair)
    line = curve[curve["on_line"]]
    advised = line[line["factor"].between(*ADVISED)]
    if advised.empty:
        first, second = question.pair
        reason = (
            f"no run of {first} is at {second}'s lr / k and λ × k with k from "
            f"{ADVISED[0]} to {ADVISED[1]:.0f}."
        )
        return [Verdict.untestable(claim_of(question), reason)]
    factor = factor_of_least_loss(advised)
    gain = gain_at_factor(question.runs, factor, *question.pair)
    outcome, reasons = outcome_of(gain.shifted(question.margin), margin=0.0)
    quantity = quantity_of_runs(question.runs, "final_loss")
    return [
        Verdict(
            outcome=outcome,
            claim=claim_of(question),
            sentence=f"{quantity.name}, {question.pair[1]} − {question.pair[0]} at "
            f"k = {factor:.2g}: {quantity.gap_interval(gain)}; best k: "
            f"{factor_of_least_loss(line):.2g}.",
            estimate=gain,
            direction=_direction(gain),
            reasons=reasons,
        )
    ]


def _independent_decay(question: Question) -> list[Verdict]:
    verdicts = []
    for name in question.sides:
        found = compare_parametrizations(question.landscape(name)).difference
        verdicts.append(
            _judged(
                question,
                found.scaled(question.scale),
                f"mean regret along a decade of learning rate, λ fixed − lr × λ "
                f"fixed, of {name} ({question.quantity.name})",
                name=name,
            )
        )
    return verdicts


def _iso_product_spread(question: Question) -> list[Verdict]:
    return [_spread(question, name) for name in question.sides]


def _spread(question: Question, name: str) -> Verdict:
    claim = claim_of(question, name)
    try:
        lines = lines_of_equal_product(
            question.runs, optimizer=name, value=question.value, scale=question.scale
        )
    except ValueError as error:
        return Verdict.untestable(claim, str(error))
    return spread_verdict(
        lines, margin=question.margin, unit=question.unit, claim=claim
    )


def _memory_over(question: Question, column: str) -> list[Verdict]:
    """Verdicts on the best memory over a column; none where it has one value."""
    values = question.runs[column].unique()
    if len(values) < 2:
        return []
    return [_memory(question, name, column) for name in question.sides]


def _memory(question: Question, name: str, column: str) -> Verdict:
    claim = claim_of(question, name)
    runs = question.runs
    frames = {float(each): runs[runs[column] == each] for each in runs[column].unique()}
    try:
        found = best_memory(frames, optimizer=name, value=question.value)
    except ValueError as error:
        return Verdict.untestable(claim, str(error))
    return memory_verdict(found, margin=question.margin, claim=claim)


def claim_of(question: Question, name: str = "") -> str:
    """The declared claim, or the measure's own; with the optimizer it is judged for."""
    comparison = question.comparison
    first, second = (*question.sides, "", "")[:2]
    text = comparison.statement or MEASURES[comparison.measure].sentence.format(
        first=first, second=second, score=question.quantity.name
    )
    return f"{text.rstrip('.')}: {name}." if name else text


def _judged(
    question: Question,
    found: Interval,
    what: str,
    *,
    windows: float = math.nan,
    limited: Iterable[str] = (),
    kept: bool = False,
    name: str = "",
) -> Verdict:
    """The verdict on a number whose claimed sign is plus, or which keeps a margin."""
    margin = question.margin
    judged, smallest = found, margin
    if kept:
        judged, smallest, windows = found.shifted(margin), 0.0, math.nan
    outcome, reasons = outcome_of(
        judged, margin=smallest, windows=windows, limited=tuple(limited)
    )
    first, second = (*question.sides, "", "")[:2]
    unit = f" {question.unit}" if question.unit else ""
    smallest_text = with_unit(f"{margin:g}", question.unit)
    digits = 2 if question.scale != 1 else 3
    return Verdict(
        outcome=outcome,
        claim=claim_of(question, name),
        sentence=f"{what.format(first=first, second=second)}: "
        f"{_number(found, digits)}{unit}; smallest that matters: {smallest_text}.",
        estimate=found,
        window_share=windows,
        direction=_direction(found),
        reasons=reasons,
    )


def _direction(found: Interval) -> int:
    return 1 if found.low > 0 else -1 if found.high < 0 else 0


def _number(found: Interval, digits: int = 2) -> str:
    return format(found, f".{digits}f")


def _single(condition: Condition) -> list[Condition]:
    """The conditions whose mean a condition is: one for each of its listed values."""
    values = [
        value if isinstance(value, list | tuple) else [value]
        for value in condition.values()
    ]
    return [dict(zip(condition, each, strict=True)) for each in product(*values)]


def _condition(condition: Condition) -> str:
    def text(value: object) -> str:
        if isinstance(value, list | tuple):
            return " and ".join(map(text, value))
        return f"{value:g}" if isinstance(value, float | int) else str(value)

    return ", ".join(
        f"{column} {text(value)}"
        if isinstance(value, float | int | list | tuple)
        else str(value)
        for column, value in condition.items()
    )


# Name → measure: the keys of `keras_lion.tuning.study.comparison.MEASURES`.
MEASURES: Mapping[str, Measure] = {
    "tolerance_width": Measure(
        _tolerance_width,
        "{first} tolerates a wider range of learning rates than {second}.",
    ),
    "best_score": Measure(
        _best_score, "{first} reaches a better {score} than {second}."
    ),
    "best_score_kept": Measure(
        _best_score,
        "{first} reaches as good a {score} as {second}.",
        direction=0,
    ),
    "best_score_change": Measure(
        _best_score_change,
        "{first} gains less on {second} under the second condition.",
        scope="study",
    ),
    "best_score_shrinkage": Measure(
        partial(_best_score_change, shrinks=True),
        "The gain of {first} on {second} is smaller under the second condition.",
        scope="study",
    ),
    "best_score_per_doubling": Measure(
        _best_score_per_doubling,
        "{first} gains on {second} as the batch grows.",
        scope="task",
    ),
    "mean_regret": Measure(
        _mean_regret, "The mean regret of {first} is below that of {second}."
    ),
    "rule_of_thumb_regret": Measure(
        _rule_of_thumb,
        "{first} at {second}'s lr / k and λ × k, for a k from 3 to 10, is no worse.",
        direction=0,
        scope="task",
    ),
    "learning_rate_sensitivity": Measure(
        _independent_decay,
        "The learning rate matters less with lr × λ fixed than with λ fixed.",
    ),
    "iso_product_spread": Measure(
        _iso_product_spread,
        "With enough weight decay, lr × λ alone decides.",
        direction=0,
        scope="task",
    ),
    "memory_over_batch_size": Measure(
        partial(_memory_over, column="batch_size"),
        "The best memory of the weights, in epochs, is the same at every batch size.",
        direction=0,
        scope="task",
    ),
    "memory_over_epochs": Measure(
        partial(_memory_over, column="epochs"),
        "The best memory of the weights, in epochs, is the same at every length.",
        direction=0,
        scope="study",
    ),
    "memory_over_train_examples": Measure(
        partial(_memory_over, column="train_examples"),
        "The best memory of the weights, in epochs, is the same at every number of "
        "examples.",
        direction=0,
        scope="study",
    ),
}
