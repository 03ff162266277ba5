"""How single cells trained: the best, the one in the middle, the worst."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_lion.report.marks import DARK, TICK, say, tidy
from keras_lion.report.style import (
    in_order,
    label_decades,
    number,
    optimizer_colour,
    optimizer_label,
    optimizer_marker,
)
from keras_lion.robustness.grid import cells_to_show
from keras_lion.robustness.landscape import Landscape, Value
from keras_lion.robustness.runs import RunCurves, curves_of_cell

Limits = tuple[float, float]

_LABELS = {
    "loss": "validation loss (nats)",
    "train_loss": "training loss (nats)",
    "accuracy": "validation accuracy (%)",
}
_FACTORS = {"accuracy": 100.0}
BEYOND = 3.0  # times the largest loss of a run that trained: where the axis ends
_CROSS: dict[str, Any] = {
    "marker": "x",
    "color": "black",
    "ms": 4.5,
    "mew": 1.0,
    "ls": "",
}


def plot_learning_curves(
    curves: RunCurves,
    ax: Axes,
    *,
    optimizer: str,
    quantity: str = "loss",
    limits: Limits | None = None,
) -> Axes:
    """Draw the runs of one cell: seeds thin, their mean thick.

    The mean ends where the first run does. A cross marks the last finite value of each
    diverged run, at the edge of the panel where that value lies beyond.

    Args:
        curves: One curve for each seed.
        ax: Axes to draw on.
        optimizer: Optimizer of the cell, which decides colour and marker.
        quantity: What the curves show: `"loss"`, `"train_loss"` (both on a log axis),
            `"accuracy"` (in percent), or another name.
        limits: Ends of the vertical axis, in shown units, for panels that share it.
            None: `axis_limits` of these curves.

    Returns:
        `ax`.

    Example:

    ```python
    cell = {"optimizer": "lion", "learning_rate": 1e-3, "weight_decay": 0.3}
    plot_learning_curves(curves_of_cell(frame, **cell), ax, optimizer="lion")
    ```
    """
    factor, colour = _FACTORS.get(quantity, 1.0), optimizer_colour(optimizer)
    tidy(ax, "epoch", _LABELS.get(quantity, quantity))
    if not np.isfinite(curves.values).any():
        say(ax, "no finite value")
        return ax
    low, high = axis_limits([curves], quantity) if limits is None else limits
    ax.set_ylim(low, high)
    if _logarithmic(quantity, low):
        ax.set_yscale("log")
        label_decades(ax.yaxis)
    alone = len(curves.seed) == 1
    for index, values in enumerate(factor * curves.values):
        ax.plot(
            curves.epoch,
            values,
            color=colour,
            lw=1.3 if alone else 0.6,
            alpha=1.0 if alone else 0.55,
        )
        at, last = curves.last_point(index)
        if curves.diverged[index] and np.isfinite(last):
            height = float(np.clip(factor * last, low, high))
            ax.plot(at, height, zorder=5, clip_on=False, **_CROSS)
    if not alone:
        ax.plot(
            curves.epoch,
            factor * curves.mean,
            color=colour,
            lw=1.8,
            marker=optimizer_marker(optimizer),
            ms=3.2,
            markevery=max(len(curves.epoch) // 6, 1),
        )
    ax.set_xlim(0, float(curves.epoch[-1]))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return ax


def learning_curves_figure(
    frame: pd.DataFrame,
    *,
    task: str,
    optimizers: Sequence[str] | None = None,
    quantity: str = "loss",
    value: Value = "final_loss",
) -> Figure:
    """A figure, 7 inches wide: best, centre and worst cell of each optimizer.

    Args:
        frame: Run records of one condition, one per row, with `history`.
        task: Task whose runs are shown.
        optimizers: Which ones to show. None: all.
        quantity: What the curves show, as in `plot_learning_curves`.
        value: What best and worst mean: `"final_loss"` or `"score"`.

    Returns:
        The figure; all panels share their axes.

    Raises:
        ValueError: If the task has no runs, or as `curves_of_cell`.

    Example:

    ```python
    learning_curves_figure(load_runs("results/lr_wd"), task="digits").savefig("l.png")
    ```
    """
    runs = frame[frame["task"] == task]
    names = in_order(runs["optimizer"].unique()) if optimizers is None else optimizers
    if not len(names):
        known = ", ".join(map(str, frame["task"].unique())) or "none"
        raise ValueError(
            f"Learning curves need runs of an optimizer. Received: task={task!r}; the "
            f"records have the tasks: {known}."
        )
    curves: dict[tuple[str, str], tuple[str, RunCurves]] = {}
    for name in names:
        grid = Landscape.from_runs(frame, optimizer=name, task=task, value=value)
        for kind, (i, j) in cells_to_show(grid).items():
            rate, decay = float(grid.learning_rate[j]), float(grid.weight_decay[i])
            found = curves_of_cell(
                frame,
                optimizer=name,
                learning_rate=rate,
                weight_decay=decay,
                quantity=quantity,
                task=task,
            )
            title = f"{optimizer_label(name)}, {kind}: η {number(rate)}, "
            title = f"{title}λ {number(decay)}"
            if count := int(found.diverged.sum()):
                title = f"{title}\n{count} of {len(found.seed)} diverged"
            curves[name, kind] = title, found
    limits = axis_limits([found for _, found in curves.values()], quantity)
    figure = Figure((7, 1.75 * len(names) + 0.45), layout="constrained")
    axes = figure.subplots(len(names), 3, squeeze=False, sharex=True, sharey=True)
    last = max(float(found.epoch[-1]) for _, found in curves.values())
    for ax, ((name, _), (title, found)) in zip(axes.flat, curves.items(), strict=True):
        plot_learning_curves(
            found, ax, optimizer=name, quantity=quantity, limits=limits
        )
        ax.set_title(title, fontsize=8)
        ax.set_xlim(0, last)
        ax.label_outer()
    _figure_legend(figure, [found for _, found in curves.values()])
    return figure


def axis_limits(curves: Iterable[RunCurves], quantity: str = "loss") -> Limits:
    """Ends of an axis that a few explosions do not stretch.

    From the smallest to the largest value, in shown units, with a margin. Losses of
    diverged runs beyond `BEYOND` times the largest of the runs that trained (where none
    did: of the smallest first value) do not count.

    Args:
        curves: Curves that share the axis.
        quantity: What they show.

    Returns:
        (low, high).

    Raises:
        ValueError: If no value is finite.
    """
    scale = _FACTORS.get(quantity, 1.0)
    calm: list[float] = []
    wild: list[float] = []
    first: list[float] = []
    for found in curves:
        for values, diverged in zip(found.values, found.diverged, strict=True):
            finite = (scale * values[np.isfinite(values)]).tolist()
            (wild if diverged else calm).extend(finite)
            first += finite[:1]
    if not first:
        raise ValueError("An axis needs a finite value. Received curves without one.")
    low, high = min(calm + wild), max(calm + wild)
    if "loss" in quantity:
        high = min(high, BEYOND * (max(calm) if calm else min(first)))
        low = min(low, high)
    if _logarithmic(quantity, low):
        return low / 1.15, high * 1.15
    pad = 0.05 * (high - low) or 0.5
    return low - pad, high + pad


def _logarithmic(quantity: str, low: float) -> bool:
    return "loss" in quantity and low > 0


def _figure_legend(figure: Figure, curves: list[RunCurves]) -> None:
    entries = [Line2D([], [], color=DARK, lw=0.6, label="one seed")]
    if any(len(found.seed) > 1 for found in curves):
        entries.append(Line2D([], [], color=DARK, lw=1.8, label="mean over seeds"))
    if any(found.diverged.any() for found in curves):
        text = "diverged: its last finite value, or the edge if beyond"
        entries.append(Line2D([], [], label=text, **_CROSS))
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=3,
        fontsize=TICK,
        frameon=False,
    )
