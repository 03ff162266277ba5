"""The legend of heatmaps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from keras_lion.report.overlays import (
    DASHES,
    LINE,
    TOLERANCE,
    arrow_entries,
    edges_of,
    has_products,
)
from keras_lion.report.style import Quantity, number
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tolerance import cells_within

DEAD = "#D9D9D9"  # a cell of which no seed trained


def legend_entries(
    landscapes: Iterable[Landscape],
    *,
    quantity: Quantity,
    epsilon: float | None,
    reference: float | None,
) -> list[Any]:
    """Entries for what occurs in the heatmaps, and for nothing else.

    Args:
        landscapes: What is drawn.
        quantity: How scores are shown.
        epsilon: As in `plot_landscape`.
        reference: As there.

    Returns:
        Handles with labels, for `figure.legend`.
    """
    landscapes = list(landscapes)
    partly = any(
        ((each.num_diverged > 0) & (each.num_diverged < each.num_seeds)).any()
        for each in landscapes
    )
    wholly = any(
        ((each.num_seeds > 0) & (each.num_diverged == each.num_seeds)).any()
        for each in landscapes
    )
    entries: list[Any] = []
    if not all(each.empty or each.all_diverged for each in landscapes):
        entries.append(Patch(fill=False, edgecolor="black", lw=1.6, label="best cell"))
    entries += arrow_entries([side for each in landscapes for side in edges_of(each)])
    if any(has_products(each) for each in landscapes):
        label = "constant η·λ, with its value"
        entries.append(Line2D([], [], color=LINE, lw=0.9, ls=DASHES, label=label))
    if partly:
        entries.append(
            Patch(fill=False, hatch="////", edgecolor=LINE, label="a seed diverged")
        )
    if wholly:
        entries.append(
            Patch(
                facecolor=DEAD, hatch="////", edgecolor=LINE, label="all seeds diverged"
            )
        )
    return entries + _tolerance_entry(landscapes, epsilon, reference, quantity)


def _tolerance_entry(
    landscapes: Iterable[Landscape],
    epsilon: float | None,
    reference: float | None,
    quantity: Quantity,
) -> list[Any]:
    """Entry for the outline, where there is one."""
    if epsilon is None or not any(
        cells_within(each, epsilon, reference).any() for each in landscapes
    ):
        return []
    loss = f"{number(abs(quantity.factor) * epsilon)} {quantity.difference}".strip()
    return [Line2D([], [], label=f"within {loss} of the common best", **TOLERANCE)]
