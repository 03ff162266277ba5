"""The figure of `studies/theory.py`: what weights do, and what the theory predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from keras_lion.report.elements.panels import BAND, DARK, entry, figure_legend, tidy
from keras_lion.report.elements.style import in_order, optimizer_color, optimizer_label

# Ending of the column, line style and name of what the theory says.
RECURSION = ("recursion", "solid", "theory: recursion")
EQUILIBRIUM = ("static", (0, (4, 2)), "theory: equilibrium")
BOUND = ("bound_times_decay", (0, (1, 1)), "bound for updates ≤ 1")
# Quantity → label, factor and predictions.
PANELS: dict[str, tuple[str, float, tuple[Any, ...]]] = {
    "weight_rms": ("weight RMS", 1.0, (RECURSION, EQUILIBRIUM)),
    "rotation": ("rotation (mrad / step)", 1e3, (RECURSION, EQUILIBRIUM)),
    "max_weight_times_decay": ("max |w| × λ", 1.0, (BOUND,)),
}
MARKERS = ("o", "^", "s", "D")


def theory_figure(frame: pd.DataFrame) -> Figure:
    """Weight RMS, rotation and largest weight over steps: a row each.

    Curves are means over seeds with their range, one per tensor, told apart by marker
    and shade. Dark lines are the theory: the recursion from the initial weights
    (solid), the equilibrium (dashed), or the bound that no weight exceeds if no update
    exceeds 1, as Lion's do not (dotted). A value stands at the end of the part of the
    training over which it was taken.

    Args:
        frame: What `studies/theory.py` wrote of one condition: the columns optimizer,
            seed, tensor, step, the quantities, and what was predicted of them.

    Returns:
        The figure, a column per optimizer.

    Raises:
        ValueError: If the frame has no rows.

    Example:

    ```python
    theory_figure(pd.read_csv("studies/results/theory/baseline.csv")).savefig("t.png")
    ```
    """
    if frame.empty:
        raise ValueError("The figure needs runs. Received a frame without rows.")
    names = in_order(frame["optimizer"].unique())
    figure = Figure((3.4 if len(names) == 1 else 7, 5.6), layout="constrained")
    axes = figure.subplots(len(PANELS), len(names), squeeze=False, sharex="col")
    for (row, column), ax in np.ndenumerate(axes):
        runs = frame[frame["optimizer"] == names[column]]
        _draw(runs, ax, [*PANELS][row], optimizer_color(names[column]))
        ax.set_title("" if row else optimizer_label(names[column]), fontsize=9)
        if row < len(PANELS) - 1:
            ax.set_xlabel("")
    entries: list[Any] = [
        entry(f"{tensor}, mean over seeds", lw=1.3, ms=3, **_look(number))
        for number, tensor in enumerate(frame["tensor"].unique())
    ]
    if frame["seed"].nunique() > 1:
        entries.append(Patch(color=DARK, alpha=BAND, lw=0, label="range over seeds"))
    for _, style, name in (RECURSION, EQUILIBRIUM, BOUND):
        entries.append(entry(name, ls=style, lw=0.9))
    figure_legend(figure, entries, ncols=3 if len(names) > 1 else 2)
    return figure


def _look(number: int) -> dict[str, Any]:
    """Marker and shade of a tensor."""
    shade = 0.55 if number else 1.0
    return {"marker": MARKERS[number % len(MARKERS)], "alpha": shade}


def _draw(runs: pd.DataFrame, ax: Axes, quantity: str, color: str) -> None:
    label, factor, predictions = PANELS[quantity]
    for number, (_, rows) in enumerate(runs.groupby("tensor", sort=False)):
        look = _look(number)
        seaborn.lineplot(
            x=rows["step"],
            y=factor * rows[quantity],
            errorbar=("pi", 100),  # from the least to the largest seed
            err_kws={"alpha": BAND, "lw": 0},
            color=color,
            lw=1.3,
            ms=3,
            mec=color,
            markevery=max(rows["step"].nunique() // 8, 1),
            legend=False,
            ax=ax,
            **look,
        )
        for ending, style, _ in predictions:
            column = ending if ending in rows else f"{quantity}_{ending}"
            seaborn.lineplot(
                x=rows["step"],
                y=factor * rows[column],
                errorbar=None,
                color=DARK,
                alpha=look["alpha"],
                ls=style,
                lw=0.9,
                legend=False,
                ax=ax,
            )
    ax.margins(y=0.06)
    if predictions == (BOUND,):
        ax.set_ylim(bottom=0)
    ax.set_xlim(0, float(runs["step"].max()))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    tidy(ax, "step", label)
