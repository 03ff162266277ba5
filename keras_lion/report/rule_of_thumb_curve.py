"""What AdamW's hyperparameters are worth for Lion, over the factor between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from keras_lion import theory
from keras_lion.report.marks import DARK, FAINT, legend, say, tidy
from keras_lion.report.style import ACCURACY, Quantity, optimizer_colour
from keras_lion.robustness.intervals import intervals_over_seeds
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.tuning_budget import RuleOfThumb, rule_of_thumb_regret
from keras_lion.statistics import Interval

ADVICE = (3.0, 10.0)  # Chen et al.: a learning rate 3 to 10 times smaller
FACTORS = np.unique([*np.geomspace(1, 30, 400), *ADVICE])
_TICKS = (1, 2, 3, 5, 10, 20, 30)


def plot_rule_of_thumb(
    rule: RuleOfThumb,
    ax: Axes,
    *,
    epsilon: float,
    quantity: Quantity = ACCURACY,
    intervals: Sequence[Interval] = (),
    theory_point: RuleOfThumb | None = None,
) -> Axes:
    """Draw Lion's regret at AdamW's optimum, moved by (1/k, k), over k.

    The green band holds the factors within ε, the grey ones lead out of Lion's window.

    Args:
        rule: Regrets of ascending factors.
        ax: Axes to draw on.
        epsilon: Tolerated loss of score, in its unit.
        quantity: How scores are shown.
        intervals: Interval of each regret, drawn as a band; none: no band.
        theory_point: Regret at the one pair of factors that the theory gives, which
            need not be equal.

    Returns:
        `ax`.

    Raises:
        ValueError: If factors do not ascend, or there is not one interval for each.

    Example:

    ```python
    rule = rule_of_thumb_regret(adamw, lion, np.geomspace(1, 30, 50))
    plot_rule_of_thumb(rule, ax, epsilon=0.05, quantity=LOSS)
    ```
    """
    k = rule.factors
    if len(k) < 2 or (np.diff(k) <= 0).any():
        raise ValueError(
            "The curve needs two or more factors in ascending order. "
            f"Received: {k.tolist()}."
        )
    if len(intervals) not in (0, len(k)):
        raise ValueError(
            "Give one interval for each factor, or none. "
            f"Received: {len(intervals)} intervals and {len(k)} factors."
        )
    scale, colour = abs(quantity.factor), optimizer_colour("lion")
    regret = scale * rule.regret
    heights = [scale * epsilon, 0.0, *regret[rule.inside]]
    within = np.isin(k, rule.factors_within(epsilon))
    for chosen, shade, alpha, name in (
        (within, "#009E73", 0.16, _band_text(k[within])),
        (~rule.inside, FAINT, 0.3, "outside Lion's window"),
    ):
        for left, right in _stretches(k, chosen):
            ax.axvspan(left, right, color=shade, alpha=alpha, lw=0, label=name)
            name = "_nolegend_"
    if len(intervals):
        low = scale * np.array([each.low for each in intervals])
        high = scale * np.array([each.high for each in intervals])
        ax.fill_between(k, low, high, color=colour, alpha=0.2, lw=0)
        heights += [*low[np.isfinite(low)], *high[np.isfinite(high)]]
    none_within = "" if within.any() else ", no k within"
    ax.axhline(
        scale * epsilon,
        color=DARK,
        ls=(0, (1, 1.5)),
        lw=0.9,
        label=f"ε = {scale * epsilon:.3g}{none_within}",
    )
    ax.axhline(0, color=FAINT, lw=0.6, zorder=0)
    if rule.inside.any():
        ax.plot(k, regret, color=colour, lw=1.5, label="Lion at (η/k, λ·k)")
        best = rule.best_factor
        at = float(regret[k == best][0])
        ax.plot(best, at, "o", color=colour, ms=5, label=f"k* = {best:.3g}")
    else:
        say(ax, "no k leads into\nLion's window")
    if theory_point is not None:
        heights += _draw_theory(ax, theory_point, scale)
    low_end, high_end = min(heights), max(heights)
    pad = 0.08 * max(high_end - low_end, 1e-12)
    ax.set_xscale("log")
    ax.set(xlim=(k[0], k[-1]), ylim=(low_end - pad, high_end + pad))
    ticks = [each for each in _TICKS if k[0] <= each <= k[-1]]
    ax.set_xticks(ticks, [str(each) for each in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    names = [f"advice: k = {ADVICE[0]:g} to {ADVICE[1]:g}", "_nolegend_"]
    for advised, name in zip(ADVICE, names, strict=True):
        ax.axvline(advised, color=DARK, lw=0.7, ls=(0, (4, 2)), zorder=1, label=name)
    unit = quantity.difference
    shown = f"regret of {quantity.name}"
    tidy(ax, "factor k", f"{shown} ({unit})" if unit else shown)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax


def rule_of_thumb_figure(
    adamw: Landscape,
    lion: Landscape,
    *,
    epsilon: float,
    quantity: Quantity = ACCURACY,
) -> Figure:
    """A figure of the curve for k = 1 … 30, with its interval and the theory's factors.

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
    factors = theory.conversion_factors()
    point = rule_of_thumb_regret(
        adamw,
        lion,
        [1 / factors.learning_rate],
        weight_decay_factors=[factors.weight_decay],
    )
    figure = Figure((3.4, 3.1), layout="constrained")
    plot_rule_of_thumb(
        rule,
        figure.subplots(),
        epsilon=epsilon,
        quantity=quantity,
        intervals=intervals_over_seeds(
            lion, lambda each: rule_of_thumb_regret(adamw, each, FACTORS).regret
        ),
        theory_point=point,
    )
    return figure


def _draw_theory(ax: Axes, point: RuleOfThumb, scale: float) -> list[float]:
    """The theory's factors as a diamond, or as a mark where it leaves the window."""
    factor, decay = float(point.factors[0]), float(point.weight_decay_factors[0])
    text = f"theory: η/{factor:.3g}, λ·{decay:.3g}"
    ax.axvline(factor, color=DARK, lw=0.7, ls=(0, (1, 1)), zorder=1)
    regret = scale * float(point.regret[0])
    if math.isnan(regret):
        ax.plot([], [], ls=(0, (1, 1)), lw=0.7, color=DARK, label="theory: outside")
        return []
    ax.plot(factor, regret, "D", mfc="white", color=DARK, ms=4.5, label=text, zorder=4)
    return [regret]


def _band_text(within: np.ndarray) -> str:
    if not len(within):
        return ""
    return f"within ε: k {within.min():.3g} to {within.max():.3g}"


def _stretches(k: np.ndarray, chosen: np.ndarray) -> list[tuple[float, float]]:
    """Runs of neighbouring chosen factors, each with its ends."""
    found = []
    start = None
    for index, inside in enumerate([*chosen, False]):
        if inside and start is None:
            start = index
        elif not inside and start is not None:
            found.append((float(k[start]), float(k[index - 1])))
            start = None
    return found
