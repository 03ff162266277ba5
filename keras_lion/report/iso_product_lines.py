"""Scores along and across lines of equal lr × λ: the product law as a picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from keras_lion.report.marks import DARK, LABEL, TICK, say, tidy
from keras_lion.report.style import (
    AXIS_LABELS,
    STEPS,
    Quantity,
    in_order,
    label_decades,
    optimizer_label,
)
from keras_lion.robustness.effective_decay.description import check_lines
from keras_lion.robustness.effective_decay.lines import IsoProduct
from keras_lion.robustness.grid import decades, line_of_slope, product_index
from keras_lion.robustness.landscape import Array
from keras_lion.statistics import Interval

NOT_REACHED: dict[str, Any] = {"ls": "", "marker": "^", "mfc": "none", "ms": 5}
DIVERGED: dict[str, Any] = {"ls": "", "marker": "x", "ms": 4.5}
APART = 0.035  # decades between marks at one floor
MARKERS = ("o", "s", "D", "v", "P", "h", "<", ">", "p", "d")
# The yellow end of the map is faint on white.
COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))


def plot_iso_product_lines(
    found: IsoProduct,
    ax: Axes,
    *,
    quantity: Quantity = STEPS,
    norm: LogNorm | None = None,
) -> Axes:
    """Draw the score over the learning rate, one line for each value of lr × λ.

    Level lines are the product law. Markers are cells whose runs all ended above the
    floor; dots are single runs. Runs that did not reach the target stand as open
    triangles at their floor, and diverged ones as crosses: bounds, not numbers.

    Args:
        found: Scores by lr × λ.
        ax: Axes to draw on.
        quantity: How scores are shown.
        norm: Colour scale of lr × λ, for panels that share it. None: from this one.

    Returns:
        `ax`.

    Raises:
        ValueError: If the grid has no lines of equal lr × λ.

    Example:

    ```python
    found = iso_product(load_runs("results/product_law"), optimizer="lion")
    plot_iso_product_lines(found, ax)
    ```
    """
    check_lines(found.landscape)
    norm = product_norm([found]) if norm is None else norm
    means, lines = found.means, product_index(found.means.shape)
    x, y = decades(found.landscape)
    rates = 10**x
    for line in np.unique(lines):
        i, j = np.nonzero(lines == line)
        order = np.argsort(j)
        at = i[order], j[order]
        product = 10 ** float((x + y)[at].mean())
        colour = COLOURS(norm(product))
        ax.plot(
            rates[at],
            quantity.factor * means[at],
            color=colour,
            marker=MARKERS[line % len(MARKERS)],
            ms=4.5,
            mec="white",
            mew=0.4,
            lw=1.3,
            label=f"{product:.3g}",
            zorder=3,
        )
    _draw_runs(ax, found, rates, 10 ** (x + y), quantity, norm)
    ax.set_xscale("log")
    _score_axis(ax, found, quantity)
    along = found.slope_along_lines
    if math.isfinite(along.estimate):
        ax.set_title(_slope("slope along lines", along, quantity), fontsize=LABEL)
    return tidy(ax, AXIS_LABELS["learning_rate"], quantity.label)


def plot_over_product(
    found: IsoProduct,
    ax: Axes,
    *,
    quantity: Quantity = STEPS,
    norm: LogNorm | None = None,
) -> Axes:
    """Draw the score over lr × λ, coloured by the learning rate, with the fitted line.

    Under the product law the colours lie on top of each other.

    Args:
        found: Scores by lr × λ.
        ax: Axes to draw on.
        quantity: How scores are shown.
        norm: Colour scale of the learning rate. None: from this landscape.

    Returns:
        `ax`.

    Example:

    ```python
    found = iso_product(load_runs("results/product_law"), optimizer="lion")
    plot_over_product(found, ax)
    ```
    """
    norm = rate_norm([found]) if norm is None else norm
    means = quantity.factor * found.means
    x, y = decades(found.landscape)
    products = 10 ** (x + y)
    for column, rate in enumerate(found.landscape.learning_rate):
        ax.plot(
            products[:, column],
            means[:, column],
            ls="",
            color=COLOURS(norm(rate)),
            marker=MARKERS[column % len(MARKERS)],
            ms=4.5,
            mec="white",
            mew=0.4,
            zorder=3,
        )
    _draw_runs(ax, found, products, 10**x, quantity, norm)
    slope = found.slope_over_product.estimate
    if math.isfinite(slope):
        at = (x + y)[found.fitted]
        ends = np.array([at.min(), at.max()])
        fit = line_of_slope(at, means[found.fitted], quantity.factor * slope, ends)
        ax.plot(10**ends, fit, color=DARK, lw=1.1, ls=(0, (5, 2)), zorder=2)
        text = _slope("fitted slope", found.slope_over_product, quantity)
        ax.set_title(text, fontsize=LABEL)
    ax.set_xscale("log")
    _score_axis(ax, found, quantity)
    return tidy(ax, "product η·λ", quantity.label)


def iso_product_figure(
    found: Mapping[str, IsoProduct], *, quantity: Quantity = STEPS
) -> Figure:
    """A figure of the lines of equal lr × λ (above) and the score over lr × λ (below).

    Args:
        found: Optimizer → its scores by lr × λ; one column each.
        quantity: How scores are shown.

    Returns:
        The figure, 3.6 inches wide for one optimizer and 7 for two.

    Raises:
        ValueError: If there is no optimizer, or a grid has no lines of equal lr × λ.

    Example:

    ```python
    frame = load_runs("results/product_law")
    found = {name: iso_product(frame, optimizer=name) for name in ("lion", "adamw")}
    iso_product_figure(found).savefig("iso_product.png", dpi=200)
    ```
    """
    if not found:
        raise ValueError("The figure needs an optimizer. Received: none.")
    names = in_order(found)
    columns = len(names)
    figure = Figure((0.6 + 3.1 * columns, 5.2), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False, sharey=True)
    products, rates = product_norm(found.values()), rate_norm(found.values())
    for (above, below), name in zip(axes.T, names, strict=True):
        each = found[name]
        plot_iso_product_lines(each, above, quantity=quantity, norm=products)
        plot_over_product(each, below, quantity=quantity, norm=rates)
        above.set_title(f"{optimizer_label(name)}\n{above.get_title()}", fontsize=LABEL)
    bottom = min(_ends(each, quantity)[0] for each in found.values())
    top = max(_ends(each, quantity)[1] for each in found.values())
    for ax in axes.flat:
        ax.set_ylim(bottom, top)
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    for row, norm, label in (
        (axes[0], products, "product η·λ"),
        (axes[1], rates, AXIS_LABELS["learning_rate"]),
    ):
        scale = ScalarMappable(norm, COLOURS)
        bar = figure.colorbar(scale, ax=list(row), aspect=25, pad=0.02)
        bar.set_label(label, fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
        label_decades(bar.ax.yaxis)
    _figure_legend(figure, list(found.values()))
    return figure


def product_norm(found: Iterable[IsoProduct]) -> LogNorm:
    """Colour scale of lr × λ, from the least to the largest with runs."""
    return _norm(
        product
        for each in found
        for product in 10
        ** np.add(*decades(each.landscape))[each.landscape.num_seeds > 0]
    )


def rate_norm(found: Iterable[IsoProduct]) -> LogNorm:
    """Colour scale of the learning rate, likewise."""
    return _norm(rate for each in found for rate in each.landscape.learning_rate)


def _norm(values: Iterable[float]) -> LogNorm:
    known = sorted(map(float, values))
    # A lone value lies in the middle of its scale.
    apart = 1.0 if known[-1] > known[0] else 2.0
    return LogNorm(known[0] / apart, known[-1] * apart)


def _draw_runs(
    ax: Axes,
    found: IsoProduct,
    x: Array,
    colours: Array,
    quantity: Quantity,
    norm: LogNorm,
) -> None:
    """Single runs: dots, or marks at the floor for those that are only bounds."""
    marks: dict[float, list[tuple[Array, Any, dict[str, Any]]]] = defaultdict(list)
    for cell in np.ndindex(x.shape):
        scores = found.landscape.scores[cell]
        reached, diverged = found.reached[cell], found.landscape.diverged[cell]
        colour = COLOURS(norm(colours[cell]))
        if reached.any() and len(scores) > 1:
            shown = quantity.factor * scores[reached]
            at = np.full(len(shown), x[cell])
            ax.plot(at, shown, ".", color=colour, ms=2.5, alpha=0.6, zorder=1)
        for chosen, marker in (
            (np.isfinite(scores) & ~reached & ~diverged, NOT_REACHED),
            (diverged, DIVERGED),
        ):
            if chosen.any():
                floors = np.unique(quantity.factor * found.floors[cell][chosen])
                key = round(float(np.log10(x[cell])), 6)
                marks[key].append((floors, colour, marker))
    for middle, group in marks.items():
        # Side by side: at one floor they would hide each other.
        for number, (floors, colour, marker) in enumerate(group):
            aside = 10 ** (middle + APART * (number - (len(group) - 1) / 2))
            at = np.full(len(floors), aside)
            ax.plot(at, floors, color=colour, zorder=4, **marker)


def _ends(found: IsoProduct, quantity: Quantity) -> tuple[float, float]:
    scores = quantity.factor * found.landscape.scores
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 0.0, 1.0
    pad = 0.06 * float(np.ptp(known)) or 0.1
    return float(known.min()) - pad, float(known.max()) + pad


def _score_axis(ax: Axes, found: IsoProduct, quantity: Quantity) -> None:
    ax.set_ylim(*_ends(found, quantity))
    # The data decide the limits; half a step lies free on each side.
    low, high = ax.get_xlim()
    ax.set_xlim(low, high)
    label_decades(ax.xaxis)
    if not found.reached.any():
        say(ax, "no run above the floor", height=0.8)


def _slope(name: str, slope: Interval, quantity: Quantity) -> str:
    shown = slope.scaled(quantity.factor)
    text = f"{name}: {_signed(shown.estimate)}"
    if math.isfinite(shown.low):
        text += f" [{_signed(shown.low)}, {_signed(shown.high)}]"
    return text


def _signed(value: float) -> str:
    # + 0.0 turns the −0.0 of a rounded number into 0.0.
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _figure_legend(figure: Figure, found: list[IsoProduct]) -> None:
    """Entries for what occurs."""
    entries = []
    if any(each.measured.any() for each in found):
        entries.append(
            Line2D([], [], ls="", marker="o", color=DARK, ms=4.5, label="cell mean")
        )
    if any(each.reached.any() and each.reached.shape[2] > 1 for each in found):
        entries.append(
            Line2D([], [], ls="", marker=".", color=DARK, ms=2.5, label="run")
        )
    diverged = [each.landscape.diverged for each in found]
    bounded = [
        np.isfinite(each.landscape.scores) & ~each.reached & ~mask
        for each, mask in zip(found, diverged, strict=True)
    ]
    for masks, marker, text in (
        (bounded, NOT_REACHED, "not reached (at the floor)"),
        (diverged, DIVERGED, "diverged"),
    ):
        if any(mask.any() for mask in masks):
            entries.append(Line2D([], [], color=DARK, label=text, **marker))
    if any(math.isfinite(each.slope_over_product.estimate) for each in found):
        entries.append(Line2D([], [], color=DARK, lw=1.1, ls=(0, (5, 2)), label="fit"))
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=5,
        fontsize=TICK,
        frameon=False,
    )
