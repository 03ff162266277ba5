"""What weights do in training, and what the theory predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from keras_lion.report.marks import DARK, TICK, tidy
from keras_lion.report.style import in_order, optimizer_colour, optimizer_label
from keras_lion.robustness.runs import seed_ranges

Measured = Literal["weight_rms", "rotation", "max_weight_times_decay"]

BOUNDED = "max_weight_times_decay"
QUANTITIES: tuple[Measured, ...] = get_args(Measured)
_LABELS = {
    "weight_rms": "weight RMS",
    "rotation": "rotation (mrad / step)",
    "max_weight_times_decay": "max |w| · λ",
}
_FACTORS = {"rotation": 1e3}
# Ending of the column, line style and name of what the theory says.
_RECURSION = ("recursion", "solid", "theory: recursion")
_EQUILIBRIUM = ("static", (0, (4, 2)), "theory: equilibrium")
_BOUND = ("bound_times_decay", (0, (1, 1)), "bound for updates ≤ 1")
_PREDICTIONS = {
    "weight_rms": (_RECURSION, _EQUILIBRIUM),
    "rotation": (_RECURSION, _EQUILIBRIUM),
    "max_weight_times_decay": (_BOUND,),
}
_SHADES = (1.0, 0.55)  # of the first tensor and the others
_MARKERS = ("o", "^", "s", "D")


def plot_measured_and_predicted(
    frame: pd.DataFrame,
    ax: Axes,
    *,
    optimizer: str,
    quantity: Measured,
) -> Axes:
    """Draw one quantity over steps: the mean over seeds, their range, the predictions.

    One curve a tensor, told apart by marker and shade. Dark lines are the theory: the
    recursion from the initial weights (solid), the equilibrium (dashed), or the bound
    that no weight exceeds if no update exceeds 1, as Lion's do not (dotted). A value
    stands at the end of the part of the training over which it was taken.

    Args:
        frame: What `studies/theory.py` wrote: the columns optimizer, seed, tensor,
            step, the quantity, and what was predicted of it.
        ax: Axes to draw on.
        optimizer: Optimizer whose rows are drawn.
        quantity: `"weight_rms"`, `"rotation"` or `"max_weight_times_decay"`.

    Returns:
        `ax`.

    Raises:
        ValueError: If the quantity is none of these, a column is missing, or the
            optimizer has no rows.

    Example:

    ```python
    frame = pd.read_csv("studies/results/theory/baseline.csv")
    plot_measured_and_predicted(frame, ax, optimizer="lion", quantity="rotation")
    ```
    """
    if quantity not in QUANTITIES:
        raise ValueError(
            f"`quantity` must be one of {', '.join(QUANTITIES)}. "
            f"Received: {quantity!r}."
        )
    predictions = [
        (ending if quantity == BOUNDED else f"{quantity}_{ending}", style)
        for ending, style, _ in _PREDICTIONS[quantity]
    ]
    _check_columns(frame, [quantity, *(column for column, _ in predictions)])
    runs = frame[frame["optimizer"] == optimizer]
    if runs.empty:
        known = ", ".join(sorted(frame["optimizer"].unique())) or "none"
        raise ValueError(f"No row has optimizer={optimizer!r}. The frame has: {known}.")
    colour, factor = optimizer_colour(optimizer), _FACTORS.get(quantity, 1.0)
    drawn = [0.0] if quantity == BOUNDED else []
    for number, tensor in enumerate(runs["tensor"].unique()):
        rows = runs[runs["tensor"] == tensor]
        alpha = _SHADES[min(number, 1)]
        found = seed_ranges(rows, quantity, by=["step"])
        ends = factor * found["low"], factor * found["high"]
        ax.fill_between(found["step"], *ends, color=colour, alpha=0.15, lw=0)
        ax.plot(
            found["step"],
            factor * found["mean"],
            color=colour,
            alpha=alpha,
            lw=1.3,
            marker=_MARKERS[number % len(_MARKERS)],
            ms=3,
            markevery=max(len(found) // 8, 1),
        )
        drawn += [float(ends[0].min()), float(ends[1].max())]
        for column, style in predictions:
            path = seed_ranges(rows, column, by=["step"])
            mean = factor * path["mean"]
            ax.plot(path["step"], mean, color=DARK, alpha=alpha, ls=style, lw=0.9)
            drawn += [float(mean.min()), float(mean.max())]
    pad = 0.06 * (max(drawn) - min(drawn)) or 1.0
    ax.set_ylim(min(drawn) - (0 if quantity == BOUNDED else pad), max(drawn) + pad)
    ax.set_xlim(0, float(runs["step"].max()))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    return tidy(ax, "step", _LABELS[quantity])


def theory_figure(
    frame: pd.DataFrame, *, optimizers: Sequence[str] | None = None
) -> Figure:
    """A figure, 7 inches wide: a row a quantity, a column an optimizer.

    Args:
        frame: What `studies/theory.py` wrote of one condition.
        optimizers: Which ones to show. None: all.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no optimizer, or as `plot_measured_and_predicted`.

    Example:

    ```python
    theory_figure(pd.read_csv("studies/results/theory/baseline.csv")).savefig("t.png")
    ```
    """
    _check_columns(frame, [])
    names = in_order(frame["optimizer"].unique()) if optimizers is None else optimizers
    if not len(names):
        raise ValueError(
            "The figure needs an optimizer. Received a frame without rows."
        )
    columns = len(names)
    figure = Figure((3.4 if columns == 1 else 7, 5.6), layout="constrained")
    axes = figure.subplots(len(QUANTITIES), columns, squeeze=False, sharex="col")
    for (row, column), ax in np.ndenumerate(axes):
        plot_measured_and_predicted(
            frame, ax, optimizer=names[column], quantity=QUANTITIES[row]
        )
        if row == 0:
            ax.set_title(optimizer_label(names[column]), fontsize=9)
        if row < len(QUANTITIES) - 1:
            ax.set_xlabel("")
    _figure_legend(figure, frame[frame["optimizer"].isin(names)])
    return figure


def _figure_legend(figure: Figure, frame: pd.DataFrame) -> None:
    entries: list[Any] = [
        Line2D(
            [],
            [],
            color=DARK,
            alpha=_SHADES[min(number, 1)],
            lw=1.3,
            marker=_MARKERS[number % len(_MARKERS)],
            ms=3,
            label=f"{tensor}, mean over seeds",
        )
        for number, tensor in enumerate(frame["tensor"].unique())
    ]
    if frame["seed"].nunique() > 1:
        entries.append(Patch(color=DARK, alpha=0.15, lw=0, label="range over seeds"))
    entries += [
        Line2D([], [], color=DARK, ls=style, lw=0.9, label=name)
        for _, style, name in (_RECURSION, _EQUILIBRIUM, _BOUND)
    ]
    figure.legend(
        handles=entries,
        loc="outside lower center",
        ncols=3 if frame["optimizer"].nunique() > 1 else 2,
        fontsize=TICK,
        frameon=False,
    )


def _check_columns(frame: pd.DataFrame, more: list[str]) -> None:
    needed = ["optimizer", "seed", "tensor", "step", *more]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(
            f"The theory panel needs the columns {', '.join(needed)}. "
            f"Missing: {', '.join(missing)}: `studies/theory.py` writes them."
        )
