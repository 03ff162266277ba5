"""Best score of a search so far, over its trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import (
    Look,
    legend,
    panels,
    require_optimizer,
    tidy,
)
from keras_lion.report.elements.search_texts import trials_by_optimizer
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    optimizer_color,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
)
from keras_lion.report.figures.search_map import score_limits
from keras_lion.robustness.frames.search_trials import best_so_far, best_trial


def best_so_far_figure(
    trials: Mapping[str, pd.DataFrame], *, quantity: Quantity = ACCURACY
) -> Figure:
    """Best score of the trials so far, with the trials themselves behind it.

    Of trials with several budgets, such as Hyperband's, those of the largest count.
    Trials worse than the scale reaches are left out of the panel.

    Args:
        trials: Optimizer → its trials in their order, as of `trials_of`.
        quantity: How scores are shown.

    Returns:
        The figure, 4.6 inches wide.

    Raises:
        ValueError: If there is no optimizer.

    Example:

    ```python
    best_so_far_figure({"lion": trials_of(runs)}).savefig("best.png", dpi=200)
    ```
    """
    require_optimizer(trials, "The best of the trials")
    figure, (ax,) = panels((4.6, 2.8))
    for name, found in trials.items():
        color = optimizer_color(name)
        shown = quantity.factor * found["score"].to_numpy(float)
        counted = (found["full"] & (found["status"] == "ok")).to_numpy()
        at = found.index.to_numpy()
        dots: Look = {"marker": optimizer_marker(name), "ls": "", "color": color}
        ax.plot(at[counted], shown[counted], ms=3, alpha=0.35, mew=0, **dots)
        best = quantity.factor * best_so_far(found).to_numpy(float)
        look: Look = {"color": color, "ls": optimizer_line(name), "lw": 1.5}
        label = optimizer_label(name)
        ax.plot(at, best, drawstyle="steps-post", label=label, **look)
        known = np.flatnonzero(np.isfinite(best))
        if len(known):
            # The step at the last trial has no length.
            ax.plot(at[known[-1]], best[known[-1]], ms=4.5, **dots)
    low, high = score_limits(trials, quantity)
    margin = 0.08 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    most = max(len(each) for each in trials.values())
    ax.set_xlim(0, most * 1.02 + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    tidy(ax, "trial", f"best {quantity.label} so far")
    legend(ax, loc="best")
    return figure


def _caption(material: Material) -> str:
    trials, quantity = trials_by_optimizer(material.runs), material.quantity
    texts = []
    for name, found in trials.items():
        best = best_trial(found)
        if best is None:
            continue
        final = f"{quantity.text(best['score'])} {quantity.unit}".strip()
        texts.append(
            f"{optimizer_label(name)} reaches {final} at trial {best['trial']} of "
            f"{len(found)}"
        )
    budgets = any(not found["full"].all() for found in trials.values())
    counted = " of the largest budget" if budgets else ""
    return (
        f"Best {quantity.label} of the trials{counted} so far, in the order of the "
        f"records; faint dots are the trials. {'; '.join(texts)}. The best of many "
        "trials is partly luck: its test score, or a run with another seed, is worse "
        "on average."
    )


def _applies(material: Material) -> bool:
    every = trials_by_optimizer(material.runs).values()
    return any(len(each) > 1 and best_trial(each) is not None for each in every)


FIGURE = Drawing(
    "best_so_far",
    "Best score of the search so far, over its trials",
    _applies,
    lambda given: best_so_far_figure(
        trials_by_optimizer(given.runs), quantity=given.quantity
    ),
    _caption,
    scope="search",
)
