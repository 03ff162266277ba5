"""What all plots of lines share: sizes, greys, and how a panel is finished."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

LABEL, TICK = 8.0, 7.0  # points
FAINT = "#BBBBBB"  # references beside the data
DARK = "#444444"  # fits and predictions


def tidy(ax: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> Axes:
    """Set labels and sizes of one panel; nothing global changes."""
    if xlabel:
        ax.set_xlabel(xlabel, fontsize=LABEL)
    if ylabel:
        ax.set_ylabel(ylabel, fontsize=LABEL)
    if title:
        ax.set_title(title, fontsize=9)
    ax.tick_params(which="both", length=2, labelsize=TICK)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def legend(ax: Axes, **options: Any) -> None:
    """A legend of what the panel holds; none if it holds nothing with a name."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        chosen = {"fontsize": TICK, "frameon": False, "handlelength": 1.8, **options}
        ax.legend(handles, labels, **chosen)


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
