"""Where on the grid runs diverge."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from keras_lion.report.grid import Grid
from keras_lion.report.marks import LABEL, TICK
from keras_lion.report.style import AXIS_LABELS, number, optimizer_label
from keras_lion.robustness.landscape import Landscape

COLOURS = colormaps["Oranges"]
_SLANTED = 5  # columns from which the tick labels stand at an angle


def plot_divergence(landscape: Landscape, ax: Axes, *, title: str = "") -> Axes:
    """Draw the share of diverged seeds of each cell; missing cells stay empty.

    Both axes are logarithmic with equal lengths for a decade; the row λ = 0 stands
    apart below them. The numbers are diverged seeds / seeds.

    Args:
        landscape: Scores on a grid.
        ax: Axes to draw on.
        title: What stands above the map, beside the share of all runs.

    Returns:
        `ax`.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 3.4), layout="constrained")
    plot_divergence(landscape, figure.subplots(), title="Lion")
    ```
    """
    grid = Grid.of(landscape)
    inches = ax.get_window_extent().width / ax.figure.dpi
    fitting = 72 * inches / len(grid.x) / 2.3  # three characters and a margin
    for (i, j), seeds in np.ndenumerate(landscape.num_seeds):
        if not seeds:
            continue
        diverged = int(landscape.num_diverged[i, j])
        share = diverged / int(seeds)
        ax.add_patch(
            Rectangle(
                *grid.box(i, j), facecolor=COLOURS(share), edgecolor="white", lw=0.5
            )
        )
        ax.text(
            float(grid.x[j]),
            float(grid.y[i]),
            f"{diverged}/{seeds}",
            ha="center",
            va="center",
            fontsize=float(np.clip(fitting, 5, TICK)),
            color="white" if share > 0.65 else "black",
            alpha=1.0 if diverged else 0.45,
        )
    ax.set_xticks(grid.x, [number(value) for value in landscape.learning_rate])
    ax.set_yticks(grid.y, [number(value) for value in landscape.weight_decay])
    ax.set_xlabel(AXIS_LABELS["learning_rate"], fontsize=LABEL)
    ax.set_ylabel(AXIS_LABELS["weight_decay"], fontsize=LABEL)
    ax.tick_params(length=2, labelsize=TICK)
    if len(grid.x) > _SLANTED:
        ax.tick_params(axis="x", labelrotation=45)
    ax.spines[:].set_visible(False)
    ax.set(
        xlim=(grid.x_edges[0], grid.x_edges[-1]),
        ylim=(grid.bottoms[0], grid.tops[-1]),
        aspect="equal",
    )
    ax.set_title(f"{title}\n{_summary(landscape)}".strip(), fontsize=9)
    return ax


def divergence_figure(landscapes: Mapping[str, Landscape]) -> Figure:
    """A figure with the divergence maps of several optimizers on one colour scale.

    Args:
        landscapes: Optimizer → its scores.

    Returns:
        The figure, 3.4 inches wide for one optimizer, 7 for several.

    Raises:
        ValueError: If there is no landscape.

    Example:

    ```python
    divergence_figure({"lion": lion, "adamw": adamw}).savefig("diverged.png", dpi=200)
    ```
    """
    if not landscapes:
        raise ValueError("A divergence map needs a landscape. Received: none.")
    columns = min(len(landscapes), 2)
    rows = -(-len(landscapes) // columns)
    grids = [Grid.of(each) for each in landscapes.values()]
    ratio = float(np.clip(max(each.height / each.width for each in grids), 0.2, 1.8))
    width = 3.4 if columns == 1 else 7.0
    height = rows * ((width / columns - 0.9) * ratio + 0.95)
    figure = Figure((width, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[len(landscapes) :]:
        spare.remove()
    axes = axes[: len(landscapes)]
    for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
        plot_divergence(landscape, ax, title=optimizer_label(name))
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), COLOURS), ax=axes, aspect=25, shrink=0.8
    )
    bar.set_label("diverged seeds (%)", fontsize=LABEL)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    bar.ax.tick_params(labelsize=TICK)
    return figure


def _summary(landscape: Landscape) -> str:
    if landscape.empty:
        return "no run finished"
    runs, diverged = landscape.num_seeds.sum(), landscape.num_diverged.sum()
    return f"{diverged} of {runs} runs diverged"
