import numpy as np
import pytest
from matplotlib.text import Text

from keras_lion.report.elements.style import LOSS, optimizer_color
from keras_lion.report.figures.best_of_k import MUTED, best_of_k_figure, spread
from keras_lion.robustness import Landscape, expected_best_of
from keras_lion.robustness.tuning_budget import tuning_curve

from .drawn import assert_holds_lines, heights

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01]
MEANS = np.array([[0.5, 0.6, 0.3], [0.4, 0.8, 0.2]])
SEEDS = MEANS[..., None] + np.array([-0.01, 0.02, -0.01])
TWELVE = [
    *("lion", "adamw", "cautious_lion", "signum", "adam", "nadam"),
    *("sgd", "sgd_momentum", "rmsprop", "adafactor", "lamb", "muon"),
]


def lion(shift=0.0):
    return Landscape(RATES, DECAYS, SEEDS + shift)


def drawn(landscapes, **options):
    return best_of_k_figure(landscapes, **options).axes[0]


def curves(ax):
    return [line for line in ax.lines if line.get_transform() == ax.transData]


def test_line_is_the_expected_best():
    ax = drawn({"lion": lion()})
    (line,) = curves(ax)
    assert list(line.get_xdata()) == [1, 2, 3, 4, 5, 6]
    expected = [100 * expected_best_of(lion(), k) for k in range(1, 7)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert ax.get_xlabel() == "configurations tried, k"
    assert ax.get_ylabel() == "expected best validation accuracy (%)"
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks == ["1", "2", "4"]


def test_losses_fall():
    (line,) = curves(drawn({"lion": lion(-1.0)}, quantity=LOSS))
    assert (np.diff(line.get_ydata()) < 0).all()
    np.testing.assert_allclose(line.get_ydata()[-1], 0.2)


def test_band_is_the_interval_over_seeds():
    (band,) = drawn({"lion": lion()}).collections
    best = tuning_curve(lion()).best
    assert heights(band) == pytest.approx((100 * best[0].low, 100 * best[-1].high))
    one_seed = Landscape(RATES, DECAYS, MEANS)
    assert not drawn({"lion": one_seed}).collections


def test_each_line_is_named_and_no_name_covers_another():
    grids = {name: lion(0.001 * at) for at, name in enumerate(TWELVE)}
    figure = best_of_k_figure(grids)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert [text.get_text().strip() for text in ax.texts][-1] == "Muon"
    assert len(ax.texts) == 12
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    for number, box in enumerate(boxes):
        assert box.x0 >= ax.get_window_extent().x1
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:number])
    # The names stand in the order in which the lines end.
    order = sorted(range(12), key=lambda at: boxes[at].y0)
    assert order == list(range(12))


def test_of_many_only_four_are_in_color():
    grids = {name: lion(0.001 * at) for at, name in enumerate(TWELVE)}
    ax = drawn(grids)
    gray = MUTED["color"]
    lines = [line for line in curves(ax) if line.get_color() != gray]
    assert [line.get_color() for line in lines] == [
        optimizer_color(name) for name in ("lion", "adamw", "lamb", "muon")
    ]
    few = {name: grids[name] for name in TWELVE[:4]}
    assert all(line.get_color() != gray for line in curves(drawn(few)))


def test_limits_hold_the_data():
    ax = drawn({"lion": lion(), "adamw": lion(0.05)})
    assert_holds_lines(ax, curves(ax))


def test_names_move_as_little_as_it_takes():
    assert spread([0.0, 0.1, 1.0], 0.3) == pytest.approx([-0.1, 0.2, 1.0])
    assert spread([0.0, 0.5, 1.0], 0.3) == [0.0, 0.5, 1.0]
    assert spread([0.9, 0.9, 0.9], 0.2, high=1.0) == pytest.approx([0.6, 0.8, 1.0])
    assert spread([0.1, 0.98, 0.99], 0.2, high=1.0) == pytest.approx([0.1, 0.8, 1.0])
    # A block that is moved up pushes the next one.
    close = spread([0.0, 0.0, 0.0, 0.25], 0.2)
    assert np.diff(close) == pytest.approx(0.2)
    assert np.mean(close) == pytest.approx(0.0625)


def test_an_optimizer_without_runs_is_left_out():
    empty = Landscape(RATES, DECAYS, np.full((2, 3), np.nan))
    assert len(curves(drawn({"lion": empty, "adamw": lion()}))) == 1
