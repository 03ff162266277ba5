"""Heatmaps of landscapes: weight decay over learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_lion.report.grid import Grid
from keras_lion.report.heatmap_legend import DEAD, legend_entries
from keras_lion.report.overlays import (
    LINE,
    draw_edges,
    draw_products,
    draw_tolerance,
    has_products,
)
from keras_lion.report.style import (
    ACCURACY,
    AXIS_LABELS,
    Quantity,
    number,
    optimizer_label,
)
from keras_lion.robustness.landscape import Landscape, common_best

WIDE = 8  # columns from which two heatmaps no longer fit side by side
NARROW = 5  # inches of a figure, up to which its legend is a column
ROOM = 0.45  # of a row, below the grid, for the names of the lines that end there


def plot_landscape(
    landscape: Landscape,
    ax: Axes,
    *,
    vmin: float,
    vmax: float,
    title: str = "",
    quantity: Quantity = ACCURACY,
    epsilon: float | None = None,
    reference: float | None = None,
) -> Axes:
    """Draw one landscape: cells with their means, best cell marked.

    Both axes are logarithmic with equal lengths for a decade; the row λ = 0 stands
    apart below them. A black frame shows the best cell. Cells with a diverged seed are
    hatched, cells of which no seed trained are grey, missing cells empty. Dashed lines
    have a constant η·λ, which stands at their ends. A best cell at the edge of the grid
    has an arrow that leads outward: filled where the optimum may lie beyond, open where
    training breaks down there (`boundary_optimum`).

    Args:
        landscape: Scores on a grid.
        ax: Axes to draw on.
        vmin: Lower end of the colour scale, in shown units.
        vmax: Upper end of the colour scale, in shown units.
        title: First line of the title; the number of seeds and the standard deviation
            over seeds, pooled over the cells that train, stand below it.
        quantity: How scores are shown.
        epsilon: Tolerated loss of score, in its unit: cells within it are outlined.
            None: no outline.
        reference: Score that the loss is counted from. None: the best mean of this
            landscape.

    Returns:
        `ax`.

    Raises:
        ValueError: If `epsilon` is negative.

    Example:

    ```python
    figure = matplotlib.figure.Figure()
    plot_landscape(landscape, figure.subplots(), vmin=90, vmax=96, title="Lion")
    ```
    """
    grid = Grid.of(landscape)
    norm = Normalize(vmin, vmax)
    colours = _colours(quantity)
    size = _font_size(ax, landscape, quantity)
    for (i, j), mean in np.ndenumerate(landscape.means):
        box = grid.box(i, j)
        if math.isnan(mean):
            continue
        dead = landscape.num_diverged[i, j] == landscape.num_seeds[i, j]
        colour = DEAD if dead else colours(norm(quantity.factor * mean))
        ax.add_patch(Rectangle(*box, facecolor=colour, edgecolor="white", lw=0.5))
        if landscape.num_diverged[i, j]:
            ax.add_patch(
                Rectangle(*box, fill=False, lw=0, hatch="////", edgecolor=LINE)
            )
        ax.text(
            float(grid.x[j]),
            float(grid.y[i]),
            "div." if dead else quantity.text(mean),
            ha="center",
            va="center",
            fontsize=size,
            color=_ink(colour),
            # The patch keeps lines and hatches out of the digits.
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
            zorder=4,
        )
    draw_products(ax, landscape, grid)
    if epsilon is not None:
        draw_tolerance(ax, landscape, grid, epsilon, reference)
    if not landscape.empty and not landscape.all_diverged:
        box = grid.box(*landscape.best.cell)
        ax.add_patch(Rectangle(*box, fill=False, edgecolor="white", lw=3.2, zorder=5))
        ax.add_patch(Rectangle(*box, fill=False, edgecolor="black", lw=1.6, zorder=6))
        draw_edges(ax, landscape, grid)
    _label(ax, landscape, grid)
    ax.set(
        xlim=(grid.x_edges[0], grid.x_edges[-1]),
        ylim=(_lowest(landscape, grid), grid.tops[-1]),
        aspect="equal",
    )
    ax.set_title(f"{title}\n{_seeds(landscape, quantity)}".strip(), fontsize=9)
    return ax


def plot_heatmap_pair(
    landscapes: Mapping[str, Landscape],
    axes: Sequence[Axes],
    *,
    quantity: Quantity = ACCURACY,
    epsilon: float | None = None,
) -> Sequence[Axes]:
    """Draw the landscapes of several optimizers on one colour scale.

    Args:
        landscapes: Optimizer → its scores.
        axes: One for each landscape, all of one figure. The figure gets the colour bar
            and the legend; give it `layout="constrained"`.
        quantity: How scores are shown.
        epsilon: Outline the cells within this loss of the common best. None: do not.

    Returns:
        `axes`.

    Raises:
        ValueError: If there are not as many axes as landscapes, or as in
            `plot_landscape`.

    Example:

    ```python
    figure = matplotlib.figure.Figure((7, 3.4), layout="constrained")
    plot_heatmap_pair({"lion": lion, "adamw": adamw}, figure.subplots(1, 2))
    ```
    """
    if len(axes) != len(landscapes) or not landscapes:
        raise ValueError(
            "Give one of `axes` for each landscape, and at least one. "
            f"Received: {len(axes)} axes and {len(landscapes)} landscapes."
        )
    vmin, vmax, extend = colour_limits(landscapes.values(), quantity)
    best = common_best(landscapes.values())
    reference = None if math.isnan(best) else best
    for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
        plot_landscape(
            landscape,
            ax,
            vmin=vmin,
            vmax=vmax,
            title=optimizer_label(name),
            quantity=quantity,
            epsilon=epsilon,
            reference=reference,
        )
    figure = axes[0].figure
    inches = figure.bbox.height / figure.dpi
    scale = ScalarMappable(Normalize(vmin, vmax), _colours(quantity))
    bar = figure.colorbar(
        scale, ax=list(axes), extend=extend, aspect=6 * inches, shrink=0.8, pad=0.02
    )
    clipped = {"min": "\nlower ones clipped", "max": "\nhigher ones clipped"}
    # Two lines, because the figure of a single row of cells is not high.
    bar.set_label(f"{quantity.label}{clipped.get(extend, '')}", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if isinstance(figure, Figure):
        figure.legend(
            handles=legend_entries(
                landscapes.values(),
                quantity=quantity,
                epsilon=epsilon,
                reference=reference,
            ),
            loc="outside lower center",
            ncols=3 if figure.bbox.width / figure.dpi > NARROW else 1,
            fontsize=7,
            frameon=False,
            handlelength=1.6,
        )
    return axes


def heatmap_figure(
    landscapes: Mapping[str, Landscape],
    *,
    quantity: Quantity = ACCURACY,
    epsilon: float | None = None,
) -> Figure:
    """A figure, 7 inches wide, with the heatmaps of several optimizers.

    The heatmap of one optimizer is 4 inches wide, if its grid is not a wide one.

    Args:
        landscapes: Optimizer → its scores.
        quantity: How scores are shown.
        epsilon: Outline the cells within this loss of the common best. None: do not.

    Returns:
        The figure; wide grids stand one below the other.

    Raises:
        ValueError: As `plot_heatmap_pair`.

    Example:

    ```python
    heatmap_figure({"lion": lion, "adamw": adamw}).savefig("heatmap.png", dpi=200)
    ```
    """
    widest = max(landscapes.values(), key=lambda each: len(each.learning_rate))
    wide = len(widest.learning_rate) > WIDE
    columns = 1 if wide else min(len(landscapes), 2)
    rows = math.ceil(len(landscapes) / columns)
    width = 7 if wide or columns > 1 else 4
    panel = (width - 1.3) / columns
    grids = [Grid.of(each) for each in landscapes.values()]
    ratio = max(grid.height / grid.width for grid in grids)
    height = max((panel - 0.4) * min(ratio, 2), 0.8)
    # The legend of a narrow figure is a column.
    beside = 0.4 if width > NARROW else 1.0
    size = (width, rows * (height + 1.0) + beside)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[len(landscapes) :]:
        spare.remove()
    plot_heatmap_pair(
        landscapes,
        axes[: len(landscapes)],
        quantity=quantity,
        epsilon=epsilon,
    )
    return figure


def colour_limits(
    landscapes: Iterable[Landscape], quantity: Quantity = ACCURACY
) -> tuple[float, float, str]:
    """Ends of a colour scale that a few bad cells do not stretch.

    From the best to the 10 % quantile of the cells without a diverged seed, over all
    landscapes; worse cells get the last colour.

    Args:
        landscapes: Landscapes that share the scale.
        quantity: How scores are shown.

    Returns:
        (vmin, vmax, extend): the ends in shown units, and the side of the colour bar
        beyond which there are cells: `"min"`, `"max"` or `"neither"`.

    Example:

    ```python
    vmin, vmax, extend = colour_limits([lion, adamw])
    ```
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


def _colours(quantity: Quantity) -> Any:
    # Bright is good, whichever direction the shown number has.
    return colormaps["viridis_r" if quantity.smaller_is_better else "viridis"]


def _ink(colour: Any) -> str:
    if isinstance(colour, str):
        return "black"
    red, green, blue = colour[:3]
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
    ax.set_xlabel(AXIS_LABELS["learning_rate"], fontsize=8)
    ax.set_ylabel(AXIS_LABELS["weight_decay"], fontsize=8)
    ax.tick_params(length=2, labelsize=7)
    if len(grid.x) > 5:
        ax.tick_params(axis="x", labelrotation=45)
    ax.spines[:].set_visible(False)


def _lowest(landscape: Landscape, grid: Grid) -> float:
    """Lower end of the axis: below the cells where names of lines stand there."""
    lowest = float(grid.bottoms[0])
    if landscape.weight_decay[0] == 0 or not has_products(landscape):
        return lowest
    return lowest - ROOM * float(grid.tops[0] - grid.bottoms[0])


def _seeds(landscape: Landscape, quantity: Quantity) -> str:
    if landscape.empty:
        return "no run finished"
    counts = landscape.num_seeds[landscape.num_seeds > 0]
    few, many = int(counts.min()), int(counts.max())
    text = f"mean of {few} to {many} seeds" if few < many else f"mean of {many} seeds"
    if many == 1:
        text = "1 seed"
    if math.isnan(landscape.sigma):
        return text
    deviation = number(abs(quantity.factor) * landscape.sigma)
    return rf"{text}, $\hat{{\sigma}}$ = {deviation} {quantity.difference}".strip()
