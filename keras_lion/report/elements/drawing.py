"""What a figure of the report is, and what it is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from keras_lion.report.elements.style import Quantity, optimizer_label
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.landscape import Landscape, Value, common_best

Scope = Literal["condition", "batch sizes", "task", "search"]


@dataclass(frozen=True)
class Material:
    """Runs of one task under one condition or several, and their landscapes.

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
    def reference(self) -> float:
        """The common best."""
        return common_best(self.measured.values())

    @property
    def quantity(self) -> Quantity:
        """How `value` is shown."""
        return quantity_of_runs(self.runs, self.value)

    @property
    def tolerance(self) -> str:
        """ε in shown units."""
        return self.quantity.amount(self.epsilon)

    @property
    def seeds(self) -> str:
        """How many seeds the cells have."""
        return seeds_of(self.measured.values())

    def each(self, measure: Callable[[Landscape], str]) -> str:
        """A text for each optimizer: `Lion 0.2 nats; AdamW 0.1 nats`."""
        return "; ".join(
            f"{optimizer_label(name)} {measure(each)}"
            for name, each in self.measured.items()
        )


@dataclass(frozen=True)
class Drawing:
    """A kind of figure.

    Attributes:
        name: End of its file's name.
        shows: What it is, in words, for readers who cannot see it.
        applies: Whether the material has what it needs; if not, it is left out.
        figure: Draws it.
        caption: Says what is plotted and what to see, in numbers.
        scope: What it shows: one condition; all batch sizes and budgets that share the
            hyperparameters of the study's own; all conditions of a task; or the trials
            of a search. Only the material of a condition has landscapes.
    """

    name: str
    shows: str
    applies: Callable[[Material], bool]
    figure: Callable[[Material], Figure]
    caption: Callable[[Material], str]
    scope: Scope = "condition"


def several_cells(material: Material) -> bool:
    """Whether an optimizer has more than one cell."""
    return any((each.num_seeds > 0).sum() > 1 for each in material.measured.values())


def seeds_of(landscapes: Iterable[Landscape]) -> str:
    """Seeds of the cells that have any: `3 seeds`, `2 to 3 seeds`."""
    counts = {
        int(count) for each in landscapes for count in each.num_seeds.flat if count
    }
    few, many = min(counts, default=0), max(counts, default=0)
    if few < many:
        return f"{few} to {many} seeds"
    return f"{many} seed{'s' * (many != 1)}"
