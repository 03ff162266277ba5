"""Summaries and figures of the studies, from the public table."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from keras_lion.report.html import DPI
from keras_lion.report.write import write_pages
from studies import (
    batch_size_difference,
    conversion_text,
    pace_figure,
    three_laws,
    transformers_figure,
)
from studies.conversion import all_conversions
from studies.effective_decay import LENGTHS, NETWORKS, name_of
from studies.effective_decay_figure import ladder_figure
from studies.evidence.decay_claims import pace_conditions
from studies.evidence.runs import all_runs, declared, is_complete, runs_of

# Study → the figures that are kept; the notebooks and `keras-lion report` draw others.
KEPT = {
    "learning_rate_weight_decay": ("heatmap", "heatmap_loss"),
    "effective_decay": (),
    "pace": (),
    "batch_size": ("batch_size",),
    "small_batches": (),
    "optimizers": ("best_of_k",),
    "betas": (),
    "transfer_from_adamw": (),
    "parametrisation": (),
    "warm_up": (),
    "augmentation": (),
    "momentum_dtype": (),
    "embeddings": ("isolation",),
    "transformers": (),
    "fewer_updates": (),
    "related_optimizers": ("best_of_k",),
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
    conversion_text.write(results / "transfer_from_adamw", all_conversions(all_runs()))
    _write_ladder(results / "effective_decay")
    _write_pace(results / "pace")
    _write_transformers(results / "transformers")
    batch_size_difference.write(results / "batch_size", all_runs())
    three_laws.write(results / "three_laws")


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


def _write_pace(folder: Path) -> None:
    if conditions := pace_conditions():
        (folder / "figures").mkdir(exist_ok=True)
        picture = folder / "figures" / "memory.png"
        pace_figure.memory_figure(conditions).savefig(picture, dpi=DPI)


def _write_transformers(folder: Path) -> None:
    study = "transformers"
    frames = {
        task: runs_of(study, task)
        for task in declared(study).plans
        if is_complete(study, task)
    }
    if frames:
        transformers_figure.write(folder, frames)
