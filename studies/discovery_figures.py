"""The figures of the program search, from the tables of `studies/discovery.py`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.panels import (
    BAND,
    FAINT,
    TICK,
    figure_legend,
    legend,
    panels,
    tidy,
)
from keras_lion.statistics import t_interval

# Okabe and Ito's colors, and lines that differ without them.
_LOOKS = {
    "hit_rate": ("children known to the cache", "#0072B2", "-"),
    "redundancy": ("statements that do nothing", "#D55E00", "--"),
    "redundancy_per_step": ("the same, by the paper's analysis", "#E69F00", ":"),
    "evolution": ("search", "#D55E00", "-"),
    "constants": ("AdamW, constants tuned", "#0072B2", "--"),
    "random": ("random programs", "#666666", ":"),
    "search": ("search", "#D55E00", "-"),
    "without cache": ("without cache", "#0072B2", "--"),
    "without warm start": ("without warm start", "#666666", ":"),
    "without redundant statements": ("without redundant statements", "#009E73", "-."),
    "without aging": ("without aging", "#CC79A7", (0, (7, 2))),
}


def search_rates_figure(windows: pd.DataFrame) -> Figure:
    """Hit rate and redundancy against the number of programs.

    Lines are means over searches, bands their 95 % intervals.

    Args:
        windows: `windows.csv`: columns seed, num_children, hit_rate, redundancy and
            redundancy_per_step.

    Returns:
        The figure, 3.4 inches wide.

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 2, right
    """
    figure, (ax,) = panels((3.4, 2.6))
    for name in ("hit_rate", "redundancy", "redundancy_per_step"):
        percent = windows.assign(**{name: 100 * windows[name]})
        _draw_mean(ax, percent, "num_children", name, name)
    ax.set_ylim(0, 100)
    tidy(ax, "programs", "share (%)")
    legend(ax, loc="lower right")
    return figure


def best_fitness_figure(best: pd.DataFrame) -> Figure:
    """Best fitness against evaluations, of the search and its baselines.

    Args:
        best: `best_fitness.csv`: columns method, seed, evaluations and best.

    Returns:
        The figure, 3.4 inches wide. A line ends where not all searches go on.

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 2, left
    """
    figure, (ax,) = panels((3.4, 2.6))
    for method, rows in best.groupby("method", sort=False):
        _draw_mean(ax, rows, "evaluations", "best", str(method))
    ax.set_xscale("log")
    tidy(ax, "evaluations", "best fitness")
    legend(ax, loc="best")
    return figure


def hitting_times_figure(times: pd.DataFrame) -> Figure:
    """Share of the searches that have found a planted target, against evaluations.

    Every search counts to the end of the axis: one that gave up has not found.

    Args:
        times: `hitting_times.csv`: columns target, variant, found, num_evaluations and
            num_evaluations_without_cache.

    Returns:
        The figure, with axes for each target.
    """
    targets = times["target"].unique()
    count = len(targets)
    figure, axes = panels((3.4 * count, 2.9), count, count, sharey=True)
    for ax, target in zip(axes, targets, strict=True):
        of_target = times[times["target"] == target]
        for variant, rows in of_target.groupby("variant", sort=False):
            _draw_found(ax, rows, "num_evaluations", str(variant))
            if variant == "search":
                _draw_found(ax, rows, "num_evaluations_without_cache", "without cache")
        ax.set_xscale("log")
        ax.set_ylim(-3, 103)
        ax.set_title(str(target).capitalize(), fontsize=TICK + 1)
        tidy(ax, "evaluations", "searches that found it (%)" if ax is axes[0] else "")
    figure_legend(figure, axes[0].get_legend_handles_labels()[0], ncols=3)
    return figure


def meta_validation_figure(points: pd.DataFrame) -> Figure:
    """Fitness of the best programs on larger problems, in the course of each search.

    A ring marks the last time at which it is the highest: from there on the search
    overfits its small problems. The thick line is the mean over the searches of the
    fitness on the small problems themselves.

    Args:
        points: `meta_validation.csv`: columns seed, factor, num_children, fitness and
            meta_fitness.

    Returns:
        The figure, with axes for each factor.

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 3
    """
    # What diverges has learned nothing.
    points = points.assign(meta_fitness=points["meta_fitness"].clip(lower=0.0))
    factors = points["factor"].unique()
    count = len(factors)
    figure, axes = panels((3.4 * count, 2.6), count, count, sharey=True)
    for ax, factor in zip(axes, factors, strict=True):
        rows = points[points["factor"] == factor]
        small = rows.groupby("num_children")["fitness"].mean()
        ax.plot(small.index, small, color=FAINT, lw=3, label="in the search")
        for number, (_, curve) in enumerate(rows.groupby("seed")):
            x, y = curve["num_children"].to_numpy(), curve["meta_fitness"].to_numpy()
            last_best = int(np.flatnonzero(y == y.max())[-1])
            label = f"{factor:g} × the compute" if number == 0 else "_"
            ax.plot(x, y, color="#0072B2", lw=0.9, label=label)
            ax.plot(x[last_best], y[last_best], "o", mfc="none", color="#D55E00", ms=5)
        tidy(ax, "programs", "fitness" if ax is axes[0] else "")
        legend(ax, loc="best")
    return figure


def _draw_mean(ax: Axes, frame: pd.DataFrame, x: str, y: str, look: str) -> None:
    """The mean over seeds and its 95 % interval, where every seed has a value."""
    label, color, line = _LOOKS[look]
    seeds = frame.groupby(x)["seed"].nunique()
    whole = frame[frame[x].isin(seeds.index[seeds == frame["seed"].nunique()])]
    seaborn.lineplot(
        whole,
        x=x,
        y=y,
        errorbar=_interval if frame["seed"].nunique() > 1 else None,
        err_kws={"alpha": BAND, "lw": 0},
        color=color,
        ls=line,
        lw=1.3,
        label=label,
        legend=False,
        ax=ax,
    )


def _interval(values: pd.Series[float]) -> tuple[float, float]:
    found = t_interval(values)
    return found.low, found.high


def _draw_found(ax: Axes, rows: pd.DataFrame, column: str, look: str) -> None:
    """An empirical distribution function, level to where the last search ended."""
    label, color, line = _LOOKS[look]
    hits = np.sort(rows.loc[rows["found"].astype(bool), column].to_numpy())
    shares = 100 * np.arange(len(hits) + 1) / len(rows)
    x = [1, *hits, rows[column].max()]
    ax.plot(
        x,
        [*shares, shares[-1]],
        color=color,
        ls=line,
        lw=1.3,
        label=label,
        drawstyle="steps-post",
    )
