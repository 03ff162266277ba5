"""Lion's best accuracy less AdamW's over the batch size: numbers, figure, sentences.

Command    python studies/batch_size_difference.py [FOLDER ...]

Prints what the runs of studies/batch_size.py and studies/small_batches.py show; reads
the public table, and folders that are not collected yet. `make evidence` draws the
difference, studies/results/batch_size/figures/difference.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_lion.report.elements.panels import (
    FAINT,
    entry,
    figure_legend,
    look_of,
    panels,
    tidy,
)
from keras_lion.report.html import DPI
from keras_lion.robustness import Landscape
from keras_lion.robustness.comparison import best_gains, compare_best, hull
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.statistics import Interval
from keras_lion.tuning import complete_runs, load_runs
from keras_lion.tuning.runs.table import merge_runs
from studies.batch_size import LARGE, SMALL
from studies.batch_size import STUDY as BATCH_SIZE
from studies.small_batches import LONGER, OTHERS, SIZES, USUAL
from studies.small_batches import STUDY as SMALL_BATCHES

POINTS = 100.0
TITLES = {
    "mnist1d_mlp_fixed_epochs": "20 epochs",
    "mnist1d_mlp_fixed_steps": "600 steps",
    "mnist1d_mlp_constant_half_life": "20 epochs, β₂ of constant half-life",
}


@dataclass(frozen=True)
class Difference:
    """Lion − AdamW at their best learning rates and weight decays, at a batch size.

    Attributes:
        interval: Points of accuracy, with the interval over paired seeds.
        edges: Optima that lie on an edge of their grid and may lie beyond it, as
            `lion: low weight_decay`.
    """

    interval: Interval
    edges: tuple[str, ...]


def differences(frame: pd.DataFrame) -> dict[int, Difference]:
    """Batch size → the difference of the best scores, of the runs of one task."""
    return {
        size: Difference(
            compare_best(pair["lion"], pair["adamw"]).difference.scaled(POINTS),
            tuple(
                f"{name}: {edge.side} {edge.axis}"
                for name, each in pair.items()
                for edge in boundary_optimum(each)
                if edge.limit == "range"
            ),
        )
        for size, pair in _pairs(frame).items()
    }


def mean_difference(frame: pd.DataFrame, sizes: Sequence[int]) -> Interval:
    """Mean of the differences over some batch sizes, in points."""
    return hull(POINTS * _mean_gains(frame, sizes))


def large_less_small(
    frame: pd.DataFrame,
    large: Sequence[int] = LARGE,
    small: Sequence[int] = SMALL,
) -> Interval:
    """The mean difference at large batches less that at small ones, in points."""
    gains = _mean_gains(frame, large) - _mean_gains(frame, small)
    return hull(POINTS * gains)


def _mean_gains(frame: pd.DataFrame, sizes: Sequence[int]) -> np.ndarray:
    pairs = _pairs(frame)
    missing = sorted(set(sizes) - set(pairs))
    if missing:
        raise ValueError(
            f"The mean needs runs of every batch size. Received none of {missing}; the "
            f"frame has {sorted(pairs)}."
        )
    gains = [best_gains(pairs[s]["lion"], pairs[s]["adamw"]) for s in sizes]
    return np.asarray(np.mean(gains, axis=0))


def _pairs(frame: pd.DataFrame) -> dict[int, dict[str, Landscape]]:
    return {
        int(size): {
            name: Landscape.from_runs(
                frame, optimizer=name, batch_size=int(size), value="score"
            )
            for name in ("lion", "adamw")
        }
        for size in sorted(frame["batch_size"].unique())
    }


def betas_difference(frame: pd.DataFrame) -> dict[tuple[float, float], Difference]:
    """Betas → Lion's best accuracy with them less that with 0.9/0.99, in points."""
    grids = {
        betas: Landscape.from_runs(
            frame[(frame["beta_1"] == betas[0]) & (frame["beta_2"] == betas[1])],
            optimizer="lion",
            value="score",
        )
        for betas in (USUAL, LONGER, *OTHERS)
    }
    usual = grids.pop(USUAL)
    return {
        betas: Difference(
            compare_best(grid, usual).difference.scaled(POINTS),
            tuple(
                f"{name}: {edge.side} {edge.axis}"
                for name, each in (("these", grid), ("0.9/0.99", usual))
                for edge in boundary_optimum(each)
                if edge.limit == "range"
            ),
        )
        for betas, grid in grids.items()
    }


def difference_figure(found: Mapping[str, Mapping[int, Difference]]) -> Figure:
    """Lion − AdamW at their bests over the batch size; a panel per budget.

    Bars are 95 % intervals over paired seeds. Hollow marks: an optimum lies on an edge
    of its grid, so that the difference may be another one.

    Args:
        found: Task → `differences`.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no task.
    """
    if not found:
        raise ValueError("The figure needs a task. Received none.")
    size = (0.6 + 2.2 * len(found), 2.6)
    figure, axes = panels(size, len(found), len(found), sharex=True, sharey=True)
    for place, (ax, (task, by_size)) in enumerate(
        zip(axes, found.items(), strict=True)
    ):
        _draw(ax, by_size)
        label = "" if place else "best accuracy, Lion − AdamW (points)"
        tidy(ax, "batch size (examples)", label)
        ax.set_title(TITLES.get(task, task), fontsize=8)
    mark = look_of("lion") | {"ls": "", "ms": 4.5}
    figure_legend(
        figure,
        [
            entry(**(mark | {"label": "both optima inside their grids"})),
            entry(**(mark | {"label": "an optimum on an edge", "mfc": "white"})),
        ],
        ncols=2,
    )
    return figure


def _draw(ax: Axes, by_size: Mapping[int, Difference]) -> None:
    ax.axhline(0, color=FAINT, lw=0.8, zorder=0)
    ax.set_xscale("log", base=2)
    color = look_of("lion")["color"]
    for size, each in by_size.items():
        middle = each.interval
        ax.errorbar(
            size,
            middle.estimate,
            yerr=[[middle.estimate - middle.low], [middle.high - middle.estimate]],
            fmt=look_of("lion")["marker"],
            color=color,
            mfc="white" if each.edges else color,
            ms=4.5,
            elinewidth=0.9,
            capsize=1.5,
        )
    ax.set_xticks(list(by_size), [str(size) for size in by_size])
    ax.xaxis.minorticks_off()


def sentences(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """What the runs of both studies show, one sentence per task."""
    found = []
    for task, frame in frames.items():
        if task in SIZES:
            by_betas = betas_difference(frame)
            found.append(
                f"{task}: Lion's best accuracy, less that with 0.9/0.99 (points): "
                + "; ".join(
                    f"{b1:g}/{b2:g} {_text(each)}"
                    for (b1, b2), each in by_betas.items()
                )
                + "."
            )
            continue
        by_size = differences(frame)
        found += [
            f"{task}: best accuracy, Lion − AdamW, is "
            f"{_points(mean_difference(frame, LARGE))} at batch sizes of 256 to 1,024 "
            f"and {_points(mean_difference(frame, SMALL))} at 16 to 64: it changes by "
            f"{_points(large_less_small(frame))} (points).",
            f"{task}, by batch size: "
            + "; ".join(f"{size} {_text(each)}" for size, each in by_size.items())
            + ".",
        ]
    return found


def _text(each: Difference) -> str:
    edges = f", on an edge: {', '.join(each.edges)}" if each.edges else ""
    return f"{_points(each.interval)}{edges}"


def _points(interval: Interval) -> str:
    return format(interval, ".2f").replace("-", "−")


def frames_of(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Task → its runs, of those tasks of both studies whose runs are complete."""
    found = {
        task: complete_runs(runs, study, task)
        for study in (BATCH_SIZE, SMALL_BATCHES)
        for task in study.plans
    }
    return {task: frame for task, frame in found.items() if frame is not None}


def write(folder: Path, runs: pd.DataFrame) -> None:
    """Draw the difference into figures/difference.png, where there are runs.

    Args:
        folder: Results of studies/batch_size.py.
        runs: The public table.
    """
    frames = frames_of(runs)
    drawn = {t: differences(frames[t]) for t in BATCH_SIZE.plans if t in frames}
    if drawn:
        (folder / "figures").mkdir(exist_ok=True)
        picture = folder / "figures" / "difference.png"
        difference_figure(drawn).savefig(picture, dpi=DPI)


if __name__ == "__main__":
    from studies.evidence.runs import all_runs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    folders = [load_runs(folder) for folder in parser.parse_args().folders]
    print("\n".join(sentences(frames_of(merge_runs([all_runs(), *folders])))))
