"""What is said of a grid whose best cell lies on an edge."""

from __future__ import annotations

import numpy as np
import pytest

from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.grid_extension import extension_text, without_holes
from keras_lion.robustness.landscape import Landscape
from keras_lion.tuning.study.extension import Extension


def on_edge(rates):
    return Landscape(rates, [0.1], [np.arange(len(rates))])


@pytest.mark.parametrize(
    ("values", "filled"),
    [
        ([1e-4, 1e-3, 1e-2, 1.0], [1e-4, 1e-3, 1e-2, 0.1, 1.0]),
        ([0, 1e-3, 1e-2, 1.0, 10], [0, 1e-3, 1e-2, 0.1, 1.0, 10]),
        ([1e-3, 3e-3, 1e-2], [1e-3, 3e-3, 1e-2]),
        ([1, 2, 3], [1, 2, 3]),
        ([0.1], [0.1]),
    ],
)
def test_holes_of_a_grid_are_filled(values, filled):
    assert without_holes(np.array(values, float)).tolist() == pytest.approx(filled)


def test_advice_for_a_grid_with_a_hole_has_none():
    text = extension_text(on_edge([1e-4, 1e-3, 1e-2, 1.0]), "learning_rate", ["high"])
    assert "Add 0.1, 10.0 and 100.0" in text
    assert "0.01, 0.1, 1.0, 10.0, 100.0))" in text
    assert "--extend" not in text  # it cannot fill the hole


def test_steps_count_from_the_file_of_the_study():
    extended = [Extension("learning_rate", up=2), Extension("weight_decay", up=5)]
    text = extension_text(
        on_edge([1e-3, 1e-2, 0.1]), "learning_rate", ["high"], extended=extended
    )
    assert "--extend learning_rate=up:4 (counted from the study's file)," in text


def test_imported_runs_have_no_file_and_no_option():
    text = extension_text(
        on_edge([1e-3, 1e-2, 0.1]), "learning_rate", ["high"], declared=False
    )
    assert "1.0 and 10.0" in text
    assert "--extend" not in text
    assert "Axis" not in text


@pytest.mark.parametrize(
    ("decays", "diverged", "limit"),
    [
        # The neighbor diverges at every weight decay: its learning rate is the reason.
        ([0.1, 1.0], [[0, 1], [0, 1]], "range"),
        # Only on the edge: training breaks down towards it.
        ([0.1, 1.0], [[0, 1], [0, 0]], "stability"),
        # No decay lies beyond it, so that it is no edge.
        ([0.0, 0.1, 1.0], [[0, 0], [0, 1], [0, 0]], None),
        ([0.0, 0.1, 1.0], [[0, 1], [0, 1], [0, 0]], None),
    ],
)
def test_what_diverges_for_another_reason_is_no_limit(decays, diverged, limit):
    scores = np.full((len(decays), 2), 0.5)
    scores[decays.index(0.1), 0] = 0.9
    found = boundary_optimum(
        Landscape([1e-3, 1e-2], decays, scores, diverged=np.array(diverged, bool))
    )
    limits = [each.limit for each in found if each.axis == "weight_decay"]
    assert limits == ([limit] if limit else [])
