"""Isolation curves: the best score over one hyperparameter, the other retuned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material, several_cells
from keras_lion.report.elements.panels import (
    DARK,
    Look,
    draw_bars,
    draw_curve,
    figure_legend,
    panels,
    require_optimizer,
    say,
    tidy,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    AXIS_LABELS,
    Quantity,
    in_order,
    label_decades,
    listed,
    number,
)
from keras_lion.robustness.landscape import Array, AxisName, Landscape
from keras_lion.robustness.sensitivity import IsolationCurve, isolation_curve
from keras_lion.robustness.tolerance import tolerance_width

APART = 0.5  # decades between the smallest weight decay and none
SIDE = 0.06  # decades between two optimizers there, if there are few
CROSS: Look = {"ls": "", "marker": "x", "ms": 5, "color": "black"}
SYMBOLS: dict[AxisName, str] = {"learning_rate": "lr", "weight_decay": "λ"}


def isolation_figure(
    landscapes: Mapping[str, Landscape],
    *,
    quantity: Quantity = ACCURACY,
    aligned: bool = False,
) -> Figure:
    """Best score at each learning rate and at each weight decay, the other one retuned.

    Bands are 95 % intervals over seeds, value by value. A cross marks a value at whose
    best cell a seed diverged. λ = 0 is an open marker apart, to the left.

    Args:
        landscapes: Optimizer → its scores. Those without a score are left out.
        quantity: How scores are shown.
        aligned: Whether to count from the best value of each optimizer, in decades.

    Returns:
        The figure, 7 inches wide; both panels share the scale of the scores.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    isolation_figure({"lion": lion, "adamw": adamw}).savefig("isolation.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "The isolation figure")
    figure, axes = panels((7, 2.7), 2, 2, sharey=True)
    found: dict[str, Artist] = {}
    for axis, ax in zip(SYMBOLS, axes, strict=True):
        _draw(landscapes, ax, axis, aligned, quantity)
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    tidy(axes[0], ylabel=f"best {quantity.label}")
    if found:
        figure_legend(figure, [*found.values()], ncols=4, handlelength=3)
    return figure


def _draw(
    landscapes: Mapping[str, Landscape],
    ax: Axes,
    axis: AxisName,
    aligned: bool,
    quantity: Quantity,
) -> None:
    curves = {
        name: isolation_curve(landscapes[name], axis) for name in in_order(landscapes)
    }
    curves = {name: each for name, each in curves.items() if len(each.values)}
    positions = {name: _decades(each, aligned) for name, each in curves.items()}
    inner = [float(x) for each in positions.values() for x in each[np.isfinite(each)]]
    left = min(inner, default=0.0) - APART
    step = min(SIDE, 0.8 * APART / max(len(curves), 1))
    for order, (name, curve) in enumerate(curves.items()):
        # Without decay the optimizers stand side by side.
        side = left + step * (order - (len(curves) - 1) / 2)
        x = np.where(curve.values > 0, positions[name], side)
        x = x if aligned else 10**x
        first = int(curve.values[0] == 0)
        factor = quantity.factor
        draw_curve(ax, x[first:], curve.best[first:], name, factor=factor)
        if first:
            look = {"mfc": "white", "ms": 4.5, "ls": "", "label": "_"}
            draw_bars(ax, x[:1], curve.best[:1], name, factor=factor, **look)
        scores = factor * np.array([each.estimate for each in curve.best])
        ax.plot(x[curve.diverged], scores[curve.diverged], zorder=4, **CROSS)
    if any(each.diverged.any() for each in curves.values()):
        ax.plot([], [], label="a seed diverged there", **CROSS)
    if not curves:
        say(ax, "no run finished")
    some_zero = any(each.values[0] == 0 for each in curves.values())
    _label_axis(ax, axis, aligned, inner, left if some_zero else None)


def _decades(curve: IsolationCurve, aligned: bool) -> Array:
    """Positions of the values; −∞ or NaN for no decay."""
    with np.errstate(divide="ignore"):
        return curve.decades if aligned else np.log10(curve.values)


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
        small = [
            x for x in ax.get_xticks(minor=True) if inner and first <= x <= 10**right
        ]
        ax.set_xticks(small, minor=True)
    tidy(ax, what)


def _caption(material: Material) -> str:
    """How far each hyperparameter may be off while the other one is retuned."""
    reference = material.reference

    def width(landscape: Landscape, axis: AxisName) -> str:
        found = tolerance_width(landscape, material.epsilon, reference, axis)
        if not found.none:
            return f"{found} of {axis}"
        undecayed = landscape.means[landscape.weight_decay == 0]
        if axis == "weight_decay" and (undecayed >= reference - material.epsilon).any():
            return "no weight_decay but 0"
        return f"no {axis}"

    def ranges(landscape: Landscape) -> str:
        return listed(
            [
                width(landscape, axis)
                for axis in SYMBOLS
                if (getattr(landscape, axis) > 0).any()
            ]
        )

    return (
        f"Best {material.quantity.label} at each learning rate and at each weight "
        f"decay, the other one retuned; mean of {material.seeds}, bands are 95 % "
        f"intervals over seeds. Within {material.tolerance} of the common best: "
        f"{material.each(ranges)}."
    )


FIGURE = Drawing(
    "isolation",
    "Best value over the learning rate, and over the weight decay",
    several_cells,
    lambda given: isolation_figure(given.measured, quantity=given.quantity),
    _caption,
)
