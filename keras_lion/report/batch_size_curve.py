"""Best score and best hyperparameters over the batch size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.marks import (
    DARK,
    FAINT,
    TICK,
    legend,
    say,
    tidy,
)
from keras_lion.report.style import (
    ACCURACY,
    Quantity,
    in_order,
    label_decades,
    optimizer_colour,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
)
from keras_lion.robustness.batch_size import BatchSizeScaling, batch_size_scaling
from keras_lion.robustness.grid import line_of_slope, with_decay
from keras_lion.robustness.landscape import Landscape
from keras_lion.statistics import Interval

Landscapes = Mapping[int, Landscape]
Optimum = Literal["learning_rate", "product"]

REFERENCES = {"0": 0.0, "½": 0.5, "1": 1.0}  # slopes to compare with
_LABELS = {
    "learning_rate": "best learning rate η*",
    "product": "best product (η·λ)*",
}
_APART = 0.05  # doublings between the error bars of two optimizers
MOST_LABELS = 5.5  # that fit below a panel of 2 inches


def plot_best_scores(
    scalings: Mapping[str, BatchSizeScaling],
    ax: Axes,
    *,
    quantity: Quantity = ACCURACY,
) -> Axes:
    """Draw the best score at each batch size, with its interval over seeds.

    Args:
        scalings: Optimizer → what `batch_size_scaling` found.
        ax: Axes to draw on.
        quantity: How scores are shown.

    Returns:
        `ax`.

    Raises:
        ValueError: If `scalings` is empty.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 2.4), layout="constrained")
    plot_best_scores({"lion": batch_size_scaling(lion, 0.01)}, figure.subplots())
    ```
    """
    names = _names(scalings)
    for number, name in enumerate(names):
        found = scalings[name]
        best = [each.scaled(quantity.factor) for each in found.best]
        middle = np.array([each.estimate for each in best])
        # Intervals of one seed are NaN: a point without a bar.
        below = middle - np.array([each.low for each in best])
        above = np.array([each.high for each in best]) - middle
        apart = _APART * (number - (len(names) - 1) / 2)
        ax.errorbar(
            np.array(found.batch_size) * 2**apart,
            middle,
            yerr=np.nan_to_num([below, above]),
            color=optimizer_colour(name),
            marker=optimizer_marker(name),
            ls=optimizer_line(name),
            ms=4,
            lw=1.3,
            elinewidth=0.9,
            capsize=1.5,
            label=optimizer_label(name),
        )
    _batch_axis(ax, scalings.values())
    legend(ax)
    return tidy(ax, "batch size B (examples)", quantity.label)


def plot_best_hyperparameter(
    landscapes: Mapping[str, Landscapes],
    scalings: Mapping[str, BatchSizeScaling],
    ax: Axes,
    *,
    optimum: Optimum = "learning_rate",
) -> Axes:
    """Draw lr* or (lr × λ)* over the batch size, with its exponent.

    Filled markers lie between the cells and carry the fitted line, whose slope stands
    in the legend with its interval. Open ones mark the best cell where the grid only
    bounds the optimum; they take no part. Faint lines have the slopes 0, ½ and 1.

    Args:
        landscapes: Optimizer → batch size → scores.
        scalings: Optimizer → what `batch_size_scaling` found in them.
        ax: Axes to draw on.
        optimum: `"learning_rate"` or `"product"`.

    Returns:
        `ax`.

    Raises:
        ValueError: If `scalings` is empty, or `optimum` is neither.

    Example:

    ```python
    scalings = {"lion": batch_size_scaling(lion, 0.01)}
    plot_best_hyperparameter({"lion": lion}, scalings, ax, optimum="product")
    ```
    """
    if optimum not in get_args(Optimum):
        raise ValueError(
            f"`optimum` must be one of {', '.join(get_args(Optimum))}. "
            f"Received: {optimum!r}."
        )
    shown: list[tuple[float, float]] = []
    some_bounded = False
    for name in _names(scalings):
        found = scalings[name]
        sizes = np.array(found.batch_size, dtype=float)
        values = np.array(getattr(found, optimum))
        exponent: Interval = getattr(found, f"{optimum}_exponent")
        known = np.isfinite(values)
        colour, marker = optimizer_colour(name), optimizer_marker(name)
        bounds = _bounds(landscapes[name], found, optimum)
        what = _slope_text(exponent) if known.any() or bounds else "no optimum"
        label = f"{optimizer_label(name)}: {what}"
        fit = line_of_slope(
            np.log10(sizes),
            np.log10(values),
            exponent.estimate,
            np.log10(sizes[known]),
        )
        ax.plot(sizes[known], 10**fit, color=colour, ls=optimizer_line(name), lw=1.3)
        ax.plot(sizes[known], values[known], color=colour, marker=marker, ls="", ms=4.5)
        # The legend shows line and marker together, also where nothing is known.
        ax.plot(
            [],
            [],
            color=colour,
            marker=marker,
            ls=optimizer_line(name),
            ms=4.5,
            lw=1.3,
            label=label,
        )
        if bounds:
            ax.plot(
                *zip(*bounds, strict=True),
                ls="",
                color=colour,
                marker=marker,
                mfc="white",
                ms=4.5,
            )
        some_bounded |= bool(bounds)
        shown += [*zip(sizes[known], values[known], strict=True), *bounds]
    if some_bounded:
        text = "open: only bounded"
        ax.plot([], [], "o", mfc="white", color=DARK, ms=4.5, label=text)
    _batch_axis(ax, scalings.values())
    ax.set_yscale("log")
    if shown:
        _references(ax, np.array(shown))
    else:
        say(ax, "no optimum")
    legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return tidy(ax, "batch size B (examples)", _LABELS[optimum])


def batch_size_figure(
    landscapes: Mapping[str, Landscapes],
    *,
    epsilon: float,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """A figure, 7 inches wide: best score, lr* and (lr × λ)* over the batch size.

    Args:
        landscapes: Optimizer → batch size → scores, as `landscapes_of_batch_sizes`
            gives them.
        epsilon: Loss of score that counts as none, in its unit.
        quantity: How scores are shown.

    Returns:
        The figure.

    Raises:
        ValueError: As `batch_size_scaling`, or if there is no optimizer.

    Example:

    ```python
    lion = landscapes_of_batch_sizes(frame, optimizer="lion")
    batch_size_figure({"lion": lion}, epsilon=0.01).savefig("batch_size.png", dpi=200)
    ```
    """
    scalings = {
        name: batch_size_scaling(grids, epsilon) for name, grids in landscapes.items()
    }
    figure = Figure((7, 2.7), layout="constrained")
    scores, rates, products = figure.subplots(1, 3)
    plot_best_scores(scalings, scores, quantity=quantity)
    plot_best_hyperparameter(landscapes, scalings, rates)
    plot_best_hyperparameter(landscapes, scalings, products, optimum="product")
    return figure


def _names(scalings: Mapping[str, BatchSizeScaling]) -> list[str]:
    if not scalings:
        raise ValueError(
            "A batch-size curve needs an optimizer with its scaling. Received: none."
        )
    return in_order(scalings)


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
    ax.minorticks_off()
    ax.set_xlim(sizes[0] / 1.5, sizes[-1] * 1.5)


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
