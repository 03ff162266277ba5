import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report.isolation import isolation_figure, plot_isolation
from keras_lion.report.style import LOSS, optimizer_colour
from keras_lion.robustness import Landscape
from keras_lion.robustness.sensitivity import isolation_curve

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2], [0.45, 0.7, 0.5]])
SEEDS = MEANS[..., None] + np.array([-0.01, 0.0, 0.01])


def lion(**options):
    return Landscape(RATES, DECAYS, SEEDS, **options)


def adamw():
    return Landscape(np.array(RATES) * 10, [0.001, 0.1, 1.0], SEEDS[::-1] / 2)


def drawn(landscapes, **options):
    return plot_isolation(landscapes, Figure().subplots(), **options)


def curve_of(ax, name):
    """The line of an optimizer: the one with its label."""
    (line,) = [each for each in ax.lines if each.get_label() == name]
    return line


def test_lines_are_the_best_over_the_other_hyperparameter():
    ax = drawn({"lion": lion()})
    line = curve_of(ax, "Lion")
    np.testing.assert_allclose(line.get_xdata(), RATES)
    np.testing.assert_allclose(line.get_ydata(), [50, 80, 50])
    assert line.get_color() == optimizer_colour("lion")
    assert ax.get_xlabel() == "learning rate η"
    assert ax.get_ylabel() == "best validation accuracy (%)"
    assert ax.get_xscale() == "log"


def test_band_is_the_interval_over_seeds():
    ax = drawn({"lion": lion()}, quantity=LOSS)
    (band,) = ax.collections
    shown = np.sort(band.get_paths()[0].vertices[:, 1])
    best = isolation_curve(lion()).best
    assert shown[0] == pytest.approx(-best[1].high)
    assert shown[-1] == pytest.approx(-min(each.low for each in best))
    # One seed has no band.
    one = Landscape(RATES, DECAYS, MEANS)
    assert not drawn({"lion": one}).collections


def test_no_decay_stands_apart_with_a_tick_of_its_own():
    ax = drawn({"lion": lion()}, axis="weight_decay")
    line = curve_of(ax, "Lion")
    np.testing.assert_allclose(line.get_xdata(), [0.01, 0.1])
    np.testing.assert_allclose(line.get_ydata(), [80, 70])
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels[0] == "0"
    apart = float(ax.get_xticks()[0])
    assert apart < 0.005
    assert min(ax.get_xticks(minor=True), default=1) > 0.005
    (point,) = [line for line in ax.lines if line.get_mfc() == "white"]
    np.testing.assert_allclose(point.get_xydata(), [[apart, 60]])


def test_no_decay_of_several_optimizers_side_by_side():
    other = Landscape(RATES, DECAYS, SEEDS)
    ax = drawn({"lion": lion(), "adamw": other}, axis="weight_decay")
    points = [line for line in ax.lines if line.get_mfc() == "white"]
    places = [float(point.get_xdata()[0]) for point in points]
    assert len(set(places)) == 2
    assert ax.get_xlim()[0] < min(places)
    assert max(places) < 0.01


def test_aligned_curves_count_decades_from_their_best():
    ax = drawn({"lion": lion(), "adamw": adamw()}, aligned=True)
    for name in ("Lion", "AdamW"):
        line = curve_of(ax, name)
        np.testing.assert_allclose(line.get_xdata(), [-1, 0, 1])
        assert line.get_ydata().argmax() == 1
    assert ax.get_xlabel() == "learning rate: decades from the best η"
    assert ax.get_xscale() == "linear"
    decay = drawn({"lion": lion()}, aligned=True, axis="weight_decay")
    np.testing.assert_allclose(curve_of(decay, "Lion").get_xdata(), [0, 1])
    assert decay.get_xticklabels()[0].get_text() == "λ = 0"


def test_a_cross_where_a_seed_of_the_best_cell_diverged():
    bad = np.zeros(SEEDS.shape, bool)
    bad[:, 2] = True  # the largest rate, every cell
    bad[1, 0, 0] = True  # not the best cell of the smallest rate
    ax = drawn({"lion": lion(diverged=bad)})
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses[0].get_xydata(), [[1e-2, 50]])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Lion", "a seed diverged there"]
    clean = drawn({"lion": lion()})
    assert [t.get_text() for t in clean.get_legend().get_texts()] == ["Lion"]


def test_limits_hold_the_data():
    for axis in ("learning_rate", "weight_decay"):
        for aligned in (False, True):
            ax = drawn({"lion": lion(), "adamw": adamw()}, axis=axis, aligned=aligned)
            for line in ax.lines:
                if line.get_label() in ("Lion", "AdamW") or line.get_mfc() == "white":
                    for ends, values in zip(
                        (ax.get_xlim(), ax.get_ylim()), line.get_xydata().T, strict=True
                    ):
                        assert ends[0] < values.min()
                        assert values.max() < ends[1]


def test_figure_has_both_axes_and_one_legend():
    figure = isolation_figure({"adamw": adamw(), "lion": lion()})
    figure.draw_without_rendering()
    rates, decays = figure.axes
    assert rates.get_xlabel() == "learning rate η"
    assert decays.get_xlabel() == "weight decay λ"
    assert rates.get_ylim() == decays.get_ylim()
    assert rates.get_legend() is None
    assert decays.get_legend() is None
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["Lion", "AdamW"]


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(
    "odd",
    [
        Landscape([1e-3, 1e-2], [0], [[0.5, 0.6]]),
        Landscape([1e-3], [0.1], [[0.5]]),
        Landscape(RATES, DECAYS, MEANS, floor=0.1, diverged=MEANS > 0),
        Landscape(RATES, DECAYS, np.where(MEANS > 0.45, MEANS, np.nan)),
    ],
)
def test_odd_landscapes(odd, aligned):
    isolation_figure({"lion": odd}, aligned=aligned).draw_without_rendering()


def test_without_runs():
    empty = Landscape(RATES, DECAYS, np.full((3, 3), np.nan))
    ax = drawn({"lion": empty})
    assert [text.get_text() for text in ax.texts] == ["no run finished"]
    assert ax.get_legend() is None
    both = drawn({"lion": empty, "adamw": adamw()})
    assert [text.get_text() for text in both.get_legend().get_texts()] == ["AdamW"]


def test_errors():
    with pytest.raises(ValueError, match="need an optimizer"):
        drawn({})
    with pytest.raises(ValueError, match="`axis` must be one of"):
        drawn({"lion": lion()}, axis="beta_1")
