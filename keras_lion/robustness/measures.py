"""The measures that may decide a study, each with its verdict.

`keras_lion.tuning.study.comparison` says what a `Comparison` may declare: the names of
the measures, their units and their sides, so that a study is checked before it runs.
This module has the function, the direction and the sentence of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from keras_lion.robustness.comparison import compare, compare_best
from keras_lion.robustness.effective_decay.lines import (
    IsoProduct,
    compare_parametrizations,
    iso_product,
)
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.regret import mean_regret
from keras_lion.robustness.runs import Array
from keras_lion.robustness.verdict import (
    SMALLEST_GAP,
    Outcome,
    Verdict,
    outcome_of,
    range_limits,
    tolerance_verdict,
)
from keras_lion.robustness.windows import window_agreement
from keras_lion.statistics import Interval, t_interval
from keras_lion.tuning.study.comparison import MEASURES as DECLARABLE
from keras_lion.tuning.study.comparison import Comparison, Condition

Scope = Literal["condition", "task", "study"]
SCALE = {"points": 100.0}  # of a score that is a share
# Factors by which the advice moves AdamW's hyperparameters; their rounding counts.
ADVISED = (3, 10.01)
# A slope over the two decades of learning rate that lines have, at most.
DECADES_OF_LINES = 2
FEWEST_CELLS = 6


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
        """Unit of the numbers."""
        return unit_of(self.comparison)

    @property
    def scale(self) -> float:
        """Units per unit of the records."""
        return SCALE.get(self.unit, 1.0)

    @property
    def margin(self) -> float:
        """Smallest difference that matters, in `unit`."""
        return margin_of(self.comparison, self.epsilon)

    @property
    def pair(self) -> tuple[str, str]:
        """The two sides."""
        first, second = self.sides
        return first, second

    def landscape(
        self, optimizer: str, condition: Condition | None = None
    ) -> Landscape:
        """Scores of one optimizer, under one condition."""
        runs = self.runs
        for column, value in (condition or {}).items():
            runs = runs[runs[column] == value]
        return Landscape.from_runs(runs, optimizer=optimizer, value=self.value)


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


def unit_of(comparison: Comparison) -> str:
    """Unit of a comparison's numbers: the declared one, or the usual one."""
    if comparison.unit is not None:
        return comparison.unit
    usual = DECLARABLE[comparison.measure].units[0]
    if usual == "" and DECLARABLE[comparison.measure].units != ("",):
        return "nats" if comparison.value == "final_loss" else ""
    return usual


def margin_of(comparison: Comparison, epsilon: float) -> float:
    """Smallest difference that matters: the declared one, or the measure's own."""
    if comparison.margin is not None:
        return comparison.margin
    return SMALLEST_GAP if comparison.measure == "tolerance_width" else epsilon


def _tolerance_width(question: Question) -> list[Verdict]:
    first, second = map(question.landscape, question.pair)
    return [
        tolerance_verdict(
            first,
            second,
            question.epsilon,
            names=question.pair,
            claim=_claim(question),
            smallest_gap=question.margin,
            unit="nats" if question.value == "final_loss" else "",
            generator=np.random.default_rng(question.seed),
        )
    ]


def _mean_regret(question: Question) -> list[Verdict]:
    pair = question.landscape(question.pair[0]), question.landscape(question.pair[1])
    found = compare(
        *pair,
        lambda each, best: -mean_regret(each, best),
        generator=np.random.default_rng(question.seed),
    ).difference.scaled(question.scale)
    return [
        _judged(
            question,
            found,
            "mean regret of {second} − that of {first}",
            windows=windows_agreeing(
                *pair, lambda each, best: -mean_regret(each, best)
            ),
            limited=range_limits(pair, question.pair),
        )
    ]


def _best_score(question: Question) -> list[Verdict]:
    return [best_score_verdict(question)]


def best_score_verdict(question: Question, *, kept: bool = False) -> Verdict:
    """Verdict on the difference of the best scores of two optimizers."""
    pair = question.landscape(question.pair[0]), question.landscape(question.pair[1])
    for name, each in zip(question.pair, pair, strict=True):
        if each.empty or each.all_diverged:
            return Verdict.untestable(_claim(question), f"no run of {name} trained.")
    found = compare_best(*pair, generator=np.random.default_rng(question.seed))
    return _judged(
        question,
        found.difference.scaled(question.scale),
        "best score, {first} − {second}",
        windows=windows_agreeing(*pair),
        limited=range_limits(pair, question.pair),
        kept=kept,
    )


def _best_score_kept(question: Question) -> list[Verdict]:
    return [best_score_verdict(question, kept=True)]


def _best_score_change(question: Question) -> list[Verdict]:
    return [
        _change(question, label, conditions, shrinks=False)
        for label, conditions in question.comparison.between.items()
    ]


def _best_score_shrinkage(question: Question) -> list[Verdict]:
    return [
        _change(question, label, conditions, shrinks=True)
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
            pair = [question.landscape(name, condition) for name in question.pair]
            scores = [question.scale * best_values(each) for each in pair]
            gains.append(scores[0] - scores[1])
            limited += range_limits(pair, question.pair)
        change = t_interval(gains[0] - gains[1])
    except ValueError as error:
        return Verdict.untestable(_claim(question, label), str(error))
    found = [
        f"{_number(t_interval(gain))} ({_condition(condition)})"
        for gain, condition in zip(gains, conditions, strict=True)
    ]
    if shrinks and gains[0].mean() <= 0:
        reason = (
            f"{question.pair[0]} has no gain on {question.pair[1]} that could shrink: "
            f"{found[0]}."
        )
        return replace(
            Verdict.untestable(_claim(question, label), reason), estimate=change
        )
    return _judged(
        question,
        change,
        f"best score, {{first}} − {{second}}: {found[0]} and {found[1]}; "
        "the first is larger by",
        limited=dict.fromkeys(limited),
        name=label,
    )


def _best_score_per_doubling(question: Question) -> list[Verdict]:
    gains = batch_gains(question)
    x = np.log2(np.array(list(gains), dtype=float))
    rows = np.array(list(gains.values())).T
    slope = t_interval([np.polyfit(x, row, 1)[0] for row in rows])
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
            "change of the best score, {first} − {second}, per doubling of the batch "
            "size",
            limited=[limited] if beyond else [],
        )
    ]


def batch_gains(question: Question) -> dict[int, Array]:
    """Batch size → best score of the first side less that of the second, per seed."""
    gains = {}
    for size in sorted(question.runs["batch_size"].unique().tolist()):
        first, second = (
            question.scale * best_values(question.landscape(name, {"batch_size": size}))
            for name in question.pair
        )
        gains[int(size)] = np.asarray(first - second)
    return gains


def _rule_of_thumb(question: Question) -> list[Verdict]:
    curve = transfer_curve(question.runs, *question.pair)
    line = curve[curve["on_line"]]
    factor = factor_of_least_loss(line[line["factor"].between(*ADVISED)])
    gain = gain_at_factor(question.runs, factor, *question.pair)
    shifted = Interval(
        gain.estimate + question.margin,
        gain.low + question.margin,
        gain.high + question.margin,
        gain.n,
    )
    outcome, reasons = outcome_of(shifted, margin=0.0)
    return [
        Verdict(
            outcome=outcome,
            claim=_claim(question),
            sentence=f"loss of {question.pair[1]} − loss of {question.pair[0]} at "
            f"k = {factor:.2g}: {_number(gain, 3)} nats; best k: "
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
                f"mean loss along a decade of learning rate, λ fixed − lr × λ fixed, "
                f"of {name}",
                name=name,
            )
        )
    return verdicts


def _iso_product_slope(question: Question) -> list[Verdict]:
    return [
        slope_verdict(
            iso_product(question.runs, optimizer=name, value=question.value),
            margin=question.margin,
            claim=_claim(question, name),
        )
        for name in question.sides
    ]


def slope_verdict(lines: IsoProduct, *, margin: float, claim: str) -> Verdict:
    """Verdict on "the score does not change along lines of equal lr × λ".

    Returns:
        Supported where the interval of the slope lies within the margin and no two
        cells of one line differ by more than that slope over two decades; untestable
        where fewer than six cells reach the target with every seed.
    """
    along = lines.slope_along_lines.scaled(-1)  # scores are −log₁₀ steps
    across = lines.slope_over_product.scaled(-1)
    cells, declared = (
        int(lines.fitted.sum()),
        int((lines.landscape.num_seeds > 0).sum()),
    )
    reached = f"{cells} of {declared} cells reach the target with every seed"
    if math.isnan(along.estimate):
        return Verdict.untestable(claim, f"{reached}.")
    change = largest_change(lines)
    outcome: Outcome = "underpowered"
    reasons: tuple[str, ...] = ()
    if cells < FEWEST_CELLS:
        outcome, reasons = "untestable", (f"{reached}; {FEWEST_CELLS} are needed.",)
    elif along.low > margin or along.high < -margin:
        outcome = "not supported"
    elif change > DECADES_OF_LINES * margin:
        outcome, reasons = "not supported", ("no straight slope, but a curve.",)
    elif along.low >= -margin and along.high <= margin:
        outcome = "supported"
    return Verdict(
        outcome=outcome,
        claim=claim,
        sentence=f"d log steps / d log lr along lines {_number(along)}, across them "
        f"d log steps / d log (lr × λ) {_number(across)}; steps at equal lr × λ differ "
        f"by up to {change:.2f} decades; {reached}.",
        estimate=along,
        reasons=reasons,
    )


def transfer_curve(runs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Mean validation loss of one optimizer over the factor from the other's recipe.

    Returns:
        One row per cell of the first, by factor: learning_rate, weight_decay, mean, low
        and high (t interval over seeds), factor, and on_line, whether λ is larger by
        the factor by which the learning rate is smaller.
    """
    recipe = runs[runs["optimizer"] == second].iloc[0]
    cells = []
    own = runs[runs["optimizer"] == first]
    for (rate, decay), part in own.groupby(["learning_rate", "weight_decay"]):
        loss = t_interval(part["final_loss"])
        cells.append((rate, decay, loss.estimate, loss.low, loss.high))
    columns = ["learning_rate", "weight_decay", "mean", "low", "high"]
    curve = pd.DataFrame(cells, columns=columns)
    curve["factor"] = recipe["learning_rate"] / curve["learning_rate"]
    larger = curve["weight_decay"] / recipe["weight_decay"]
    curve["on_line"] = np.isclose(curve["factor"], larger, rtol=1e-2)
    return curve.sort_values("factor", ignore_index=True)


def best_values(landscape: Landscape) -> Array:
    """Scores of every seed at the cell that is best on average."""
    return np.asarray(landscape.scores[landscape.best.cell])


def windows_agreeing(
    first: Landscape,
    second: Landscape,
    measure: Callable[[Landscape, float], float] | None = None,
) -> float:
    """Share of other windows in which the sign of a difference stays."""
    compared = measure or (lambda each, reference: each.best.value - reference)
    try:
        return window_agreement(first, second, measure=compared).share
    except ValueError:
        return math.nan


def cells_by_product(lines: IsoProduct) -> dict[float, list[tuple[float, float]]]:
    """Product → learning rate and log₁₀ steps of its cells that reach the target."""
    landscape = lines.landscape
    found: dict[float, list[tuple[float, float]]] = {}
    for i, j in zip(*np.nonzero(lines.fitted), strict=True):
        rate, decay = landscape.learning_rate[j], landscape.weight_decay[i]
        product = float(f"{rate * decay:.2g}")
        found.setdefault(product, []).append((float(rate), -float(lines.means[i, j])))
    return dict(sorted(found.items()))


def largest_change(lines: IsoProduct) -> float:
    """Largest difference of log₁₀ steps between cells of one product."""
    steps = [[y for _, y in cells] for cells in cells_by_product(lines).values()]
    return max((max(each) - min(each) for each in steps), default=math.nan)


def factor_of_least_loss(curve: pd.DataFrame) -> float:
    """The factor of a `transfer_curve` with the lowest mean loss."""
    return float(curve.sort_values("mean")["factor"].iloc[0])


def gain_at_factor(
    runs: pd.DataFrame, factor: float, first: str, second: str
) -> Interval:
    """Loss of the second optimizer's recipe − loss of the first one at a factor."""
    losses = {
        str(name): part.pivot_table("final_loss", "seed", "learning_rate")
        for name, part in runs.groupby("optimizer")
    }
    rate = float(losses[second].columns.to_numpy(float)[0]) / factor
    columns = losses[first].columns.to_numpy(float)
    nearest = int(np.argmin(np.abs(np.log(columns / rate))))
    return t_interval(losses[second].iloc[:, 0] - losses[first].iloc[:, nearest])


def _claim(question: Question, name: str = "") -> str:
    """The declared claim, or the measure's own; with the optimizer it is judged for."""
    comparison = question.comparison
    first, second = (*question.sides, "", "")[:2]
    text = comparison.statement or MEASURES[comparison.measure].sentence.format(
        first=first, second=second
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
        ends = (found.estimate + margin, found.low + margin, found.high + margin)
        judged, smallest, windows = Interval(*ends, found.n), 0.0, math.nan
    outcome, reasons = outcome_of(
        judged, margin=smallest, windows=windows, limited=tuple(limited)
    )
    first, second = (*question.sides, "", "")[:2]
    unit = f" {question.unit}" if question.unit else ""
    digits = 2 if question.scale != 1 else 3
    return Verdict(
        outcome=outcome,
        claim=_claim(question, name),
        sentence=f"{what.format(first=first, second=second)}: "
        f"{_number(found, digits)}{unit}; smallest that matters: {margin:g}{unit}.",
        estimate=found,
        window_share=windows,
        direction=_direction(found),
        reasons=reasons,
    )


def _direction(found: Interval) -> int:
    return 1 if found.low > 0 else -1 if found.high < 0 else 0


def _number(found: Interval, digits: int = 2) -> str:
    return format(found, f".{digits}f")


def _condition(condition: Condition) -> str:
    return ", ".join(
        f"{column} {value:g}" if isinstance(value, float | int) else str(value)
        for column, value in condition.items()
    )


# Name → measure: the keys of `keras_lion.tuning.study.comparison.MEASURES`.
MEASURES: Mapping[str, Measure] = {
    "tolerance_width": Measure(
        _tolerance_width,
        "{first} tolerates a wider range of learning_rate than {second}.",
    ),
    "best_score": Measure(
        _best_score, "The best score of {first} is above that of {second}."
    ),
    "best_score_kept": Measure(
        _best_score_kept,
        "The best score of {first} is no worse than that of {second}.",
        direction=0,
    ),
    "best_score_change": Measure(
        _best_score_change,
        "{first} gains less on {second} under the second condition.",
        scope="study",
    ),
    "best_score_shrinkage": Measure(
        _best_score_shrinkage,
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
    "iso_product_slope": Measure(
        _iso_product_slope,
        "lr × λ alone sets the time to the target.",
        direction=0,
    ),
}
