"""Best score and best hyperparameters over the batch size."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    FAINT,
    TICK,
    draw_bars,
    entry,
    legend,
    look_of,
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
    optimizer_label,
)
from keras_lion.robustness.batch_size import (
    BatchSizeScaling,
    batch_size_scaling,
    landscapes_of_batch_sizes,
)
from keras_lion.robustness.grid import line_of_slope, with_decay
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import Interval

Landscapes = Mapping[int, Landscape]
Optimum = Literal["learning_rate", "product"]

REFERENCES = {"0": 0.0, "½": 0.5, "1": 1.0}  # slopes to compare with
LABELS: dict[Optimum, str] = {
    "learning_rate": "best learning rate lr*",
    "product": "best product (lr × λ)*",
}
_APART = 0.05  # doublings between the error bars of two optimizers
MOST_LABELS = 5.5  # that fit below a panel of 2 inches


def batch_size_figure(
    landscapes: Mapping[str, Landscapes],
    *,
    epsilon: float,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """Best score, lr* and (lr × λ)* over the batch size.

    Scores have their 95 % intervals over seeds. Filled markers of the optima lie
    between the cells and carry the fitted line, whose slope stands in the legend with
    its interval. Open ones mark the best cell where the grid only bounds the optimum;
    they take no part. Faint lines have the slopes 0, ½ and 1.

    Args:
        landscapes: Optimizer → batch size → scores, as `landscapes_of_batch_sizes`
            gives them.
        epsilon: Loss of score that counts as none, in its unit.
        quantity: How scores are shown.

    Returns:
        The figure, 7 inches wide.

    Raises:
        ValueError: As `batch_size_scaling`, or if there is no optimizer.

    Example:

    ```python
    lion = landscapes_of_batch_sizes(frame, optimizer="lion")
    batch_size_figure({"lion": lion}, epsilon=0.01).savefig("batch_size.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "A batch-size curve")
    scalings = {
        name: batch_size_scaling(landscapes[name], epsilon)
        for name in in_order(landscapes)
    }
    figure, (scores, *optima) = panels((7, 2.7), 3, 3)
    for index, (name, found) in enumerate(scalings.items()):
        apart = _APART * (index - (len(scalings) - 1) / 2)
        sizes = np.array(found.batch_size) * 2**apart
        draw_bars(scores, sizes, found.best, name, factor=quantity.factor, ms=4)
    legend(scores)
    tidy(scores, ylabel=quantity.label)
    for ax, optimum in zip(optima, LABELS, strict=True):
        _draw_optima(landscapes, scalings, ax, optimum)
    for ax in (scores, *optima):
        _batch_axis(ax, scalings.values())
    return figure


def _draw_optima(
    landscapes: Mapping[str, Landscapes],
    scalings: Mapping[str, BatchSizeScaling],
    ax: Axes,
    optimum: Optimum,
) -> None:
    shown: list[tuple[float, float]] = []
    entries = []
    some_bounded = False
    for name, found in scalings.items():
        sizes = np.array(found.batch_size, dtype=float)
        values = np.array(getattr(found, optimum))
        exponent: Interval = getattr(found, f"{optimum}_exponent")
        known = np.isfinite(values)
        look = look_of(name)
        bounds = _bounds(landscapes[name], found, optimum)
        what = _slope_text(exponent) if known.any() or bounds else "no optimum"
        fit = line_of_slope(
            np.log10(sizes),
            np.log10(values),
            exponent.estimate,
            np.log10(sizes[known]),
        )
        ax.plot(sizes[known], 10**fit, **(look | {"marker": ""}))
        points = look | {"ls": "", "ms": 4.5}
        ax.plot(sizes[known], values[known], **points)
        ax.plot([x for x, _ in bounds], [y for _, y in bounds], mfc="white", **points)
        label = f"{optimizer_label(name)}: {what}"
        entries.append(entry(**(look | {"ms": 4.5, "label": label})))
        some_bounded |= bool(bounds)
        shown += [*zip(sizes[known], values[known], strict=True), *bounds]
    if some_bounded:
        open_marker = {"ls": "", "marker": "o", "mfc": "white", "ms": 4.5}
        entries.append(entry("open: only bounded", **open_marker))
    ax.set_yscale("log")
    _batch_axis(ax, scalings.values())
    if shown:
        _references(ax, np.array(shown))
    else:
        say(ax, "no optimum")
    legend(ax, handles=entries, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    tidy(ax, ylabel=LABELS[optimum])


def _slope_text(exponent: Interval) -> str:
    if math.isnan(exponent.estimate):
        return "no slope"
    if math.isnan(exponent.low):
        return f"slope {exponent.estimate:.2f}"
    return f"slope {exponent.estimate:.2f} [{exponent.low:.2f}, {exponent.high:.2f}]"


def _bounds(
    landscapes: Landscapes, found: BatchSizeScaling, optimum: Optimum
) -> list[tuple[float, float]]:
    """Batch size and value of the best cell where it only bounds the optimum."""
    points = []
    values = getattr(found, optimum)
    for size, value in zip(found.batch_size, values, strict=True):
        grid = landscapes[size]
        if math.isfinite(value) or grid.all_diverged:
            continue
        if optimum == "learning_rate":
            points.append((float(size), grid.best.learning_rate))
        elif (grid.weight_decay > 0).any() and not (grid := with_decay(grid)).empty:
            best = grid.best
            points.append((float(size), best.learning_rate * best.weight_decay))
    return points


def _batch_axis(ax: Axes, scalings: Iterable[BatchSizeScaling]) -> None:
    sizes = sorted({size for found in scalings for size in found.batch_size})
    ax.set_xscale("log", base=2)
    apart = math.log2(sizes[-1] / sizes[0]) / MOST_LABELS
    labels: list[str] = []
    last = -math.inf
    for size in sizes:
        labels.append(str(size) if math.log2(size) - last >= apart else "")
        last = math.log2(size) if labels[-1] else last
    ax.set_xticks(sizes, labels)
    ax.xaxis.minorticks_off()
    ax.set_xlim(sizes[0] / 1.5, sizes[-1] * 1.5)
    tidy(ax, "batch size B (examples)")


def _references(ax: Axes, points: np.ndarray) -> None:
    """Faint lines of the reference slopes through the middle of the data."""
    y = np.log10(points[:, 1])
    low, high = float(y.min()), float(y.max())
    # A decade or more, so that whole powers of ten can label the axis.
    pad = max(0.1 * (high - low), (1.1 - (high - low)) / 2)
    bottom, top = low - pad, high + pad
    left, right = (float(np.log10(end)) for end in ax.get_xlim())
    middle = ((left + right) / 2, (bottom + top) / 2)
    for name, slope in REFERENCES.items():
        ends = middle[1] + slope * (np.array([left, right]) - middle[0])
        ax.plot(10 ** np.array([left, right]), 10**ends, color=FAINT, lw=0.7, zorder=0)
        leaves_above = bool(ends[1] > top)
        at = (
            (middle[0] + (top - middle[1]) / slope, top)
            if leaves_above
            else (right, float(ends[1]))
        )
        ax.annotate(
            name,
            (10 ** at[0], 10 ** at[1]),
            xytext=(-3, 0) if leaves_above else (2, 0),
            textcoords="offset points",
            fontsize=TICK,
            color="#888888",
            ha="right" if leaves_above else "left",
            va="top" if leaves_above else "center",
            annotation_clip=False,
        )
    ax.set_ylim(10**bottom, 10**top)
    label_decades(ax.yaxis)


def _landscapes(material: Material) -> dict[str, Landscapes]:
    """Of the optimizers with several batch sizes that differ in nothing else."""
    runs = material.runs
    found: dict[str, Landscapes] = {}
    if "batch_size" in runs and runs["batch_size"].nunique() > 1:
        for name in in_order(runs["optimizer"].unique()):
            # It says so with a ValueError where seeds or budgets do not fit together.
            with contextlib.suppress(ValueError):
                grids = landscapes_of_batch_sizes(
                    runs, optimizer=name, value=material.value
                )
                if len(grids) > 1:
                    batch_size_scaling(grids, material.epsilon)
                    found[name] = grids
    return found


def _caption(material: Material) -> str:
    """How the best hyperparameters move with the batch size B."""

    def exponent(interval: Interval) -> str:
        known = math.isfinite(interval.estimate)
        return format(interval, ".2f") if known else "unknown"

    texts = []
    for name, grids in _landscapes(material).items():
        found = batch_size_scaling(grids, material.epsilon)
        texts.append(
            f"{optimizer_label(name)} lr* ∝ B^{exponent(found.learning_rate_exponent)},"
            f" (lr × λ)* ∝ B^{exponent(found.product_exponent)}"
        )
    return (
        f"Best {material.quantity.label}, best learning rate and best lr × λ at each "
        f"batch size B (examples). {'; '.join(texts)}. Open markers are at the edge of "
        "a grid: the optimum may lie beyond, and they take no part in the exponents."
    )


FIGURE = Drawing(
    "batch_size",
    "Best value, best learning rate and best product over the batch size",
    lambda given: bool(_landscapes(given)),
    lambda given: batch_size_figure(
        _landscapes(given), epsilon=given.epsilon, quantity=given.quantity
    ),
    _caption,
    scope="batch sizes",
)
