"""The divergence map: counts in their cells, missing cells empty."""

import numpy as np
import pytest

from keras_lion.report import divergence_figure
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
    ax = divergence_figure({"lion": landscape()}).axes[0]
    at = {text.get_position(): text.get_text() for text in ax.texts}
    assert at == {
        (0.5, 0.5): "0/4",
        (0.5, 1.5): "3/4",
        (1.5, 1.5): "1/2",
        (0.5, 2.5): "0/4",
        (1.5, 2.5): "4/4",
    }
    shares = ax.collections[0].get_array()
    assert shares.filled(-1).tolist() == [[0, -1], [0.75, 0.5], [0, 1]]
    assert ax.get_title() == "Lion\n8 of 18 runs diverged"
    assert ax.get_xlabel() == "learning rate (lr)"
    assert ax.get_ylabel() == "weight decay (λ)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "0.1", "1"]
    assert ax.get_ylim() == (0, 3)  # more decay above


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
