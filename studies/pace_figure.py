"""The best memory of weights over batch size, training length and number of examples.

Command    make evidence
Result     studies/results/pace/figures/memory.png

Drawn from the runs of studies/pace.py in the public table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.panels import (
    DARK,
    entry,
    figure_legend,
    look_of,
    panels,
    tidy,
)
from keras_lion.robustness.effective_decay.pace import BestMemory, best_memory

SIDES = ("lion", "adamw")
LABELS = {
    "batch_sizes": "batch size (examples)",
    "length": "epochs",
    "examples": "training examples",
}
# Exponent of the best memory in epochs that was predicted; otherwise 0.
PREDICTED = {"length": 0.5}

Conditions = Mapping[float, pd.DataFrame]


def memory_figure(found: Mapping[str, Conditions]) -> Figure:
    """Best memory 1 / (lr × λ), in epochs, over each condition.

    Bars are 95 % intervals from leaving one seed out; where one is missing, an optimum
    lies on an end of its range without one of the seeds. Dotted: what was predicted, a
    constant, or the root of the length, through the first value of each optimizer.

    Args:
        found: What varies, of `LABELS` → its value → runs.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no condition.
    """
    if not found:
        raise ValueError("The figure needs a condition. Received none.")
    size = (0.6 + 2.2 * len(found), 2.6)
    figure, axes = panels(size, len(found), len(found), sharey=True)
    for place, (ax, (name, frames)) in enumerate(zip(axes, found.items(), strict=True)):
        for side in SIDES:
            best = best_memory(frames, optimizer=side)
            _draw(ax, best, side, PREDICTED.get(name, 0.0))
        tidy(ax, LABELS[name], "" if place else "best memory 1 / (lr × λ) (epochs)")
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(sorted(frames), [f"{x:g}" for x in sorted(frames)])
        ax.xaxis.minorticks_off()
    figure_legend(
        figure,
        [
            *(entry(**(look_of(side) | {"ms": 4.5})) for side in SIDES),
            entry("predicted", color=DARK, ls=":", lw=1),
        ],
        ncols=3,
    )
    return figure


def _draw(ax: Axes, best: BestMemory, side: str, predicted: float) -> None:
    look = look_of(side)
    x, y = np.array(best.condition), np.array(best.epochs)
    known = np.isfinite(y)
    if not known.any():
        return
    errors = [
        (each.estimate - each.low, each.high - each.estimate)
        if math.isfinite(each.low)
        else (0.0, 0.0)
        for each in best.intervals
    ]
    ax.errorbar(
        x[known],
        y[known],
        yerr=np.array(errors)[known].T,
        fmt=look["marker"],
        ls=look["ls"],
        lw=look["lw"],
        color=look["color"],
        ms=4.5,
        elinewidth=0.9,
        capsize=1.5,
    )
    start = y[known][0]
    ax.plot(x, start * (x / x[known][0]) ** predicted, color=DARK, ls=":", lw=1)
