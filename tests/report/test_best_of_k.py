import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from keras_lion.report.best_of_k import best_of_k_figure, plot_best_of_k, spread
from keras_lion.report.style import LOSS
from keras_lion.robustness import Landscape, expected_best_of
from keras_lion.robustness.tuning_budget import tuning_curve

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
    ax = Figure(layout="constrained").subplots()
    plot_best_of_k(landscapes, ax, **options)
    ax.figure.draw_without_rendering()
    return ax


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
    heights = band.get_paths()[0].vertices[:, 1]
    best = tuning_curve(lion()).best
    assert heights.min() == pytest.approx(100 * best[0].low)
    assert heights.max() == pytest.approx(100 * best[-1].high)
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


def test_limits_hold_the_data():
    ax = drawn({"lion": lion(), "adamw": lion(0.05)})
    for line in curves(ax):
        for ends, values in zip(
            (ax.get_xlim(), ax.get_ylim()), line.get_xydata().T, strict=True
        ):
            assert ends[0] < values.min()
            assert values.max() < ends[1]


def test_names_move_as_little_as_it_takes():
    assert spread([0.0, 0.1, 1.0], 0.3) == pytest.approx([-0.1, 0.2, 1.0])
    assert spread([0.0, 0.5, 1.0], 0.3) == [0.0, 0.5, 1.0]
    assert spread([0.9, 0.9, 0.9], 0.2, high=1.0) == pytest.approx([0.6, 0.8, 1.0])
    assert spread([0.1, 0.98, 0.99], 0.2, high=1.0) == pytest.approx([0.1, 0.8, 1.0])
    # A block that is moved up pushes the next one.
    close = spread([0.0, 0.0, 0.0, 0.25], 0.2)
    assert np.diff(close) == pytest.approx(0.2)
    assert np.mean(close) == pytest.approx(0.0625)


DEAD = np.full((2, 3), 0.1)


@pytest.mark.parametrize(
    "odd",
    [
        Landscape([1e-3], [0.1], [[0.5]]),
        Landscape(RATES, DECAYS, DEAD, diverged=DEAD > 0),
        Landscape(RATES, DECAYS, np.where(MEANS > 0.45, MEANS, np.nan)),
    ],
)
def test_odd_landscapes(odd):
    figure = best_of_k_figure({"lion": odd})
    figure.draw_without_rendering()
    (line,) = curves(figure.axes[0])
    assert line.get_ydata()[-1] == pytest.approx(100 * odd.best.value)


def test_without_runs():
    empty = Landscape(RATES, DECAYS, np.full((2, 3), np.nan))
    ax = drawn({"lion": empty})
    assert [text.get_text() for text in ax.texts] == ["no run finished"]
    assert len(curves(drawn({"lion": empty, "adamw": lion()}))) == 1


def test_errors():
    with pytest.raises(ValueError, match="need an optimizer"):
        drawn({})
