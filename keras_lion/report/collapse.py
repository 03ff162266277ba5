"""Collapse plots: does one curve over lr × λ hold the scores of all cells?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_lion.report.marks import DARK, TICK, say, tidy
from keras_lion.report.style import (
    ACCURACY,
    Quantity,
    in_order,
    label_decades,
    optimizer_label,
)
from keras_lion.robustness.effective_decay.lines import ProductCurve, product_curve
from keras_lion.robustness.landscape import Landscape

COLOURS = "cividis"  # reads the same with every kind of colour blindness
PREDICTIONS = {"mean": "mean at equal η·λ", "parabola": "parabola in log η·λ"}


def plot_collapse(
    landscape: Landscape,
    ax: Axes,
    *,
    norm: LogNorm | None = None,
    title: str = "",
    quantity: Quantity = ACCURACY,
) -> Axes:
    """Draw the mean score of each cell over η·λ, coloured by η/λ.

    Under the product law all cells lie on the line, whatever their colour. Cells with a
    diverged seed are crosses. Cells with λ = 0 have no place; the title counts them.

    Args:
        landscape: Scores on a grid.
        ax: Axes to draw on.
        norm: Scale of the colours, for panels that share it. None: `ratio_norm` of this
            landscape.
        title: First line of the title; R² and the cells left out stand below it.
        quantity: How scores are shown.

    Returns:
        `ax`.

    Raises:
        ValueError: If no weight decay is positive.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 3), layout="constrained")
    plot_collapse(lion, figure.subplots(), title="Lion")
    ```
    """
    curve = product_curve(landscape)
    norm = ratio_norm([landscape]) if norm is None else norm
    means, diverged = curve.landscape.means, curve.landscape.num_diverged > 0
    known = np.isfinite(means)
    ax.plot(
        curve.at,
        quantity.factor * curve.predicted,
        color=DARK,
        lw=1.2,
        # A mean of one line of cells says nothing of what lies between the lines.
        marker="_" if curve.prediction == "mean" else "",
        ms=9,
        mew=1.6,
        zorder=1,
    )
    for cells, marker, edge in (
        (known & ~diverged, "o", "white"),
        (known & diverged, "X", "black"),
    ):
        ax.scatter(
            curve.product[cells],
            quantity.factor * means[cells],
            c=curve.ratio[cells],
            norm=norm,
            cmap=COLOURS,
            s=26,
            zorder=3,
            marker=marker,
            edgecolors=edge,
            linewidths=0.5,
        )
    if not known.any():
        say(ax, "no run finished")
    ax.set_xscale("log")
    ax.set_xlim(curve.product.min() / 2, curve.product.max() * 2)
    label_decades(ax.xaxis)
    lines = [title, _explained(curve), _left_out(curve)]
    ax.set_title("\n".join(filter(None, lines)), fontsize=8)
    return tidy(ax, "product η·λ", quantity.label)


def collapse_figure(
    landscapes: Mapping[str, Landscape], *, quantity: Quantity = ACCURACY
) -> Figure:
    """A figure, 7 inches wide, with the collapse plots of several optimizers.

    All panels share the scale of the scores and of the colours.

    Args:
        landscapes: Optimizer → its scores. Those without a positive weight decay say
            so.
        quantity: How scores are shown.

    Returns:
        The figure; 3.4 inches wide for one optimizer.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    collapse_figure({"lion": lion, "adamw": adamw}).savefig("collapse.png", dpi=200)
    ```
    """
    if not landscapes:
        raise ValueError("A collapse plot needs an optimizer. Received: none.")
    columns = min(len(landscapes), 3)
    rows = math.ceil(len(landscapes) / columns)
    size = (3.6 if columns == 1 else 7, 2.7 * rows + 0.3)
    figure = Figure(size, layout="constrained")
    axes: Sequence[Axes] = list(
        figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    )
    for spare in axes[len(landscapes) :]:
        spare.remove()
    axes = axes[: len(landscapes)]
    decayed = [each for each in landscapes.values() if (each.weight_decay > 0).any()]
    norm = ratio_norm(decayed)
    for number, (ax, name) in enumerate(zip(axes, in_order(landscapes), strict=True)):
        label = optimizer_label(name)
        if (landscapes[name].weight_decay > 0).any():
            plot_collapse(
                landscapes[name], ax, norm=norm, title=label, quantity=quantity
            )
        else:
            say(ax, "no weight decay")
            ax.set_xticks([])
            tidy(ax, "product η·λ", quantity.label, label)
        if number % columns:
            ax.set_ylabel("")
    if decayed:
        bar = figure.colorbar(
            ScalarMappable(norm, COLOURS), ax=axes, pad=0.02, aspect=24 * rows
        )
        label_decades(bar.ax.yaxis)
        bar.minorticks_off()
        bar.ax.tick_params(labelsize=TICK, length=2)
        bar.set_label("ratio η/λ", fontsize=8)
        figure.legend(
            handles=_legend(decayed),
            loc="outside lower center",
            ncols=3,
            fontsize=TICK,
            frameon=False,
        )
    return figure


def ratio_norm(landscapes: Sequence[Landscape]) -> LogNorm:
    """Scale of η/λ that holds the cells with decay of several landscapes.

    Args:
        landscapes: Landscapes that share the scale.

    Returns:
        The scale, a decade wide at least.

    Example:

    ```python
    norm = ratio_norm([lion, adamw])
    ```
    """
    ends = []
    for each in landscapes:
        decays = each.weight_decay[each.weight_decay > 0]
        if len(decays):
            ends += [
                each.learning_rate[0] / decays[-1],
                each.learning_rate[-1] / decays[0],
            ]
    low, high = min(ends, default=0.1), max(ends, default=1.0)
    wider = max(1.0, math.sqrt(10 * low / high))
    return LogNorm(low / wider, high * wider)


def _explained(curve: ProductCurve) -> str:
    def shown(share: float) -> str:
        return f"{share:.2f}".replace("-", "−")

    if math.isnan(curve.r2):
        return "no two cells differ" if len(curve.at) else ""
    if curve.prediction == "parabola":
        return f"R² of a parabola in log η·λ: {shown(curve.r2)}"
    return f"R²: η·λ {shown(curve.r2)}, additive {shown(curve.r2_additive)}"


def _left_out(curve: ProductCurve) -> str:
    count = curve.num_left_out
    return f"{count} cell{'s' * (count > 1)} with λ = 0 left out" if count else ""


def _legend(landscapes: Sequence[Landscape]) -> list[Any]:
    """Entries for what occurs in the panels."""
    curves = [product_curve(each) for each in landscapes]
    stable = diverged = False
    for each in curves:
        known = np.isfinite(each.landscape.means)
        bad = each.landscape.num_diverged > 0
        stable |= bool((known & ~bad).any())
        diverged |= bool((known & bad).any())
    entries: list[Any] = []
    point: dict[str, Any] = {"ls": "", "color": "#7C7B78", "ms": 5}
    if stable:
        entries.append(Line2D([], [], marker="o", label="mean of a cell", **point))
    if diverged:
        entries.append(
            Line2D(
                [],
                [],
                marker="X",
                mec="black",
                mew=0.5,
                label="a seed diverged",
                **point,
            )
        )
    for kind in sorted({each.prediction for each in curves if len(each.at) > 1}):
        marker = "_" if kind == "mean" else ""
        entries.append(
            Line2D([], [], color=DARK, lw=1.2, marker=marker, label=PREDICTIONS[kind])
        )
    return entries
