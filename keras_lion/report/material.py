"""What the figures and captions of one section are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from keras_lion.report.style import Quantity, quantity_of
from keras_lion.robustness.landscape import Landscape, Value


@dataclass(frozen=True)
class Material:
    """Runs of one task under one condition, and their landscapes.

    Attributes:
        title: Title of the section: task and condition.
        task: Name of the task.
        metric: Metric of the task.
        value: What the measures read.
        epsilon: Tolerated loss of `value`.
        runs: Run records.
        landscapes: Value → optimizer → its scores, optimizers in the order of every
            figure; `"final_loss"` only where it is known.
    """

    title: str
    task: str
    metric: str
    value: Value
    epsilon: float
    runs: pd.DataFrame
    landscapes: Mapping[Value, Mapping[str, Landscape]]

    @property
    def measured(self) -> dict[str, Landscape]:
        """Optimizer → `value`, of those of which a run trained."""
        return {
            name: each
            for name, each in self.landscapes[self.value].items()
            if not each.empty and not each.all_diverged
        }

    @property
    def quantity(self) -> Quantity:
        """How `value` is shown."""
        return quantity_of(self.metric, self.value)
