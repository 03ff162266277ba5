"""One row of the ledger, and the one rule that gives its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_lion.robustness.verdict import LEAST_SEEDS, LEAST_WINDOW_SHARE
from keras_lion.robustness.verdict import Outcome as Judged
from keras_lion.statistics import FEW, Interval

# What the numbers of a row alone show of its claim.
Outcome = Judged | Literal["out of reach", "not run yet"]
Verdict = Literal[
    "holds at this scale",
    "does not hold at this scale",
    "undecided",
    "provisional",
    "cannot be tested here",
    "reproduced",
    "not reproduced",
    "not run yet",
]
# Verdict → its meaning, as the page explains it.
MEANINGS: dict[Verdict, str] = {
    "holds at this scale": "the 95 % interval lies on the claimed side",
    "does not hold at this scale": "it lies on the other side, or within what the "
    "study declared as too small to matter",
    "undecided": "the interval allows both",
    "provisional": "decided, but an optimum lies on the edge of its grid, there are "
    f"fewer than {LEAST_SEEDS} seeds, or the sign holds in less than "
    f"{LEAST_WINDOW_SHARE:.0%} of other windows",
    "cannot be tested here": "a condition of the claim is not met, the task's best "
    "result is below that of a trivial model, or larger machines are needed",
    "reproduced": "a count, or algebra, is as claimed",
    "not reproduced": "it is not",
    "not run yet": "declared, and its runs are still to be made",
}
YES: tuple[Verdict, ...] = ("holds at this scale", "reproduced")
NO: tuple[Verdict, ...] = ("does not hold at this scale", "not reproduced")
DECIDED = (*YES, *NO)
UNMEASURED: tuple[Outcome, ...] = ("untestable", "out of reach", "not run yet")


@dataclass(frozen=True)
class Baseline:
    """What a trivial model reaches on the data of a row, and what the row's worst does.

    Attributes:
        model: The trivial model.
        value: Its mean result, in `unit`.
        best: Best mean result of the optimizer of the row whose best is the worst.
        optimizer: That optimizer.
        unit: `"%"` (accuracy) or `"nats"` (loss).
    """

    model: str
    value: float
    best: float
    optimizer: str
    unit: str

    @property
    def reached(self) -> bool:
        """Whether every optimizer of the row is better than the trivial model."""
        if self.unit == "nats":
            return self.best < self.value
        return self.best > self.value

    def __str__(self) -> str:
        unit = " %" if self.unit == "%" else f" {self.unit}"
        side = "better" if self.reached else "not better"
        return (
            f"the best result of {self.optimizer}, {self.best:.3g}{unit}, is {side} "
            f"than the {self.value:.3g}{unit} of a {self.model} model"
        )


@dataclass(frozen=True)
class Basis:
    """What a row rests on besides its number.

    Attributes:
        edges: One sentence for each optimum on an edge of its grid. None: nothing was
            tuned.
        baseline: The trivial model that the results must beat. None: there is none.
        primary: Whether this is the primary outcome of its study.
    """

    edges: Sequence[str] | None
    baseline: Baseline | None
    primary: bool


# Of what is counted, timed or computed without a tuned training run.
NOT_TUNED = Basis(edges=None, baseline=None, primary=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement of a claim, with all that its verdict depends on.

    Attributes:
        where: Task or condition.
        text: The measurement in words, with its interval and n.
        shows: What the numbers alone show of the claim.
        interval: The number that decides. None: none is behind it but those in `text`.
        unit: Unit of the number.
        coverage: How often such an interval covers, or such an analysis errs.
        windows: Share of the other windows in which the sign stays. None: the measure
            has no window.
        basis: Edges, baseline, and whether the row is primary.
        counted: Whether it is a count or algebra, and not a measurement at some scale.
        notes: Why the verdict is not plainly that of the interval, and cautions.

    Raises:
        ValueError: If a measured row has neither n nor coverage.
    """

    where: str
    text: str
    shows: Outcome
    interval: Interval | None
    unit: str
    coverage: str
    windows: float | None
    basis: Basis
    counted: bool = False
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.shows in UNMEASURED or self.counted:
            return
        if not self.coverage:
            raise ValueError(
                f"The row '{self.where}' needs `coverage`: how often its interval "
                "covers, or its analysis errs. Received none."
            )
        if self.interval is None and "n=" not in self.text:
            raise ValueError(
                f"The row '{self.where}' needs an interval, or intervals with their n "
                f"in its text. Received: {self.text!r}."
            )

    @property
    def verdict(self) -> Verdict:
        """The verdict, by the rule that holds for every row."""
        baseline = self.basis.baseline
        if self.shows == "not run yet":
            return "not run yet"
        if baseline is not None and not baseline.reached:
            return "cannot be tested here"
        if self.shows in UNMEASURED:
            return "cannot be tested here"
        if self.shows == "underpowered":
            return "undecided"
        if self.shows == "provisional" or self._doubts():
            return "provisional"
        if self.counted:
            return "reproduced" if self.shows == "supported" else "not reproduced"
        if self.shows == "supported":
            return "holds at this scale"
        return "does not hold at this scale"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is not plainly that of the interval, each reason once."""
        found = list(self.notes)
        baseline = self.basis.baseline
        if baseline is not None and not baseline.reached:
            found.insert(0, str(baseline))
        if self.verdict == "provisional":
            found += self._doubts()
        decided = self.verdict in ("holds at this scale", "does not hold at this scale")
        if decided and self.interval is not None and self.interval.n < FEW:
            found.append(f"indicative: n={self.interval.n}")
        return tuple(dict.fromkeys(found))

    def _doubts(self) -> list[str]:
        """What makes a decided outcome provisional."""
        found = list(self.basis.edges or ())
        count = LEAST_SEEDS
        if self.interval is not None and not self.counted:
            count = self.interval.n
        if count < LEAST_SEEDS:
            found.append(f"n={count}: at least {LEAST_SEEDS} are needed")
        share = math.inf if self.windows is None else self.windows
        if share < LEAST_WINDOW_SHARE:
            found.append(f"the sign stays in only {share:.0%} of the other windows")
        return found


def missing(where: str) -> Row:
    """Runs that were declared and are not in the table."""
    return Row(
        where=where,
        text="declared; not all of its runs were made",
        shows="not run yet",
        interval=None,
        unit="",
        coverage="",
        windows=None,
        basis=NOT_TUNED,
    )


def unmeasured(where: str, why: str, shows: Outcome = "untestable") -> Row:
    """A claim, or a part of it, that cannot be tested here."""
    return Row(
        where=where,
        text=why,
        shows=shows,
        interval=None,
        unit="",
        coverage="",
        windows=None,
        basis=NOT_TUNED,
    )
