import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from keras_lion.report.collapse import collapse_figure, plot_collapse, ratio_norm
from keras_lion.report.style import LOSS
from keras_lion.robustness import Landscape
from keras_lion.robustness.effective_decay.description import groupings
from keras_lion.robustness.effective_decay.lines import product_curve

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1, 1]
SCORES = np.array([[0.1, 0.2, 0.3], [0.3, 0.5, 0.6], [0.4, 0.7, 0.6], [0.8, 0.5, 0.2]])


def landscape(**options):
    return Landscape(RATES, DECAYS, SCORES, **options)


def drawn(scores, **options):
    return plot_collapse(scores, Figure().subplots(), **options)


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_one_point_a_cell_over_the_product_coloured_by_the_ratio():
    ax = drawn(landscape(), title="Lion")
    points, _ = ax.collections
    expected = [
        (rate * decay, 100 * SCORES[i, j], rate / decay)
        for i, decay in enumerate(DECAYS)
        for j, rate in enumerate(RATES)
        if decay
    ]
    found = np.column_stack([points.get_offsets(), points.get_array()])
    np.testing.assert_allclose(found, expected)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "product η·λ"
    assert ax.get_ylabel() == "validation accuracy (%)"


def test_line_is_the_mean_of_each_product():
    line = drawn(landscape()).lines[0]
    np.testing.assert_allclose(line.get_xdata(), [1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(line.get_ydata(), [30, 45, 70, 55, 20])


def test_title_compares_product_and_additive_and_counts_no_decay():
    groups = groupings(landscape())
    assert drawn(landscape(), title="Lion").get_title() == (
        f"Lion\nR²: η·λ {groups.product:.2f}, additive {groups.additive:.2f}\n"
        "3 cells with λ = 0 left out"
    )


def test_a_grid_without_lines_gets_a_parabola():
    x, y = np.log10([1e-4, 2e-4, 1e-2]), np.log10([0.1, 1.0, 10.0])
    scores = 0.8 - 0.1 * (x + y[:, None] + 3) ** 2
    ax = drawn(Landscape(10**x, 10**y, scores))
    line = ax.lines[0]
    parabola = 80 - 10 * (np.log10(line.get_xdata()) + 3) ** 2
    np.testing.assert_allclose(line.get_ydata(), parabola, atol=1e-9)
    assert ax.get_title() == "R² of a parabola in log η·λ: 1.00"


def test_cells_with_a_diverged_seed_are_crosses():
    bad = SCORES <= 0.3
    ax = drawn(landscape(floor=0.1, diverged=bad))
    stable, diverged = ax.collections
    decayed = bad[1:]
    assert len(stable.get_offsets()) == (~decayed).sum()
    assert len(diverged.get_offsets()) == decayed.sum()
    np.testing.assert_allclose(diverged.get_offsets()[:, 1], 10)


def test_missing_cells_are_left_out():
    scores = SCORES.copy()
    scores[0, 0] = scores[2, 1] = np.nan
    ax = drawn(Landscape(RATES, DECAYS, scores))
    assert len(ax.collections[0].get_offsets()) == 8
    assert "2 cells with λ = 0" in ax.get_title()


def test_limits_hold_the_data():
    ax = drawn(landscape())
    points = ax.collections[0].get_offsets()
    for ends, values in zip((ax.get_xlim(), ax.get_ylim()), points.T, strict=True):
        assert ends[0] < values.min()
        assert values.max() < ends[1]


def test_panels_share_scores_and_colours():
    moved = Landscape(np.array(RATES) * 10, [0.1, 1, 10], SCORES[1:] / 2)
    figure = collapse_figure({"adamw": moved, "lion": landscape()})
    figure.draw_without_rendering()
    lion, adamw, bar = figure.axes
    assert lion.get_title().startswith("Lion")
    assert adamw.get_title().startswith("AdamW")
    assert lion.get_ylim() == adamw.get_ylim()
    assert lion.collections[0].norm is adamw.collections[0].norm
    assert bar.get_ylabel() == "ratio η/λ"
    assert (lion.get_ylabel(), adamw.get_ylabel()) == ("validation accuracy (%)", "")
    assert legend_of(figure) == ["mean of a cell", "mean at equal η·λ"]


def test_colours_span_the_ratios():
    norm = ratio_norm([landscape()])
    assert isinstance(norm, LogNorm)
    assert (norm.vmin, norm.vmax) == pytest.approx((1e-4, 1))
    lone = ratio_norm([Landscape([1e-3], [0.1], [[0.5]])])
    assert lone.vmin < 1e-2 < lone.vmax


def test_losses_point_down():
    curve = product_curve(landscape())
    line = drawn(landscape(), quantity=LOSS).lines[0]
    np.testing.assert_allclose(line.get_ydata(), -curve.predicted)


DEAD = np.full((4, 3), 0.1)


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        (Landscape([1e-3, 1e-2], [0], [[0.5, 0.6]]), "no weight decay"),
        (Landscape(RATES, DECAYS, np.full((4, 3), np.nan)), "no run finished"),
        (Landscape(RATES, DECAYS, DEAD, diverged=DEAD > 0), "no two cells differ"),
        (Landscape([1e-3], [0.1], [[0.5]]), "no two cells differ"),
    ],
)
def test_odd_landscapes_say_what_is_wrong(odd, text):
    figure = collapse_figure({"lion": odd})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert text in [
        *(each.get_text() for each in ax.texts),
        *ax.get_title().split("\n"),
    ]


def test_errors():
    with pytest.raises(ValueError, match="needs a positive weight decay"):
        drawn(Landscape([1e-3], [0], [[0.5]]))
    with pytest.raises(ValueError, match="needs an optimizer"):
        collapse_figure({})
