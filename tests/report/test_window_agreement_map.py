"""The window map: the right winner in the right square, and the shares."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_lion.report.elements.style import optimizer_color
from keras_lion.report.figures.window_agreement_map import (
    GAP,
    TIE,
    window_agreement_figure,
)
from keras_lion.robustness import Landscape, mean_regret
from keras_lion.robustness.windows import window_signs

from ..robustness.made_up import ADAMW, LION
from .drawn import legend_of


def grid(scores):
    rows, columns = np.shape(scores)
    return Landscape(10.0 ** np.arange(columns), np.arange(1, rows + 1), scores)


def mean(landscape, reference):
    return float(np.nanmean(landscape.means))


# Ahead: nobody on the left, AdamW in the middle, Lion on the right.
FIRST, SECOND = grid([[10.0, -10, -9, 20]] * 3), grid([[0.0] * 4] * 3)
SIGNS = window_signs(FIRST, SECOND, measure=mean)


def drawn(first=FIRST, second=SECOND, **options):
    return window_agreement_figure(first, second, measure=mean, **options).axes


def squares(ax):
    """(x, y) of the lower left corner of each square, and the letter in it."""
    found = {}
    for text in ax.texts:
        x, y = text.get_position()
        found[round(x - 0.5, 6), round(y - 0.5, 6)] = text.get_text()
    return found


def test_sub_windows_by_size_and_offset():
    ax, _ = drawn()
    two, three = 3 + GAP, 5 + 2 * GAP  # where wider windows begin
    high = 2 + GAP
    rows = {0: "=", 1: "A", 2: "L", two: "A", two + 1: "L", three: "L"}
    expected = {
        (round(x, 6), y): letter for x, letter in rows.items() for y in (0, 1, high)
    }
    assert squares(ax) == expected
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "3", "4"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["2", "3"]
    decided = [each for each in SIGNS.sub_windows if each.sign]
    share = np.mean([each.sign == 1 for each in decided])
    assert ax.get_title() == f"sub-windows: {share:.0%} of {len(decided)} agree"
    for patch in ax.patches:
        corner = (round(patch.get_x() - 0.04, 6), round(patch.get_y() - 0.04, 6))
        colors = {
            "L": optimizer_color("lion"),
            "A": optimizer_color("adamw"),
            "=": TIE,
        }
        color = colors[expected[corner]]
        assert to_hex(patch.get_facecolor()) == color.lower()
        framed = corner == (round(three, 6), high)
        assert (patch.get_edgecolor()[3] > 0) == framed
    assert ax.get_xlim()[1] > three + 1
    assert ax.get_ylim()[1] > high + 1


def test_a_regret_is_better_small():
    ax, _ = drawn(larger_is_better=False)
    assert squares(ax)[1, 0] == "L"
    assert squares(ax)[2, 0] == "A"


def test_shifts():
    _, ax = drawn()
    letters = squares(ax)
    # Moved to the right, Lion shows its right part.
    assert [letters[2, y] for y in range(3)] == ["L"] * 3
    assert [letters[0, y] for y in range(3)] == ["A"] * 3
    assert letters[1, 1] == "L"
    assert ax.get_xlabel() == "Lion's columns moved by"
    upper, lower = grid([[9.0, 9], [0, 0]]), grid([[1.0, 1], [1, 1]])
    _, ax = drawn(upper, lower)
    assert squares(ax)[1, 2] == "A"
    assert squares(ax)[1, 0] == "L"


def test_the_figure_says_the_share():
    lion, adamw = Landscape(**LION), Landscape(**ADAMW)
    figure = window_agreement_figure(
        lion, adamw, measure=mean_regret, larger_is_better=False, what="Mean regret"
    )
    figure.canvas.draw()
    said = figure.get_suptitle()
    assert said == "Mean regret: 100% of 16 decided windows (of 16) agree."
    assert legend_of(figure) == ["L: Lion ahead", "whole grid"]


def test_ties_and_unlike_grids():
    same = Landscape([1, 2], [0.1], [[1, 2]])
    figure = window_agreement_figure(same, same, 0.05)
    figure.canvas.draw()
    assert "the whole grid ties" in figure.get_suptitle()
    assert "ties" in figure.axes[0].get_title()
    assert legend_of(figure) == ["=: tie or undefined", "whole grid"]
    wider = Landscape([1, 20], [0.1], [[1, 2]])
    figure = window_agreement_figure(same, wider, 0.05)
    assert "differ in size" in figure.get_suptitle().replace("\n", " ")


def test_names_with_one_initial_get_numbers():
    figure = window_agreement_figure(
        FIRST, SECOND, measure=mean, names=("adam", "adamw"), what="Mean"
    )
    assert legend_of(figure)[0] == "1: Adam ahead"
    assert set(squares(figure.axes[0]).values()) <= {"1", "2", "="}


def test_clear_errors():
    with pytest.raises(ValueError, match="matched by index"):
        window_agreement_figure(FIRST, grid([[0.0, 0]] * 3), 0.1)
    with pytest.raises(ValueError, match="give `epsilon` or `measure`"):
        window_agreement_figure(FIRST, SECOND)
