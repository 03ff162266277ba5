"""Best-of-k curves: what a random search of k configurations finds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material, several_cells
from keras_lion.report.elements.panels import (
    TICK,
    Look,
    draw_curve,
    panels,
    require_optimizer,
    say,
    tidy,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    in_order,
    optimizer_color,
    optimizer_label,
    optimizer_marker,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tuning_budget import TuningCurve, tuning_curve

LINE_HEIGHT = 1.25  # of the labels, in font sizes
COLORED = 4  # curves in color; the others are gray
MUTED: Look = {"color": "#BBBBBB", "lw": 0.8, "zorder": 1}
SHOWN_K = (1, 4, 16)  # in the caption; or the nearest points of the curve


def best_of_k_figure(
    landscapes: Mapping[str, Landscape], *, quantity: Quantity = ACCURACY
) -> Figure:
    """Expected score of the best of k configurations, over k.

    Each optimizer is named at the end of its line, in the order of the last points:
    cells are ranked on some seeds and scored on another, so that it may differ from the
    order of the best means. Bands are 95 % intervals over seeds,
    k by k.

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
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
    require_optimizer(landscapes, "The best-of-k figure")
    figure, (ax,) = panels((5, 3.4) if len(landscapes) > 4 else (3.4, 2.6))
    curves = {
        name: tuning_curve(landscapes[name])
        for name in in_order(landscapes)
        if not landscapes[name].empty
    }
    shown = _colored(curves)
    ends = {}
    for order, (name, curve) in enumerate(curves.items()):
        muted = {} if name in shown else MUTED
        draw_curve(
            ax,
            curve.k,
            curve.best,
            name,
            factor=quantity.factor,
            # Markers of several optimizers do not fall on each other.
            markevery=(order % 3, 3),
            label="_",
            **muted,
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
    _name_lines(ax, ends, shown)
    return figure


def _colored(curves: Mapping[str, TuningCurve]) -> set[str]:
    """The curves in color: the first two, and the best of the others, four in all."""
    names = list(curves)
    if len(names) <= COLORED:
        return set(names)
    others = sorted(names[2:], key=lambda name: -curves[name].best[-1].estimate)
    return {*names[:2], *others[: COLORED - 2]}


def _name_lines(
    ax: Axes, ends: Mapping[str, tuple[float, float]], colored: Collection[str]
) -> None:
    """Write each name next to the axes, near the height at which its line ends."""
    bottom, top = ax.get_ylim()
    height = 72 * ax.get_window_extent().height / ax.figure.dpi
    gap = LINE_HEIGHT * TICK / height
    wanted = {name: (y - bottom) / (top - bottom) for name, (_, y) in ends.items()}
    names = sorted(wanted, key=lambda name: wanted[name])
    placed = spread([wanted[name] for name in names], gap, high=1.0)
    for name, at in zip(names, placed, strict=True):
        color = optimizer_color(name) if name in colored else MUTED["color"]
        look: Look = {"marker": optimizer_marker(name), "color": color, "ms": 3.5}
        ax.plot(1.05, at, transform=ax.transAxes, ls="", clip_on=False, **look)
        leader = {"arrowstyle": "-", "color": color, "lw": 0.6}
        ax.annotate(
            # The marker stands between leader and name.
            f"   {optimizer_label(name)}",
            ends[name],
            xytext=(1.05, at),
            textcoords="axes fraction",
            va="center",
            fontsize=TICK,
            annotation_clip=False,
            arrowprops=leader | {"shrinkA": 0, "shrinkB": 2, "relpos": (0, 0.5)},
        )


def spread(wanted: Sequence[float], gap: float, high: float = math.inf) -> list[float]:
    """Ascending positions moved as little as it takes to be `gap` apart.

    Least squares: runs of positions that are too close are centered on their mean.
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


def _caption(material: Material) -> str:
    """What a search at random finds."""

    def found(landscape: Landscape) -> str:
        curve = tuning_curve(landscape)
        points = sorted({int(np.abs(curve.k - k).argmin()) for k in SHOWN_K})
        return ", ".join(
            f"{material.quantity.interval(curve.best[i])} with k = {curve.k[i]}"
            for i in points
        )

    return (
        f"Expected {material.quantity.label} of the best of k cells that are drawn at "
        "random from the grid, with 95 % intervals over seeds: "
        f"{material.each(found)}. Cells are ranked on some seeds and scored on "
        "another, so that curves may end below, and in another order than, the best "
        "means."
    )


FIGURE = Drawing(
    "best_of_k",
    "Expected best of k configurations, over k",
    several_cells,
    lambda given: best_of_k_figure(given.measured, quantity=given.quantity),
    _caption,
)
