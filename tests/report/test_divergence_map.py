"""The divergence map: counts in their cells, missing cells empty."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report.divergence_map import COLOURS, divergence_figure, plot_divergence
from keras_lion.report.grid import Grid
from keras_lion.robustness import Landscape


def landscape():
    scores = np.full((3, 2, 4), 0.5)
    diverged = np.zeros((3, 2, 4), bool)
    diverged[2, 1] = True
    diverged[1, 0, :3] = True
    scores[0, 1] = np.nan  # a missing cell
    scores[1, 1, 2:] = np.nan  # and missing seeds
    diverged[1, 1, 0] = True
    return Landscape([1e-3, 1e-2], [0, 0.1, 1], scores, diverged=diverged)


def test_counts_stand_in_their_cells():
    grid, ax = Grid.of(landscape()), Figure().subplots()
    assert plot_divergence(landscape(), ax, title="Lion") is ax
    at = {text.get_position(): text.get_text() for text in ax.texts}
    assert at == {
        (grid.x[0], grid.y[0]): "0/4",
        (grid.x[0], grid.y[1]): "3/4",
        (grid.x[1], grid.y[1]): "1/2",
        (grid.x[0], grid.y[2]): "0/4",
        (grid.x[1], grid.y[2]): "4/4",
    }
    shares = {box.get_xy(): box.get_facecolor() for box in ax.patches}
    assert len(shares) == 5
    assert shares[grid.box(1, 0)[0]] == COLOURS(0.75)
    assert shares[grid.box(1, 1)[0]] == COLOURS(0.5)
    assert shares[grid.box(2, 1)[0]] == COLOURS(1.0)
    assert ax.get_title() == "Lion\n8 of 18 runs diverged"
    assert "η" in ax.get_xlabel()
    assert "λ" in ax.get_ylabel()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "0.1", "1"]
    assert ax.get_xlim() == (grid.x_edges[0], grid.x_edges[-1])


def test_colours_are_ordered_by_lightness():
    weights = np.array([0.299, 0.587, 0.114])
    greys = [weights @ COLOURS(share)[:3] for share in np.linspace(0, 1, 7)]
    assert (np.diff(greys) < 0).all()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_figure_has_one_scale(number):
    names = ("lion", "adamw", "x")[:number]
    figure = divergence_figure(dict.fromkeys(names, landscape()))
    figure.canvas.draw()
    assert len(figure.axes) == number + 1
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "diverged seeds (%)"
    assert bar.get_ylim() == (0, 1)
    assert bar.get_yticklabels()[0].get_text() == "0"
    assert bar.get_yticklabels()[-1].get_text() == "100"
    assert figure.get_figwidth() == (3.4 if number == 1 else 7)


@pytest.mark.parametrize(
    ("odd", "title"),
    [
        (Landscape([0.1], [0], [[0.1]], diverged=[[True]]), "1 of 1 runs diverged"),
        (Landscape([0.1, 0.2], [0.1], [[np.nan, np.nan]]), "no run finished"),
    ],
)
def test_odd_landscapes(odd, title):
    figure = divergence_figure({"lion": odd})
    figure.canvas.draw()
    assert figure.axes[0].get_title() == f"Lion\n{title}"


def test_no_landscape():
    with pytest.raises(ValueError, match="Received: none"):
        divergence_figure({})
