"""Regret profiles: which share of the configurations is good enough."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_lion.report.bands import draw_curve
from keras_lion.report.marks import DARK, legend, say, tidy
from keras_lion.report.style import (
    ACCURACY,
    Quantity,
    in_order,
    label_decades,
    number,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import regret_profiles, regret_range

POINTS = 240  # of a profile
MARKED = 8  # markers on a profile
FEW = 2  # optimizers whose legend fits above the axes


def plot_regret_profile(
    landscapes: Mapping[str, Landscape],
    ax: Axes,
    *,
    epsilon: float | None = None,
    quantity: Quantity = ACCURACY,
) -> Axes:
    """Draw the share of the configurations within ε of the common best, over ε.

    Bands are the profiles at the ends of the 95 % intervals of the cells' regrets
    (`regret_profiles`).

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
        ax: Axes to draw on.
        epsilon: The study's tolerated loss of score, drawn as a vertical line; more
            than 0. None: no line.
        quantity: How scores are shown.

    Returns:
        `ax`.

    Raises:
        ValueError: If there is no optimizer, or `epsilon` is not positive.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 2.6), layout="constrained")
    plot_regret_profile({"lion": lion, "adamw": adamw}, figure.subplots(), epsilon=0.05)
    ```
    """
    if not landscapes:
        raise ValueError("A regret profile needs an optimizer. Received: none.")
    if epsilon is not None and not (np.isfinite(epsilon) and epsilon > 0):
        raise ValueError(
            "`epsilon` must be a finite loss of score, more than 0, or None for no "
            f"line. Received: {epsilon}."
        )
    unit = abs(quantity.factor)
    low, high = regret_range(landscapes)
    if epsilon is not None:
        low, high = min(low, epsilon / 2), max(high, 2 * epsilon)
    epsilons = np.geomspace(low / 1.2, 1.2 * high, POINTS)
    profiles = regret_profiles(landscapes, epsilons)
    for order, name in enumerate(in_order(profiles)):
        # Markers of several optimizers do not fall on each other.
        apart = POINTS // MARKED
        draw_curve(
            ax,
            unit * epsilons,
            profiles[name],
            name,
            factor=100,
            steps=True,
            markevery=(order * apart // max(len(profiles), 1), apart),
        )
    if not profiles:
        say(ax, "no run finished")
    if epsilon is not None:
        ax.axvline(
            unit * epsilon,
            color=DARK,
            lw=0.8,
            ls=(0, (4, 2)),
            zorder=1,
            label=f"ε = {number(unit * epsilon)} {quantity.difference}".rstrip(),
        )
    ax.set_xscale("log")
    ax.set_xlim(unit * epsilons[0], unit * epsilons[-1])
    label_decades(ax.xaxis)
    ax.set_ylim(-2, 102)
    ax.yaxis.set_major_formatter(PercentFormatter(decimals=0, symbol=""))
    many = len(profiles) > FEW
    legend(
        ax,
        loc="upper left" if many else "lower center",
        bbox_to_anchor=(1.02, 1.0) if many else (0.5, 1.0),
        ncols=1 if many else 3,
        handlelength=3,
        columnspacing=1.2,
    )
    unit_name = f" ({quantity.difference})" if quantity.difference else ""
    return tidy(
        ax,
        f"ε: loss of {quantity.name}\nagainst the common best{unit_name}",
        "configurations within ε (%)",
    )


def regret_profile_figure(
    landscapes: Mapping[str, Landscape],
    *,
    epsilon: float | None = None,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """A figure with the regret profiles of several optimizers.

    Args:
        landscapes: Optimizer → its scores.
        epsilon: The study's tolerated loss of score, drawn as a line.
        quantity: How scores are shown.

    Returns:
        The figure: 3.4 inches wide, 5 with more than two optimizers.

    Raises:
        ValueError: As `plot_regret_profile`.

    Example:

    ```python
    regret_profile_figure({"lion": lion, "adamw": adamw}, epsilon=0.05)
    ```
    """
    size = (5, 3) if len(landscapes) > FEW else (3.4, 2.6)
    figure = Figure(size, layout="constrained")
    plot_regret_profile(
        landscapes, figure.subplots(), epsilon=epsilon, quantity=quantity
    )
    return figure
