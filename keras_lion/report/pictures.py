"""Which figures a report shows, and with which caption: one list, `DRAWINGS`."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from keras_lion.report import available, captions, text
from keras_lion.report.batch_size_curve import batch_size_figure
from keras_lion.report.best_of_k import best_of_k_figure
from keras_lion.report.collapse import collapse_figure
from keras_lion.report.divergence_map import divergence_figure
from keras_lion.report.heatmap import heatmap_figure
from keras_lion.report.html import DPI, Picture
from keras_lion.report.iso_product_lines import iso_product_figure
from keras_lion.report.isolation import isolation_figure
from keras_lion.report.learning_curves import learning_curves_figure
from keras_lion.report.material import Material
from keras_lion.report.regret_profile import regret_profile_figure
from keras_lion.report.rule_of_thumb_curve import rule_of_thumb_figure
from keras_lion.report.style import Quantity, in_order, quantity_of
from keras_lion.report.window_agreement_map import window_agreement_figure
from keras_lion.robustness.batch_size import (
    batch_size_scaling,
    landscapes_of_batch_sizes,
)
from keras_lion.robustness.effective_decay.lines import iso_product
from keras_lion.robustness.grid import has_lines, with_decay
from keras_lion.robustness.landscape import Value


@dataclass(frozen=True)
class Drawing:
    """A kind of figure.

    Attributes:
        name: End of its file's name.
        shows: What it is, in words, for readers who cannot see it.
        applies: Whether the material has what it needs; if not, it is left out.
        figure: Draws it.
        caption: Says in numbers what it shows.
    """

    name: str
    shows: str
    applies: Callable[[Material], bool]
    figure: Callable[[Material], Figure]
    caption: Callable[[Material], str]


class LeftOutWarning(UserWarning):
    """A figure could not be drawn from the data; the report does without it."""


def pictures_of(
    material: Material, names: Collection[str] | None = None
) -> list[Picture]:
    """The figures that apply to a section, in the order of `DRAWINGS`.

    Args:
        material: Runs and landscapes of the section.
        names: Names of the drawings wanted. None: all.

    Returns:
        One picture for each drawing that has its data.

    Example:

    ```python
    [picture.name for picture in pictures_of(material)]  # ["heatmap", "heatmap_loss"]
    ```
    """
    found = []
    for drawing in DRAWINGS:
        if names is not None and drawing.name not in names:
            continue
        if not drawing.applies(material):
            continue
        try:
            found.append(_picture(drawing, material))
        except ValueError as error:
            # One odd grid must not cost the whole report.
            warnings.warn(
                f"The figure {drawing.name} of {material.title} is left out: {error}",
                LeftOutWarning,
                stacklevel=2,
            )
    return found


def _picture(drawing: Drawing, material: Material) -> Picture:
    return Picture(
        name=drawing.name,
        png=png_of(drawing.figure(material)),
        caption=drawing.caption(material),
        alternative=f"{drawing.shows}, task {material.title}",
    )


def batch_size_pictures(
    runs: pd.DataFrame, *, task: str, metric: str, value: Value, epsilon: float
) -> list[Picture]:
    """The figure over the batch size, of tasks that have runs with several of them.

    Args:
        runs: Run records of the task.
        task: Name of the task.
        metric: Metric of the task.
        value: What the measures read.
        epsilon: Tolerated loss of `value`.

    Returns:
        One picture, or none where no optimizer has several batch sizes that differ in
        nothing else.
    """
    if "batch_size" not in runs or runs["batch_size"].nunique() < 2:
        return []
    landscapes, scalings = {}, {}
    for name in in_order(runs["optimizer"].unique()):
        # It says so with a ValueError where seeds or budgets do not fit together.
        with contextlib.suppress(ValueError):
            found = landscapes_of_batch_sizes(runs, optimizer=name, value=value)
            if len(found) > 1:
                scalings[name] = batch_size_scaling(found, epsilon)
                landscapes[name] = found
    if not landscapes:
        return []
    quantity = quantity_of(metric, value)
    figure = batch_size_figure(landscapes, epsilon=epsilon, quantity=quantity)
    return [
        Picture(
            name="batch_size",
            png=png_of(figure),
            caption=captions.batch_size(scalings),
            alternative="Best value, best learning rate and best product over the "
            f"batch size, task {task}",
        )
    ]


def png_of(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _heatmap(name: str, value: Value, what: str) -> Drawing:
    def quantity(material: Material) -> Quantity:
        return quantity_of(material.metric, value)

    def applies(material: Material) -> bool:
        # A task whose metric is the loss has one map, not the same one twice.
        return value == "score" or (
            value in material.landscapes and material.metric != "loss"
        )

    def figure(material: Material) -> Figure:
        return heatmap_figure(
            material.landscapes[value],
            quantity=quantity(material),
            epsilon=material.epsilon if value == material.value else None,
        )

    return Drawing(
        name=name,
        shows=f"Heatmaps of the {what} over learning rate and weight decay",
        applies=applies,
        figure=figure,
        caption=lambda material: text.caption(
            material.landscapes[value],
            quantity(material),
            epsilon=material.epsilon if value == material.value else None,
        ),
    )


def _window_figure(material: Material) -> Figure:
    (first, one), (second, other) = material.measured.items()
    return window_agreement_figure(one, other, material.epsilon, names=(first, second))


def _iso_product_figure(material: Material) -> Figure:
    found = {
        name: iso_product(material.runs, optimizer=name, task=material.task)
        for name, each in material.measured.items()
        if (each.weight_decay > 0).any() and has_lines(with_decay(each))
    }
    return iso_product_figure(found, quantity=quantity_of(material.metric))


DRAWINGS = (
    _heatmap("heatmap", "score", "score"),
    _heatmap("heatmap_loss", "final_loss", "validation loss"),
    Drawing(
        "isolation",
        "Best value over the learning rate, and over the weight decay",
        available.several_cells,
        lambda given: isolation_figure(given.measured, quantity=given.quantity),
        captions.isolation,
    ),
    Drawing(
        "regret_profile",
        "Share of the configurations within a distance of the best",
        available.several_cells,
        lambda given: regret_profile_figure(
            given.measured, epsilon=given.epsilon or None, quantity=given.quantity
        ),
        captions.regret_profile,
    ),
    Drawing(
        "windows",
        "Which optimizer is ahead in each part of the grid",
        available.two_alike,
        _window_figure,
        captions.windows,
    ),
    Drawing(
        "divergence",
        "Share of diverged seeds over learning rate and weight decay",
        available.some_diverged,
        lambda given: divergence_figure(
            {
                name: each
                for name, each in given.landscapes[given.value].items()
                if not each.empty
            }
        ),
        captions.divergence,
    ),
    Drawing(
        "collapse",
        "Value of every cell over the product of learning rate and weight decay",
        available.several_decays,
        lambda given: collapse_figure(given.measured, quantity=given.quantity),
        captions.collapse,
    ),
    Drawing(
        "iso_product",
        "Steps to the target over the learning rate, by the product",
        available.counts_steps,
        _iso_product_figure,
        captions.iso_product,
    ),
    Drawing(
        "rule_of_thumb",
        "Distance from Lion's best at AdamW's optimum moved by k, over k",
        available.lion_and_adamw,
        lambda given: rule_of_thumb_figure(
            given.measured["adamw"],
            given.measured["lion"],
            epsilon=given.epsilon,
            quantity=given.quantity,
        ),
        captions.rule_of_thumb,
    ),
    Drawing(
        "best_of_k",
        "Expected best of k configurations, over k",
        available.several_cells,
        lambda given: best_of_k_figure(given.measured, quantity=given.quantity),
        captions.best_of_k,
    ),
    Drawing(
        "learning_curves",
        "Validation loss over epochs, of the best, the middle and the worst cell",
        available.has_losses,
        lambda given: learning_curves_figure(
            given.runs,
            task=given.task,
            optimizers=list(given.measured),
            value=given.value,
        ),
        captions.learning_curves,
    ),
)
