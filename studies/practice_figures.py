"""The figures of docs/practice.md, from the runs of four studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.panels import (
    BAND,
    FAINT,
    TICK,
    Look,
    entry,
    figure_legend,
    look_of,
    panels,
    tidy,
)
from keras_lion.report.elements.style import optimizer_color, optimizer_label
from keras_lion.statistics import t_interval
from studies import fine_tuning, short_warm_up, spikes, switching

OPTIMIZERS = ("adamw", "lion")
# Arm of studies/spikes.py → its label, with the values of AdamW and Lion.
ARMS = {
    "usual": "usual setting",
    "beta_2_smaller": "β₂ = 0.95",
    "beta_2_larger": "β₂ = 0.9999 / 0.999",
    "clip_1": "clipped at norm 1",
    "clip_0.1": "clipped at norm 0.1",
    "warmup_0": "no warm-up",
    "warmup_20": "20 % warm-up",
    "decay_0": "λ = 0",
    "decay_third": "λ ÷ 3",
    "decay_triple": "λ × 3",
}


def spikes_figure(frame: pd.DataFrame) -> Figure:
    """How many seeds' runs spike or diverge, over arms and learning rates.

    Args:
        frame: Runs of studies/spikes.py.

    Returns:
        A row of panels per task, a column per optimizer.
    """
    tasks = list(spikes.BEST)
    figure, axes = panels((6.6, 2.7 * len(tasks)), 2 * len(tasks), 2, sharey=True)
    seeds = frame["seed"].nunique()
    unstable = frame["diverged"] | (frame["spikes"] > 0)
    for place, ax in enumerate(axes):
        task, optimizer = tasks[place // 2], OPTIMIZERS[place % 2]
        here = (frame["task"] == task) & (frame["optimizer"] == optimizer)
        counted = (
            frame.assign(unstable=unstable)[here]
            .pivot_table(
                index="arm",
                columns="factor",
                values=["unstable", "diverged"],
                aggfunc="sum",
            )
            .reindex(list(ARMS))
        )
        counts = counted["unstable"].to_numpy(float)
        ax.imshow(counts, cmap="Oranges", vmin=0, vmax=1.3 * seeds, aspect="auto")
        for (row, column), count in np.ndenumerate(counts):
            ended = int(counted["diverged"].to_numpy(float)[row, column])
            text = f"{count:.0f} ({ended})" if ended else f"{count:.0f}"
            ax.text(column, row, text, ha="center", va="center", fontsize=TICK)
        ax.set_yticks(range(len(ARMS)), ARMS.values())
        factors = [f"{factor:g}" for factor in counted["unstable"].columns]
        ax.set_xticks(range(len(factors)), factors)
        last = place // 2 == len(tasks) - 1
        tidy(
            ax,
            "learning rate / best learning rate" if last else "",
            title=f"{optimizer_label(optimizer)}, {task}",
        )
    return figure


def short_warm_up_figure(frame: pd.DataFrame) -> Figure:
    """Validation loss over the share of steps that warm up.

    Args:
        frame: Runs of studies/short_warm_up.py.

    Returns:
        A panel per length, at the best learning rate and at the next of the grid.
    """
    lengths = list(short_warm_up.LENGTHS)
    figure, axes = panels((6.6, 2.7), len(lengths), len(lengths), sharey=True)
    for ax, steps in zip(axes, lengths, strict=True):
        for optimizer in OPTIMIZERS:
            chosen = (frame["steps"] == steps) & (frame["optimizer"] == optimizer)
            runs = frame[chosen]
            rates = short_warm_up.read_at(runs)
            for place, rate in rates.items():
                _draw_means(
                    ax,
                    runs[runs["learning_rate"] == rate],
                    "per_cent",
                    **look_of(optimizer),
                    mfc=optimizer_color(optimizer) if place == "best" else "white",
                )
        ax.set_xticks(short_warm_up.PER_CENT)
        label = "validation loss (nats)" if ax is axes[0] else ""
        tidy(ax, "warm-up (% of the steps)", label, f"{steps} steps")
    figure_legend(
        figure,
        [
            *(entry(**look_of(name), ms=4) for name in OPTIMIZERS),
            entry("at the best learning rate", marker="o", ls="", ms=4),
            entry("at 3.2 times it", marker="o", mfc="white", ls="", ms=4),
        ],
        ncols=4,
    )
    return figure


def _switch(label: str, color: str, marker: str, face: str) -> Look:
    return {"label": label, "color": color, "marker": marker, "mfc": face}


_LION, _GRAY, _LIGHT = optimizer_color("lion"), "#777777", "#DDDDDD"
_MATCHED, _PAPER = "Lion (lr ÷ 4.36, λ × 10.4)", "Lion (lr ÷ 10, λ × 10)"
# Arm of studies/switching.py → its label and look.
SWITCHES: Mapping[str, Look] = {
    "adamw_restarted": _switch(
        "AdamW, state lost", optimizer_color("adamw"), "s", "white"
    ),
    "matched_fresh": _switch(f"{_MATCHED}, fresh momentum", _LION, "o", "white"),
    "matched_scaled": _switch(f"{_MATCHED}, a tenth taken over", _LION, "o", "#F5C7A5"),
    "matched_taken_over": _switch(f"{_MATCHED}, taken over", _LION, "o", _LION),
    "paper_fresh": _switch(f"{_PAPER}, fresh momentum", _GRAY, "D", "white"),
    "paper_scaled": _switch(f"{_PAPER}, a tenth taken over", _GRAY, "D", _LIGHT),
    "paper_taken_over": _switch(f"{_PAPER}, taken over", _GRAY, "D", _GRAY),
}


def switching_figure(frame: pd.DataFrame) -> Figure:
    """What a switch from AdamW changes, at the end and in the steps after it.

    Args:
        frame: Runs of studies/switching.py.

    Returns:
        Final validation loss less AdamW's, and the training loss after the switch
        less AdamW's, over the time of the switch.
    """
    figure, axes = panels((6.6, 3.2), 2, 2)
    adamw = frame[frame["arm"] == "adamw"].set_index("seed")["loss"]
    change = frame.assign(change=frame["loss"] - frame["seed"].map(adamw))
    for ax, column, label in (
        (axes[0], "change", "final validation loss\n− AdamW to the end (nats)"),
        (axes[1], "bump", "training loss of the next 50 steps\n− AdamW's (nats)"),
    ):
        ax.axhline(0, color=FAINT, lw=0.8)
        for number, (arm, look) in enumerate(SWITCHES.items()):
            runs = change[change["arm"] == arm]
            _draw_means(
                ax, runs, "place", column=column, shift=1.5 * (number - 3), **look
            )
        ax.set_xticks(switching.PLACES)
        tidy(ax, "steps made before the switch (%)", label)
    figure_legend(
        figure,
        [entry(**look, ms=4) for look in SWITCHES.values()],
        ncols=2,
    )
    return figure


STARTS = {"fresh": "o", "continued": "s", "taken_over": "s", "new": "^"}


def fine_tuning_figure(frame: pd.DataFrame) -> Figure:
    """Validation loss after fine-tuning, over the learning rate.

    Args:
        frame: Runs of studies/fine_tuning.py.

    Returns:
        A line per arm, in one panel: at the best weight decay of each learning rate.
    """
    figure, (ax,) = panels((6.6, 3.6))
    ax.set_xscale("log")
    ax.set_ylim(1.3, 2.7)  # above it, no setting is of use
    for arm in fine_tuning.ARMS:
        runs = frame[frame["arm"] == arm]
        best = pd.concat(
            fine_tuning.at_best(here).reset_index()
            for _, here in runs.groupby("learning_rate")
        )
        _draw_means(ax, best, "learning_rate", **_start(arm))
    tidy(ax, "learning rate (lr)", "validation loss, all ten digits (nats)")
    figure_legend(
        figure,
        [entry(label, ms=4, **_start(arm)) for arm, label in arm_labels().items()],
        ncols=2,
    )
    return figure


def arm_labels() -> dict[str, str]:
    """Arm of studies/fine_tuning.py → its label."""
    names = {
        "fresh": "AdamW's weights, fresh state",
        "continued": "AdamW's weights, state continued",
        "taken_over": "AdamW's weights, momentum taken over",
        "new": "new weights",
    }
    return {
        arm: f"{optimizer_label(optimizer)}: {names[start]}"
        for arm, (optimizer, start) in fine_tuning.ARMS.items()
    }


def _start(arm: str) -> dict[str, Any]:
    optimizer, start = fine_tuning.ARMS[arm]
    color = optimizer_color(optimizer)
    look = look_of(optimizer)
    return {
        "color": color,
        "ls": look["ls"],
        "marker": STARTS[start],
        "mfc": "white" if start == "fresh" else color,
        "alpha": 0.45 if start == "new" else 1.0,
    }


def _draw_means(
    ax: Axes,
    runs: pd.DataFrame,
    over: str,
    *,
    column: str = "loss",
    shift: float = 0.0,
    **look: Any,
) -> None:
    """Means over seeds as a line, their 95 % intervals as bars or as a band."""
    values, found = [], []
    for value, here in runs.groupby(over):
        values.append(float(str(value)) + shift)
        found.append(t_interval(here[column].to_numpy(float)))
    look.pop("label", None)
    ax.plot(values, [each.estimate for each in found], **{"lw": 1.3, "ms": 4} | look)
    low, high = [each.low for each in found], [each.high for each in found]
    if over == "place":
        ax.vlines(values, low, high, color=look["color"], lw=0.8)
    else:
        ax.fill_between(values, low, high, color=look["color"], alpha=BAND, lw=0)
