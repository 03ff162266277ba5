"""Regret profiles: which share of the configurations is good enough."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from keras_lion.report.elements.drawing import Drawing, Material, several_cells
from keras_lion.report.elements.panels import (
    DARK,
    Look,
    draw_curve,
    legend,
    panels,
    require_optimizer,
    say,
    tidy,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    in_order,
    label_decades,
    number,
)
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import mean_regret, regret_profiles, regret_range
from keras_lion.robustness.tolerance import tolerance_fraction

POINTS = 240  # of a profile
MARKED = 8  # markers on a profile
FEW = 2  # optimizers whose legend fits above the axes


def regret_profile_figure(
    landscapes: Mapping[str, Landscape],
    *,
    epsilon: float | None = None,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """Share of the configurations within ε of the common best, over ε.

    Bands are the profiles at the ends of the 95 % intervals of the cells' regrets
    (`regret_profiles`).

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
        epsilon: The study's tolerated loss of score, drawn as a vertical line; more
            than 0. None: no line.
        quantity: How scores are shown.

    Returns:
        The figure: 3.4 inches wide, 5 with more than two optimizers.

    Raises:
        ValueError: If there is no optimizer, or `epsilon` is not positive.

    Example:

    ```python
    regret_profile_figure({"lion": lion, "adamw": adamw}, epsilon=0.05)
    ```
    """
    require_optimizer(landscapes, "A regret profile")
    if epsilon is not None and not (np.isfinite(epsilon) and epsilon > 0):
        raise ValueError(
            "`epsilon` must be a finite loss of score, more than 0, or None for no "
            f"line. Received: {epsilon}."
        )
    figure, (ax,) = panels((5, 3) if len(landscapes) > FEW else (3.4, 2.6))
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
        label = f"ε = {number(unit * epsilon)} {quantity.difference}".rstrip()
        look: Look = {"color": DARK, "lw": 0.8, "ls": (0, (4, 2)), "zorder": 1}
        ax.axvline(unit * epsilon, label=label, **look)
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
    loss = f"ε: distance from the common best\n{quantity.name}{unit_name}"
    tidy(ax, loss, "configurations within ε (%)")
    return figure


def _caption(material: Material) -> str:
    """Which share of the grid is good enough."""
    best, quantity = material.reference, material.quantity
    shares = material.each(
        lambda each: f"{100 * tolerance_fraction(each, material.epsilon, best):.0f} %"
    )
    means = material.each(lambda each: quantity.amount(mean_regret(each, best)))
    return (
        f"Share of the grid cells (mean of {material.seeds}) whose distance from the "
        "common best is at most the value on the horizontal axis; bands are 95 % "
        f"intervals. Share within ε = {material.tolerance}: {shares}. Mean distance: "
        f"{means}."
    )


FIGURE = Drawing(
    "regret_profile",
    "Share of the configurations within a distance of the best",
    several_cells,
    lambda given: regret_profile_figure(
        given.measured, epsilon=given.epsilon or None, quantity=given.quantity
    ),
    _caption,
)
