"""Trials of a search over learning rate and weight decay, colored by their score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    LABEL,
    TICK,
    Look,
    entry,
    figure_legend,
    panels,
    require_optimizer,
    tidy,
)
from keras_lion.report.elements.search_texts import (
    best_text,
    trials_by_optimizer,
    varied_text,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    AXIS_LABELS,
    Quantity,
    decade_ticks,
    number,
    short_label,
)
from keras_lion.robustness.frames.search_trials import best_trial
from keras_lion.robustness.smoothing import smooth_scores
from keras_lion.robustness.wording import counted

Trials = Mapping[str, pd.DataFrame]

FINE = 80  # points of the surface along an axis
WORST = 0.1  # quantile of the scores that trained at which colors end
MARGIN = 0.06  # of an axis, beyond the outermost trials
ZERO = 0.14  # of the axis, between the smallest decay and the trials without any
BAD = "#8A8A8A"
_DOT: Look = {"marker": "o", "edgecolor": "white", "linewidth": 0.8, "zorder": 4}


def search_map_figure(trials: Trials, *, quantity: Quantity = ACCURACY) -> Figure:
    """Trials over learning rate and weight decay, on one color scale.

    Dots are trials; small ones had less than the largest budget. Behind them lies the
    kernel-weighted mean score, where trials are near enough to carry one. A ring marks
    the best trial, crosses those that diverged. Trials without weight decay stand apart
    at the bottom.

    Args:
        trials: Optimizer → its trials, as of `trials_of`.
        quantity: How scores are shown.

    Returns:
        The figure, 7 inches wide; 4.6 for one optimizer.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    search_map_figure({"lion": trials_of(runs)}).savefig("search.png", dpi=200)
    ```
    """
    require_optimizer(trials, "A map of trials")
    columns = min(len(trials), 2)
    rows = math.ceil(len(trials) / columns)
    size = (4.6 if columns == 1 else 7.0, 3.1 * rows + 0.5)
    figure, axes = panels(size, len(trials), columns)
    norm = Normalize(*score_limits(trials, quantity))
    for ax, (name, found) in zip(axes, trials.items(), strict=True):
        _draw(ax, found, norm, quantity)
        tidy(
            ax,
            AXIS_LABELS["learning_rate"],
            AXIS_LABELS["weight_decay"],
            f"{short_label(name, 30)}\n{counted(len(found), 'trial')}",
        )
    bar = figure.colorbar(
        ScalarMappable(norm, _colors(quantity)),
        ax=axes,
        extend=_clipped(trials, quantity),
        aspect=25,
        pad=0.02,
    )
    bar.set_label(quantity.label, fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)
    figure_legend(figure, _legend(trials), ncols=4 if columns == 2 else 2)
    return figure


def score_limits(trials: Trials, quantity: Quantity) -> tuple[float, float]:
    """Ends of a scale that a few bad trials do not stretch, in shown units."""
    scores = np.concatenate([_trained(each)["score"] for each in trials.values()])
    if not len(scores):
        return 0.0, 1.0
    best, worst = float(scores.max()), float(np.quantile(scores, WORST, method="lower"))
    worst = min(worst, best - quantity.least_span)
    low, high = sorted((quantity.factor * worst, quantity.factor * best))
    return low, high


def _clipped(trials: Trials, quantity: Quantity) -> str:
    low, high = score_limits(trials, quantity)
    shown = [quantity.factor * _trained(each)["score"] for each in trials.values()]
    values = np.concatenate(shown)
    if (values < low - 1e-9).any():
        return "min"
    return "max" if (values > high + 1e-9).any() else "neither"


def _draw(ax: Axes, trials: pd.DataFrame, norm: Normalize, quantity: Quantity) -> None:
    x = np.log10(trials["learning_rate"].to_numpy(float))
    y, zero = _heights(trials)
    _place(ax, x, y, zero)
    trained = (trials["status"] == "ok").to_numpy()
    full = trials["full"].to_numpy(bool)
    bad = (trials["status"] == "diverged").to_numpy()
    shown = quantity.factor * trials["score"].to_numpy(float)
    colors = _colors(quantity)
    _draw_surface(ax, x, y, trained & full, bad & full, shown, zero, norm, quantity)
    for chosen, size in ((trained & ~full, 9), (trained & full, 26)):
        ax.scatter(
            x[chosen], y[chosen], size, shown[chosen], cmap=colors, norm=norm, **_DOT
        )
    crosses: Look = {"marker": "x", "color": BAD, "linewidth": 1.1, "zorder": 3}
    ax.scatter(x[bad], y[bad], 18, **crosses)
    best = best_trial(trials)
    if best is not None:
        at = best["trial"] - 1
        for color, width, size in (("white", 3.2, 95), ("black", 1.4, 95)):
            ring: Look = {"facecolor": "none", "edgecolor": color, "linewidth": width}
            ax.scatter(x[at], y[at], size, zorder=5, **ring)


def _draw_surface(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    trained: np.ndarray,
    bad: np.ndarray,
    shown: np.ndarray,
    zero: float | None,
    norm: Normalize,
    quantity: Quantity,
) -> None:
    """The smooth surface of the trials with decay, where they carry one."""
    decays = np.ones(len(y), bool) if zero is None else y > zero
    if not decays.any() or np.ptp(x[decays]) == 0 or np.ptp(y[decays]) == 0:
        return
    x_low, x_high = x[decays].min(), x[decays].max()
    y_low, y_high = y[decays].min(), y[decays].max()

    def scaled(at: np.ndarray, height: np.ndarray) -> np.ndarray:
        across = (at - x_low) / (x_high - x_low)
        return np.stack([across, (height - y_low) / (y_high - y_low)], axis=-1)

    across, up = np.linspace(x_low, x_high, FINE), np.linspace(y_low, y_high, FINE)
    places = np.stack(np.meshgrid(across, up), axis=0).reshape(2, -1)
    points, others = trained & decays, bad & decays
    surface = smooth_scores(
        scaled(x[points], y[points]),
        shown[points],
        scaled(*places),
        without=scaled(x[others], y[others]),
    ).reshape(FINE, FINE)
    if np.isfinite(surface).any():
        masked = np.ma.masked_invalid(surface)
        look: Look = {"cmap": _colors(quantity), "norm": norm, "shading": "gouraud"}
        ax.pcolormesh(across, up, masked, zorder=1, rasterized=True, **look)


def _heights(trials: pd.DataFrame) -> tuple[np.ndarray, float | None]:
    """log₁₀ λ of each trial; those without decay stand at the second number."""
    decays = trials["weight_decay"].to_numpy(float)
    positive = np.log10(decays[decays > 0])
    if (decays > 0).all():
        return np.log10(decays), None
    span = max(float(np.ptp(positive)), 0.5) if len(positive) else 1.0
    zero = float(positive.min(initial=0.0)) - ZERO * span
    heights = np.full(len(decays), zero)
    heights[decays > 0] = positive
    return heights, zero


def _place(ax: Axes, x: np.ndarray, y: np.ndarray, zero: float | None) -> None:
    """Limits and ticks of both axes."""
    decays = y if zero is None else y[y > zero]
    ax.set_xlim(*_limits(x))
    ax.set_xticks(*_ticks(x))
    ax.set_ylim(*_limits(y))
    places, names = _ticks(decays)
    if zero is not None:
        places, names = [zero, *places], ["0", *names]
    ax.set_yticks(places, names)
    if zero is not None and len(decays):
        line: Look = {"color": "#CCCCCC", "lw": 0.8, "zorder": 0}
        ax.axhline((zero + float(decays.min())) / 2, **line)


def _limits(decades: np.ndarray) -> tuple[float, float]:
    margin = MARGIN * max(float(np.ptp(decades)), 0.5)
    return float(decades.min()) - margin, float(decades.max()) + margin


def _ticks(decades: np.ndarray) -> tuple[list[float], list[str]]:
    """Places in decades, and the numbers there."""
    if not len(decades):
        return [], []
    ticks = decade_ticks(10 ** decades.min(), 10 ** decades.max())
    return [math.log10(tick) for tick in ticks], [number(tick) for tick in ticks]


def _legend(trials: Trials) -> list[object]:
    """Entries for what occurs."""
    every = pd.concat(trials.values())
    dot: Look = {"marker": "o", "ls": "", "color": "#555555", "mec": "white"}
    found: list[object] = []
    if (every["full"] & (every["status"] == "ok")).any():
        found.append(entry("trial", ms=6, **dot))
        ring: Look = {"marker": "o", "ls": "", "mfc": "none", "mec": "black"}
        found.append(entry("best trial", ms=9, **ring))
    if (~every["full"] & (every["status"] == "ok")).any():
        found.append(entry("smaller budget", ms=4, **dot))
    if (every["status"] == "diverged").any():
        found.append(entry("diverged", marker="x", ls="", color=BAD, ms=5))
    return found


def _trained(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["status"] == "ok"]


def _colors(quantity: Quantity) -> Any:
    # Bright is good, whichever direction the shown number has.
    return colormaps["viridis_r" if quantity.smaller_is_better else "viridis"]


def _of(material: Material) -> dict[str, pd.DataFrame]:
    """The trials of the optimizers of which both axes were searched."""
    return {
        name: trials
        for name, trials in trials_by_optimizer(material.runs).items()
        if trials["learning_rate"].nunique() > 1
        and trials["weight_decay"].nunique() > 1
        and (trials["status"] == "ok").any()
    }


def _caption(material: Material) -> str:
    trials, quantity = _of(material), material.quantity
    sentences = [
        f"{quantity.heading} of each trial over learning rate and weight decay, on one "
        "color scale: brighter is better. The surface is the kernel-weighted mean of "
        "the trials, drawn only where they are near enough to carry it.",
        *(best_text(name, found, quantity) for name, found in trials.items()),
        varied_text(material.runs),
    ]
    low, high = score_limits(trials, quantity)
    if _clipped(trials, quantity) != "neither":
        end = high if quantity.smaller_is_better else low
        sentences.append(
            f"Colors end at {end:{quantity.spec}} {quantity.unit}".rstrip()
            + ": worse trials have the last color."
        )
    return " ".join(filter(None, sentences))


FIGURE = Drawing(
    "search_map",
    "Trials over learning rate and weight decay, colored by their score",
    lambda given: bool(_of(given)),
    lambda given: search_map_figure(_of(given), quantity=given.quantity),
    _caption,
    scope="search",
)
