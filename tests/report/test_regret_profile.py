import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report.regret_profile import plot_regret_profile, regret_profile_figure
from keras_lion.report.style import LOSS
from keras_lion.robustness import Landscape, common_best, tolerance_fraction

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2]])
SEEDS = MEANS[..., None] + np.array([-0.01, 0.02, -0.01]) * np.arange(6).reshape(
    2, 3, 1
)


def pair():
    return {
        "lion": Landscape(RATES, DECAYS, SEEDS),
        "adamw": Landscape(RATES, DECAYS, SEEDS + 0.05),
    }


def drawn(landscapes, **options):
    return plot_regret_profile(landscapes, Figure().subplots(), **options)


def named(ax, name):
    (line,) = [each for each in ax.lines if each.get_label() == name]
    return line


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
    assert ax.get_xlabel() == (
        "ε: loss of validation accuracy\nagainst the common best (points)"
    )
    assert ax.get_ylabel() == "configurations within ε (%)"


def test_axis_spans_every_regret_and_reaches_all_cells():
    ax = drawn(pair())
    low, high = ax.get_xlim()
    assert low < 5
    assert high > 65
    for name in ("Lion", "AdamW"):
        assert named(ax, name).get_ydata()[-1] == 100


def test_the_studys_epsilon_is_a_line_in_shown_units():
    ax = drawn(pair(), epsilon=0.02)
    line = named(ax, "ε = 2 points")
    assert list(line.get_xdata()) == [2, 2]
    loss = drawn(pair(), epsilon=0.02, quantity=LOSS)
    assert list(named(loss, "ε = 0.02 nats").get_xdata()) == [0.02, 0.02]
    assert "(nats)" in loss.get_xlabel()
    names = [text.get_text() for text in drawn(pair()).get_legend().get_texts()]
    assert names == ["Lion", "AdamW"]
    for epsilon in (1e-4, 3.0):
        low, high = drawn(pair(), epsilon=epsilon).get_xlim()
        assert low < 100 * epsilon < high


def test_bands_hold_the_lines():
    ax = drawn(pair())
    assert len(ax.collections) == 2
    for band in ax.collections:
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() >= 0
        assert heights.max() <= 100
    one = Landscape(RATES, DECAYS, MEANS)
    assert not drawn({"lion": one}).collections


DEAD = np.full((2, 3), 0.1)


@pytest.mark.parametrize(
    "odd",
    [
        Landscape([1e-3], [0.1], [[0.5]]),
        Landscape(RATES, DECAYS, DEAD, diverged=DEAD > 0),
        Landscape(RATES, DECAYS, np.where(MEANS > 0.45, MEANS, np.nan)),
        Landscape(RATES, DECAYS, SEEDS[..., :2]),
    ],
)
def test_odd_landscapes(odd):
    regret_profile_figure(
        {**pair(), "signum": odd}, epsilon=0.02
    ).draw_without_rendering()
    figure = regret_profile_figure({"lion": odd})
    figure.draw_without_rendering()
    line = named(figure.axes[0], "Lion")
    assert line.get_ydata()[-1] == (0 if odd.all_diverged else 100)


def test_many_optimizers_have_their_legend_beside():
    names = ["lion", "adamw", "signum", "sgd", "adam", "muon"]
    figure = regret_profile_figure({name: pair()["lion"] for name in names})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1
    assert legend.x1 <= figure.bbox.x1


def test_without_runs():
    empty = Landscape(RATES, DECAYS, np.full((2, 3), np.nan))
    ax = drawn({"lion": empty})
    assert [text.get_text() for text in ax.texts] == ["no run finished"]
    assert ax.get_legend() is None


def test_errors():
    with pytest.raises(ValueError, match="needs an optimizer"):
        drawn({})
    with pytest.raises(ValueError, match="`epsilon` must be"):
        drawn(pair(), epsilon=0)
