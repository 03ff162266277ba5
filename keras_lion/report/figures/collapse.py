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

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    DARK,
    LABEL,
    TICK,
    Look,
    entry,
    figure_legend,
    panels,
    require_optimizer,
    say,
    tidy,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    in_order,
    label_decades,
    short_label,
)
from keras_lion.robustness.effective_decay.equivalence import largest_spread
from keras_lion.robustness.effective_decay.lines import ProductCurve, product_curve
from keras_lion.robustness.grid import has_lines, with_decay
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.wording import with_unit

COLORS = "cividis"  # reads the same with every kind of color blindness
PREDICTIONS = {"mean": "mean at equal lr × λ", "parabola": "parabola in log(lr × λ)"}


def collapse_figure(
    landscapes: Mapping[str, Landscape], *, quantity: Quantity = ACCURACY
) -> Figure:
    """Mean score of each cell over lr × λ, colored by lr / λ.

    Under the product law all cells lie on the line, whatever their color. Cells with a
    diverged seed are crosses, which the line and R² leave out. Cells with λ = 0 have no
    place. The title counts both.
    All panels share the scale of the scores and of the colors.

    Args:
        landscapes: Optimizer → its scores. Those without a positive weight decay say
            so.
        quantity: How scores are shown.

    Returns:
        The figure, 7 inches wide; 3.6 for one optimizer.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    collapse_figure({"lion": lion, "adamw": adamw}).savefig("collapse.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "A collapse plot")
    columns = min(len(landscapes), 3)
    rows = math.ceil(len(landscapes) / columns)
    size = (3.6 if columns == 1 else 7, 2.7 * rows + 0.3)
    figure, axes = panels(size, len(landscapes), columns, sharey=True)
    decayed = {
        name: product_curve(landscapes[name])
        for name in in_order(landscapes)
        if (landscapes[name].weight_decay > 0).any()
    }
    norm = _ratio_norm([landscapes[name] for name in decayed])
    for index, (ax, name) in enumerate(zip(axes, in_order(landscapes), strict=True)):
        title = [short_label(name, 22)]
        if name in decayed:
            _draw(decayed[name], ax, norm, quantity)
            title += [_explained(decayed[name]), _left_out(decayed[name])]
        else:
            say(ax, "no weight decay")
            ax.set_xticks([])
        tidy(ax, "product lr × λ", "" if index % columns else quantity.label)
        ax.set_title("\n".join(filter(None, title)), fontsize=LABEL)
    if decayed:
        scale = ScalarMappable(norm, COLORS)
        bar = figure.colorbar(scale, ax=axes, pad=0.02, aspect=24 * rows)
        label_decades(bar.ax.yaxis)
        bar.minorticks_off()
        bar.ax.tick_params(labelsize=TICK, length=2)
        bar.set_label("ratio lr / λ", fontsize=LABEL)
        figure_legend(figure, _entries([*decayed.values()]), ncols=3)
    return figure


def _draw(curve: ProductCurve, ax: Axes, norm: LogNorm, quantity: Quantity) -> None:
    means, diverged = curve.landscape.means, curve.landscape.num_diverged > 0
    known = np.isfinite(means)
    ax.set_xscale("log")
    ax.set_xlim(curve.product.min() / 2, curve.product.max() * 2)
    label_decades(ax.xaxis)
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
            cmap=COLORS,
            s=26,
            zorder=3,
            marker=marker,
            edgecolors=edge,
            linewidths=0.5,
        )
    if not known.any():
        say(ax, "no run finished")


def _ratio_norm(landscapes: Sequence[Landscape]) -> LogNorm:
    """Scale of lr / λ that holds the cells with decay; a decade wide at least."""
    ends = []
    for each in landscapes:
        decays = each.weight_decay[each.weight_decay > 0]
        ends += [each.learning_rate[0] / decays[-1], each.learning_rate[-1] / decays[0]]
    low, high = min(ends, default=0.1), max(ends, default=1.0)
    wider = max(1.0, math.sqrt(10 * low / high))
    return LogNorm(low / wider, high * wider)


def _explained(curve: ProductCurve) -> str:
    def shown(share: float) -> str:
        return f"{share:.2f}".replace("-", "−")

    if math.isnan(curve.r2):
        nothing = "no cell trained" if curve.num_diverged else ""
        return "no two cells differ" if len(curve.at) else nothing
    if curve.prediction == "parabola":
        return f"R² of a parabola in log(lr × λ): {shown(curve.r2)}"
    return f"R²: lr × λ {shown(curve.r2)}, additive {shown(curve.r2_additive)}"


def _left_out(curve: ProductCurve) -> str:
    undecayed, diverged = curve.num_left_out, curve.num_diverged
    texts = [f"{with_unit(str(undecayed), 'cells')} with λ = 0"] if undecayed else []
    if diverged:
        bad = with_unit(str(diverged), "diverged cells")
        texts.append(f"{diverged} diverged" if undecayed else bad)
    return f"{' and '.join(texts)} left out" if texts else ""


def _entries(curves: Sequence[ProductCurve]) -> list[Any]:
    """Entries for what occurs in the panels."""
    stable = diverged = False
    for each in curves:
        known = np.isfinite(each.landscape.means)
        bad = each.landscape.num_diverged > 0
        stable |= bool((known & ~bad).any())
        diverged |= bool((known & bad).any())
    entries: list[Any] = []
    point: Look = {"ls": "", "color": "#7C7B78", "ms": 5}
    if stable:
        entries.append(entry("mean of a cell", marker="o", **point))
    if diverged:
        bad_cell = {"marker": "X", "mec": "black", "mew": 0.5}
        entries.append(entry("a seed diverged", **bad_cell, **point))
    for kind in sorted({each.prediction for each in curves if len(each.at) > 1}):
        marker = "_" if kind == "mean" else ""
        entries.append(entry(PREDICTIONS[kind], lw=1.2, marker=marker))
    return entries


def _several_decays(material: Material) -> bool:
    """Whether an optimizer has more than one positive weight decay."""
    return any((each.weight_decay > 0).sum() > 1 for each in material.measured.values())


def _caption(material: Material) -> str:
    """Whether cells of equal lr × λ agree."""

    def spread(each: Landscape) -> str:
        if not (each.weight_decay > 0).any() or not has_lines(with_decay(each)):
            return "unknown, as its axes have unlike ratios"
        return material.quantity.amount(largest_spread(each))

    return (
        f"{material.quantity.heading} of every cell (mean of {material.seeds}) over "
        "lr × λ, colored by lr / λ. If lr × λ alone counted, all cells would lie on "
        "one curve, whatever their color. Crosses, where a seed diverged, take no part "
        "in the line and R². Scores at equal lr × λ differ by up to: "
        f"{material.each(spread)}."
    )


FIGURE = Drawing(
    "collapse",
    "Value of every cell over the product of learning rate and weight decay",
    _several_decays,
    lambda given: collapse_figure(given.measured, quantity=given.quantity),
    _caption,
)
