"""Summaries and figures of the studies, from the public table."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from keras_lion.report.html import DPI
from keras_lion.report.panels import FAINT, figure_legend, look_of, panels, tidy
from keras_lion.report.rule_of_thumb_curve import ADVICE
from keras_lion.report.style import LOSS
from keras_lion.report.write import write_pages
from keras_lion.robustness.transfer import transfer_curve
from keras_lion.statistics import Interval, t_interval
from studies.effective_decay import LENGTHS, NETWORKS, name_of
from studies.effective_decay_figure import ladder_figure
from studies.evidence.runs import declared, is_complete, runs_of

# Study → the figures that are kept; the notebooks and `keras-lion report` draw others.
KEPT = {
    "learning_rate_weight_decay": ("heatmap", "heatmap_loss"),
    "effective_decay": (),
    "pace": (),
    "batch_size": ("batch_size",),
    "optimizers": ("best_of_k",),
    "betas": (),
    "transfer_from_adamw": (),
    "parametrisation": (),
    "warm_up": (),
    "augmentation": (),
    "momentum_dtype": (),
    "embeddings": ("isolation",),
}


def write(results: Path) -> None:
    """Write results/<study>/summary.csv, summary.json and figures/."""
    for study, kept in KEPT.items():
        tasks = [task for task in declared(study).plans if is_complete(study, task)]
        if not tasks:
            continue
        frame = pd.concat([runs_of(study, task) for task in tasks], ignore_index=True)
        folder = results / study
        with tempfile.TemporaryDirectory() as place:
            made = Path(place)
            write_pages(
                made,
                frame,
                declared(study).declaration(),
                {},
                drawings=kept,
            )
            for name in ("summary.csv", "summary.json"):
                shutil.copy(made / name, folder)
            for picture in sorted(made.glob("figures/*.png")):
                (folder / "figures").mkdir(exist_ok=True)
                shutil.copy(picture, folder / "figures")
    _write_transfer(results / "transfer_from_adamw")
    _write_ladder(results / "effective_decay")


def _write_ladder(folder: Path) -> None:
    frames = {
        (network, steps): runs_of("effective_decay", name_of(network, steps))
        for network in NETWORKS
        for steps in LENGTHS
        if is_complete("effective_decay", name_of(network, steps))
    }
    if frames:
        (folder / "figures").mkdir(exist_ok=True, parents=True)
        ladder_figure(frames).savefig(folder / "figures" / "ladder.png", dpi=DPI)


def _write_transfer(folder: Path) -> None:
    curves = {}
    for task in declared("transfer_from_adamw").plans:
        if not is_complete("transfer_from_adamw", task):
            continue
        frame = runs_of("transfer_from_adamw", task)
        curve = transfer_curve(frame, "lion", "adamw")
        recipe = t_interval(frame.loc[frame["optimizer"] == "adamw", "final_loss"])
        curves[task] = (curve[curve["on_line"]], recipe)
    if curves:
        (folder / "figures").mkdir(exist_ok=True, parents=True)
        transfer_figure(curves).savefig(folder / "figures" / "curves.png", dpi=DPI)


def transfer_figure(curves: dict[str, tuple[pd.DataFrame, Interval]]) -> Figure:
    """Lion at AdamW's lr / k and λ × k over k, and AdamW at its recipe.

    Bands are 95 % intervals over seeds; the gray one is the advised range of k.

    Args:
        curves: Task → one row per factor k (`factor`, `mean` over seeds, and its
            interval, `low` and `high`), and AdamW's mean with its interval.

    Returns:
        The figure, with one panel per task.
    """
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    size = (0.5 + 2.5 * columns, 0.4 + 2.1 * rows)
    figure, axes = panels(size, len(curves), columns)
    for ax, (task, (curve, recipe)) in zip(axes, curves.items(), strict=True):
        _draw_transfer(ax, curve.sort_values("factor"), recipe)
        ax.set_title(task, fontsize=8)
    figure_legend(figure, axes[0].get_legend_handles_labels()[0], ncols=3)
    return figure


def _draw_transfer(ax: Axes, curve: pd.DataFrame, recipe: Interval) -> None:
    adamw, lion = look_of("adamw"), look_of("lion")
    ax.axvspan(*ADVICE, color=FAINT, alpha=0.25, lw=0, label="advice: 3 to 10")
    ax.axhspan(recipe.low, recipe.high, color=adamw["color"], alpha=0.15, lw=0)
    label = f"{adamw['label']} at its recipe"
    ax.axhline(recipe.estimate, **(adamw | {"marker": "", "label": label}))
    band = {"color": lion["color"], "alpha": 0.2, "lw": 0}
    ax.fill_between(curve["factor"], curve["low"], curve["high"], **band)
    ax.plot(curve["factor"], curve["mean"], ms=4, **lion)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator([1, 2, 3, 5, 10, 20, 30]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    tidy(ax, "factor k", LOSS.label)
