"""Lion at AdamW's recipe, moved by a factor: measured runs over the factor."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from keras_lion.report.marks import FAINT, TICK, tidy
from keras_lion.report.style import (
    LOSS,
    Quantity,
    optimizer_colour,
    optimizer_label,
    optimizer_line,
)

ADVICE = (3.0, 10.0)  # Chen et al.: a learning rate 3 to 10 times smaller
_TICKS = (1, 2, 3, 5, 10, 20, 30)
_COLUMNS = ("factor", "mean", "low", "high")


def plot_transfer(
    curve: pd.DataFrame,
    recipe: tuple[float, float, float],
    ax: Axes,
    *,
    quantity: Quantity = LOSS,
) -> Axes:
    """Draw Lion at AdamW's lr / k and λ · k over k, beside AdamW at its recipe.

    Args:
        curve: One row a factor k: `factor`, `mean` over seeds in the shown unit, and
            its interval, `low` and `high`.
        recipe: AdamW's mean, low and high, likewise.
        ax: Axes to draw on.
        quantity: What is shown; gives the label.

    Returns:
        `ax`.

    Raises:
        ValueError: If a column is missing, or there is no row.

    Example:

    ```python
    curve = pd.DataFrame(
        {"factor": [1, 10], "mean": [0.9, 0.8], "low": [0.8, 0.7], "high": [1.0, 0.9]}
    )
    plot_transfer(curve, (0.7, 0.6, 0.8), ax)
    ```
    """
    missing = [name for name in _COLUMNS if name not in curve]
    if missing or curve.empty:
        raise ValueError(
            f"The curve needs rows with the columns {', '.join(_COLUMNS)}. "
            f"Received {len(curve)} rows; missing: {', '.join(missing) or 'none'}."
        )
    curve = curve.sort_values("factor")
    ax.axvspan(*ADVICE, color=FAINT, alpha=0.25, lw=0, label="advice: 3 to 10")
    mean, low, high = recipe
    adamw, lion = optimizer_colour("adamw"), optimizer_colour("lion")
    ax.axhspan(low, high, color=adamw, alpha=0.15, lw=0)
    ax.axhline(
        mean,
        color=adamw,
        ls=optimizer_line("adamw"),
        lw=1.2,
        label=f"{optimizer_label('adamw')} at its recipe",
    )
    ax.fill_between(
        curve["factor"], curve["low"], curve["high"], color=lion, alpha=0.2, lw=0
    )
    ax.plot(
        curve["factor"],
        curve["mean"],
        color=lion,
        marker="o",
        ms=4,
        lw=1.4,
        label=optimizer_label("lion"),
    )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(_TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return tidy(ax, "factor k", quantity.label)


def transfer_figure(
    curves: dict[str, tuple[pd.DataFrame, tuple[float, float, float]]],
    *,
    quantity: Quantity = LOSS,
) -> Figure:
    """A figure with one panel a task.

    Args:
        curves: Task → curve and recipe, as `plot_transfer` takes them.
        quantity: What is shown.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no task.

    Example:

    ```python
    transfer_figure({"digits": (curve, recipe)}).savefig("transfer.png", dpi=200)
    ```
    """
    if not curves:
        raise ValueError("The figure needs a task. Received: none.")
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure = Figure((0.5 + 2.5 * columns, 0.4 + 2.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[len(curves) :]:
        ax.remove()
    for ax, (task, (curve, recipe)) in zip(axes.flat, curves.items(), strict=False):
        plot_transfer(curve, recipe, ax, quantity=quantity)
        ax.set_title(task, fontsize=8)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=3,
        fontsize=TICK,
        frameon=False,
    )
    return figure
