"""The figure of `studies/effective_decay.py`: spread at equal lr × λ over κ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from keras_lion.report.elements.panels import (
    DARK,
    FAINT,
    entry,
    figure_legend,
    panels,
    tidy,
)
from keras_lion.report.elements.style import in_order, optimizer_label
from keras_lion.robustness.effective_decay.spread import (
    LEAST_KAPPA,
    Line,
    lines_of_equal_product,
)

POINTS = 100.0
# Network → what it is, from all weights scale-invariant to none.
NETWORKS = {
    "exact": "scale-invariant, initial weights ∝ lr",
    "invariant": "scale-invariant, ordinary initial weights",
    "gains": "+ gains and biases",
    "head": "+ ordinary head",
    "plain": "no normalization",
}
MARKERS = ("o", "s", "^", "D", "v")
LINEAR_BELOW = 0.5  # points; an exact 0 has a place on the axis
SHOWN = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def ladder_figure(frames: Mapping[tuple[str, int], pd.DataFrame]) -> Figure:
    """Standard deviation over learning rates at one lr × λ, over κ = λ Σ η.

    A line per network; a row per length of training, a column per optimizer. Hollow
    marks: some learning rates of that lr × λ diverged and are left out. The gray line
    is the standard deviation over seeds on the scale-invariant network, the dotted one
    e^(−κ), the share of the initial weights that is left, on an arbitrary scale.

    Args:
        frames: (network, steps) → its runs.

    Returns:
        The figure.

    Raises:
        ValueError: If there are no runs.
    """
    if not frames:
        raise ValueError("The figure needs runs. Received none.")
    lengths = sorted({steps for _, steps in frames})
    first = next(iter(frames.values()))
    names = in_order(first["optimizer"].unique())
    size = (0.8 + 2.2 * len(names), 0.7 + 1.75 * len(lengths))
    figure, axes = panels(
        size, len(lengths) * len(names), len(names), sharex=True, sharey=True
    )
    for place, ax in enumerate(axes):
        row, column = divmod(place, len(names))
        _draw(ax, frames, lengths[row], names[column])
        tidy(
            ax,
            "κ = λ Σ lr" if row == len(lengths) - 1 else "",
            f"{lengths[row]:,} steps\nsd over lr (points)" if column == 0 else "",
            optimizer_label(names[column]) if row == 0 else "",
        )
    figure_legend(figure, _entries(frames), ncols=3)
    return figure


def _draw(
    ax: Axes,
    frames: Mapping[tuple[str, int], pd.DataFrame],
    steps: int,
    optimizer: str,
) -> None:
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=LINEAR_BELOW, linscale=0.6)
    ax.set_ylim(-0.06, 40)
    ax.axvspan(LEAST_KAPPA, 1e3, color=FAINT, alpha=0.15, lw=0)
    for network, color, marker in _looks():
        if (network, steps) not in frames:
            continue
        lines = lines_of_equal_product(
            frames[network, steps], optimizer=optimizer, scale=POINTS
        )
        if network == "invariant":
            _draw_references(ax, lines)
        kappa = [line.kappa for line in lines]
        ax.plot(kappa, [line.deviation for line in lines], color=color, lw=1.3)
        for line in lines:
            ax.plot(
                line.kappa,
                line.deviation,
                marker,
                color=color,
                mfc="white" if line.diverged.any() else color,
                ms=4,
            )
    ax.yaxis.set_major_locator(FixedLocator(list(SHOWN)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlim(0.08, 500)


def _draw_references(ax: Axes, lines: list[Line]) -> None:
    kappa = np.array([line.kappa for line in lines])
    ax.plot(kappa, [line.noise for line in lines], color="#888888", lw=3, alpha=0.5)
    fine = np.geomspace(0.1, 12, 100)
    # On the scale of the line with the least decay.
    scale = lines[0].deviation / np.exp(-kappa[0])
    ax.plot(fine, scale * np.exp(-fine), color=DARK, lw=0.9, ls=(0, (1, 1.5)))


def _looks() -> list[tuple[str, tuple[float, ...], str]]:
    colors = colormaps["viridis"](np.linspace(0.9, 0, len(NETWORKS)))
    return [
        (network, tuple(color), marker)
        for network, color, marker in zip(NETWORKS, colors, MARKERS, strict=True)
    ]


def _entries(frames: Mapping[tuple[str, int], pd.DataFrame]) -> list[object]:
    drawn = {network for network, _ in frames}
    return [
        *(
            entry(NETWORKS[network], color=color, marker=marker, ms=4)
            for network, color, marker in _looks()
            if network in drawn
        ),
        entry("sd over seeds, scale-invariant", color="#888888", lw=3, alpha=0.5),
        entry("e^(−κ), scaled", lw=0.9, ls=(0, (1, 1.5))),
        entry("some learning rates diverged", marker="o", mfc="white", ls="", ms=4),
    ]
