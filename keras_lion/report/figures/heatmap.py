"""Heatmaps of landscapes: weight decay over learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Drawing, Material, seeds_of
from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.heatmap_panel import (
    color_limits,
    draw_color_bar,
    draw_landscape,
    seeds_text,
)
from keras_lion.report.elements.overlays import has_products, legend_entries
from keras_lion.report.elements.panels import (
    figure_legend,
    panels,
    require_optimizer,
)
from keras_lion.report.elements.style import (
    ACCURACY,
    Quantity,
    listed,
    number,
    optimizer_label,
    short_label,
)
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.landscape import Landscape, Value, common_best

WIDE = 8  # columns from which two heatmaps no longer fit side by side
POINT = 0.01  # of accuracy: what its maps outline
NARROW = 5  # inches of a figure, up to which its legend is a column


def heatmap_figure(
    landscapes: Mapping[str, Landscape],
    *,
    quantity: Quantity = ACCURACY,
    epsilon: float | None = None,
) -> Figure:
    """Mean score of each cell over learning rate and weight decay, on one color scale.

    Both axes are logarithmic with equal lengths for a decade; the row λ = 0 stands
    apart below them. A black frame shows the best cell. Cells with a diverged seed are
    hatched, cells of which no seed trained are gray, missing cells empty. A loss with a
    `>` has a run that ended above its loss before training, which counts instead.
    Dashed lines have a constant lr × λ, which stands at their ends. A best cell at the
    edge of the grid has an arrow that leads outward: filled where the optimum may lie
    beyond, open where training breaks down there (`boundary_optimum`). Titles give the
    number of seeds and the standard deviation over seeds, pooled over the cells that
    train, and by which factor the λ axis is not that of the first panel.

    Args:
        landscapes: Optimizer → its scores.
        quantity: How scores are shown.
        epsilon: Outline the cells within this loss of the common best. None: do not.

    Returns:
        The figure, 7 inches wide; 4 for one optimizer whose grid is not a wide one.
        Wide grids stand one below the other.

    Raises:
        ValueError: If there is no optimizer, or `epsilon` is negative.

    Example:

    ```python
    heatmap_figure({"lion": lion, "adamw": adamw}).savefig("heatmap.png", dpi=200)
    ```
    """
    require_optimizer(landscapes, "A heatmap")
    every = list(landscapes.values())
    wide = max(len(each.learning_rate) for each in every) > WIDE
    columns = 1 if wide else min(len(every), 2)
    rows = math.ceil(len(every) / columns)
    width = 7 if wide or columns > 1 else 4
    panel = (width - 1.3) / columns
    ratio = max(grid.height / grid.width for grid in map(Grid.of, every))
    height = max((panel - 0.4) * min(ratio, 2), 0.8)
    # The legend of a narrow figure is a column.
    below = 0.4 if width > NARROW else 1.0
    inches = rows * (height + 1.0) + below
    figure, axes = panels((width, inches), len(every), columns)
    vmin, vmax, extend = color_limits(every, quantity)
    norm = Normalize(vmin, vmax)
    best = common_best(every)
    reference = None if math.isnan(best) else best
    for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
        draw_landscape(ax, landscape, norm, quantity, epsilon, reference)
        title = f"{short_label(name, 30)}\n{seeds_text(landscape, quantity)}"
        title += _moved(landscape, next(iter(landscapes.items())))
        ax.set_title(title, fontsize=9)
    draw_color_bar(figure, axes, norm, quantity, extend, inches)
    entries = legend_entries(every, quantity, epsilon, reference)
    ncols = 3 if width > NARROW else 1
    figure_legend(figure, entries, ncols=ncols, handlelength=1.6)
    return figure


def _moved(landscape: Landscape, first: tuple[str, Landscape]) -> str:
    """By how much the weight decays of a panel are not those of the first one."""
    name, other = first
    own, its = (each.weight_decay[each.weight_decay > 0] for each in (landscape, other))
    if not (len(own) and len(its)) or math.isclose(own[0], its[0], rel_tol=1e-2):
        return ""
    return f"\nλ axis: {number(own[0] / its[0])} times that of {short_label(name, 20)}"


def _caption(
    landscapes: Mapping[str, Landscape], quantity: Quantity, epsilon: float | None
) -> str:
    """What is plotted, the best cells, what diverged, and what was clipped."""
    known = {name: each for name, each in landscapes.items() if not each.empty}
    trained = {name: each for name, each in known.items() if not each.all_diverged}
    sentences = [
        f"{quantity.heading} over learning rate and weight decay (mean of "
        f"{seeds_of(known.values())})."
    ]
    bests = [
        f"{optimizer_label(name)} {quantity.text(each.best.value)} at lr = "
        f"{number(each.best.learning_rate)}, λ = {number(each.best.weight_decay)}"
        for name, each in trained.items()
    ]
    if bests:
        sentences.append(f"Best: {'; '.join(bests)}.")
    if epsilon is not None and bests:
        within = quantity.amount(epsilon)
        sentences.append(f"Outlined: cells within {within} of the common best.")
    diverged = [
        f"{int(each.num_diverged.sum())} of {int(each.num_seeds.sum())} runs of "
        f"{optimizer_label(name)}"
        for name, each in known.items()
    ]
    if diverged:
        sentences.append(f"Diverged: {listed(diverged)}, counted with their floor.")
    low, high, extend = color_limits(landscapes.values(), quantity)
    if extend != "neither":
        end, side = (low, "lower") if extend == "min" else (high, "higher")
        sentences.append(
            f"Colors stop at {end:{quantity.spec}} {quantity.unit}".rstrip()
            + f": cells with {side} values have the last color, so that a few bad ones "
            "do not hide the rest."
        )
    if any(map(has_products, landscapes.values())):
        sentences.append("Along a dashed line lr × λ is constant.")
    return " ".join(sentences)


def _drawing(name: str, value: Value, what: str) -> Drawing:
    def parts(
        given: Material,
    ) -> tuple[Mapping[str, Landscape], Quantity, float | None]:
        epsilon = given.epsilon if value == given.value else None
        if value == "score":  # of a task whose metric is the loss: the same map
            shares = {"accuracy": POINT, "loss": given.epsilon}
            epsilon = shares.get(given.metric)
        return given.landscapes[value], quantity_of_runs(given.runs, value), epsilon

    def figure(given: Material) -> Figure:
        landscapes, quantity, epsilon = parts(given)
        return heatmap_figure(landscapes, quantity=quantity, epsilon=epsilon)

    return Drawing(
        name,
        f"Heatmaps of the {what} over learning rate and weight decay",
        # A task whose metric is the loss has one map, not the same one twice.
        lambda given: (
            value == "score" or (value in given.landscapes and given.metric != "loss")
        ),
        figure,
        lambda given: _caption(*parts(given)),
    )


FIGURE = _drawing("heatmap", "score", "score")
LOSS_FIGURE = _drawing("heatmap_loss", "final_loss", "validation loss")
