"""Figure and tables of studies/transformers.py.

    python studies/transformers_figure.py

writes which weights are scale-invariant to studies/results/transformers/weights.csv;
`make evidence` writes the spread over learning rates, spread.csv and
figures/spread.png, from the public table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from keras_lion.report.elements.panels import (
    DARK,
    FAINT,
    entry,
    figure_legend,
    panels,
    tidy,
)
from keras_lion.report.elements.style import in_order, optimizer_label
from keras_lion.report.html import DPI
from keras_lion.robustness.effective_decay.spread import (
    LEAST_KAPPA,
    lines_of_equal_product,
    spread_over_rates,
)
from studies.arguments import no_options

RESULTS = Path(__file__).parent / "results/transformers"
# Task → what decays, from what should obey lr × λ most to what should least.
ARMS = {
    "normalized_pinned": "normalized: invariant weights; head at one lr",
    "normalized_invariant": "normalized: invariant weights",
    "normalized_all": "normalized: all",
    "normalized_rest": "normalized: the rest (head)",
    "plain_invariant": "plain: invariant weights",
    "plain_all": "plain: all",
    "plain_rest": "plain: the rest",
}
LONG = "_long"  # ends the names of the tasks with 12,000 steps
MARKERS = ("o", "s", "^", "v", "D", "P", "X")
SHOWN = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # nats
MARGIN = 0.05  # nats


def spread_table(frames: Mapping[str, pd.DataFrame], trigram: float) -> pd.DataFrame:
    """One row for each task and optimizer.

    Args:
        frames: Task → its runs.
        trigram: Loss of the trigram model.

    Returns:
        The spread over learning rates at each lr × λ with κ of at least 5 together
        (with a 95 % interval where there are two seeds), the standard deviation at each
        κ, the noise of seeds, the lowest mean loss of a cell, how many cells are below
        the trigram model, and how many runs diverged.
    """
    rows = []
    for task in (*ARMS, *(arm + LONG for arm in ARMS)):
        if task not in frames:
            continue
        runs = frames[task]
        for optimizer in in_order(runs["optimizer"].unique()):
            own = runs[runs["optimizer"] == optimizer]
            lines = lines_of_equal_product(own, optimizer=optimizer, value="final_loss")
            found = spread_over_rates([x for x in lines if x.kappa >= LEAST_KAPPA])
            cells = own.groupby(["learning_rate", "weight_decay"])["final_loss"]
            means = cells.mean()
            noise = [line.noise**2 for line in lines if np.isfinite(line.noise)]
            rows.append(
                {
                    "task": task,
                    "optimizer": optimizer,
                    "seeds": own["seed"].nunique(),
                    "spread": found.estimate,
                    "spread_low": found.low,
                    "spread_high": found.high,
                    **{f"sd_kappa_{x.kappa:.0f}": x.deviation for x in lines},
                    "seed_sd": float(np.sqrt(np.mean(noise))) if noise else np.nan,
                    "best_loss": float(means.min()),
                    "cells": len(means),
                    "cells_below_trigram": int((means < trigram).sum()),
                    "diverged": int((own["status"] == "diverged").sum()),
                }
            )
    return pd.DataFrame(rows)


def weight_table() -> pd.DataFrame:
    """The groups of weights of both networks, and whether their scale matters.

    Returns:
        A row per group: its weights, its share of all, and the largest change of a
        logit, next to the largest logit, when the group's weights are tripled.
    """
    import keras
    from keras import ops

    from studies import transformer_network as networks

    x = np.random.default_rng(0).integers(0, networks.VOCABULARY, (2, networks.LENGTH))
    rows = []
    for normalized in (False, True):
        keras.utils.set_random_seed(1)
        model = networks.transformer(normalized=normalized)
        before = ops.convert_to_numpy(model(x.astype("int32")))
        groups = {"invariant": networks.INVARIANT, "rest": networks.REST}
        for group, patterns in groups.items():
            weights = [
                variable
                for variable in model.trainable_variables
                if any(re.search(each, variable.path) for each in patterns[normalized])
            ]
            for variable in weights:
                variable.assign(3 * variable)
            after = ops.convert_to_numpy(model(x.astype("int32")))
            for variable in weights:
                variable.assign(variable / 3)
            size = sum(int(np.prod(variable.shape)) for variable in weights)
            rows.append(
                {
                    "network": "normalized" if normalized else "plain",
                    "group": group,
                    "weights": " ".join(p.strip("_/") for p in patterns[normalized]),
                    "share": size / model.count_params(),
                    "change": float(
                        np.abs(after - before).max() / np.abs(before).max()
                    ),
                }
            )
    return pd.DataFrame(rows)


def spread_figure(
    frames: Mapping[str, pd.DataFrame], baselines: Mapping[str, float]
) -> Figure:
    """Spread over learning rates at one lr × λ, and losses at κ = 6.

    Above: standard deviation of the validation loss over learning rates, over
    κ = λ Σ lr; a line per group of weights that decays, hollow where some learning
    rates diverged; dotted: what counts as none. Below: the losses of the line with κ
    next to 6, over the learning rate, dashed after 12,000 steps; dotted: bigram and
    trigram model.

    Args:
        frames: Task → its runs.
        baselines: Loss of the `bigram` and of the `trigram` model.

    Raises:
        ValueError: If there are no runs.
    """
    if not frames:
        raise ValueError("The figure needs runs. Received none.")
    names = in_order(next(iter(frames.values()))["optimizer"].unique())
    size = (0.8 + 2.8 * len(names), 5.4)
    figure, axes = panels(size, 2 * len(names), len(names), sharey="row")
    for column, optimizer in enumerate(names):
        above, below = axes[column], axes[len(names) + column]
        _prepare(above, below, baselines)
        for task, color, marker in _looks(frames):
            _draw_spread(above, frames[task], optimizer, color, marker)
            look: dict[str, Any] = {"color": color, "marker": marker}
            _draw_losses(below, frames[task], optimizer, **look)
            if task + LONG in frames:
                _draw_losses(below, frames[task + LONG], optimizer, ls="--", **look)
        left = column == 0
        title = optimizer_label(optimizer)
        tidy(above, "κ = λ Σ lr", "sd over lr (nats)" if left else "", title)
        tidy(below, "learning rate", "validation loss at κ = 6 (nats)" if left else "")
    figure_legend(
        figure,
        [
            entry(ARMS[task], color=color, marker=marker, ms=4)
            for task, color, marker in _looks(frames)
        ]
        + [entry("12,000 steps instead of 3,000", ls="--")],
        ncols=2,
    )
    return figure


def _prepare(above: Axes, below: Axes, baselines: Mapping[str, float]) -> None:
    above.set_xscale("log")
    above.set_yscale("symlog", linthresh=MARGIN, linscale=0.6)
    above.set_ylim(-0.005, 3)
    above.axvspan(LEAST_KAPPA, 100, color=FAINT, alpha=0.15, lw=0)
    above.axhline(MARGIN, color=DARK, lw=0.8, ls=(0, (1, 1.5)))
    above.set_xlim(1, 20)
    above.xaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20]))
    above.yaxis.set_major_locator(FixedLocator(list(SHOWN)))
    for axis in (above.xaxis, above.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    below.set_xscale("log", base=2)
    for name in ("bigram", "trigram"):
        below.axhline(baselines[name], color=DARK, lw=0.8, ls=(0, (1, 1.5)))
        below.annotate(
            name,
            (0.99, baselines[name]),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=6,
        )


def _draw_spread(
    ax: Axes,
    runs: pd.DataFrame,
    optimizer: str,
    color: tuple[float, ...],
    marker: str,
) -> None:
    lines = lines_of_equal_product(runs, optimizer=optimizer, value="final_loss")
    kappa = [line.kappa for line in lines]
    ax.plot(kappa, [line.deviation for line in lines], color=color, lw=1.3)
    for line in lines:
        face = "white" if line.diverged.any() else color
        ax.plot(line.kappa, line.deviation, marker, color=color, mfc=face, ms=4)


def _draw_losses(
    ax: Axes, runs: pd.DataFrame, optimizer: str, *, ls: str = "-", **look: Any
) -> None:
    lines = lines_of_equal_product(runs, optimizer=optimizer, value="final_loss")
    middle = min(lines, key=lambda line: abs(line.kappa - 6))
    losses = -middle.trained.mean(axis=1)
    rates = middle.learning_rate[~middle.diverged]
    ax.plot(rates, losses, ls=ls, lw=1.3, ms=4, **look)


def _looks(
    frames: Mapping[str, pd.DataFrame],
) -> list[tuple[str, tuple[float, ...], str]]:
    colors = colormaps["viridis"](np.linspace(0.95, 0, len(ARMS)))
    return [
        (task, tuple(color), marker)
        for task, color, marker in zip(ARMS, colors, MARKERS, strict=True)
        if task in frames
    ]


def write(folder: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write spread.csv and figures/spread.png.

    Args:
        folder: Results of the study, with baselines.json.
        frames: Task → its runs.
    """
    baselines = json.loads((folder / "baselines.json").read_text("utf-8"))
    (folder / "figures").mkdir(exist_ok=True)
    spread_figure(frames, baselines).savefig(folder / "figures/spread.png", dpi=DPI)
    table = spread_table(frames, baselines["trigram"])
    table.to_csv(folder / "spread.csv", index=False, float_format="%.4f")


if __name__ == "__main__":
    no_options(__doc__)
    weights = weight_table()
    weights.to_csv(RESULTS / "weights.csv", index=False, float_format="%.4f")
    print(weights.to_string(index=False, float_format="%.3f"))
