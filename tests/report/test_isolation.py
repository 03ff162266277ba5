import numpy as np
import pytest

from keras_lion.report import isolation_figure
from keras_lion.report.elements.style import LOSS, optimizer_color
from keras_lion.robustness import Landscape
from keras_lion.robustness.sensitivity import isolation_curve

from .drawn import assert_holds_lines, heights, legend_of, named

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2], [0.45, 0.7, 0.5]])
SEEDS = MEANS[..., None] + np.array([-0.01, 0.0, 0.01])


def lion(**options):
    return Landscape(RATES, DECAYS, SEEDS, **options)


def adamw():
    return Landscape(np.array(RATES) * 10, [0.001, 0.1, 1.0], SEEDS[::-1] / 2)


def test_lines_are_the_best_over_the_other_hyperparameter():
    figure = isolation_figure({"adamw": adamw(), "lion": lion()})
    rates, decays = figure.axes
    line = named(rates, "Lion")
    np.testing.assert_allclose(line.get_xdata(), RATES)
    np.testing.assert_allclose(line.get_ydata(), [50, 80, 50])
    assert line.get_color() == optimizer_color("lion")
    assert rates.get_xlabel() == "learning rate (lr)"
    assert decays.get_xlabel() == "weight decay (λ)"
    assert rates.get_ylabel() == "best validation accuracy (%)"
    assert rates.get_xscale() == "log"
    assert rates.get_ylim() == decays.get_ylim()
    assert legend_of(figure) == ["Lion", "AdamW"]


def test_band_is_the_interval_over_seeds():
    (band,) = isolation_figure({"lion": lion()}, quantity=LOSS).axes[0].collections
    best = isolation_curve(lion()).best
    lowest, highest = -best[1].high, -min(each.low for each in best)
    assert heights(band) == pytest.approx((lowest, highest))
    one_seed = Landscape(RATES, DECAYS, MEANS)
    assert not isolation_figure({"lion": one_seed}).axes[0].collections


def test_no_decay_stands_apart_with_a_tick_of_its_own():
    other = Landscape(RATES, DECAYS, SEEDS)
    _, ax = isolation_figure({"lion": lion(), "adamw": other}).axes
    line = named(ax, "Lion")
    np.testing.assert_allclose(line.get_xdata(), [0.01, 0.1])
    np.testing.assert_allclose(line.get_ydata(), [80, 70])
    assert ax.get_xticklabels()[0].get_text() == "0"
    apart = float(ax.get_xticks()[0])
    assert apart < 0.005
    assert min(ax.get_xticks(minor=True), default=1) > 0.005
    points = [line for line in ax.lines if line.get_mfc() == "white"]
    assert [point.get_ydata().tolist() for point in points] == [[60], [60]]
    places = sorted(float(point.get_xdata()[0]) for point in points)
    assert ax.get_xlim()[0] < places[0] < apart < places[1] < 0.01


def test_aligned_curves_count_decades_from_their_best():
    grids = {"lion": lion(), "adamw": adamw()}
    rates, decays = isolation_figure(grids, aligned=True).axes
    for name in ("Lion", "AdamW"):
        line = named(rates, name)
        np.testing.assert_allclose(line.get_xdata(), [-1, 0, 1])
        assert line.get_ydata().argmax() == 1
    assert rates.get_xlabel() == "learning rate: decades from the best lr"
    assert rates.get_xscale() == "linear"
    np.testing.assert_allclose(named(decays, "Lion").get_xdata(), [0, 1])
    assert decays.get_xticklabels()[0].get_text() == "λ = 0"


def test_a_cross_where_a_seed_of_the_best_cell_diverged():
    bad = np.zeros(SEEDS.shape, bool)
    bad[:, 2] = True  # the largest rate, every cell
    bad[1, 0, 0] = True  # not the best cell of the smallest rate
    figure = isolation_figure({"lion": lion(diverged=bad)})
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses[0].get_xydata(), [[1e-2, 50]])
    assert legend_of(figure) == ["Lion", "a seed diverged there"]


@pytest.mark.parametrize("aligned", [False, True])
def test_limits_hold_the_data(aligned):
    figure = isolation_figure({"lion": lion(), "adamw": adamw()}, aligned=aligned)
    for ax in figure.axes:
        curves = [line for line in ax.lines if line.get_label() in ("Lion", "AdamW")]
        points = [line for line in ax.lines if line.get_mfc() == "white"]
        assert_holds_lines(ax, curves + points)
        last = max(line.get_xdata().max() for line in curves)
        # No room for ticks beyond the data.
        assert ax.get_xlim()[1] < (last + 0.2 if aligned else 1.6 * last)
