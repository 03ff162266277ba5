"""Heatmaps of several tasks in one figure: does lr × λ decide in each of them?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import seeds_of
from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.heatmap_panel import (
    color_limits,
    draw_color_bar,
    draw_landscape,
)
from keras_lion.report.elements.overlays import has_products
from keras_lion.report.elements.panels import DARK, LABEL, entry, figure_legend
from keras_lion.report.elements.style import Quantity, optimizer_label, short_label
from keras_lion.report.html import Picture
from keras_lion.report.pictures import png_of
from keras_lion.robustness.effective_decay.explained import (
    LEAST_KAPPA,
    Explained,
    explained,
)
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.landscape import Landscape, Value

NAME = "decay_maps"
MOST_TASKS = 4  # more rows are too small to compare
PANEL = 2.9  # inches
SHORT: Mapping[str, str] = {
    "product": "lr × λ",
    "learning_rate": "lr",
    "weight_decay": "λ",
    "ratio": "lr / λ",
}


@dataclass(frozen=True)
class DecayMap:
    """One task: the landscape of each optimizer and what decides in it.

    Attributes:
        task: Name of the task.
        quantity: How scores are shown.
        landscapes: Optimizer → its scores.
        kappa: Optimizer → κ = λ Σ η of a run with lr × λ = 1.
        shares: Optimizer → shares of variance over cells with κ > 3.
    """

    task: str
    quantity: Quantity
    landscapes: Mapping[str, Landscape]
    kappa: Mapping[str, float]
    shares: Mapping[str, Explained]


def decay_map(
    runs: pd.DataFrame, task: str, landscapes: Mapping[str, Landscape], value: Value
) -> DecayMap | None:
    """The map of one task under one condition; None where no line of lr × λ crosses it.

    Args:
        runs: Its run records.
        task: Its name.
        landscapes: Optimizer → scores of `value`, in the order of the panels.
        value: `"final_loss"` or `"score"`.
    """
    shown = {
        name: each
        for name, each in landscapes.items()
        if has_products(each) and not (each.empty or each.all_diverged)
    }
    if not shown or not {"kappa", "initial_loss", "final_loss"} <= set(runs.columns):
        return None
    product = runs["kappa"] / (runs["learning_rate"] * runs["weight_decay"])
    kappa = product[runs["weight_decay"] > 0].groupby(runs["optimizer"]).median()
    return DecayMap(
        task,
        quantity_of_runs(runs, value),
        shown,
        {name: float(kappa[name]) for name in shown},
        {
            name: explained(runs, optimizer=name, value=value, least_kappa=LEAST_KAPPA)
            for name in shown
        },
    )


def decay_maps_figure(maps: Sequence[DecayMap]) -> Figure:
    """Mean score of each cell over lr and λ: one row per task, one panel per optimizer.

    Dashed lines have a constant lr × λ. Above the solid line κ = λ Σ η is larger than
    3, so that the initial weights are forgotten. Titles give R² of a cubic in the
    logarithm of each quantity, over the cells above it that train. Each row has its own
    color scale.

    Args:
        maps: The tasks.

    Returns:
        The figure, 7 inches wide for two optimizers.

    Raises:
        ValueError: If there is no task.

    Example:

    ```python
    decay_maps_figure([invariant, plain]).savefig("decay_maps.png", dpi=200)
    ```
    """
    if not maps:
        raise ValueError("The figure needs a task or more. Received none.")
    columns = max(len(each.landscapes) for each in maps)
    width = 1.2 + PANEL * columns
    heights = [_height(each) + 0.95 for each in maps]
    figure = Figure((width, sum(heights) + 0.3), layout="constrained")
    grid = figure.subplots(
        len(maps), columns, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for each, axes, inches in zip(maps, grid, heights, strict=True):
        _draw_row(figure, list(axes), each, inches)
    figure_legend(
        figure,
        [
            entry("equal lr × λ, with its value", color="#777777", lw=0.9, ls="--"),
            entry(f"κ = {LEAST_KAPPA:g}: weight decay acts above", lw=1.6),
            entry("best cell", ls="", marker="s", mfc="none", mew=1.6, color="black"),
        ],
        ncols=3,
    )
    return figure


def _height(given: DecayMap) -> float:
    ratios = [
        grid.height / grid.width for grid in map(Grid.of, given.landscapes.values())
    ]
    return max(PANEL - 0.4, 1.0) * min(max(ratios), 2)


def _draw_row(figure: Figure, axes: list[Axes], given: DecayMap, inches: float) -> None:
    shown = [*given.landscapes.values()]
    low, high, extend = color_limits(shown, given.quantity)
    norm = Normalize(low, high)
    for ax, (name, landscape) in zip(axes, given.landscapes.items(), strict=False):
        draw_landscape(ax, landscape, norm, given.quantity)
        _draw_kappa(ax, landscape, LEAST_KAPPA / given.kappa[name])
        head = f"{short_label(given.task, 24)}: {short_label(name, 16)}"
        ax.set_title(f"{head}\n{_title(given.shares[name])}", fontsize=LABEL)
    for spare in axes[len(shown) :]:
        spare.remove()
    draw_color_bar(figure, axes[: len(shown)], norm, given.quantity, extend, inches)


def _draw_kappa(ax: Axes, landscape: Landscape, product: float) -> None:
    """The line of one lr × λ through the cells with decay, if it crosses them."""
    grid = Grid.of(landscape)
    decays = landscape.weight_decay[landscape.weight_decay > 0]
    bottom, top = grid.bottoms[-len(decays)], grid.tops[-1]
    total = math.log10(product)
    left = max(grid.x_edges[0], total - top)
    right = min(grid.x_edges[-1], total - bottom)
    if left >= right:
        return
    for color, thick in (("white", 3.4), (DARK, 1.6)):
        ax.plot(
            [left, right],
            [total - left, total - right],
            color=color,
            lw=thick,
            zorder=3.5,
        )


def _title(shares: Explained) -> str:
    if math.isnan(shares.product):
        return f"fewer than 8 cells with κ > {LEAST_KAPPA:g} train"
    found = ", ".join(f"{SHORT[of]} {getattr(shares, of):.2f}" for of in SHORT)
    return f"R²: {found}"


def decay_maps_picture(maps: Sequence[DecayMap]) -> Picture:
    """The figure with its caption."""
    values = [each for one in maps for each in one.landscapes.values()]
    heading = " and ".join(dict.fromkeys(one.quantity.heading for one in maps))
    found = "; ".join(
        f"{one.task}, {optimizer_label(name)} {100 * shares.product:.0f} %"
        for one in maps
        for name, shares in one.shares.items()
        if math.isfinite(shares.product)
    )
    caption = (
        f"{heading} over learning rate and weight decay (mean of {seeds_of(values)}). "
        "Where lr × λ alone decides, equal colors run along the dashed lines. Above "
        f"the solid line κ = λ Σ lr is larger than {LEAST_KAPPA:g}, so that less than "
        "a twentieth of the initial weights is left. "
        f"Share of the variance there that lr × λ explains: {found or 'unknown'}."
    )
    alternative = (
        f"Heatmaps over learning rate and weight decay of {len(maps)} tasks, with "
        "lines of equal lr × λ"
    )
    return Picture(NAME, png_of(decay_maps_figure(maps)), caption, alternative)
