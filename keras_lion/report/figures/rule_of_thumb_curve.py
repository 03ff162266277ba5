"""What AdamW's hyperparameters are worth for Lion, over the factor between them."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from keras_lion import theory
from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    DARK,
    FAINT,
    Look,
    legend,
    panels,
    say,
    tidy,
)
from keras_lion.report.elements.style import ACCURACY, Quantity, listed, optimizer_color
from keras_lion.robustness.intervals import intervals_over_seeds
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tuning_budget import RuleOfThumb, rule_of_thumb_regret

ADVICE = (3.0, 10.0)  # Chen et al.: a learning rate 3 to 10 times smaller
FACTORS = np.unique([*np.geomspace(1, 30, 400), *ADVICE])
_TICKS = (1, 2, 3, 5, 10, 20, 30)


def rule_of_thumb_figure(
    adamw: Landscape,
    lion: Landscape,
    *,
    epsilon: float,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """Lion's regret at AdamW's optimum, moved by (1/k, k), over k = 1 … 30.

    The green band holds the factors within ε, the gray ones lead out of Lion's window.
    The band around the curve is its 95 % interval over seeds; a diamond marks the one
    pair of factors that the theory gives.

    Args:
        adamw: Scores of AdamW on a grid.
        lion: Scores of Lion on the same task.
        epsilon: Tolerated loss of score, in its unit.
        quantity: How scores are shown.

    Returns:
        The figure.

    Raises:
        ValueError: As `rule_of_thumb_regret`.

    Example:

    ```python
    rule_of_thumb_figure(adamw, lion, epsilon=0.05, quantity=LOSS).savefig("rule.png")
    ```
    """
    rule = rule_of_thumb_regret(adamw, lion, FACTORS)
    figure, (ax,) = panels((3.4, 3.1))
    k, scale, color = FACTORS, abs(quantity.factor), optimizer_color("lion")
    regret = scale * rule.regret
    intervals = intervals_over_seeds(
        lion, lambda each: rule_of_thumb_regret(adamw, each, FACTORS).regret
    )
    # No regret is negative; the estimate is where the cross-fitted best lies lower.
    low = scale * np.array([each.low for each in intervals])
    low = np.maximum(low, np.minimum(regret, 0.0))
    high = scale * np.array([each.high for each in intervals])
    within = np.isin(k, rule.factors_within(epsilon))
    for chosen, shade, alpha, name in (
        (within, "#009E73", 0.16, _band_text(k[within])),
        (~rule.inside, FAINT, 0.3, "outside Lion's window"),
    ):
        for left, right in _stretches(k, chosen):
            ax.axvspan(left, right, color=shade, alpha=alpha, lw=0, label=name)
            name = "_nolegend_"
    if np.isfinite(low).any():
        ax.fill_between(k, low, high, color=color, alpha=0.2, lw=0)
    none_within = "" if within.any() else ", no k within"
    text = f"ε = {scale * epsilon:.3g}{none_within}"
    ax.axhline(scale * epsilon, color=DARK, ls=(0, (1, 1.5)), lw=0.9, label=text)
    ax.axhline(0, color=FAINT, lw=0.6, zorder=0)
    if rule.inside.any():
        ax.plot(k, regret, color=color, lw=1.5, label="Lion at (lr / k, λ × k)")
        best = rule.best_factor
        at = float(regret[k == best][0])
        ax.plot(best, at, "o", color=color, ms=5, label=f"k* = {best:.3g}")
    else:
        say(ax, "no k leads into\nLion's window")
    heights = np.array([scale * epsilon, 0.0, *regret[rule.inside], *low, *high])
    heights = np.append(heights, _draw_theory(ax, adamw, lion, scale))
    bottom, top = float(np.nanmin(heights)), float(np.nanmax(heights))
    pad = 0.08 * max(top - bottom, 1e-12)
    ax.set_xscale("log")
    ax.set(xlim=(k[0], k[-1]), ylim=(bottom - pad, top + pad))
    ax.set_xticks(_TICKS, [str(each) for each in _TICKS])
    ax.xaxis.set_minor_locator(NullLocator())
    names = [f"advice: k = {ADVICE[0]:g} to {ADVICE[1]:g}", "_nolegend_"]
    for advised, name in zip(ADVICE, names, strict=True):
        ax.axvline(advised, color=DARK, lw=0.7, ls=(0, (4, 2)), zorder=1, label=name)
    unit = quantity.difference
    shown = f"regret of {quantity.name}"
    tidy(ax, "factor k", f"{shown} ({unit})" if unit else shown)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def _draw_theory(ax: Axes, adamw: Landscape, lion: Landscape, scale: float) -> float:
    """The theory's factors as a diamond, or as a mark where it leaves the window."""
    factors = theory.conversion_factors()
    factor, decay = 1 / factors.learning_rate, factors.weight_decay
    point = rule_of_thumb_regret(adamw, lion, [factor], weight_decay_factors=[decay])
    regret = scale * float(point.regret[0])
    look: Look = {"color": DARK, "lw": 0.7, "ls": (0, (1, 1))}
    ax.axvline(factor, zorder=1, **look)
    if math.isnan(regret):
        ax.plot([], [], label="theory: outside", **look)
    else:
        text = f"theory: lr / {factor:.3g}, λ × {decay:.3g}"
        ax.plot(factor, regret, "D", mfc="white", color=DARK, ms=4.5, label=text)
    return regret


def _band_text(within: np.ndarray) -> str:
    if not len(within):
        return ""
    if len(within) == 1:
        return f"within ε: k = {within[0]:.3g} only"
    return f"within ε: k {within.min():.3g} to {within.max():.3g}"


def _stretches(k: np.ndarray, chosen: np.ndarray) -> list[tuple[float, float]]:
    """Runs of neighboring chosen factors, each with its ends."""
    turns = np.flatnonzero(np.diff([False, *chosen, False]))
    return [(k[start], k[stop - 1]) for start, stop in turns.reshape(-1, 2)]


def _applies(material: Material) -> bool:
    """Whether several factors lead from AdamW's best cell to scores of Lion.

    One alone gives no curve, as where most of a sweep is still missing.
    """
    if not {"lion", "adamw"} <= set(material.measured):
        return False
    adamw, lion = material.measured["adamw"], material.measured["lion"]
    return int(np.isfinite(rule_of_thumb_regret(adamw, lion, FACTORS).regret).sum()) > 1


def _caption(material: Material) -> str:
    """What moving AdamW's optimum by the advised factor costs Lion."""
    adamw, lion = material.measured["adamw"], material.measured["lion"]
    advised: RuleOfThumb = rule_of_thumb_regret(adamw, lion, ADVICE)
    costs = [
        f"{material.quantity.amount(regret)} at k = {k:g}"
        if inside
        else f"unknown at k = {k:g} (outside of Lion's grid)"
        for k, regret, inside in zip(
            ADVICE, advised.regret, advised.inside, strict=True
        )
    ]
    curve = rule_of_thumb_regret(adamw, lion, FACTORS)
    within = curve.factors_within(material.epsilon)
    good = (
        f"within ε = {material.tolerance} for k from {min(within):.3g} to "
        f"{max(within):.3g}"
        if within
        else f"never within ε = {material.tolerance}"
    )
    return (
        "Distance from Lion's own best, of Lion at AdamW's best cell with the learning "
        "rate divided and the weight decay multiplied by k, over k "
        f"({material.seeds}): {listed(costs)}; {good}."
    )


FIGURE = Drawing(
    "rule_of_thumb",
    "Distance from Lion's best at AdamW's optimum moved by k, over k",
    _applies,
    lambda given: rule_of_thumb_figure(
        given.measured["adamw"],
        given.measured["lion"],
        epsilon=given.epsilon,
        quantity=given.quantity,
    ),
    _caption,
)
