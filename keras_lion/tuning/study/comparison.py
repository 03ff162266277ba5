"""The comparison that decides a study, and what it may declare."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

Condition = Mapping[str, Any]  # column of the records → value


class Declarable(NamedTuple):
    """What a `Comparison` may declare of one measure.

    Attributes:
        units: Accepted units of the margin, the usual one first.
        pair: Whether the measure compares two optimizers; otherwise each is judged.
        between: Whether it compares two conditions, and so needs `between`.
        across: Whether it reads runs across conditions, an optimizer's betas included:
            sides are then optimizers, whatever their betas.
    """

    units: tuple[str, ...]
    pair: bool = True
    between: bool = False
    across: bool = False


VALUES = ("final_loss", "score")
SCORES = ("", "nats", "points", "decades")
# `keras_lion.robustness.measures.MEASURES` has the function of each.
MEASURES: Mapping[str, Declarable] = {
    "tolerance_width": Declarable(("decades",)),
    "best_score": Declarable(SCORES),
    "best_score_kept": Declarable(SCORES),
    "best_score_change": Declarable(SCORES, between=True, across=True),
    "best_score_shrinkage": Declarable(SCORES, between=True, across=True),
    "best_score_per_doubling": Declarable(SCORES, across=True),
    "mean_regret": Declarable(SCORES),
    "rule_of_thumb_regret": Declarable(SCORES, across=True),
    "learning_rate_sensitivity": Declarable(SCORES, pair=False),
    "memory_over_batch_size": Declarable(("",), pair=False, across=True),
    "memory_over_epochs": Declarable(("",), pair=False, across=True),
    "memory_over_train_examples": Declarable(("",), pair=False, across=True),
    "iso_product_spread": Declarable(SCORES, pair=False, across=True),
}

# In `study.json`: what was declared before the runs, where that was changed later.
FIRST_COMPARISON = "first_comparison"


@dataclass(frozen=True)
class Comparison:
    """The comparison that decides a study, declared before any run.

    Args:
        statement: The claim under test, one sentence.
        epsilon: Task → how far from the best still counts as good, in units of `value`:
            by default the validation loss, whatever the task's metric.
            A measure that compares tasks reads these, or all if there is none.
        measure: Name of the measure that decides, a key of `MEASURES`.
        value: What the measure reads: `"final_loss"` (validation negative
            log-likelihood, negated) or `"score"`.
        sides: The two optimizers, the one that the claim speaks for first; for a
            measure that judges optimizers one by one, those. An optimizer that runs
            with several pairs of betas is named with them: `"lion 0.9/0.99"`. None:
            Lion with AdamW, and each other optimizer with AdamW (with Lion where AdamW
            does not run); for a measure that judges one by one, every optimizer.
        margin: Smallest difference that matters, in `unit`. None: 0.75 decades for a
            tolerance width, the task's ε for everything else.
        unit: Unit of the margin and of the verdict's numbers. None: that of the measure
            and of `value`.
        between: Label → the two conditions that `"best_score_change"` and
            `"best_score_shrinkage"` compare, each as columns of the records and their
            values; a tuple of values stands for the mean over them.

    Raises:
        ValueError: If the measure, the unit or the value is unknown, ε is not one
            positive number per task, or sides, margin or conditions do not fit the
            measure.
    """

    statement: str
    epsilon: Mapping[str, float]
    measure: str = "tolerance_width"
    value: str = "final_loss"
    sides: Sequence[str] | None = None
    margin: float | None = None
    unit: str | None = None
    between: Mapping[str, tuple[Condition, Condition]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declarable = MEASURES.get(self.measure)
        if declarable is None:
            raise ValueError(
                f"`measure` must be one of {', '.join(MEASURES)}. "
                f"Received: measure={self.measure!r}."
            )
        if self.unit is not None and self.unit not in declarable.units:
            raise ValueError(
                f"`unit` of the measure {self.measure} must be one of "
                f"{', '.join(map(repr, declarable.units))}. "
                f"Received: unit={self.unit!r}."
            )
        if self.value not in VALUES:
            raise ValueError(
                f"`value` must be one of {', '.join(map(repr, VALUES))}. "
                f"Received: value={self.value!r}."
            )
        if not isinstance(self.epsilon, Mapping) or not all(
            map(_is_positive, self.epsilon.values())
        ):
            raise ValueError(
                "`epsilon` must give each task a positive number, such as "
                f'{{"digits_mlp": 0.05}}. Received: epsilon={self.epsilon!r}.'
            )
        sides = None if self.sides is None else tuple(self.sides)
        if sides is not None and (
            len(set(sides)) != len(sides)
            or not sides
            or (declarable.pair and len(sides) != 2)
        ):
            count = "two different optimizers" if declarable.pair else "optimizers"
            raise ValueError(
                f"`sides` of the measure {self.measure} must be {count}. "
                f"Received: sides={self.sides!r}."
            )
        if self.margin is not None and not _is_positive(self.margin):
            raise ValueError(
                "`margin` must be a positive difference, or None for the measure's "
                f"own. Received: margin={self.margin!r}."
            )
        if declarable.between != bool(self.between):
            needed = "needs" if declarable.between else "has no"
            raise ValueError(
                f"The measure {self.measure} {needed} conditions in `between`. "
                f"Received: between={dict(self.between)!r}."
            )


def _is_positive(number: Any) -> bool:
    return (
        isinstance(number, Real)
        and not isinstance(number, bool)
        and 0 < float(number) < math.inf
    )


def read_comparison(declared: Mapping[str, Any]) -> Comparison:
    """The comparison of a `study.json`, of this version or of an older one.

    Raises:
        ValueError: As `Comparison`.
    """
    names = Comparison.__dataclass_fields__
    known = {name: value for name, value in declared.items() if name in names}
    return Comparison(**{"statement": "", "epsilon": {}, **known})


def comparison_changes(first: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What decides otherwise in one comparison than in an earlier one, as `old → new`.

    The wording of the claim does not, nor does the ε of a task that was added.

    Args:
        first: The comparison that was declared first, as `study.json` has it.
        now: A later one.
    """
    before, after = read_comparison(first), read_comparison(now)
    pairs = [
        (f"epsilon of {task}", value, after.epsilon.get(task))
        for task, value in before.epsilon.items()
    ]
    for name in ("measure", "value", "sides", "margin", "unit", "between"):
        one, other = getattr(before, name), getattr(after, name)
        if name == "sides":
            one, other = (each and ", ".join(each) for each in (one, other))
        pairs.append((name, one, other))
    return [
        f"{name} {'none' if one is None else one} → {'none' if two is None else two}"
        for name, one, two in pairs
        if json.dumps(one) != json.dumps(two)
    ]


def comparison_changed_text(changes: Sequence[str]) -> str:
    """The caution where a comparison was changed after its study had runs."""
    return (
        f"The comparison was changed after runs were recorded ({', '.join(changes)}): "
        "a verdict that is reached with it was not declared before them."
    )


def betas_text(betas: Iterable[Any]) -> str:
    """A pair of betas in the name of a contender: `0.9/0.99`."""
    return "/".join(f"{beta:g}" for beta in betas)
