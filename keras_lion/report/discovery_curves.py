"""Curves of the program search, from the tables of `studies/discovery.py`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.bands import FAINT
from keras_lion.report.marks import TICK, legend, tidy
from keras_lion.statistics import t_interval

# Okabe and Ito's colours, and lines that differ without them.
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

    Example:

    ```python
    search_rates_figure(pd.read_csv("windows.csv")).savefig("rates.png")
    ```

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 2, right
    """
    figure = Figure((3.4, 2.6), layout="constrained")
    ax = figure.subplots()
    for name in ("hit_rate", "redundancy", "redundancy_per_step"):
        percent = windows.assign(**{name: 100 * windows[name]})
        draw_mean(ax, percent, "num_children", name, name)
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

    Example:

    ```python
    best_fitness_figure(pd.read_csv("best_fitness.csv")).savefig("best.png")
    ```

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 2, left
    """
    figure = Figure((3.4, 2.6), layout="constrained")
    ax = figure.subplots()
    for method, rows in best.groupby("method", sort=False):
        draw_mean(ax, rows, "evaluations", "best", str(method))
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

    Example:

    ```python
    hitting_times_figure(pd.read_csv("hitting_times.csv")).savefig("times.png")
    ```
    """
    targets = times["target"].unique()
    figure = Figure((3.4 * len(targets), 2.9), layout="constrained")
    panels = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    for ax, target in zip(panels, targets, strict=True):
        of_target = times[times["target"] == target]
        for variant, rows in of_target.groupby("variant", sort=False):
            _draw_found(ax, rows, "num_evaluations", str(variant))
            if variant == "search":
                _draw_found(ax, rows, "num_evaluations_without_cache", "without cache")
        ax.set_xscale("log")
        ax.set_ylim(-3, 103)
        ax.set_title(str(target).capitalize(), fontsize=TICK + 1)
        tidy(ax, "evaluations", "searches that found it (%)" if ax is panels[0] else "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, fontsize=TICK, frameon=False, ncols=3, loc="outside lower left"
    )
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

    Example:

    ```python
    meta_validation_figure(pd.read_csv("meta_validation.csv")).savefig("meta.png")
    ```

    References:
        [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Figure 3
    """
    # What diverges has learned nothing.
    points = points.assign(meta_fitness=points["meta_fitness"].clip(lower=0.0))
    factors = points["factor"].unique()
    figure = Figure((3.4 * len(factors), 2.6), layout="constrained")
    panels = figure.subplots(1, len(factors), sharey=True, squeeze=False)[0]
    for ax, factor in zip(panels, factors, strict=True):
        rows = points[points["factor"] == factor]
        small = rows.groupby("num_children")["fitness"].mean()
        ax.plot(small.index, small, color="#BBBBBB", lw=3, label="in the search")
        for number, (_, curve) in enumerate(rows.groupby("seed")):
            x, y = curve["num_children"].to_numpy(), curve["meta_fitness"].to_numpy()
            last_best = int(np.flatnonzero(y == y.max())[-1])
            label = f"{factor:g} × the compute" if number == 0 else "_"
            ax.plot(x, y, color="#0072B2", lw=0.9, label=label)
            ax.plot(x[last_best], y[last_best], "o", mfc="none", color="#D55E00", ms=5)
        tidy(ax, "programs", "fitness" if ax is panels[0] else "")
        legend(ax, loc="best")
    return figure


def draw_mean(ax: Axes, frame: pd.DataFrame, x: str, y: str, look: str) -> None:
    """Draw a mean over seeds, and its 95 % interval where there are several.

    Args:
        ax: Axes to draw on.
        frame: With the columns seed, `x` and `y`. Values of `x` that not every seed
            has are left out.
        x: Column of the positions.
        y: Column of the values.
        look: Decides colour, line and label.
    """
    values = frame.pivot(index=x, columns="seed", values=y).dropna().sort_index()
    label, colour, line = _LOOKS[look]
    means = [t_interval(row) for row in values.to_numpy()]
    ax.plot(
        values.index,
        [each.estimate for each in means],
        color=colour,
        ls=line,
        lw=1.3,
        label=label,
    )
    if values.shape[1] > 1:
        low, high = [each.low for each in means], [each.high for each in means]
        ax.fill_between(values.index, low, high, color=colour, alpha=FAINT, lw=0)


def _draw_found(ax: Axes, rows: pd.DataFrame, column: str, look: str) -> None:
    """An empirical distribution function, level to where the last search ended."""
    label, colour, line = _LOOKS[look]
    hits = np.sort(rows.loc[rows["found"].astype(bool), column].to_numpy())
    shares = 100 * np.arange(len(hits) + 1) / len(rows)
    x = [1, *hits, rows[column].max()]
    ax.plot(
        x,
        [*shares, shares[-1]],
        color=colour,
        ls=line,
        lw=1.3,
        label=label,
        drawstyle="steps-post",
    )
