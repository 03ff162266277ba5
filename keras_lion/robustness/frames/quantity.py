"""What a score is: its name, unit and direction, and the values it can have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.wording import with_unit
from keras_lion.statistics import Interval
from keras_lion.tuning.runs.outcomes import IMPORTED
from keras_lion.tuning.tasks.task import METRICS

UNBOUNDED = (-math.inf, math.inf)
NEGATIVE = (-math.inf, 0.0)  # a negated loss
SHARE = (0.0, 1.0)
PERCENT = (0.0, 100.0)
NEGATED_PERCENT = (-100.0, 0.0)
# Where scores lie beyond the bounds that a name implies: the next that may be meant.
_WIDER = {SHARE: PERCENT, NEGATED_PERCENT: NEGATIVE}


@dataclass(frozen=True)
class Quantity:
    """How a score is shown: its name, unit and direction.

    Attributes:
        name: What is shown, as on a color bar.
        unit: Unit of the shown number.
        factor: shown = factor · score; negative where the shown number is better small.
        digits: Digits after the point.
        bounds: The least and the largest score there can be.
    """

    name: str
    unit: str
    factor: float
    digits: int
    bounds: tuple[float, float] = UNBOUNDED

    @property
    def label(self) -> str:
        """Name and unit, for an axis or a color bar."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def heading(self) -> str:
        """The label at the start of a sentence."""
        return f"{self.label[:1].upper()}{self.label[1:]}"

    @property
    def smaller_is_better(self) -> bool:
        return self.factor < 0

    @property
    def difference(self) -> str:
        """Unit of a difference of two shown numbers, empty for none."""
        return "points" if self.unit == "%" else self.unit

    @property
    def least_span(self) -> float:
        """Difference of scores that a color scale spans at least.

        Ten units of the last digit: numbers that read the same look alike.
        """
        return float(10 ** (1 - self.digits) / abs(self.factor))

    @property
    def spec(self) -> str:
        """Format of a shown number."""
        return f".{self.digits}f"

    def text(self, score: float) -> str:
        """A score as it is shown, without the unit."""
        if math.isnan(score):
            return "–"
        return f"{self.factor * score:z{self.spec}}"  # no −0.0

    def amount(self, difference: float) -> str:
        """A difference of scores in shown units: `0.05 nats`, `1 point`."""
        return with_unit(f"{abs(self.factor) * difference:.3g}", self.difference)

    def gap(self, first: str = "{first}", second: str = "{second}") -> str:
        """What the best of one less that of another is: positive if the first is
        better. `best validation accuracy, lion − adamw`, `best validation loss, adamw −
        lion`."""
        sides = (second, first) if self.smaller_is_better else (first, second)
        return f"best {self.name}, {' − '.join(sides)}"

    def gap_interval(self, interval: Interval) -> str:
        """Such a difference of scores: `0.012 [0.004, 0.020] (n=6) nats`."""
        text = format(interval.scaled(abs(self.factor)), self._gap_spec)
        return f"{text} {self.difference}".rstrip()

    def gap_text(self, difference: float) -> str:
        """Such a difference without an interval: `0.012 nats`."""
        text = f"{abs(self.factor) * difference:z{self._gap_spec}}"
        return f"{text} {self.difference}".rstrip()

    @property
    def _gap_spec(self) -> str:
        return f".{self.digits + (self.unit == '%')}f"

    def holds(self, scores: NDArray[np.float64]) -> bool:
        """Whether all scores lie within the bounds; NaN stands for missing ones."""
        known = scores[np.isfinite(scores)]
        low, high = self.bounds
        return bool(((low <= known) & (known <= high)).all())

    def around(self, scores: NDArray[np.float64]) -> Quantity:
        """The quantity with bounds that scores lie in: percentages up to 100, or none.

        A share becomes a percentage, a loss that is no share a loss without least
        value.
        """
        found = self
        while not found.holds(scores):
            found = replace(found, bounds=_WIDER.get(found.bounds, UNBOUNDED))
        return found

    def interval(self, interval: Interval) -> str:
        """An interval in shown units: `95.7 [95.1, 96.2] (n=10)`.

        A few equal scores show no spread, and give no interval: `95.7 (n=2, equal)`.
        """
        if interval.low == interval.high and interval.indicative:
            return f"{self.text(interval.estimate)} (n={interval.n}, equal)"
        return format(interval.scaled(self.factor), self.spec)

    @property
    def tested(self) -> Quantity:
        """The same of the test set; runs that count steps are tested by accuracy."""
        if self.name == STEPS.name:
            return replace(ACCURACY, name="test accuracy")
        if "validation" in self.name:
            return replace(self, name=self.name.replace("validation", "test"))
        return replace(self, name=f"test {self.name}")


SCORE = Quantity("score", "", 1, 3)
LOSS = Quantity("validation loss", "nats", -1, 3, NEGATIVE)
ACCURACY = Quantity("validation accuracy", "%", 100, 1, SHARE)
STEPS = Quantity("log₁₀ steps to target", "", -1, 2, NEGATIVE)
# Parts of the names of other metrics that are shares.
_SHARES = ("acc", "auc", "precision", "recall", "f1", "iou")


def quantity_of(metric: str, value: str = "score") -> Quantity:
    """How the scores of a task with this metric are shown.

    Args:
        metric: `metric` of the run records: `"accuracy"`, `"loss"` or
            `"steps_to_target"`; another one is shown as it is.
        value: `"score"` or `"final_loss"`, as in `Landscape.from_runs`.

    Returns:
        The quantity.

    Example:

    ```python
    quantity_of("accuracy").text(0.957)  # "95.7"
    ```
    """
    if value == "final_loss" or metric == "loss":
        return LOSS
    known = {"accuracy": ACCURACY, "steps_to_target": STEPS}
    other = Quantity(f"score: {metric}", "", 1, 3, _bounds_of(metric))
    return known.get(metric, other)


def _bounds_of(metric: str) -> tuple[float, float]:
    if "%" in metric or "percent" in metric.lower():
        return PERCENT
    shared = any(part in metric.lower() for part in _SHARES)
    return SHARE if shared else UNBOUNDED


def metric_of(runs: pd.DataFrame) -> str:
    """The metric that the scores of some runs are made of."""
    metrics = runs["metric"].dropna() if "metric" in runs else pd.Series()
    return str(metrics.iloc[0]) if len(metrics) else "score"


def quantity_of_runs(runs: pd.DataFrame, value: str = "score") -> Quantity:
    """What the scores, or the negated losses, of some runs are.

    A loss is in nats where records say that it is a negative log-likelihood, or say
    nothing and come from a study. Scores that are negated metrics are shown as those.
    """
    metric = metric_of(runs)
    quantity = quantity_of(metric, value)
    if quantity == LOSS:
        return quantity if _in_nats(runs) else replace(quantity, unit="")
    if _flag(runs, "lower_is_better") and metric not in METRICS:
        bounds = NEGATED_PERCENT if _bounds_of(metric) == PERCENT else NEGATIVE
        return Quantity(metric, "", -1, 3, bounds)
    return quantity


def quantity_of_record(record: Mapping[str, Any] | pd.Series[Any]) -> Quantity:
    """What the score of one run is."""
    return quantity_of_runs(pd.DataFrame([dict(record)]))


def _in_nats(runs: pd.DataFrame) -> bool:
    imported = "preset" in runs and bool((runs["preset"] == IMPORTED).any())
    return _flag(runs, "likelihood", otherwise=not imported)


def _flag(runs: pd.DataFrame, name: str, *, otherwise: bool = False) -> bool:
    """Whether a column is 1; if no run has it, `otherwise`."""
    known = runs[name].dropna() if name in runs else pd.Series(dtype=float)
    return bool((known == 1).all()) if len(known) else otherwise
