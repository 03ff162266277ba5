"""Where on the grid runs diverge."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import seaborn
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import LABEL, TICK, panels, require_optimizer
from keras_lion.report.elements.style import (
    AXIS_LABELS,
    listed,
    number,
    optimizer_label,
    short_label,
)
from keras_lion.robustness.landscape import Landscape

COLORS = colormaps["Oranges"]
SLANTED = 5  # columns from which the tick labels stand at an angle


def divergence_figure(landscapes: Mapping[str, Landscape]) -> Figure:
    """Share of diverged seeds of each cell; missing cells stay empty.

    The numbers are diverged seeds / seeds. All panels share the scale of the colors.

    Args:
        landscapes: Optimizer → its scores.

    Returns:
        The figure, 3.4 inches wide for one optimizer, 7 for several.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    divergence_figure({"lion": lion, "adamw": adamw}).savefig("diverged.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "A divergence map")
    columns = min(len(landscapes), 2)
    rows = -(-len(landscapes) // columns)
    width = 3.4 if columns == 1 else 7.0
    ratio = max(np.divide(*each.num_seeds.shape) for each in landscapes.values())
    height = (width / columns - 0.9) * float(np.clip(ratio, 0.2, 1.8)) + 0.95
    figure, axes = panels((width, rows * height), len(landscapes), columns)
    for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
        _draw(landscape, ax)
        runs, bad = landscape.num_seeds.sum(), landscape.num_diverged.sum()
        count = "no run finished" if landscape.empty else f"{bad} of {runs} runs"
        diverged = "" if landscape.empty else " diverged"
        ax.set_title(f"{short_label(name, 30)}\n{count}{diverged}", fontsize=9)
    scale = ScalarMappable(Normalize(0, 1), COLORS)
    bar = figure.colorbar(scale, ax=axes, aspect=25, shrink=0.8)
    bar.set_label("diverged seeds (%)", fontsize=LABEL)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    bar.ax.tick_params(labelsize=TICK)
    return figure


def _draw(landscape: Landscape, ax: Axes) -> None:
    diverged, seeds = landscape.num_diverged, landscape.num_seeds
    inches = ax.get_window_extent().width / ax.figure.dpi
    fitting = 72 * inches / seeds.shape[1] / 2.3  # three characters and a margin
    seaborn.heatmap(
        diverged / np.maximum(seeds, 1),
        mask=seeds == 0,
        annot=[
            [f"{d}/{n}" for d, n in zip(*row, strict=True)]
            for row in zip(diverged, seeds, strict=True)
        ],
        fmt="",
        annot_kws={"fontsize": float(np.clip(fitting, 5, TICK))},
        cmap=COLORS,
        vmin=0,
        vmax=1,
        linewidths=0.5,
        square=True,
        cbar=False,
        xticklabels=[number(value) for value in landscape.learning_rate],
        yticklabels=[number(value) for value in landscape.weight_decay],
        ax=ax,
    )
    ax.invert_yaxis()  # more decay above
    ax.set_xlabel(AXIS_LABELS["learning_rate"], fontsize=LABEL)
    ax.set_ylabel(AXIS_LABELS["weight_decay"], fontsize=LABEL)
    ax.tick_params(length=2, labelsize=TICK)
    ax.tick_params(axis="y", labelrotation=0)
    ax.tick_params(axis="x", labelrotation=45 * (seeds.shape[1] > SLANTED))


def _known(material: Material) -> dict[str, Landscape]:
    every = material.landscapes[material.value]
    return {name: each for name, each in every.items() if not each.empty}


def _caption(material: Material) -> str:
    """Where training breaks down."""
    texts = []
    for name, each in _known(material).items():
        bad = int(each.num_diverged.sum())
        text = f"{optimizer_label(name)}: {bad} of {int(each.num_seeds.sum())} runs"
        texts.append(f"{text}{_where(each)}")
    return (
        "Diverged seeds of the seeds of each cell, over learning rate and weight "
        f"decay. Diverged: {'; '.join(texts)}."
    )


def _where(landscape: Landscape) -> str:
    """At which learning rates a run diverged: the low ones, the high ones, or both."""
    rates = [number(float(rate)) for rate in landscape.learning_rate]
    bad = np.asarray((landscape.num_diverged > 0).any(axis=0))
    if not bad.any() or bad.all():
        return ", at every lr" if bad.any() and len(bad) > 1 else ""
    good = np.flatnonzero(~bad)
    first, last = int(good[0]), int(good[-1])
    if bad[first:last].any():
        return f", at lr = {listed([rates[at] for at in np.flatnonzero(bad)])}"
    low = f"up to lr = {rates[first - 1]}" if first else ""
    high = f"from lr = {rates[last + 1]} on" if last + 1 < len(bad) else ""
    return f", {' and '.join(filter(None, (low, high)))}"


FIGURE = Drawing(
    "divergence",
    "Share of diverged seeds over learning rate and weight decay",
    lambda given: any(each.num_diverged.any() for each in _known(given).values()),
    lambda given: divergence_figure(_known(given)),
    _caption,
)
