"""Which of lr, λ, lr × λ and lr / λ explains the validation loss, and where?

Question   Three laws are claimed for three regimes: with too little decay the learning
           rate decides; with enough decay, λ where the scale of weights matters, and
           lr × λ where it does not. Which does each task follow?
Command    python studies/three_laws.py
Duration   10 seconds
Result     studies/results/three_laws/shares.csv, figures/three_laws.png

From the runs of all committed studies with a grid over learning rate and λ, in two
ranges of κ = λ Σ lr, the number of decay times in a run. R² of a cubic in the logarithm
of each quantity, over cells in which every run trained. A narrow range of κ is also a
narrow range of lr × λ, so that shares compare within a row, not between the two ranges.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.panels import panels
from keras_lion.report.elements.style import optimizer_label
from keras_lion.report.html import DPI
from keras_lion.robustness.effective_decay.explained import explained
from studies.arguments import no_options
from studies.evidence.runs import (
    all_runs,
    is_complete,
    is_declared,
    runs_of,
)

FOLDER = Path(__file__).parent / "results" / "three_laws"
OPTIMIZERS = ("adamw", "lion")
RANGES = {"κ < 1": (0.0, 1.0), "κ > 3": (3.0, math.inf)}
QUANTITIES = ("lr", "λ", "lr × λ", "lr / λ")

# What is scale-invariant → (study, task, label), from all weights to none.
LADDER = (465, 3_720, 14_880)
TASKS: dict[str, list[tuple[str, str, str]]] = {
    "all weights": [
        *(
            ("effective_decay", f"exact_{steps}", f"w₀ ∝ lr, {steps:,} steps")
            for steps in LADDER
        ),
        *(
            ("effective_decay", f"invariant_{steps}", f"ordinary w₀, {steps:,} steps")
            for steps in LADDER
        ),
        ("learning_rate_weight_decay", "mnist1d_invariant", "MNIST-1D, main study"),
    ],
    "all but gains": [
        ("effective_decay", f"gains_{steps}", f"{steps:,} steps") for steps in LADDER
    ],
    "hidden weights": [
        *(
            ("effective_decay", f"head_{steps}", f"with gains, {steps:,} steps")
            for steps in LADDER
        ),
        ("effective_decay", "mnist1d_normalised", "constant lr"),
        ("effective_decay", "mnist1d_normalised_batch_16", "constant lr, batch 16"),
        ("effective_decay", "mnist1d_normalised_batch_512", "constant lr, batch 512"),
    ],
    "none": [
        *(
            ("effective_decay", f"plain_{steps}", f"MNIST-1D, {steps:,} steps")
            for steps in LADDER
        ),
        ("effective_decay", "mnist1d_constant", "MNIST-1D, constant lr"),
        ("effective_decay", "mnist1d_cosine", "MNIST-1D, cosine"),
        ("learning_rate_weight_decay", "mnist1d_mlp", "MNIST-1D, main study"),
        ("learning_rate_weight_decay", "digits_mlp", "digits, main study"),
        ("learning_rate_weight_decay", "fashion_mnist_mlp", "Fashion-MNIST, MLP"),
        ("learning_rate_weight_decay", "fashion_mnist_cnn", "Fashion-MNIST, CNN"),
    ],
}


def shares() -> pd.DataFrame:
    """A row per task, optimizer and range of κ: share explained by each quantity."""
    return pd.DataFrame(_rows())


def _rows() -> Iterator[dict[str, object]]:
    for invariant, tasks in TASKS.items():
        for study, task, label in tasks:
            runs = _runs(study, task)
            for optimizer in OPTIMIZERS:
                for name, (least, most) in RANGES.items():
                    found = explained(
                        runs, optimizer=optimizer, least_kappa=least, most_kappa=most
                    )
                    if math.isnan(found.product):
                        continue
                    values = np.clip(
                        [
                            found.learning_rate,
                            found.weight_decay,
                            found.product,
                            found.ratio,
                        ],
                        0.0,
                        1.0,
                    )
                    yield {
                        "scale_invariant": invariant,
                        "study": study,
                        "task": task,
                        "label": label,
                        "optimizer": optimizer,
                        "range": name,
                        **dict(
                            zip(
                                QUANTITIES,
                                values.round(4),
                                strict=True,
                            )
                        ),
                        "leading": found.leading,
                        "cells": found.num_cells,
                        "left_out": found.num_left_out,
                    }


def _runs(study: str, task: str) -> pd.DataFrame:
    """Runs of a task: of its plan, or, where the study has dropped it, all."""
    if is_declared(study, task):
        return runs_of(study, task) if is_complete(study, task) else all_runs().head(0)
    table = all_runs()
    return table[(table["study"] == study) & (table["task"] == task)]


def three_laws_figure(table: pd.DataFrame) -> Figure:
    """Share of the variance that each quantity explains: rows tasks, by invariance.

    A column of panels per optimizer and range of κ. The darkest of a row's four cells
    is what explains most; a gray row has fewer than 8 cells with that κ.

    Args:
        table: `shares`.
    """
    rows = table[["scale_invariant", "task", "label"]].drop_duplicates()
    columns = [(name, each) for name in RANGES for each in OPTIMIZERS]
    figure, axes = panels(
        (9.5, 0.9 + 0.2 * len(rows)), len(columns), len(columns), sharey=True
    )
    for ax, (name, optimizer) in zip(axes, columns, strict=True):
        part = table[(table["range"] == name) & (table["optimizer"] == optimizer)]
        values = part.set_index("task").reindex(rows["task"])[list(QUANTITIES)]
        _draw(ax, values)
        ax.set_title(f"{name}\n{optimizer_label(optimizer)}", fontsize=9)
        for edge in _edges(rows["scale_invariant"]):
            ax.axhline(edge, color="white", lw=4)
    axes[0].set_yticklabels(rows["label"], fontsize=7)
    _name_groups(axes[0], rows["scale_invariant"])
    return figure


def _draw(ax: Axes, values: pd.DataFrame) -> None:
    ax.set_facecolor("#EEEEEE")
    sns.heatmap(
        values.to_numpy(float),
        ax=ax,
        vmin=0,
        vmax=1,
        cmap="Blues",
        annot=True,
        fmt=".2f",
        annot_kws={"fontsize": 6},
        cbar=False,
        xticklabels=QUANTITIES,
        yticklabels=False,
    )
    ax.set_yticks(np.arange(len(values)) + 0.5)
    ax.tick_params(length=0, labelsize=7)
    leading = np.nan_to_num(values.to_numpy(float), nan=-1.0).argmax(axis=1)
    drawn = [place for place, row in enumerate(values.notna().all(axis=1)) if row]
    for text in ax.texts:
        row = int(text.get_position()[1])
        if row in drawn and int(text.get_position()[0]) == leading[row]:
            text.set_fontweight("bold")


def _edges(groups: pd.Series) -> list[int]:
    names = groups.tolist()
    return [k for k in range(1, len(names)) if names[k] != names[k - 1]]


def _name_groups(ax: Axes, groups: pd.Series) -> None:
    names = groups.tolist()
    ax.annotate(
        "scale-invariant",
        (-0.8, 1.03),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize=8,
        annotation_clip=False,
    )
    starts = [0, *_edges(groups), len(names)]
    for start, end in pairwise(starts):
        ax.annotate(
            names[start],
            (-0.8, (start + end) / 2),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            fontsize=7,
            annotation_clip=False,
        )


def write(folder: Path = FOLDER) -> None:
    """Write the shares and the figure."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    table = shares()
    table.to_csv(folder / "shares.csv", index=False)
    figure = three_laws_figure(table)
    figure.savefig(folder / "figures" / "three_laws.png", dpi=DPI)


if __name__ == "__main__":
    no_options(__doc__)
    write()
