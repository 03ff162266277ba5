"""Heatmaps of all conditions of a task: a row per condition, a column per optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material, seeds_of
from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.heatmap_panel import (
    color_limits,
    draw_color_bar,
    draw_landscape,
    seeds_text,
)
from keras_lion.report.elements.overlays import has_products, legend_entries
from keras_lion.report.elements.panels import figure_legend, require_optimizer, say
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    in_order,
    listed,
    number,
    optimizer_label,
    short_label,
)
from keras_lion.robustness.frames.conditions import parts_of
from keras_lion.robustness.landscape import Landscape, common_best

Rows = Mapping[str, Mapping[str, Landscape]]

MOST_ROWS, MOST_COLUMNS = 12, 6  # that are still readable
NAME = 0.3  # inches for the name of a row
PANEL = 2.9  # inches: width of a panel, labels included


def facet_figure(
    rows: Rows, *, quantity: Quantity = ACCURACY, epsilon: float | None = None
) -> Figure:
    """Mean score over learning rate and weight decay under each condition.

    Each row has the name of its condition, each column an optimizer; all panels share
    one color scale. Cells, frames and lines are those of `heatmap_figure`.

    Args:
        rows: Condition → optimizer → its scores. An optimizer may lack conditions.
        quantity: How scores are shown.
        epsilon: Outline the cells within this loss of the best of their row. None: do
            not.

    Returns:
        The figure, about 3 inches per optimizer wide.

    Raises:
        ValueError: If there is no landscape, or `epsilon` is negative.

    Example:

    ```python
    facet_figure({"norm True": {"lion": one}, "norm False": {"lion": other}})
    ```
    """
    every = [each for row in rows.values() for each in row.values()]
    require_optimizer({name: row for name, row in rows.items() if row}, "A heatmap")
    names = in_order({name for row in rows.values() for name in row})
    ratio = max(grid.height / grid.width for grid in map(Grid.of, every))
    panel = max((PANEL - 0.8) * min(ratio, 2), 0.5) + 1.0
    inches = len(rows) * (NAME + panel) + 1.0
    width = max(PANEL * len(names) + 1.2, 4.2)
    figure = Figure((width, inches), layout="constrained")
    heights = [NAME, panel] * len(rows)
    grid = figure.add_gridspec(2 * len(rows), len(names), height_ratios=heights)
    vmin, vmax, extend = color_limits(every, quantity)
    norm = Normalize(vmin, vmax)
    axes = []
    for index, (condition, row) in enumerate(rows.items()):
        title = figure.add_subplot(grid[2 * index, :])
        title.axis("off")
        title.text(0, 0, condition, fontsize=10, fontweight="bold", va="bottom")
        best = common_best(row.values())
        reference = None if math.isnan(best) else best
        for column, name in enumerate(names):
            ax = figure.add_subplot(grid[2 * index + 1, column])
            axes.append(ax)
            if name not in row:
                ax.axis("off")
                say(ax, f"no run of {optimizer_label(name)}")
                continue
            draw_landscape(ax, row[name], norm, quantity, epsilon, reference)
            text = f"{short_label(name, 30)}\n{seeds_text(row[name], quantity)}"
            ax.set_title(text, fontsize=9)
    draw_color_bar(figure, axes, norm, quantity, extend, min(inches, 6))
    figure_legend(figure, _legend(rows, quantity, epsilon), ncols=min(len(names), 3))
    return figure


def _legend(rows: Rows, quantity: Quantity, epsilon: float | None) -> list[object]:
    """What occurs in any row, each once."""
    found: dict[str, object] = {}
    for row in rows.values():
        best = common_best(row.values())
        reference = None if math.isnan(best) else best
        entries = legend_entries(list(row.values()), quantity, epsilon, reference)
        for entry in entries:
            label = entry.get_label().replace("the common best", "the best of its row")
            entry.set_label(label)
            found.setdefault(label, entry)
    return list(found.values())


def _rows(material: Material) -> dict[str, dict[str, Landscape]]:
    """Condition → optimizer → its scores."""
    return {
        part.label: {
            name: Landscape.from_runs(part.runs, optimizer=name, value=material.value)
            for name in in_order(part.runs["optimizer"].unique())
        }
        for part in parts_of(material.runs)
    }


def _applies(material: Material) -> bool:
    few = material.runs["optimizer"].nunique() <= MOST_COLUMNS
    return few and 1 < len(parts_of(material.runs)) <= MOST_ROWS


def _caption(material: Material) -> str:
    """What is plotted, and the best of each condition."""
    rows, quantity = _rows(material), material.quantity
    every = [each for row in rows.values() for each in row.values()]
    bests = []
    for condition, row in rows.items():
        trained = {
            name: each
            for name, each in row.items()
            if not each.empty and not each.all_diverged
        }
        texts = [
            f"{optimizer_label(name)} {quantity.text(each.best.value)} at lr = "
            f"{number(each.best.learning_rate)}, λ = {number(each.best.weight_decay)}"
            for name, each in trained.items()
        ]
        bests.append(f"{condition}: {listed(texts) or 'no run trained'}")
    return (
        f"{quantity.heading} over learning rate and weight decay under each condition "
        f"(mean of {seeds_of(every)}), on one color scale. Best: {'; '.join(bests)}. "
        f"Outlined: cells within {material.tolerance} of the best of their row."
        + (
            " Along a dashed line lr × λ is constant."
            if any(map(has_products, every))
            else ""
        )
    )


FIGURE = Drawing(
    "facets",
    "Heatmaps under each condition, one row per condition and one column per optimizer",
    _applies,
    lambda given: facet_figure(
        _rows(given), quantity=given.quantity, epsilon=given.epsilon
    ),
    _caption,
    scope="task",
)
