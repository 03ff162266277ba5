import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report.elements.grid import Grid
from keras_lion.report.elements.heatmap_panel import color_limits
from keras_lion.report.elements.overlays import TOLERANCE
from keras_lion.report.elements.style import (
    ACCURACY,
    LOSS,
    in_order,
    label_decades,
    number,
    optimizer_color,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
    quantity_of,
)
from keras_lion.report.figures import heatmap
from keras_lion.report.figures.heatmap import heatmap_figure
from keras_lion.robustness import Landscape, common_best

from ..robustness.made_up import study
from .drawn import legend_of, texts


def landscapes(value="score", **arguments):
    frame = study(**arguments)
    return {
        name: Landscape.from_runs(frame, optimizer=name, value=value)
        for name in in_order(frame["optimizer"].unique())
    }


def test_pair_shares_the_scale_and_labels_everything():
    pair = landscapes()
    figure = heatmap_figure(pair)
    lion, adamw, bar = figure.axes
    for ax in (lion, adamw):
        assert ax.get_xlabel() == "learning rate (lr)"
        assert ax.get_ylabel() == "weight decay (λ)"
        assert "mean of 3 seeds" in ax.get_title()
    assert lion.get_title().startswith("Lion")
    assert adamw.get_title().startswith("AdamW")
    assert "validation accuracy (%)" in bar.get_ylabel()
    assert "clipped" in bar.get_ylabel()
    assert adamw.get_yticklabels()[0].get_text() == "0"
    assert texts(adamw).count("div.") == 2
    assert texts(lion).count("div.") == 1
    best = ACCURACY.text(pair["lion"].best.value)
    assert best in texts(lion)


def test_no_decay_stands_below_with_a_gap():
    grid = Grid.of(Landscape([1e-3, 1e-2], [0, 0.1, 1], np.zeros((3, 2))))
    np.testing.assert_allclose(grid.y[1:], [-1, 0])
    assert grid.tops[0] < grid.bottoms[1]
    assert grid.tops[1] == grid.bottoms[2]
    (left, bottom), width, height = grid.box(1, 0)
    assert (left, bottom, width, height) == pytest.approx((-3.5, -1.5, 1, 1))


def test_bad_cells_do_not_stretch_the_colors():
    vmin, vmax, extend = color_limits(landscapes().values())
    assert vmin > 70  # diverged cells are at 10 %
    assert vmax == pytest.approx(93.9, abs=0.1)
    assert extend == "min"
    low, high, extend = color_limits(landscapes("final_loss").values(), LOSS)
    assert 0.24 < low < high < 1.2
    assert extend == "max"


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("value", ["score", "final_loss"])
def test_grids_of_all_sizes(size, value):
    pair = landscapes(value, size=size) if size > 1 else one_cell()
    figure = heatmap_figure(pair, quantity=quantity_of("accuracy", value))
    figure.draw_without_rendering()
    assert figure.get_figwidth() == (7 if len(pair) > 1 else 4)


def one_cell():
    return {"lion": Landscape([1e-3], [0.1], [[0.5]])}


def test_names_numbers_and_colors():
    assert in_order(["sgd", "adamw", "x", "lion"]) == ["lion", "adamw", "sgd", "x"]
    assert optimizer_label("adamw") == "AdamW"
    assert optimizer_label("mine") == "mine"
    assert optimizer_color("Lion") == optimizer_color("lion")
    values = [0, 1e-3, 10**-3.5, 0.1 * 0.1, 1, 10**0.5, 100, 320, 2000, np.nan]
    shown = ["0", "1e-3", "3.2e-4", "0.01", "1", "3.2", "100", "320", "2e3", "–"]
    assert [number(value) for value in values] == shown
    assert number(0.0099999999) == "0.01"


@pytest.mark.parametrize(
    ("metric", "value", "label", "text"),
    [
        ("accuracy", "score", "validation accuracy (%)", "-30.0"),
        ("accuracy", "final_loss", "validation loss (nats)", "0.300"),
        ("loss", "score", "validation loss (nats)", "0.300"),
        ("steps_to_target", "score", "log₁₀ steps to target", "0.30"),
        ("f1", "score", "score: f1", "-0.300"),
    ],
)
def test_quantities(metric, value, label, text):
    quantity = quantity_of(metric, value)
    assert quantity.label == label
    assert quantity.text(-0.3) == text
    assert quantity.text(np.nan) == "–"


OPTIMIZERS = [
    "lion",
    "adamw",
    "cautious_lion",
    "signum",
    "adamw_one_beta",
    "adam",
    "nadam",
    "schedule_free_adamw",
    "sgd",
    "sgd_momentum",
    "rmsprop",
    "adafactor",
    "lamb",
    "muon",
]


def test_known_optimizers_differ_in_color_marker_and_name():
    for look in (optimizer_color, optimizer_marker, optimizer_label):
        assert len({look(name) for name in OPTIMIZERS}) == len(OPTIMIZERS)
    assert optimizer_color("lion") == "#D55E00"
    assert optimizer_color("adamw") == "#0072B2"
    assert optimizer_line("lion") != optimizer_line("adamw")
    assert in_order(reversed(OPTIMIZERS)) == OPTIMIZERS
    # What is not known looks like none that is.
    assert optimizer_marker("mine") not in map(optimizer_marker, OPTIMIZERS)
    assert optimizer_marker("Muon") == optimizer_marker("muon")


@pytest.mark.parametrize(
    ("limits", "shown"),
    [((8e-5, 12), ["1e-4", "1e-3"]), ((0.9, 40), ["1", "3"]), ((0.9, 6), ["1", "2"])],
)
def test_short_log_axes_have_ticks_too(limits, shown):
    ax = Figure().subplots()
    ax.set_xscale("log")
    ax.set_xlim(limits)
    label_decades(ax.xaxis)
    inside = [x for x in ax.get_xticks() if limits[0] <= x <= limits[1]]
    assert [ax.xaxis.get_major_formatter()(x) for x in inside][:2] == shown


def grid_of(scores, rates=(1e-4, 1e-3, 1e-2), **options):
    """Rows of weight decay 0.01, 0.1, …, from the bottom."""
    decays = [10.0 ** (row - 2) for row in range(len(scores))]
    return Landscape(list(rates), decays, scores, **options)


PEAK = [[0.5, 0.6, 0.5], [0.6, 0.9, 0.88], [0.5, 0.7, 0.6]]


def drawn(landscape, **options):
    figure = heatmap_figure({"lion": landscape}, **options)
    figure.draw_without_rendering()
    return figure.axes[0]


def test_lines_pass_through_cells_of_one_product_and_are_named_by_it():
    ax = drawn(grid_of(PEAK))
    names = [text for text in texts(ax) if text not in map(ACCURACY.text, flat(PEAK))]
    assert names == ["1e-6", "1e-5", "1e-4", "1e-3", "0.01"]
    for line, total in zip(ax.lines[::2], [-6, -5, -4, -3, -2], strict=True):
        np.testing.assert_allclose(line.get_xdata() + line.get_ydata(), total)


def test_rounded_axes_still_have_their_lines():
    rounded = (0.000316228, 0.001, 0.00316228)
    landscape = Landscape(rounded, [0.0948683, 0.3, 0.948683], PEAK)
    assert len(drawn(landscape).lines) == 2 * 5


def test_names_of_lines_lie_between_the_row_of_no_decay_and_the_others():
    with_row = Landscape([1e-3, 1e-2], [0, 0.1, 1], np.ones((3, 2)) / 2)
    for landscape in (with_row, Landscape([1e-3, 1e-2], [0.1, 1], np.eye(2))):
        ax = drawn(landscape)
        grid = Grid.of(landscape)
        first = grid.bottoms[-2]
        inside = [text for text in ax.texts if text.get_va() == "top"]
        assert inside
        for text in inside:
            low, high = (
                ax.transData.inverted().transform(corner)[1]
                for corner in text.get_window_extent().get_points()
            )
            assert high <= first + 1e-9
            below = grid.tops[0] if landscape is with_row else ax.get_ylim()[0]
            assert low >= below


def flat(rows):
    return [value for row in rows for value in row]


def outline(ax):
    return {
        tuple(np.round([*line.get_xdata(), *line.get_ydata()], 6))
        for line in ax.lines
        if line.get_lw() == TOLERANCE["lw"] and line.get_color() == TOLERANCE["color"]
    }


def test_outline_is_the_border_of_the_cells_within_epsilon():
    ax = drawn(grid_of(PEAK), epsilon=0.02)
    # Two neighbouring cells: a 2 × 1 rectangle without the side between them.
    assert outline(ax) == {
        (-3.5, -2.5, -1.5, -1.5),
        (-3.5, -2.5, -0.5, -0.5),
        (-2.5, -1.5, -1.5, -1.5),
        (-2.5, -1.5, -0.5, -0.5),
        (-3.5, -3.5, -1.5, -0.5),
        (-1.5, -1.5, -1.5, -0.5),
    }
    assert outline(drawn(grid_of(PEAK))) == set()
    with pytest.raises(ValueError, match="`epsilon` must be"):
        drawn(grid_of(PEAK), epsilon=-1)


def test_outline_does_not_cross_the_gap_above_no_decay():
    ax = drawn(Landscape([1e-3, 1e-2], [0, 0.1], [[0.9, 0.1], [0.9, 0.1]]), epsilon=0)
    assert len(outline(ax)) == 8


def test_outlines_of_a_pair_count_from_the_common_best():
    better = grid_of([[0.5, 0.6, 0.5], [0.6, 0.95, 0.9], [0.5, 0.7, 0.6]])
    pair = {"lion": grid_of(PEAK), "adamw": better}
    assert common_best(pair.values()) == 0.95
    figure = heatmap_figure(pair, epsilon=0.02)
    assert outline(figure.axes[0]) == set()
    assert len(outline(figure.axes[1])) == 4
    assert "within 2 points of the common best" in legend_of(figure)
    alone = heatmap_figure({"lion": grid_of(PEAK)}, epsilon=0.02)
    assert len(outline(alone.axes[0])) == 6


def arrows(ax):
    return {
        (line.get_marker(), line.get_mfc(), *map(float, line.get_xydata()[0]))
        for line in ax.lines
        if line.get_marker() in "<>^v"
    }


def test_arrows_lead_outward_from_a_best_cell_at_the_edge():
    corner = [[0.5, 0.6, 0.9], [0.5, 0.6, 0.8], [0.5, 0.5, 0.5]]
    assert arrows(drawn(grid_of(corner))) == {
        (">", "black", -1.5, -2.0),
        ("v", "black", -2.0, -2.5),
    }
    assert arrows(drawn(grid_of(PEAK))) == set()
    figure = heatmap_figure({"lion": grid_of(corner)})
    assert "best may lie beyond" in legend_of(figure)
    assert "best may lie beyond" not in legend_of(heatmap_figure({"a": grid_of(PEAK)}))


def test_arrows_are_open_where_training_breaks_down():
    scores = np.array([[0.5, 0.6, 0.1], [0.5, 0.6, 0.9], [0.5, 0.5, 0.1]])
    landscape = grid_of(scores, diverged=scores == 0.1)
    assert arrows(drawn(landscape)) == {(">", "white", -1.5, -1.0)}
    assert "edge of stability" in legend_of(heatmap_figure({"lion": landscape}))


def test_title_gives_seeds_and_their_deviation():
    scores = np.array(PEAK)[..., None] + np.array([-0.01, 0, 0.01])
    title = drawn(grid_of(scores)).get_title()
    assert title == "Lion\nmean of 3 seeds, $\\hat{\\sigma}$ = 1 points"
    loss = drawn(grid_of(scores), quantity=LOSS).get_title()
    assert loss.endswith("= 0.01 nats")
    assert drawn(grid_of(PEAK)).get_title() == "Lion\n1 seed"


def test_losses_that_stand_for_worse_ones_have_a_sign():
    """A run that ends above the loss before training counts as that loss."""
    scores = np.full((2, 3, 2), -1.0)
    scores[0, 0], scores[0, 1], scores[1, 2] = [-2.4, -2.5], [-2.4, -2.3], [-2.4, -2.5]
    diverged = np.zeros(scores.shape, bool)
    diverged[0, 0] = True
    grid = Landscape([1e-3, 1e-2, 1e-1], [0.1, 1], scores, diverged=diverged)
    shown = texts(drawn(grid, quantity=LOSS))
    # One seed is enough: the mean is a lower bound then, too.
    assert [text for text in shown if text.startswith(">")] == [">2.35", ">2.45"]
    assert "div." in shown
    assert not [text for text in texts(drawn(grid)) if text.startswith(">")]
    # A single worst cell is a measurement.
    single = Landscape([1e-3, 1e-2], [0.1], [[-1.0, -2.0]])
    assert ">2.00" not in texts(drawn(single, quantity=LOSS))


def test_a_panel_says_by_how_much_its_weight_decays_are_moved():
    first, moved = grid_of(PEAK), grid_of(PEAK)
    moved = Landscape(moved.learning_rate, 0.1 * moved.weight_decay, moved.scores)
    one, other, _ = heatmap_figure({"lion": first, "adamw": moved}).axes
    assert other.get_title().endswith("λ axis: 0.1 times that of Lion")
    assert "axis" not in one.get_title()
    same = heatmap_figure({"lion": first, "adamw": first}).axes[1]
    assert "axis" not in same.get_title()


def test_legend_names_only_what_is_drawn():
    assert legend_of(heatmap_figure(one_cell())) == ["best cell"]
    names = legend_of(heatmap_figure({"lion": grid_of(PEAK)}))
    assert names == ["best cell", "constant lr × λ, with its value"]
    dead = np.full((2, 2), 0.1)
    landscape = Landscape([1e-3, 1e-2], [0, 0.1], dead, diverged=dead > 0)
    figure = heatmap_figure({"lion": landscape}, epsilon=0.5)
    assert legend_of(figure) == ["all seeds diverged"]


def test_of_few_cells_no_color_is_clipped_and_equal_numbers_look_alike():
    few = Landscape([1e-3, 1e-2], [0.1], [[0.5, 0.9]])
    assert color_limits([few]) == (50, 90, "neither")
    alike = Landscape([1e-3, 1e-2], [0.1], [[0.9111, 0.9114]])
    low, high, _ = color_limits([alike])
    assert high - low == pytest.approx(1)  # a point, though shown are tenths


@pytest.mark.parametrize("size", [3, 5])
def test_without_a_row_of_no_decay_the_ticks_stay_near_the_cells(size):
    rates, decays = np.logspace(-4, -2, size), np.logspace(-2, 0, size)
    scores = np.random.default_rng(0).uniform(size=(size, size))
    grid = Landscape(rates, decays, scores)
    figure = heatmap_figure({"lion": grid, "adamw": grid})
    figure.draw_without_rendering()
    ax = figure.axes[0]
    low, high = ax.get_ylim()
    inches = ax.get_window_extent().height / figure.dpi
    half_a_cell = 2 / (size - 1) / 2
    below = (np.log10(decays[0]) - half_a_cell - low) / (high - low) * inches
    assert 0.08 < below < 0.2


def test_the_caption_names_only_lines_that_are_drawn():
    row = Landscape([1e-3, 1e-2, 1e-1], [0.1], [[0.5, 0.9, 0.6]])
    assert "dashed" not in heatmap._caption({"lion": row}, LOSS, None)
