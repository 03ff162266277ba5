"""What is drawn over the cells of a heatmap, with its legend."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.panels import Look, entry
from keras_lion.report.elements.style import Quantity, number
from keras_lion.robustness.grid import (
    BoundaryOptimum,
    boundary_optimum,
    has_lines,
    product_index,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tolerance import cells_within

MOST_LINES = 9  # of constant lr × λ: every second one of a 7 × 7 grid
DEAD = "#D9D9D9"  # a cell of which no seed trained
LINE = "#777777"
DASHES = (0, (4, 3))
TOLERANCE: Look = {"color": "black", "lw": 1.3, "ls": (0, (1.6, 1))}
_HALO: Look = {"color": "white", "lw": 2.6, "ls": "solid"}
# Marker, and where on the best cell it sits: parts of its width and height.
_ARROWS = {
    ("learning_rate", "low"): ("<", (0.0, 0.5)),
    ("learning_rate", "high"): (">", (1.0, 0.5)),
    ("weight_decay", "low"): ("v", (0.5, 0.0)),
    ("weight_decay", "high"): ("^", (0.5, 1.0)),
}


def has_products(landscape: Landscape) -> bool:
    """Whether lines of equal lr × λ cross the grid."""
    return (
        len(landscape.learning_rate) > 1 and int((landscape.weight_decay > 0).sum()) > 1
    )


def draw_products(ax: Axes, landscape: Landscape, grid: Grid) -> None:
    """Dashed lines of equal lr × λ through the cells with decay, named at an end."""
    if not has_products(landscape):
        return
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    bottom, top = grid.bottoms[-len(decays)], grid.tops[-1]
    size = _label_size(ax, landscape)
    for total, name in _named_products(landscape):
        left = max(grid.x_edges[0], total - top)
        right = min(grid.x_edges[-1], total - bottom)
        # White dashes on a dark line show on bright and on dark cells.
        for color, dashes in ((LINE, "solid"), ("white", DASHES)):
            ax.plot(
                [left, right],
                [total - left, total - right],
                color=color,
                lw=0.6,
                ls=dashes,
                zorder=3,
            )
        right_of = total - grid.x_edges[-1] >= bottom - 1e-9
        ax.annotate(
            name,
            (right, total - right),
            xytext=(3, 0) if right_of else (0, -1),
            textcoords="offset points",
            ha="left" if right_of else "center",
            va="center" if right_of else "top",
            fontsize=size,
            color="#444444",
            annotation_clip=False,
        )


def draw_tolerance(
    ax: Axes,
    landscape: Landscape,
    grid: Grid,
    epsilon: float,
    reference: float | None,
) -> None:
    """Outline the cells within ε of the reference."""
    within = cells_within(landscape, epsilon, reference)
    edges = _outline(within, grid)
    for look in (_HALO, TOLERANCE):
        for x, y in edges:
            # Halves of an outline meet in corners without a notch.
            ax.plot(x, y, zorder=4.5, solid_capstyle="projecting", **look)


def draw_edges(ax: Axes, landscape: Landscape, grid: Grid) -> None:
    """An outward arrow on each side of the grid that the best cell touches.

    Filled where the optimum may lie beyond, open where training breaks down there.
    """
    (left, bottom), width, height = grid.box(*landscape.best.cell)
    for side in boundary_optimum(landscape):
        marker, (x, y) = _ARROWS[side.axis, side.side]
        ax.plot(
            left + x * width,
            bottom + y * height,
            marker=marker,
            ls="",
            zorder=8,
            clip_on=False,
            **_arrow_look(side),
        )


def legend_entries(
    landscapes: Sequence[Landscape],
    quantity: Quantity,
    epsilon: float | None,
    reference: float | None,
) -> list[Any]:
    """Legend entries for what occurs in the heatmaps, and for nothing else."""
    trained = [each for each in landscapes if not (each.empty or each.all_diverged)]
    entries: list[Any] = []
    if trained:
        entries.append(Patch(fill=False, edgecolor="black", lw=1.6, label="best cell"))
    sides = {side.limit: side for each in trained for side in boundary_optimum(each)}
    labels = {"range": "best may lie beyond", "stability": "edge of stability"}
    for limit in sorted(sides):
        look = _arrow_look(sides[limit])
        entries.append(entry(labels[limit], ls="", marker=">", **look))
    if any(map(has_products, landscapes)):
        label = "constant lr × λ, with its value"
        entries.append(entry(label, color=LINE, lw=0.9, ls=DASHES))
    counts = [(each.num_diverged, each.num_seeds) for each in landscapes]
    hatch: Look = {"hatch": "////", "edgecolor": LINE}
    if any(((bad > 0) & (bad < seeds)).any() for bad, seeds in counts):
        entries.append(Patch(fill=False, label="a seed diverged", **hatch))
    if any(((seeds > 0) & (bad == seeds)).any() for bad, seeds in counts):
        entries.append(Patch(facecolor=DEAD, label="all seeds diverged", **hatch))
    if epsilon is not None and any(
        cells_within(each, epsilon, reference).any() for each in landscapes
    ):
        label = f"within {quantity.amount(epsilon)} of the common best"
        entries.append(entry(label, **TOLERANCE))
    return entries


def _arrow_look(side: BoundaryOptimum) -> Look:
    inside = "black" if side.limit == "range" else "white"
    edge = "white" if side.limit == "range" else "black"
    return {"mfc": inside, "mec": edge, "mew": 0.7, "ms": 7}


def _named_products(landscape: Landscape) -> list[tuple[float, str]]:
    """log₁₀(lr × λ) of each line, and its name."""
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    sums = np.add.outer(np.log10(decays), np.log10(landscape.learning_rate))
    if has_lines(landscape):
        index = product_index(sums.shape)
        thinned = math.ceil((index.max() + 1) / MOST_LINES)
        lines = range(thinned // 2, index.max() + 1, thinned)
        totals = np.array([sums[index == line].mean() for line in lines])
    else:
        # Not one line per diagonal: whole powers of ten instead of one per cell.
        totals = np.arange(np.ceil(sums.min()), sums.max() + 1e-6)
    return [(float(total), number(float(10**total))) for total in totals]


def _label_size(ax: Axes, landscape: Landscape) -> float:
    """Points at which names do not touch below the columns."""
    width = 72 * ax.get_window_extent().width / ax.figure.dpi
    return float(np.clip(0.28 * width / len(landscape.learning_rate), 4.5, 6.5))


def _outline(
    within: NDArray[np.bool_], grid: Grid
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Sides of cells that part a cell within from one that is not: (x, x), (y, y)."""
    sides: Counter[tuple[tuple[float, float], tuple[float, float]]] = Counter()
    for i, j in zip(*np.nonzero(within), strict=True):
        left, right = grid.x_edges[j], grid.x_edges[j + 1]
        bottom, top = grid.bottoms[i], grid.tops[i]
        sides.update(
            [((left, right), (y, y)) for y in (bottom, top)]
            + [((x, x), (bottom, top)) for x in (left, right)]
        )
    # A side of two cells lies inside; rows with a gap between them share none.
    return [side for side, count in sides.items() if count == 1]
