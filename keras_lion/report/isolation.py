"""Isolation curves: the best score over one hyperparameter, the other retuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.bands import draw_curve
from keras_lion.report.grid import Array
from keras_lion.report.marks import DARK, legend, say, tidy
from keras_lion.report.style import (
    ACCURACY,
    AXIS_LABELS,
    Quantity,
    in_order,
    label_decades,
    number,
    optimizer_colour,
    optimizer_marker,
)
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.sensitivity import IsolationCurve, isolation_curve

APART = 0.5  # decades between the smallest weight decay and none
BESIDE = 0.06  # decades between two optimizers there, if there are few
CROSS: dict[str, Any] = {"ls": "", "marker": "x", "ms": 5, "color": "black"}
SYMBOLS: dict[AxisName, str] = {"learning_rate": "η", "weight_decay": "λ"}


def plot_isolation(
    landscapes: Mapping[str, Landscape],
    ax: Axes,
    *,
    axis: AxisName = "learning_rate",
    aligned: bool = False,
    quantity: Quantity = ACCURACY,
) -> Axes:
    """Draw the best score at each value of one hyperparameter, the other retuned.

    Bands are 95 % intervals over seeds, value by value. A cross marks a value at whose
    best cell a seed diverged. λ = 0 is an open marker apart, to the left.

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
        ax: Axes to draw on.
        axis: `"learning_rate"` or `"weight_decay"`.
        aligned: Whether to count from the best value of each optimizer, in decades.
        quantity: How scores are shown.

    Returns:
        `ax`.

    Raises:
        ValueError: If there is no optimizer, or `axis` is not one.

    Example:

    ```python
    figure = matplotlib.figure.Figure((3.4, 2.6), layout="constrained")
    plot_isolation({"lion": lion, "adamw": adamw}, figure.subplots(), aligned=True)
    ```
    """
    if not landscapes:
        raise ValueError("Isolation curves need an optimizer. Received: none.")
    curves = {
        name: isolation_curve(landscapes[name], axis) for name in in_order(landscapes)
    }
    curves = {name: each for name, each in curves.items() if len(each.values)}
    positions = {name: _decades(each, aligned) for name, each in curves.items()}
    inner = [float(x) for each in positions.values() for x in each[np.isfinite(each)]]
    left = min(inner, default=0.0) - APART
    step = min(BESIDE, 0.8 * APART / max(len(curves), 1))
    for order, (name, curve) in enumerate(curves.items()):
        # Without decay the optimizers stand side by side.
        beside = left + step * (order - (len(curves) - 1) / 2)
        x = np.where(curve.values > 0, positions[name], beside)
        _draw(ax, x if aligned else 10**x, curve, name, quantity)
    if any(each.diverged.any() for each in curves.values()):
        ax.plot([], [], label="a seed diverged there", **CROSS)
    if not curves:
        say(ax, "no run finished")
    some_zero = any(each.values[0] == 0 for each in curves.values())
    _label_axis(ax, axis, aligned, inner, left if some_zero else None)
    legend(ax)
    return tidy(ax, ylabel=f"best {quantity.label}")


def isolation_figure(
    landscapes: Mapping[str, Landscape],
    *,
    quantity: Quantity = ACCURACY,
    aligned: bool = False,
) -> Figure:
    """A figure, 7 inches wide: isolation curves of learning rate and weight decay.

    Args:
        landscapes: Optimizer → its scores.
        quantity: How scores are shown.
        aligned: Whether to count from the best value of each optimizer, in decades.

    Returns:
        The figure; both panels share the scale of the scores.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    isolation_figure({"lion": lion, "adamw": adamw}).savefig("isolation.png", dpi=200)
    ```
    """
    figure = Figure((7, 2.7), layout="constrained")
    rates, decays = figure.subplots(1, 2, sharey=True)
    panels: dict[AxisName, Axes] = {"learning_rate": rates, "weight_decay": decays}
    # One legend: both panels show the same optimizers.
    found: dict[str, Artist] = {}
    for axis, ax in panels.items():
        plot_isolation(landscapes, ax, axis=axis, aligned=aligned, quantity=quantity)
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
        if (own := ax.get_legend()) is not None:
            own.remove()
    decays.set_ylabel("")
    if found:
        figure.legend(
            list(found.values()),
            list(found),
            loc="outside lower center",
            ncols=4,
            fontsize=7,
            frameon=False,
            handlelength=3,
        )
    return figure


def _decades(curve: IsolationCurve, aligned: bool) -> Array:
    """Positions of the values; −∞ or NaN for no decay."""
    with np.errstate(divide="ignore"):
        return curve.decades if aligned else np.log10(curve.values)


def _draw(
    ax: Axes, x: Array, curve: IsolationCurve, name: str, quantity: Quantity
) -> None:
    """One optimizer's curve; its value without decay is apart."""
    first = int(curve.values[0] == 0)
    draw_curve(ax, x[first:], curve.best[first:], name, factor=quantity.factor)
    if first:
        best = curve.best[0].scaled(quantity.factor)
        around = [[best.estimate - best.low], [best.high - best.estimate]]
        ax.errorbar(
            [x[0]],
            [best.estimate],
            yerr=np.nan_to_num(around),
            color=optimizer_colour(name),
            marker=optimizer_marker(name),
            mfc="white",
            ms=4.5,
            elinewidth=0.9,
            capsize=1.5,
        )
    scores = quantity.factor * np.array([each.estimate for each in curve.best])
    ax.plot(x[curve.diverged], scores[curve.diverged], zorder=4, **CROSS)


def _label_axis(
    ax: Axes, axis: AxisName, aligned: bool, inner: list[float], zero: float | None
) -> None:
    """Scale, limits and ticks of the hyperparameter; no decay has a tick of its own."""
    low, high = min(inner, default=0.0), max(inner, default=1.0)
    edge = max(0.04 * (high - low), 0.1)
    left, right = low - edge if zero is None else zero - APART / 2, high + edge
    if aligned:
        ax.set_xlim(left, right)
        ticks = [float(x) for x in ax.get_xticks() if low - edge <= x <= right]
        labels = [f"{x:g}".replace("-", "−") for x in ticks]
        name = AXIS_LABELS[axis].rsplit(" ", 1)[0]
        what = f"{name}: decades from the best {SYMBOLS[axis]}"
    else:
        ax.set_xscale("log")
        ax.set_xlim(10**left, 10**right)
        label_decades(ax.xaxis)
        shown = [float(x) for x in ax.get_xticks() if x > 0]
        ticks = [x for x in shown if low - edge <= np.log10(x) <= right]
        labels = [number(x) for x in ticks]
        what = AXIS_LABELS[axis]
    if not inner:
        ticks, labels = [], []
    if zero is not None:
        ticks = [zero if aligned else 10**zero, *ticks]
        labels = ["λ = 0" if aligned else "0", *labels]
        if inner:
            between = zero + APART / 2
            ax.axvline(
                between if aligned else 10**between, color=DARK, lw=0.6, ls=(0, (2, 2))
            )
    ax.set_xticks(ticks, labels)
    if not aligned:
        # None around the value 0, which has no place on the scale.
        first = 10 ** (low - edge)
        small = [x for x in ax.get_xticks(minor=True) if inner and x >= first]
        ax.set_xticks(small, minor=True)
    tidy(ax, xlabel=what)
