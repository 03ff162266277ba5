import numpy as np
import pytest

from keras_lion.report import collapse_figure
from keras_lion.report.elements.style import LOSS
from keras_lion.robustness import Landscape
from keras_lion.robustness.effective_decay.description import groupings
from keras_lion.robustness.effective_decay.lines import product_curve

from .drawn import legend_of

RATES, DECAYS = [1e-4, 1e-3, 1e-2], [0, 0.01, 0.1, 1]
SCORES = np.array([[0.1, 0.2, 0.3], [0.3, 0.5, 0.6], [0.4, 0.7, 0.6], [0.8, 0.5, 0.2]])


def landscape(**options):
    return Landscape(RATES, DECAYS, SCORES, **options)


def drawn(scores, **options):
    return collapse_figure({"lion": scores}, **options).axes[0]


def test_one_point_a_cell_over_the_product_colored_by_the_ratio():
    ax = drawn(landscape())
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
    assert ax.get_xlabel() == "product lr × λ"
    assert ax.get_ylabel() == "validation accuracy (%)"


def test_line_is_the_mean_of_each_product():
    line = drawn(landscape()).lines[0]
    np.testing.assert_allclose(line.get_xdata(), [1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(line.get_ydata(), [30, 45, 70, 55, 20])


def test_title_compares_product_and_additive_and_counts_no_decay():
    groups = groupings(landscape())
    assert drawn(landscape()).get_title() == (
        f"Lion\nR²: lr × λ {groups.product:.2f}, additive {groups.additive:.2f}\n"
        "3 cells with λ = 0 left out"
    )


def test_a_grid_without_lines_gets_a_parabola():
    x, y = np.log10([1e-4, 2e-4, 1e-2]), np.log10([0.1, 1.0, 10.0])
    scores = 0.8 - 0.1 * (x + y[:, None] + 3) ** 2
    ax = drawn(Landscape(10**x, 10**y, scores))
    line = ax.lines[0]
    parabola = 80 - 10 * (np.log10(line.get_xdata()) + 3) ** 2
    np.testing.assert_allclose(line.get_ydata(), parabola, atol=1e-9)
    assert ax.get_title() == "Lion\nR² of a parabola in log(lr × λ): 1.00"


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


def test_panels_share_scores_and_colors():
    moved = Landscape(np.array(RATES) * 10, [0.1, 1, 10], SCORES[1:] / 2)
    figure = collapse_figure({"adamw": moved, "lion": landscape()})
    figure.draw_without_rendering()
    lion, adamw, bar = figure.axes
    assert lion.get_title().startswith("Lion")
    assert adamw.get_title().startswith("AdamW")
    assert lion.get_ylim() == adamw.get_ylim()
    assert lion.collections[0].norm is adamw.collections[0].norm
    assert bar.get_ylabel() == "ratio lr / λ"
    assert (lion.get_ylabel(), adamw.get_ylabel()) == ("validation accuracy (%)", "")
    assert legend_of(figure) == ["mean of a cell", "mean at equal lr × λ"]


@pytest.mark.parametrize(
    ("scores", "ends"),
    [
        (landscape(), (1e-4, 1)),
        (Landscape([1e-3], [0.1], [[0.5]]), (1e-2 / 10**0.5, 1e-2 * 10**0.5)),
    ],
)
def test_colors_span_the_ratios(scores, ends):
    norm = drawn(scores).collections[0].norm
    assert (norm.vmin, norm.vmax) == pytest.approx(ends)


def test_losses_point_down():
    curve = product_curve(landscape())
    line = drawn(landscape(), quantity=LOSS).lines[0]
    np.testing.assert_allclose(line.get_ydata(), -curve.predicted)


def test_where_nothing_differs_or_trained_there_is_no_share():
    dead = np.full((4, 3), 0.1)
    title = drawn(Landscape(RATES, DECAYS, dead)).get_title()
    assert title == "Lion\nno two cells differ\n3 cells with λ = 0 left out"
    title = drawn(Landscape(RATES, DECAYS, dead, diverged=dead > 0)).get_title()
    assert title == "Lion\nno cell trained\n3 cells with λ = 0 and 9 diverged left out"


@pytest.mark.parametrize("rates", [[1e-4, 1e-3, 1e-2, 0.1], [1e-4, 1e-3, 1e-2, 0.2]])
def test_one_diverged_cell_does_not_decide_what_explains_the_others(rates):
    """Losses that are additive in log lr and log λ, and one floor of 10."""
    decays = 10 ** np.arange(-3.0, 1)
    x, y = np.log10(rates), np.log10(decays)
    scores = -(1 + 0.3 * (x + 2) ** 2 + 0.05 * (y[:, None] + 3) ** 2)
    hot = np.zeros((4, 4), bool)
    hot[-1, -1] = True
    without = Landscape(rates, decays, np.where(hot, np.nan, scores))
    floored = Landscape(rates, decays, scores, floor=-10, diverged=hot)
    expected, found = product_curve(without), product_curve(floored)
    assert (found.num_diverged, expected.num_diverged) == (1, 0)
    np.testing.assert_equal(
        (found.r2, found.r2_additive), (expected.r2, expected.r2_additive)
    )
    np.testing.assert_array_equal(found.predicted, expected.predicted)
    assert found.r2 < 0.5
    if rates[-1] == 0.1:
        assert found.r2_additive == pytest.approx(1)
    assert drawn(floored).get_title().endswith("\n1 diverged cell left out")
    assert len(drawn(floored).collections[1].get_offsets()) == 1  # it is still shown
