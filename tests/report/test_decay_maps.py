"""Heatmaps of several tasks in one figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from keras_lion.report.decay_maps import (
    decay_map,
    decay_maps_figure,
    decay_maps_picture,
)
from keras_lion.robustness.landscape import Landscape

HALVES = np.arange(5) / 2


def runs(loss, kappa_of_product=1000.0):
    return pd.DataFrame(
        [
            {
                "study": "s",
                "task": "t",
                "optimizer": optimizer,
                "learning_rate": 1e-3 * 10**i,
                "weight_decay": 0.1 * 10**j,
                "seed": seed,
                "status": "ok",
                "metric": "accuracy",
                "floor": 0.1,
                "initial_loss": 9.0,
                "final_loss": loss(i, j),
                "score": 0.5,
                "kappa": kappa_of_product * 1e-4 * 10 ** (i + j),
            }
            for optimizer in ("lion", "adamw")
            for i in HALVES
            for j in HALVES
            for seed in range(2)
        ]
    )


def map_of(frame, name="invariant"):
    landscapes = {
        each: Landscape.from_runs(frame, optimizer=each, value="final_loss")
        for each in ("lion", "adamw")
    }
    return decay_map(frame, name, landscapes, "final_loss")


def solid_line(ax):
    return next(
        line
        for line in ax.get_lines()
        if isinstance(line, Line2D) and line.get_linewidth() == 1.6
    )


@pytest.mark.parametrize("kappa", [300.0, 3000.0])
def test_the_solid_line_is_where_kappa_is_three(kappa):
    found = map_of(runs(lambda i, j: (i + j - 2) ** 2, kappa))
    figure = decay_maps_figure([found])
    x, y = solid_line(figure.axes[0]).get_data()
    np.testing.assert_allclose(x + y, np.log10(3 / kappa))


def test_titles_say_what_decides_in_each_task():
    product = map_of(runs(lambda i, j: (i + j - 2) ** 2))
    decay = map_of(runs(lambda i, j: j**2), "plain")
    figure = decay_maps_figure([product, decay])
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert [each.splitlines()[0] for each in titles] == [
        "invariant: Lion",
        "invariant: AdamW",
        "plain: Lion",
        "plain: AdamW",
    ]
    assert all("lr × λ 1.00" in each for each in titles[:2])
    assert all(", λ 1.00" in each for each in titles[2:])


def test_the_caption_names_the_share_of_each_task_and_optimizer():
    maps = [map_of(runs(lambda i, j: (i + j - 2) ** 2)), map_of(runs(lambda i, j: j))]
    caption = decay_maps_picture(maps).caption
    assert "invariant, Lion 100 %; invariant, AdamW 100 %" in caption
    assert "mean of 2 seeds" in caption


def test_too_few_cells_with_decay_have_no_share():
    little = map_of(runs(lambda i, j: j, kappa_of_product=1.0))
    titles = [ax.get_title() for ax in decay_maps_figure([little]).axes]
    assert "fewer than 8 cells with κ > 3 train" in titles[0]
    assert decay_maps_picture([little]).caption.endswith("explains: unknown.")


def test_a_task_without_lines_has_no_map():
    frame = runs(lambda i, j: j)
    one = frame[frame["weight_decay"] == frame["weight_decay"].min()]
    assert map_of(one) is None
    assert map_of(frame.drop(columns="kappa")) is None
    with pytest.raises(ValueError, match="needs a task"):
        decay_maps_figure([])
