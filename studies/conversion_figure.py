"""The figure of `studies/conversion.py`: Lion's loss over the factor from AdamW's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from keras_lion.report.elements.panels import (
    BAND,
    DARK,
    FAINT,
    Look,
    entry,
    figure_legend,
    look_of,
    panels,
    tidy,
)
from keras_lion.report.figures.rule_of_thumb_curve import ADVICE
from keras_lion.statistics import t_interval
from studies.conversion import MATCHED, Conversions
from studies.transfer_from_adamw import FACTORS, SAME_NORMS

COLUMNS = 5
TICKS = (1, 3, 10, 30)


def conversion_figure(found: Sequence[Conversions]) -> Figure:
    """Lion at AdamW's lr / k and λ × k over k, at "matched", and at its own best.

    Bands and bars are 95 % intervals over seeds; the gray one is the advised range of
    k. "matched" stands at the factor of its learning rate.

    Args:
        found: The tasks, one panel each.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no task.
    """
    if not found:
        raise ValueError("The figure needs a task. Received none.")
    columns = min(len(found), COLUMNS)
    rows = -(-len(found) // columns)
    size = (0.6 + 1.75 * columns, 0.7 + 1.75 * rows)
    figure, axes = panels(size, len(found), columns)
    for place, (ax, each) in enumerate(zip(axes, found, strict=True)):
        _draw(ax, each)
        ax.set_title(each.task, fontsize=7.5)
        tidy(
            ax,
            "factor k" if place >= len(found) - columns else "",
            "validation loss (nats)" if place % columns == 0 else "",
        )
    figure_legend(figure, _entries(), ncols=5)
    return figure


def _draw(ax: Axes, each: Conversions) -> None:
    lion, adamw = look_of("lion"), look_of("adamw")
    curve = [t_interval(each.losses[k]) for k in FACTORS]
    recipe, matched = t_interval(each.adamw), t_interval(each.losses[MATCHED])
    ax.axvspan(*ADVICE, color=FAINT, alpha=0.25, lw=0)
    for level, color in ((recipe, adamw["color"]), (each.own_best, DARK)):
        ax.axhspan(level.low, level.high, color=color, alpha=BAND, lw=0)
        ls = ":" if level is each.own_best else adamw["ls"]
        ax.axhline(level.estimate, color=color, lw=1.1, ls=ls)
    low, high = [c.low for c in curve], [c.high for c in curve]
    ax.fill_between(FACTORS, low, high, color=lion["color"], alpha=BAND, lw=0)
    ax.plot(FACTORS, [c.estimate for c in curve], ms=3, **lion)
    ax.errorbar(
        SAME_NORMS[0],
        matched.estimate,
        yerr=[[matched.estimate - matched.low], [matched.high - matched.estimate]],
        zorder=3,
        **_diamond(),
    )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(list(TICKS)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    levels = np.array([*[c.estimate for c in curve], recipe.estimate])
    if levels.max() > 4 * levels.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(FixedLocator([0.05, 0.1, 0.2, 0.5, 1, 2]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _diamond() -> Look:
    return {"fmt": "D", "color": DARK, "mfc": "white", "ms": 5, "elinewidth": 0.9}


def _entries() -> list[Line2D]:
    return [
        entry(**(look_of("lion") | {"label": "Lion at lr / k, λ × k", "ms": 3})),
        entry(
            "Lion at “matched”: lr / 4.36, λ × 10.4",
            marker="D",
            mfc="white",
            ls="",
            ms=5,
        ),
        entry("Lion's own best", ls=":"),
        entry(**(look_of("adamw") | {"label": "AdamW at its recipe", "marker": ""})),
        entry("advised: k = 3 to 10", color=FAINT, lw=6, alpha=0.4),
    ]
