"""One heatmap in one panel: cells, their numbers, the best one, axes, color scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from keras_lion.report.elements.drawing import seeds_of
from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.overlays import (
    DEAD,
    LINE,
    draw_edges,
    draw_products,
    draw_tolerance,
    has_products,
)
from keras_lion.report.elements.panels import LABEL, TICK, Look
from keras_lion.report.elements.style import ACCURACY, AXIS_LABELS, Quantity, number
from keras_lion.robustness.landscape import Landscape

# Below the grid, for the names of the lines that end there: of a row, and in inches.
ROOM, NAMES = 0.45, 0.16


def color_limits(
    landscapes: Iterable[Landscape], quantity: Quantity = ACCURACY
) -> tuple[float, float, str]:
    """Ends of a color scale that a few bad cells do not stretch.

    From the best to the 10 % quantile of the cells without a diverged seed, over all
    landscapes; worse cells get the last color. In shown units, with the side of the
    color bar beyond which there are cells: `"min"`, `"max"` or `"neither"`.
    """
    scaled, others = [], []
    for landscape in landscapes:
        trained = landscape.num_diverged < landscape.num_seeds
        stable = trained & (landscape.num_diverged == 0)
        scaled += landscape.means[stable].tolist()
        others += landscape.means[trained & ~stable].tolist()
    values = np.array(scaled or others or [0.0])
    # Of few cells none is clipped: the quantile is the worst.
    worst = float(np.quantile(values, 0.1, method="lower"))
    best = float(max([*scaled, *others], default=0.0))
    worst = min(worst, best - quantity.least_span)
    clipped = min([*scaled, *others], default=worst) < worst
    low, high = sorted((quantity.factor * worst, quantity.factor * best))
    side = "max" if quantity.smaller_is_better else "min"
    return low, high, side if clipped else "neither"


def draw_landscape(
    ax: Axes,
    landscape: Landscape,
    norm: Normalize,
    quantity: Quantity,
    epsilon: float | None = None,
    reference: float | None = None,
) -> None:
    """Draw a landscape: cells, lines of equal lr × λ, the best cell and its edges.

    Cells within `epsilon` of `reference` are outlined; None: none are.
    """
    grid = Grid.of(landscape)
    _draw_cells(landscape, ax, grid, norm, quantity)
    draw_products(ax, landscape, grid)
    if epsilon is not None:
        draw_tolerance(ax, landscape, grid, epsilon, reference)
    if not landscape.empty and not landscape.all_diverged:
        box = grid.box(*landscape.best.cell)
        for color, thick, level in (("white", 3.2, 5), ("black", 1.6, 6)):
            look: Look = {"edgecolor": color, "lw": thick, "zorder": level}
            ax.add_patch(Rectangle(*box, fill=False, **look))
        draw_edges(ax, landscape, grid)
    _label(ax, landscape, grid)


def draw_color_bar(
    figure: Figure,
    axes: Sequence[Axes],
    norm: Normalize,
    quantity: Quantity,
    extend: str,
    inches: float,
) -> None:
    """The color scale of all panels of a figure of this height."""
    scale = ScalarMappable(norm, _colors(quantity))
    bar = figure.colorbar(
        scale, ax=axes, extend=extend, aspect=6 * inches, shrink=0.8, pad=0.02
    )
    clipped = {"min": "\nlower ones clipped", "max": "\nhigher ones clipped"}
    # Two lines, because the figure of a single row of cells is not high.
    bar.set_label(f"{quantity.label}{clipped.get(extend, '')}", fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)


def _draw_cells(
    landscape: Landscape, ax: Axes, grid: Grid, norm: Normalize, quantity: Quantity
) -> None:
    """The cells with their means."""
    colors = _colors(quantity)
    size = _font_size(ax, landscape, quantity)
    bound = quantity.smaller_is_better & _at_floor(landscape)
    for (i, j), mean in np.ndenumerate(landscape.means):
        box = grid.box(i, j)
        if math.isnan(mean):
            continue
        dead = landscape.num_diverged[i, j] == landscape.num_seeds[i, j]
        color = DEAD if dead else colors(norm(quantity.factor * mean))
        text = "div." if dead else quantity.text(mean)
        if bound[i, j] and not dead:  # as wide as the three digits of the others
            text = f">{quantity.factor * mean:.2f}"
        ax.add_patch(Rectangle(*box, facecolor=color, edgecolor="white", lw=0.5))
        if landscape.num_diverged[i, j]:
            hatch: Look = {"hatch": "////", "edgecolor": LINE}
            ax.add_patch(Rectangle(*box, fill=False, lw=0, **hatch))
        ax.text(
            float(grid.x[j]),
            float(grid.y[i]),
            text,
            ha="center",
            va="center",
            fontsize=size,
            color=_ink(color),
            # The patch keeps lines and hatches out of the digits.
            bbox={"facecolor": color, "edgecolor": "none", "pad": 0.8},
            zorder=4,
        )


def _at_floor(landscape: Landscape) -> NDArray[np.bool_]:
    """Cells with a run that counts as the loss before training, though it is worse.

    Such runs, and those that diverged, share the lowest score of their seed.
    """
    scores = np.where(np.isfinite(landscape.scores), landscape.scores, np.inf)
    lowest = scores == scores.min(axis=(0, 1))
    shared = lowest.sum(axis=(0, 1)) > 1
    return np.asarray((lowest & shared).any(axis=2))


def _colors(quantity: Quantity) -> Any:
    # Bright is good, whichever direction the shown number has.
    return colormaps["viridis_r" if quantity.smaller_is_better else "viridis"]


def _ink(color: Any) -> str:
    if isinstance(color, str):
        return "black"
    red, green, blue = color[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _font_size(ax: Axes, landscape: Landscape, quantity: Quantity) -> float:
    """Points at which the longest number fits into a cell, if that is readable."""
    width = 72 * ax.get_window_extent().width / ax.figure.dpi
    longest = max(len(quantity.text(mean)) for mean in landscape.means.flat)
    fitting = 1.3 * width / (len(landscape.learning_rate) * max(longest, 4))
    return float(np.clip(fitting, 5, 8))


def _label(ax: Axes, landscape: Landscape, grid: Grid) -> None:
    ax.set_xticks(grid.x, [number(value) for value in landscape.learning_rate])
    ax.set_yticks(grid.y, [number(value) for value in landscape.weight_decay])
    ax.set_xlabel(AXIS_LABELS["learning_rate"], fontsize=LABEL)
    ax.set_ylabel(AXIS_LABELS["weight_decay"], fontsize=LABEL)
    ax.tick_params(length=0, labelsize=TICK)
    if len(grid.x) > 5:
        ax.tick_params(axis="x", labelrotation=45)
    ax.spines[:].set_visible(False)
    lowest = float(grid.bottoms[0])
    if landscape.weight_decay[0] > 0 and has_products(landscape):
        # The names of the lines stand below the cells.
        inches = ax.get_window_extent().width / ax.figure.dpi
        row = float(grid.tops[0] - grid.bottoms[0])
        lowest -= min(ROOM * row, NAMES * grid.width / inches)
    ax.set_xlim(grid.x_edges[0], grid.x_edges[-1])
    ax.set_ylim(lowest, grid.tops[-1])
    ax.set_aspect("equal")


def seeds_text(landscape: Landscape, quantity: Quantity) -> str:
    if landscape.empty:
        return "no run finished"
    seeds = seeds_of([landscape])
    text = seeds if seeds == "1 seed" else f"mean of {seeds}"
    if math.isnan(landscape.sigma):
        return text
    deviation = number(abs(quantity.factor) * landscape.sigma)
    return rf"{text}, $\hat{{\sigma}}$ = {deviation} {quantity.difference}".strip()
