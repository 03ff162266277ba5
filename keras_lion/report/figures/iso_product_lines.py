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
    AXIS_LABELS,
    STEPS,
    Quantity,
    in_order,
    label_decades,
    short_label,
)
from keras_lion.robustness.effective_decay.description import check_lines
from keras_lion.robustness.effective_decay.lines import IsoProduct, iso_product
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.grid import (
    decades,
    has_lines,
    line_of_slope,
    product_index,
    with_decay,
)
from keras_lion.robustness.landscape import Array, Landscape
from keras_lion.statistics import Interval

NOT_REACHED: Look = {"ls": "", "marker": "^", "mfc": "none", "ms": 5}
DIVERGED: Look = {"ls": "", "marker": "x", "ms": 4.5}
FIT: Look = {"color": DARK, "lw": 1.1, "ls": (0, (5, 2))}
POINT: Look = {"ms": 4.5, "mec": "white", "mew": 0.4, "zorder": 3}
APART = 0.035  # decades between marks at one floor
MARKERS = ("o", "s", "D", "v", "P", "h", "<", ">", "p", "d")
# The yellow end of the map is faint on white.
COLORS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))


def iso_product_figure(
    found: Mapping[str, IsoProduct], *, quantity: Quantity = STEPS
) -> Figure:
    """Score over the learning rate (above) and over lr × λ (below).

    Above, one line for each value of lr × λ: level lines are the product law. Below,
    colored by the learning rate, with the fitted line: under the law the colors lie on
    top of each other. Markers are cells whose runs all ended above the floor; dots are
    single runs. Runs that did not reach the target are open triangles at their floor,
    and diverged ones crosses: bounds, not numbers.

    Args:
        found: Optimizer → its scores by lr × λ; one column each.
        quantity: How scores are shown.

    Returns:
        The figure, 3.7 inches wide for one optimizer and 6.8 for two.

    Raises:
        ValueError: If there is no optimizer, or a grid has no lines of equal lr × λ.

    Example:

    ```python
    frame = load_runs("results/product_law")
    found = {name: iso_product(frame, optimizer=name) for name in ("lion", "adamw")}
    iso_product_figure(found).savefig("iso_product.png", dpi=200)
    ```
    """
    require_optimizer(found, "The figure")
    names = in_order(found)
    columns = len(names)
    size = (0.6 + 3.1 * columns, 5.2)
    figure, axes = panels(size, 2 * columns, columns, sharey=True)
    products = _norm(
        product
        for each in found.values()
        for product in _products(each.landscape)[each.landscape.num_seeds > 0]
    )
    rates = _norm(x for each in found.values() for x in each.landscape.learning_rate)
    for column, name in enumerate(names):
        each, (above, below) = found[name], axes[column::columns]
        along = _draw_lines(each, above, quantity, products)
        _draw_over_product(each, below, quantity, rates)
        above.set_title(f"{short_label(name, 30)}\n{along}", fontsize=LABEL)
        for ax, label in (
            (above, AXIS_LABELS["learning_rate"]),
            (below, "product lr × λ"),
        ):
            ax.set_xscale("log")
            # The data decide the limits; half a step lies free on each side.
            ax.set_xlim(ax.get_xlim())
            label_decades(ax.xaxis)
            if not each.reached.any():
                say(ax, "no run above the floor", height=0.8)
            tidy(ax, label, "" if column else quantity.label)
    axes[0].set_ylim(_ends(found.values(), quantity))
    for row, norm, label in (
        (axes[:columns], products, "product lr × λ"),
        (axes[columns:], rates, AXIS_LABELS["learning_rate"]),
    ):
        bar = figure.colorbar(ScalarMappable(norm, COLORS), ax=row, aspect=25, pad=0.02)
        bar.set_label(label, fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
        label_decades(bar.ax.yaxis)
    figure_legend(figure, _entries(list(found.values())), ncols=5)
    return figure


def _draw_lines(found: IsoProduct, ax: Axes, quantity: Quantity, norm: LogNorm) -> str:
    """Draw the score over the learning rate; the slope along lines, as text."""
    check_lines(found.landscape)
    means, lines = found.means, product_index(found.means.shape)
    products = _products(found.landscape)
    for line in np.unique(lines):
        i, j = np.nonzero(lines == line)
        order = np.argsort(j)
        at = i[order], j[order]
        product = 10 ** float(np.log10(products[at]).mean())
        ax.plot(
            found.landscape.learning_rate[at[1]],
            quantity.factor * means[at],
            color=COLORS(norm(product)),
            marker=MARKERS[line % len(MARKERS)],
            lw=1.3,
            label=f"{product:.3g}",
            **POINT,
        )
    rates = np.broadcast_to(found.landscape.learning_rate, means.shape)
    _draw_runs(ax, found, rates, products, quantity, norm)
    return _slope("slope along lines", found.slope_along_lines, quantity)


def _draw_over_product(
    found: IsoProduct, ax: Axes, quantity: Quantity, norm: LogNorm
) -> None:
    means = quantity.factor * found.means
    products = _products(found.landscape)
    rates = found.landscape.learning_rate
    for column, rate in enumerate(rates):
        look = {"color": COLORS(norm(rate)), "marker": MARKERS[column % len(MARKERS)]}
        ax.plot(products[:, column], means[:, column], ls="", **look, **POINT)
    rates = np.broadcast_to(rates, means.shape)
    _draw_runs(ax, found, products, rates, quantity, norm)
    slope = found.slope_over_product.estimate
    if math.isfinite(slope):
        at = np.log10(products[found.fitted])
        ends = np.array([at.min(), at.max()])
        fit = line_of_slope(at, means[found.fitted], quantity.factor * slope, ends)
        ax.plot(10**ends, fit, zorder=2, **FIT)
        text = _slope("fitted slope", found.slope_over_product, quantity)
        ax.set_title(text, fontsize=LABEL)


def _products(landscape: Landscape) -> Array:
    """lr × λ of each cell."""
    return np.asarray(10 ** np.add(*decades(landscape)))


def _norm(values: Iterable[float]) -> LogNorm:
    known = sorted(map(float, values))
    # A lone value lies in the middle of its scale.
    apart = 1.0 if known[-1] > known[0] else 2.0
    return LogNorm(known[0] / apart, known[-1] * apart)


def _draw_runs(
    ax: Axes,
    found: IsoProduct,
    x: Array,
    colors: Array,
    quantity: Quantity,
    norm: LogNorm,
) -> None:
    """Single runs: dots, or marks at the floor for those that are only bounds."""
    marks: dict[float, list[tuple[Array, Any, Look]]] = defaultdict(list)
    for cell in np.ndindex(x.shape):
        scores = found.landscape.scores[cell]
        reached, diverged = found.reached[cell], found.landscape.diverged[cell]
        color = COLORS(norm(colors[cell]))
        if reached.any() and len(scores) > 1:
            shown = quantity.factor * scores[reached]
            at = np.full(len(shown), x[cell])
            ax.plot(at, shown, ".", color=color, ms=2.5, alpha=0.6, zorder=1)
        for chosen, marker in (
            (np.isfinite(scores) & ~reached & ~diverged, NOT_REACHED),
            (diverged, DIVERGED),
        ):
            if chosen.any():
                floors = np.unique(quantity.factor * found.floors[cell][chosen])
                key = round(float(np.log10(x[cell])), 6)
                marks[key].append((floors, color, marker))
    for middle, group in marks.items():
        # Side by side: at one floor they would hide each other.
        for number, (floors, color, marker) in enumerate(group):
            aside = 10 ** (middle + APART * (number - (len(group) - 1) / 2))
            at = np.full(len(floors), aside)
            ax.plot(at, floors, color=color, zorder=4, **marker)


def _ends(found: Iterable[IsoProduct], quantity: Quantity) -> tuple[float, float]:
    scores = np.concatenate([each.landscape.scores.ravel() for each in found])
    known = quantity.factor * scores[np.isfinite(scores)]
    if not len(known):
        return 0.0, 1.0
    pad = 0.06 * float(np.ptp(known)) or 0.1
    return float(known.min()) - pad, float(known.max()) + pad


def _slope(name: str, slope: Interval, quantity: Quantity) -> str:
    if not math.isfinite(slope.estimate):
        return ""
    shown = slope.scaled(quantity.factor)
    text = f"{name}: {_signed(shown.estimate)}"
    if math.isfinite(shown.low):
        text += f" [{_signed(shown.low)}, {_signed(shown.high)}]"
    return text


def _signed(value: float) -> str:
    # + 0.0 turns the −0.0 of a rounded number into 0.0.
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _entries(found: list[IsoProduct]) -> list[Any]:
    """Entries for what occurs."""
    entries = []
    if any(each.measured.any() for each in found):
        entries.append(entry("cell mean", ls="", marker="o", ms=4.5))
    if any(each.reached.any() and each.reached.shape[2] > 1 for each in found):
        entries.append(entry("run", ls="", marker=".", ms=2.5))
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
            entries.append(entry(text, **marker))
    if any(math.isfinite(each.slope_over_product.estimate) for each in found):
        entries.append(entry("fit", **FIT))
    return entries


def _with_lines(material: Material) -> list[str]:
    """Optimizers whose grid has lines of equal lr × λ."""
    return [
        name
        for name, each in material.measured.items()
        if (each.weight_decay > 0).any() and has_lines(with_decay(each))
    ]


def _figure(material: Material) -> Figure:
    found = {
        name: iso_product(material.runs, optimizer=name, task=material.task)
        for name in _with_lines(material)
    }
    return iso_product_figure(found, quantity=quantity_of_runs(material.runs))


FIGURE = Drawing(
    "iso_product",
    "Steps to the target over the learning rate, by the product",
    lambda given: given.metric == "steps_to_target" and bool(_with_lines(given)),
    _figure,
    lambda given: (
        f"{given.quantity.heading} over the learning rate, one line for each lr × λ "
        f"(above), and over lr × λ (below); mean of {given.seeds}. If lr × λ alone "
        "counts, the lines above are level. Open triangles and crosses are runs that "
        "did not reach the target or diverged: bounds, not numbers."
    ),
)
