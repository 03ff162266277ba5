"""How single cells trained: the best, the one in the middle, the worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    Look,
    entry,
    figure_legend,
    panels,
    say,
    tidy,
)
from keras_lion.report.elements.style import (
    in_order,
    label_decades,
    number,
    optimizer_color,
    optimizer_label,
    optimizer_marker,
)
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.frames.runs import FINISHED, RunCurves, curves_of_cell
from keras_lion.robustness.grid import cells_to_show
from keras_lion.robustness.landscape import Landscape, Value

Limits = tuple[float, float]

_LOSSES = {"loss": "validation loss", "train_loss": "training loss"}
_FACTORS = {"accuracy": 100.0}
BEYOND = 3.0  # times the largest loss of a run that trained: where the axis ends
_CROSS: Look = {"marker": "x", "color": "black", "ms": 4.5, "ls": ""}


def learning_curves_figure(
    frame: pd.DataFrame,
    *,
    task: str,
    optimizers: Sequence[str] | None = None,
    quantity: str = "loss",
    value: Value = "final_loss",
) -> Figure:
    """Curves of the best, the middle and the worst cell: seeds thin, their mean thick.

    The mean ends where the first run does. A cross marks the last finite value of each
    diverged run, at the edge of the panel where that value lies beyond.

    Args:
        frame: Run records of one condition, one per row, with `history`.
        task: Task whose runs are shown.
        optimizers: Which ones to show. None: all.
        quantity: What the curves show: `"loss"`, `"train_loss"` (both on a log axis),
            `"accuracy"` (in percent), or another name.
        value: What best and worst mean: `"final_loss"` or `"score"`.

    Returns:
        The figure, 7 inches wide; all panels share their axes.

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
    shown: list[tuple[str, str, RunCurves]] = []
    for name in names:
        grid = Landscape.from_runs(frame, optimizer=name, task=task, value=value)
        for kind, (i, j) in cells_to_show(grid).items():
            rate, decay = float(grid.learning_rate[j]), float(grid.weight_decay[i])
            cell: Look = {
                "optimizer": name,
                "learning_rate": rate,
                "weight_decay": decay,
            }
            found = curves_of_cell(frame, **cell, quantity=quantity, task=task)
            title = f"{optimizer_label(name)}, {kind}: lr {number(rate)}, "
            title += f"λ {number(decay)}"
            if count := int(found.diverged.sum()):
                title += f"\n{count} of {len(found.seed)} diverged"
            shown.append((name, title, found))
    curves = [found for _, _, found in shown]
    limits = axis_limits(curves, quantity)
    size = (7, 1.75 * len(names) + 0.45)
    figure, axes = panels(size, len(shown), 3, sharex=True, sharey=True)
    for ax, (name, title, found) in zip(axes, shown, strict=True):
        _draw(found, ax, name, quantity, limits, _label(runs, quantity))
        ax.set_title(title, fontsize=8)
        ax.label_outer()
    axes[0].set_xlim(0, max(float(found.epoch[-1]) for found in curves))
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure_legend(figure, _entries(curves), ncols=3)
    return figure


def _draw(
    curves: RunCurves,
    ax: Axes,
    optimizer: str,
    quantity: str,
    limits: Limits,
    label: str,
) -> None:
    factor, color = _FACTORS.get(quantity, 1.0), optimizer_color(optimizer)
    tidy(ax, "epoch", label)
    if not np.isfinite(curves.values).any():
        say(ax, "no finite value")
        return
    ax.set_ylim(limits)
    if _logarithmic(quantity, limits[0]):
        ax.set_yscale("log")
        label_decades(ax.yaxis)
    alone = len(curves.seed) == 1
    look: Look = {"lw": 1.3} if alone else {"lw": 0.6, "alpha": 0.55}
    ax.plot(curves.epoch, factor * curves.values.T, color=color, **look)
    for index in np.flatnonzero(curves.diverged):
        at, last = curves.last_point(int(index))
        if np.isfinite(last):
            height = float(np.clip(factor * last, *limits))
            ax.plot(at, height, zorder=5, clip_on=False, **_CROSS)
    if not alone:
        ax.plot(
            curves.epoch,
            factor * curves.mean,
            color=color,
            lw=1.8,
            marker=optimizer_marker(optimizer),
            ms=3.2,
            markevery=max(len(curves.epoch) // 6, 1),
        )


def _label(runs: pd.DataFrame, quantity: str) -> str:
    if quantity == "accuracy":
        return "validation accuracy (%)"
    unit = quantity_of_runs(runs, "final_loss").unit if quantity in _LOSSES else ""
    return _LOSSES.get(quantity, quantity) + (f" ({unit})" if unit else "")


def axis_limits(curves: Iterable[RunCurves], quantity: str = "loss") -> Limits:
    """Ends of an axis that a few explosions do not stretch.

    From the smallest to the largest value, in shown units, with a margin. Losses of
    diverged runs beyond `BEYOND` times the largest of the runs that trained (where none
    did: of the smallest first value) do not count.
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


def _entries(curves: list[RunCurves]) -> list[Any]:
    entries = [entry("one seed", lw=0.6)]
    if any(len(found.seed) > 1 for found in curves):
        entries.append(entry("mean over seeds", lw=1.8))
    if any(found.diverged.any() for found in curves):
        text = "diverged: its last finite value, or the edge if beyond"
        entries.append(entry(text, **_CROSS))
    return entries


def _has_losses(material: Material) -> bool:
    """Whether every finished run has a history with the validation loss."""
    if "history" not in material.runs or not material.measured:
        return False
    finished = material.runs[material.runs["status"].isin(FINISHED)]
    # Every cell may be the one that is shown.
    return all(
        isinstance(each, Mapping) and {"epoch", "loss"} <= set(each)
        for each in finished["history"]
    )


def _caption(material: Material) -> str:
    """Which cells' curves are shown."""

    def cells(landscape: Landscape) -> str:
        return ", ".join(
            f"{which} lr = {number(float(landscape.learning_rate[j]))}, "
            f"λ = {number(float(landscape.weight_decay[i]))}"
            for which, (i, j) in cells_to_show(landscape).items()
        )

    return (
        f"{quantity_of_runs(material.runs, 'final_loss').heading} over epochs, of the "
        "best cell, the one in the middle of the grid and the worst "
        f"({material.seeds}): seeds thin, their mean thick; a cross is the last finite "
        "value of a diverged run. "
        f"{material.each(cells)}."
    )


FIGURE = Drawing(
    "learning_curves",
    "Validation loss over epochs, of the best, the middle and the worst cell",
    _has_losses,
    lambda given: learning_curves_figure(
        given.runs, task=given.task, optimizers=list(given.measured), value=given.value
    ),
    _caption,
)
