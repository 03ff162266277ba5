"""Best-of-k curves: what a random search of k configurations finds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.bands import draw_curve
from keras_lion.report.marks import TICK, say, tidy
from keras_lion.report.style import (
    ACCURACY,
    Quantity,
    in_order,
    optimizer_colour,
    optimizer_label,
    optimizer_marker,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tuning_budget import tuning_curve

LINE_HEIGHT = 1.25  # of the labels, in font sizes


def plot_best_of_k(
    landscapes: Mapping[str, Landscape],
    ax: Axes,
    *,
    quantity: Quantity = ACCURACY,
) -> Axes:
    """Draw the expected score of the best of k configurations, over k.

    Each optimizer is named at the end of its line, beside the axes. Bands are 95 %
    intervals over seeds, k by k.

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
        ax: Axes to draw on; give its figure `layout="constrained"`.
        quantity: How scores are shown.

    Returns:
        `ax`.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 2.6), layout="constrained")
    plot_best_of_k({"lion": lion, "adamw": adamw}, figure.subplots())
    ```
    """
    if not landscapes:
        raise ValueError("Best-of-k curves need an optimizer. Received: none.")
    curves = {
        name: tuning_curve(landscapes[name])
        for name in in_order(landscapes)
        if not landscapes[name].empty
    }
    ends = {}
    for order, (name, curve) in enumerate(curves.items()):
        draw_curve(
            ax,
            curve.k,
            curve.best,
            name,
            factor=quantity.factor,
            # Markers of several optimizers do not fall on each other.
            markevery=(order % 3, 3),
            label="_",
        )
        last = curve.best[-1].scaled(quantity.factor)
        ends[name] = (float(curve.k[-1]), last.estimate)
    most = max((int(curve.k[-1]) for curve in curves.values()), default=1)
    ax.set_xscale("log", base=2)
    ax.set_xlim(0.93, max(most, 2) * 1.05)
    ticks = [2**power for power in range(max(most, 2).bit_length())]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    if not curves:
        say(ax, "no run finished")
    tidy(ax, "configurations tried, k", f"expected best {quantity.label}")
    _name_lines(ax, ends)
    return ax


def best_of_k_figure(
    landscapes: Mapping[str, Landscape], *, quantity: Quantity = ACCURACY
) -> Figure:
    """A figure with the best-of-k curves of any number of optimizers.

    Args:
        landscapes: Optimizer → its scores.
        quantity: How scores are shown.

    Returns:
        The figure: 3.4 inches wide, 5 with more than four optimizers.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    best_of_k_figure({"lion": lion, "adamw": adamw}).savefig("best_of_k.png", dpi=200)
    ```
    """
    many = len(landscapes) > 4
    figure = Figure((5, 3.4) if many else (3.4, 2.6), layout="constrained")
    plot_best_of_k(landscapes, figure.subplots(), quantity=quantity)
    return figure


def _name_lines(ax: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Write each name beside the axes, near the height at which its line ends."""
    if not ends:
        return
    bottom, top = ax.get_ylim()
    height = 72 * ax.get_window_extent().height / ax.figure.dpi
    gap = LINE_HEIGHT * TICK / height
    wanted = {name: (y - bottom) / (top - bottom) for name, (_, y) in ends.items()}
    names = sorted(wanted, key=lambda name: wanted[name])
    placed = spread([wanted[name] for name in names], gap, high=1.0)
    for name, at in zip(names, placed, strict=True):
        colour = optimizer_colour(name)
        ax.plot(
            1.05,
            at,
            transform=ax.transAxes,
            marker=optimizer_marker(name),
            color=colour,
            ms=3.5,
            ls="",
            clip_on=False,
        )
        ax.annotate(
            # The marker stands between leader and name.
            f"   {optimizer_label(name)}",
            ends[name],
            xytext=(1.05, at),
            textcoords="axes fraction",
            va="center",
            fontsize=TICK,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.6,
                "shrinkA": 0,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )


def spread(wanted: Sequence[float], gap: float, high: float = math.inf) -> list[float]:
    """Ascending positions moved as little as it takes to be `gap` apart.

    Least squares: runs of positions that are too close are centred on their mean.

    Args:
        wanted: Ascending positions.
        gap: Least distance of neighbours.
        high: Largest position allowed.

    Returns:
        As many positions, in the same order.

    Example:

    ```python
    spread([0.0, 0.1, 1.0], gap=0.3)  # [-0.1, 0.2, 1.0]
    ```
    """
    # With the gaps taken out, what is left is to make a sequence ascending.
    blocks: list[list[float]] = []
    for number, position in enumerate(wanted):
        blocks.append([position - number * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    most = high - (len(wanted) - 1) * gap
    levels = [min(float(np.mean(block)), most) for block in blocks for _ in block]
    return [level + number * gap for number, level in enumerate(levels)]
