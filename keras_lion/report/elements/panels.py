"""What the figures share: sizes, grays, panels, legends and curves with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from keras_lion.report.elements.style import (
    optimizer_color,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
)
from keras_lion.statistics import Interval

Look = dict[str, Any]  # options of a function of Matplotlib

LABEL, TICK = 8.0, 7.0  # points
FAINT = "#BBBBBB"  # references behind the data
DARK = "#444444"  # fits and predictions
BAND = 0.15  # opacity of a band, so that several may cross


def require_optimizer(given: Mapping[str, Any], what: str) -> None:
    """Raise a ValueError where there is nothing to draw."""
    if not given:
        raise ValueError(f"{what} needs an optimizer. Received: none.")


def panels(
    size: tuple[float, float],
    count: int = 1,
    columns: int = 1,
    **options: Any,
) -> tuple[Figure, list[Axes]]:
    """A figure of some inches with `count` axes in rows of `columns`."""
    figure = Figure(size, layout="constrained")
    rows = -(-count // columns)
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def tidy(ax: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Set labels and sizes of one panel; nothing global changes."""
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=LABEL)
    if ylabel:
        ax.set_ylabel(ylabel, fontsize=LABEL)
    if title:
        ax.set_title(title, fontsize=9)
    ax.tick_params(which="both", length=2, labelsize=TICK)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, **options: Any) -> None:
    """A legend of what the panel holds; none if it holds nothing with a name."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(**{"fontsize": TICK, "frameon": False, "handlelength": 1.8} | options)


def figure_legend(figure: Figure, handles: Sequence[Any], **options: Any) -> None:
    """A legend below all panels."""
    figure.legend(
        handles=handles,
        loc="outside lower center",
        fontsize=TICK,
        frameon=False,
        **options,
    )


def entry(label: str, **look: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=label, **({"color": DARK} | look))


def say(ax: Axes, text: str, height: float = 0.5) -> None:
    """Write into a panel that has nothing to show."""
    ax.text(
        0.5,
        height,
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=LABEL,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )


def look_of(optimizer: str) -> dict[str, Any]:
    """Color, marker, line style and label of an optimizer, for `ax.plot`."""
    return {
        "color": optimizer_color(optimizer),
        "marker": optimizer_marker(optimizer),
        "ls": optimizer_line(optimizer),
        "lw": 1.3,
        "label": optimizer_label(optimizer),
    }


def draw_curve(
    ax: Axes,
    x: ArrayLike,
    intervals: Sequence[Interval],
    optimizer: str,
    *,
    factor: float = 1.0,
    steps: bool = False,
    **options: Any,
) -> None:
    """Draw estimates as a line and their intervals as a band, where there are any."""
    shown = [each.scaled(factor) for each in intervals]
    look = look_of(optimizer) | {
        "ms": 3.5,
        "drawstyle": "steps-post" if steps else "default",
    }
    look |= options
    ax.plot(x, [each.estimate for each in shown], **look)
    low, high = [each.low for each in shown], [each.high for each in shown]
    if np.isfinite(low).any():
        band: Look = {"color": look["color"], "alpha": BAND, "lw": 0}
        ax.fill_between(x, low, high, step="post" if steps else None, **band)


def draw_bars(
    ax: Axes,
    x: ArrayLike,
    intervals: Sequence[Interval],
    optimizer: str,
    *,
    factor: float = 1.0,
    **options: Any,
) -> None:
    """Draw estimates as markers and their intervals as bars, where there are any."""
    shown = [each.scaled(factor) for each in intervals]
    middle = np.array([each.estimate for each in shown])
    below = middle - [each.low for each in shown]
    above = [each.high for each in shown] - middle
    ax.errorbar(
        x,
        middle,
        # Intervals of one seed are NaN: a point without a bar.
        yerr=np.nan_to_num([below, above]),
        elinewidth=0.9,
        capsize=1.5,
        **(look_of(optimizer) | options),
    )
