"""Lion at AdamW's recipe, over the factor."""

import matplotlib.figure
import pandas as pd
import pytest

from keras_lion.report import plot_transfer, transfer_figure
from keras_lion.report.style import LOSS

CURVE = pd.DataFrame(
    {
        "factor": [10.0, 1.0, 3.0],
        "mean": [0.7, 0.9, 0.6],
        "low": [0.65, 0.8, 0.5],
        "high": [0.75, 1.0, 0.7],
    }
)
RECIPE = (0.55, 0.5, 0.6)


@pytest.fixture
def ax():
    return matplotlib.figure.Figure().subplots()


def test_the_curve_ascends_in_k_and_has_the_means(ax):
    assert plot_transfer(CURVE, RECIPE, ax) is ax
    [lion] = [line for line in ax.lines if line.get_label() == "Lion"]
    assert lion.get_xdata().tolist() == [1, 3, 10]
    assert lion.get_ydata().tolist() == [0.9, 0.6, 0.7]
    [adamw] = [line for line in ax.lines if "AdamW" in line.get_label()]
    assert set(adamw.get_ydata()) == {0.55}


def test_axes_are_named_with_units_and_hold_the_data(ax):
    plot_transfer(CURVE, RECIPE, ax)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "factor k"
    assert ax.get_ylabel() == LOSS.label
    assert ax.get_ylim()[0] <= 0.5
    assert ax.get_ylim()[1] >= 1.0
    assert ax.get_xlim()[0] <= 1
    assert ax.get_xlim()[1] >= 10


def test_one_panel_a_task_and_one_legend():
    figure = transfer_figure(dict.fromkeys("abcd", (CURVE, RECIPE)))
    figure.draw_without_rendering()
    assert [ax.get_title() for ax in figure.axes] == list("abcd")
    [legend] = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["advice: 3 to 10", "AdamW at its recipe", "Lion"]


def test_what_is_missing_is_named(ax):
    with pytest.raises(ValueError, match="missing: low"):
        plot_transfer(CURVE.drop(columns="low"), RECIPE, ax)
    with pytest.raises(ValueError, match="Received 0 rows"):
        plot_transfer(CURVE.iloc[:0], RECIPE, ax)
    with pytest.raises(ValueError, match="needs a task"):
        transfer_figure({})
