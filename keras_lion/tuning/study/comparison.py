"""The comparison that decides a study, and what it may declare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    "iso_product_spread": Declarable(SCORES, pair=False, across=True),
}


@dataclass(frozen=True)
class Comparison:
    """The comparison that decides a study, declared before any run.

    Args:
        statement: The claim under test, one sentence.
        epsilon: Task → how far from the best still counts as good, in units of `value`.
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
        ValueError: If the measure or the unit is unknown, or sides, margin or
            conditions do not fit the measure.
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
        if self.margin is not None and not (
            math.isfinite(self.margin) and self.margin > 0
        ):
            raise ValueError(
                "`margin` must be a positive difference, or None for the measure's "
                f"own. Received: margin={self.margin}."
            )
        if declarable.between != bool(self.between):
            needed = "needs" if declarable.between else "has no"
            raise ValueError(
                f"The measure {self.measure} {needed} conditions in `between`. "
                f"Received: between={dict(self.between)!r}."
            )


def read_comparison(declared: Mapping[str, Any]) -> Comparison:
    """The comparison of a `study.json`, of this version or of an older one.

    Raises:
        ValueError: As `Comparison`.
    """
    names = Comparison.__dataclass_fields__
    known = {name: value for name, value in declared.items() if name in names}
    return Comparison(**{"statement": "", "epsilon": {}, **known})


def betas_text(betas: Iterable[Any]) -> str:
    """A pair of betas in the name of a contender: `0.9/0.99`."""
    return "/".join(f"{beta:g}" for beta in betas)
