import numpy as np
import pytest

from keras_lion.report import regret_profile_figure
from keras_lion.report.elements.style import LOSS
from keras_lion.robustness import Landscape, common_best, tolerance_fraction

from .drawn import heights, legend_of, named

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2]])
NOISE = np.array([-0.01, 0.02, -0.01]) * np.arange(6).reshape(2, 3, 1)
SEEDS = MEANS[..., None] + NOISE


def pair():
    return {
        "lion": Landscape(RATES, DECAYS, SEEDS),
        "adamw": Landscape(RATES, DECAYS, SEEDS + 0.05),
    }


def drawn(landscapes, **options):
    return regret_profile_figure(landscapes, **options).axes[0]


def test_lines_are_the_share_within_epsilon_of_the_common_best():
    ax = drawn(pair())
    best = common_best(pair().values())
    for name, landscape in zip(("Lion", "AdamW"), pair().values(), strict=True):
        line = named(ax, name)
        expected = [
            100 * tolerance_fraction(landscape, points / 100, best)
            for points in line.get_xdata()
        ]
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert line.get_drawstyle() == "steps-post"
        assert line.get_ydata()[-1] == 100
    low, high = ax.get_xlim()
    assert low < 5
    assert high > 65
    loss = "ε: distance from the common best\nvalidation accuracy (points)"
    assert ax.get_xlabel() == loss
    assert ax.get_ylabel() == "configurations within ε (%)"


def test_the_studys_epsilon_is_a_line_in_shown_units():
    assert (
        list(named(drawn(pair(), epsilon=0.02), "ε = 2 points").get_xdata()) == [2] * 2
    )
    loss = drawn(pair(), epsilon=0.02, quantity=LOSS)
    assert list(named(loss, "ε = 0.02 nats").get_xdata()) == [0.02, 0.02]
    assert "(nats)" in loss.get_xlabel()
    assert legend_of(drawn(pair())) == ["Lion", "AdamW"]
    for epsilon in (1e-4, 3.0):
        low, high = drawn(pair(), epsilon=epsilon).get_xlim()
        assert low < 100 * epsilon < high
    with pytest.raises(ValueError, match="`epsilon` must be"):
        drawn(pair(), epsilon=0)


def test_bands_are_shares_too():
    bands = drawn(pair()).collections
    assert len(bands) == 2
    for low, high in map(heights, bands):
        assert 0 <= low < high <= 100
    assert not drawn({"lion": Landscape(RATES, DECAYS, MEANS)}).collections


def test_where_nothing_trained_no_cell_is_within():
    dead = Landscape(RATES, DECAYS, MEANS, floor=0.1, diverged=MEANS > 0)
    assert named(drawn({"lion": dead}), "Lion").get_ydata()[-1] == 0


def test_many_optimizers_have_their_legend_to_the_right():
    names = ["lion", "adamw", "signum", "sgd", "adam", "muon"]
    figure = regret_profile_figure({name: pair()["lion"] for name in names})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1
    assert legend.x1 <= figure.bbox.x1
