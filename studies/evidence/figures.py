"""Summaries and figures of the studies, from the public table."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from keras_lion.report.html import DPI
from keras_lion.report.transfer_curve import transfer_figure
from keras_lion.report.write import write_pages
from keras_lion.robustness.transfer import transfer_curve
from keras_lion.statistics import t_interval
from studies.evidence.runs import declared, is_complete, runs_of

# Study → the figures that are kept; the notebooks and `keras-lion report` draw others.
KEPT = {
    "learning_rate_weight_decay": ("heatmap", "heatmap_loss", "collapse"),
    "effective_decay": ("iso_product",),
    "batch_size": ("batch_size",),
    "optimizers": ("best_of_k",),
    "betas": (),
    "transfer_from_adamw": (),
    "parametrisation": (),
    "warm_up": (),
    "augmentation": (),
    "momentum_dtype": (),
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


def _write_transfer(folder: Path) -> None:
    curves = {}
    for task in declared("transfer_from_adamw").plans:
        if not is_complete("transfer_from_adamw", task):
            continue
        frame = runs_of("transfer_from_adamw", task)
        curve = transfer_curve(frame, "lion", "adamw")
        recipe = t_interval(frame.loc[frame["optimizer"] == "adamw", "final_loss"])
        on_line = curve[curve["on_line"]]
        curves[task] = (on_line, (recipe.estimate, recipe.low, recipe.high))
    if curves:
        (folder / "figures").mkdir(exist_ok=True, parents=True)
        transfer_figure(curves).savefig(folder / "figures" / "curves.png", dpi=DPI)
