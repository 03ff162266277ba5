"""Trials of a search over one hyperparameter: score over its values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    Look,
    legend,
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
    label_decades,
    optimizer_color,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
)
from keras_lion.report.figures.search_map import score_limits
from keras_lion.robustness.frames.search_trials import best_trial
from keras_lion.robustness.smoothing import smooth_scores

Trials = Mapping[str, pd.DataFrame]

FINE = 200  # points of the smooth line
AXES = ("learning_rate", "weight_decay")


def search_line_figure(
    trials: Trials, axis: str, *, quantity: Quantity = ACCURACY
) -> Figure:
    """Score of each trial over the one hyperparameter that was searched.

    The line is the kernel-weighted mean, where trials are near enough to carry it.
    Trials that diverged, and those far worse than the others, are crosses at the edge
    of the panel.

    Args:
        trials: Optimizer → its trials, as of `trials_of`.
        axis: `"learning_rate"` or `"weight_decay"`.
        quantity: How scores are shown.

    Returns:
        The figure, 4.6 inches wide.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    search_line_figure({"lion": trials_of(runs)}, "learning_rate")
    ```
    """
    require_optimizer(trials, "A line of trials")
    figure, (ax,) = panels((4.6, 3.0))
    low, high = score_limits(trials, quantity)
    margin = 0.12 * (high - low)
    worst = high + margin if quantity.smaller_is_better else low - margin
    for name, found in trials.items():
        _draw(ax, found, axis, name, quantity, worst)
    ax.set_xscale("log")
    label_decades(ax.xaxis)
    ax.set_ylim(low - 1.5 * margin, high + 1.5 * margin)
    tidy(ax, AXIS_LABELS[axis], quantity.label)
    legend(ax)
    return figure


def _draw(
    ax: Axes,
    trials: pd.DataFrame,
    axis: str,
    optimizer: str,
    quantity: Quantity,
    worst: float,
) -> None:
    trials = trials[trials[axis] > 0]
    x = trials[axis].to_numpy(float)
    shown = quantity.factor * trials["score"].to_numpy(float)
    color, marker = optimizer_color(optimizer), optimizer_marker(optimizer)
    trained = (trials["status"] == "ok").to_numpy() & trials["full"].to_numpy(bool)
    far = shown > worst if quantity.smaller_is_better else shown < worst
    inside = trained & ~far
    label = optimizer_label(optimizer)
    look: Look = {"color": color, "marker": marker, "ls": ""}
    ax.plot(x[inside], shown[inside], ms=4.5, mec="white", mew=0.5, label=label, **look)
    out = (trained & far) | (trials["status"] == "diverged").to_numpy()
    crosses: Look = {"color": color, "marker": "x", "ls": "", "ms": 5, "clip_on": False}
    ax.plot(x[out], np.full(int(out.sum()), worst), **crosses)
    decades = np.log10(x)
    span = np.ptp(decades)
    if inside.any() and span > 0:
        at = np.linspace(decades.min(), decades.max(), FINE)
        points = (decades[:, None] - decades.min()) / span
        places = (at[:, None] - decades.min()) / span
        bad = (trials["status"] == "diverged").to_numpy()
        line = smooth_scores(points[inside], shown[inside], places, without=points[bad])
        dashes = optimizer_line(optimizer)
        ax.plot(10**at, line, color=color, ls=dashes, lw=1.1, alpha=0.8)
    best = best_trial(trials)
    if best is not None:
        ring: Look = {"mfc": "none", "mec": "black", "marker": "o", "ls": ""}
        ax.plot(best[axis], quantity.factor * best["score"], ms=10, **ring)


def _axis(trials: pd.DataFrame) -> str | None:
    """The one hyperparameter of the two that was searched; None for both or neither."""
    several = [name for name in AXES if trials[name].nunique() > 1]
    return several[0] if len(several) == 1 else None


def _of(material: Material, axis: str) -> dict[str, pd.DataFrame]:
    return {
        name: trials
        for name, trials in trials_by_optimizer(material.runs).items()
        if _axis(trials) == axis and (trials["status"] == "ok").any()
    }


def _drawing(axis: str) -> Drawing:
    def caption(material: Material) -> str:
        trials, quantity = _of(material, axis), material.quantity
        words = AXIS_LABELS[axis].split(" (")[0]
        sentences = [
            f"{quantity.heading} of each trial over the {words}, with the "
            "kernel-weighted mean where trials are near enough to carry it. Rings: the "
            "best trial. Crosses at the edge: trials that diverged, or that are far "
            "worse than the others.",
            *(best_text(name, found, quantity) for name, found in trials.items()),
            varied_text(material.runs),
        ]
        return " ".join(filter(None, sentences))

    return Drawing(
        f"search_{axis}",
        f"Score of the trials over the {AXIS_LABELS[axis]}",
        lambda given: bool(_of(given, axis)),
        lambda given: search_line_figure(
            _of(given, axis), axis, quantity=given.quantity
        ),
        caption,
        scope="search",
    )


FIGURE = _drawing("learning_rate")
DECAY_FIGURE = _drawing("weight_decay")
