import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report import (
    colour_limits,
    heatmap_figure,
    plot_heatmap_pair,
    plot_landscape,
)
from keras_lion.report.grid import Grid
from keras_lion.report.style import (
    ACCURACY,
    LOSS,
    in_order,
    number,
    optimizer_colour,
    optimizer_label,
    quantity_of,
)
from keras_lion.robustness import Landscape

from ..robustness.made_up import study


def landscapes(value="score", **arguments):
    frame = study(**arguments)
    return {
        name: Landscape.from_runs(frame, optimizer=name, value=value)
        for name in in_order(frame["optimizer"].unique())
    }


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_pair_shares_the_scale_and_labels_everything():
    pair = landscapes()
    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    assert plot_heatmap_pair(pair, axes) is axes
    for ax in axes:
        assert "η" in ax.get_xlabel()
        assert "λ" in ax.get_ylabel()
        assert "mean of 3 seeds" in ax.get_title()
    lion, adamw = axes
    assert lion.get_title().startswith("Lion")
    assert adamw.get_title().startswith("AdamW")
    bar = figure.axes[-1]
    assert "validation accuracy (%)" in bar.get_ylabel()
    assert "clipped" in bar.get_ylabel()
    assert adamw.get_yticklabels()[0].get_text() == "0"
    assert texts(adamw).count("div.") == 2
    assert texts(lion).count("div.") == 1
    best = ACCURACY.text(pair["lion"].best.value)
    assert best in texts(lion)


def test_no_decay_stands_below_with_a_gap():
    grid = Grid.of(Landscape([1e-3, 1e-2], [0, 0.1, 1], np.zeros((3, 2))))
    np.testing.assert_allclose(grid.y[1:], [-1, 0])
    assert grid.tops[0] < grid.bottoms[1]
    assert grid.tops[1] == grid.bottoms[2]
    (left, bottom), width, height = grid.box(1, 0)
    assert (left, bottom, width, height) == pytest.approx((-3.5, -1.5, 1, 1))


def test_bad_cells_do_not_stretch_the_colours():
    vmin, vmax, extend = colour_limits(landscapes().values())
    assert vmin > 70  # diverged cells are at 10 %
    assert vmax == pytest.approx(93.9, abs=0.1)
    assert extend == "min"
    low, high, extend = colour_limits(landscapes("final_loss").values(), LOSS)
    assert 0.24 < low < high < 1.2
    assert extend == "max"


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("value", ["score", "final_loss"])
def test_grids_of_all_sizes(size, value):
    pair = landscapes(value, size=size) if size > 1 else one_cell()
    figure = heatmap_figure(pair, quantity=quantity_of("accuracy", value))
    figure.canvas.draw()
    assert figure.get_figwidth() == 7


def one_cell():
    return {"lion": Landscape([1e-3], [0.1], [[0.5]])}


@pytest.mark.parametrize(
    "landscape",
    [
        Landscape([1e-3, 1e-2], [0], [[0.5, 0.6]]),
        Landscape([1e-3, 1e-2], [0.1], [[np.nan, np.nan]]),
        Landscape(
            [1e-3, 1e-2], [0, 0.1], np.full((2, 2), 0.1), diverged=np.ones((2, 2))
        ),
        Landscape([1e-3, 2e-3, 9e-3], [0.1, 1], [[0.5, np.nan, 0.2]] * 2),
    ],
)
def test_odd_landscapes(landscape):
    figure = heatmap_figure({"an optimizer": landscape})
    figure.canvas.draw()


def test_returns_the_axes_it_was_given():
    ax = Figure().subplots()
    assert plot_landscape(one_cell()["lion"], ax, vmin=0, vmax=1) is ax
    with pytest.raises(ValueError, match="one of `axes` for each"):
        plot_heatmap_pair(one_cell(), [ax, ax])


def test_names_numbers_and_colours():
    assert in_order(["sgd", "adamw", "x", "lion"]) == ["lion", "adamw", "sgd", "x"]
    assert optimizer_label("adamw") == "AdamW"
    assert optimizer_label("mine") == "mine"
    assert optimizer_colour("Lion") == optimizer_colour("lion")
    values = [0, 1e-3, 10**-3.5, 0.1 * 0.1, 1, 10**0.5, 2000, np.nan]
    shown = ["0", "1e-3", "3.2e-4", "0.01", "1", "3.2", "2e3", "–"]
    assert [number(value) for value in values] == shown
    assert number(0.0099999999) == "0.01"


@pytest.mark.parametrize(
    ("metric", "value", "label", "text"),
    [
        ("accuracy", "score", "validation accuracy (%)", "-30.0"),
        ("accuracy", "final_loss", "validation loss (nats)", "0.300"),
        ("loss", "score", "validation loss (nats)", "0.300"),
        ("steps_to_target", "score", "log₁₀ steps to target", "0.30"),
        ("f1", "score", "score: f1", "-0.300"),
    ],
)
def test_quantities(metric, value, label, text):
    quantity = quantity_of(metric, value)
    assert quantity.label == label
    assert quantity.text(-0.3) == text
    assert quantity.text(np.nan) == "–"
