"""Heatmaps of landscapes: weight decay over learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_lion.report.drawing import Drawing, Material, seeds_of
from keras_lion.report.grid import Grid
from keras_lion.report.overlays import (
    DEAD,
    LINE,
    draw_edges,
    draw_products,
    draw_tolerance,
    has_products,
    legend_entries,
)
from keras_lion.report.panels import (
    LABEL,
    TICK,
    Look,
    figure_legend,
    panels,
    require_optimizer,
)
from keras_lion.report.style import (
    ACCURACY,
    AXIS_LABELS,
    Quantity,
    listed,
    number,
    optimizer_label,
    quantity_of,
)
from keras_lion.robustness.landscape import Landscape, Value, common_best

WIDE = 8  # columns from which two heatmaps no longer fit side by side
NARROW = 5  # inches of a figure, up to which its legend is a column
ROOM = 0.45  # of a row, below the grid, for the names of the lines that end there


def heatmap_figure(
    landscapes: Mapping[str, Landscape],
    *,
    quantity: Quantity = ACCURACY,
    epsilon: float | None = None,
) -> Figure:
    """Mean score of each cell over learning rate and weight decay, on one color scale.

    Both axes are logarithmic with equal lengths for a decade; the row λ = 0 stands
    apart below them. A black frame shows the best cell. Cells with a diverged seed are
    hatched, cells of which no seed trained are gray, missing cells empty. Dashed lines
    have a constant lr × λ, which stands at their ends. A best cell at the edge of the
    grid has an arrow that leads outward: filled where the optimum may lie beyond, open
    where training breaks down there (`boundary_optimum`). Titles give the number of
    seeds and the standard deviation over seeds, pooled over the cells that train.

    Args:
        landscapes: Optimizer → its scores.
        quantity: How scores are shown.
        epsilon: Outline the cells within this loss of the common best. None: do not.

    Returns:
        The figure, 7 inches wide; 4 for one optimizer whose grid is not a wide one.
        Wide grids stand one below the other.

    Raises:
        ValueError: If there is no optimizer, or `epsilon` is negative.

    Example:

    ```python
    heatmap_figure({"lion": lion, "adamw": adamw}).savefig("heatmap.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "A heatmap")
    every = list(landscapes.values())
    wide = max(len(each.learning_rate) for each in every) > WIDE
    columns = 1 if wide else min(len(every), 2)
    rows = math.ceil(len(every) / columns)
    width = 7 if wide or columns > 1 else 4
    panel = (width - 1.3) / columns
    ratio = max(grid.height / grid.width for grid in map(Grid.of, every))
    height = max((panel - 0.4) * min(ratio, 2), 0.8)
    # The legend of a narrow figure is a column.
    below = 0.4 if width > NARROW else 1.0
    inches = rows * (height + 1.0) + below
    figure, axes = panels((width, inches), len(every), columns)
    vmin, vmax, extend = color_limits(every, quantity)
    norm = Normalize(vmin, vmax)
    best = common_best(every)
    reference = None if math.isnan(best) else best
    for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
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
        title = f"{optimizer_label(name)}\n{_seeds(landscape, quantity)}"
        ax.set_title(title, fontsize=9)
    scale = ScalarMappable(norm, _colors(quantity))
    bar = figure.colorbar(
        scale, ax=axes, extend=extend, aspect=6 * inches, shrink=0.8, pad=0.02
    )
    clipped = {"min": "\nlower ones clipped", "max": "\nhigher ones clipped"}
    # Two lines, because the figure of a single row of cells is not high.
    bar.set_label(f"{quantity.label}{clipped.get(extend, '')}", fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)
    entries = legend_entries(every, quantity, epsilon, reference)
    ncols = 3 if width > NARROW else 1
    figure_legend(figure, entries, ncols=ncols, handlelength=1.6)
    return figure


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
    worst = float(np.quantile(values, 0.1))
    best = float(max([*scaled, *others], default=0.0))
    if best - worst < 1e-9:
        worst = best - 1e-3 * max(1.0, abs(best))
    clipped = min([*scaled, *others], default=worst) < worst
    low, high = sorted((quantity.factor * worst, quantity.factor * best))
    side = "max" if quantity.smaller_is_better else "min"
    return low, high, side if clipped else "neither"


def _draw_cells(
    landscape: Landscape, ax: Axes, grid: Grid, norm: Normalize, quantity: Quantity
) -> None:
    """The cells with their means."""
    colors = _colors(quantity)
    size = _font_size(ax, landscape, quantity)
    for (i, j), mean in np.ndenumerate(landscape.means):
        box = grid.box(i, j)
        if math.isnan(mean):
            continue
        dead = landscape.num_diverged[i, j] == landscape.num_seeds[i, j]
        color = DEAD if dead else colors(norm(quantity.factor * mean))
        ax.add_patch(Rectangle(*box, facecolor=color, edgecolor="white", lw=0.5))
        if landscape.num_diverged[i, j]:
            hatch: Look = {"hatch": "////", "edgecolor": LINE}
            ax.add_patch(Rectangle(*box, fill=False, lw=0, **hatch))
        ax.text(
            float(grid.x[j]),
            float(grid.y[i]),
            "div." if dead else quantity.text(mean),
            ha="center",
            va="center",
            fontsize=size,
            color=_ink(color),
            # The patch keeps lines and hatches out of the digits.
            bbox={"facecolor": color, "edgecolor": "none", "pad": 0.8},
            zorder=4,
        )


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
    ax.tick_params(length=2, labelsize=TICK)
    if len(grid.x) > 5:
        ax.tick_params(axis="x", labelrotation=45)
    ax.spines[:].set_visible(False)
    lowest = float(grid.bottoms[0])
    if landscape.weight_decay[0] > 0 and has_products(landscape):
        # The names of the lines stand below the cells.
        lowest -= ROOM * float(grid.tops[0] - grid.bottoms[0])
    ax.set_xlim(grid.x_edges[0], grid.x_edges[-1])
    ax.set_ylim(lowest, grid.tops[-1])
    ax.set_aspect("equal")


def _seeds(landscape: Landscape, quantity: Quantity) -> str:
    if landscape.empty:
        return "no run finished"
    seeds = seeds_of([landscape])
    text = seeds if seeds == "1 seed" else f"mean of {seeds}"
    if math.isnan(landscape.sigma):
        return text
    deviation = number(abs(quantity.factor) * landscape.sigma)
    return rf"{text}, $\hat{{\sigma}}$ = {deviation} {quantity.difference}".strip()


def _caption(
    landscapes: Mapping[str, Landscape], quantity: Quantity, epsilon: float | None
) -> str:
    """What is plotted, the best cells, what diverged, and what was clipped."""
    known = {name: each for name, each in landscapes.items() if not each.empty}
    trained = {name: each for name, each in known.items() if not each.all_diverged}
    sentences = [
        f"{quantity.heading} over learning rate and weight decay (mean of "
        f"{seeds_of(known.values())})."
    ]
    bests = [
        f"{optimizer_label(name)} {quantity.text(each.best.value)} at lr = "
        f"{number(each.best.learning_rate)}, λ = {number(each.best.weight_decay)}"
        for name, each in trained.items()
    ]
    if bests:
        sentences.append(f"Best: {'; '.join(bests)}.")
    if epsilon is not None and bests:
        within = quantity.amount(epsilon)
        sentences.append(f"Outlined: cells within {within} of the common best.")
    diverged = [
        f"{int(each.num_diverged.sum())} of {int(each.num_seeds.sum())} runs of "
        f"{optimizer_label(name)}"
        for name, each in known.items()
    ]
    if diverged:
        sentences.append(f"Diverged: {listed(diverged)}, counted with their floor.")
    low, high, extend = color_limits(landscapes.values(), quantity)
    if extend != "neither":
        end, side = (low, "lower") if extend == "min" else (high, "higher")
        sentences.append(
            f"Colors stop at {end:{quantity.spec}} {quantity.unit}".rstrip()
            + f": cells with {side} values have the last color, so that a few bad ones "
            "do not hide the rest."
        )
    sentences.append("Along a dashed line lr × λ is constant.")
    return " ".join(sentences)


def _drawing(name: str, value: Value, what: str) -> Drawing:
    def parts(
        given: Material,
    ) -> tuple[Mapping[str, Landscape], Quantity, float | None]:
        epsilon = given.epsilon if value == given.value else None
        return given.landscapes[value], quantity_of(given.metric, value), epsilon

    def figure(given: Material) -> Figure:
        landscapes, quantity, epsilon = parts(given)
        return heatmap_figure(landscapes, quantity=quantity, epsilon=epsilon)

    return Drawing(
        name,
        f"Heatmaps of the {what} over learning rate and weight decay",
        # A task whose metric is the loss has one map, not the same one twice.
        lambda given: (
            value == "score" or (value in given.landscapes and given.metric != "loss")
        ),
        figure,
        lambda given: _caption(*parts(given)),
    )


FIGURE = _drawing("heatmap", "score", "score")
LOSS_FIGURE = _drawing("heatmap_loss", "final_loss", "validation loss")
