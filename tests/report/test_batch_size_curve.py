"""The batch-size figure: what is drawn is what was measured."""

import math

import numpy as np
import pytest

from keras_lion.report import batch_size_figure
from keras_lion.report.elements.style import LOSS, optimizer_color, optimizer_marker
from keras_lion.robustness import Landscape
from keras_lion.robustness.batch_size import batch_size_scaling

from .drawn import legend_of, texts

AXIS = 10.0 ** np.arange(-5, 2)
LOGS = np.log10(AXIS)


def bowl(rate, product, seeds=3, best=0.9):
    """Best at log10 lr* = rate and log10 (lr × λ)* = product."""
    x, y = LOGS[None, :], LOGS[:, None]
    surface = best - 0.05 * ((x - rate) ** 2 + (x + y - product) ** 2)
    noise = np.random.default_rng(0).normal(0, 0.003, (7, 7, seeds))
    return Landscape(AXIS, AXIS, surface[..., None] + noise)


def grids(alpha, gamma, sizes=(16, 128, 1024), **options):
    return {
        size: bowl(
            -3 + alpha * math.log10(size / 16),
            -4 + gamma * math.log10(size / 16),
            **options,
        )
        for size in sizes
    }


def scaled(landscapes):
    return {name: batch_size_scaling(each, 0.01) for name, each in landscapes.items()}


BOTH = {"adamw": grids(0.5, 0.6), "lion": grids(0.7, 1.0)}


def lines_with(ax, **properties):
    return [
        line
        for line in ax.get_lines()
        if len(line.get_xdata())
        and all(getattr(line, f"get_{k}")() == v for k, v in properties.items())
    ]


def test_scores_with_their_intervals():
    scalings = scaled(BOTH)
    ax = batch_size_figure(BOTH, epsilon=0.01).axes[0]
    assert ax.get_xlabel() == "batch size B (examples)"
    assert ax.get_ylabel() == "validation accuracy (%)"
    assert legend_of(ax) == ["Lion", "AdamW"]
    assert ax.xaxis.get_transform().base == 2
    low, high = ax.get_ylim()
    for name, bars in zip(("lion", "adamw"), ax.containers, strict=True):
        line, _, (segments,) = bars.lines
        best = [100 * each.estimate for each in scalings[name].best]
        assert line.get_ydata() == pytest.approx(best)
        assert line.get_color() == optimizer_color(name)
        assert line.get_marker() == optimizer_marker(name)
        ends = np.array(segments.get_segments())[:, :, 1]
        intervals = [(100 * b.low, 100 * b.high) for b in scalings[name].best]
        np.testing.assert_allclose(ends, intervals)
        assert (ends > low).all()
        assert (ends < high).all()


def test_a_loss_is_shown_as_it_is():
    grid = {"lion": grids(0.5, 1, best=-0.4)}
    ax = batch_size_figure(grid, epsilon=0.01, quantity=LOSS).axes[0]
    ((line, _, (segments,)),) = [bars.lines for bars in ax.containers]
    assert (line.get_ydata() > 0).all()
    ends = np.array(segments.get_segments())[:, :, 1]
    assert (ends[:, 0] < line.get_ydata()).all()
    assert (ends[:, 1] > line.get_ydata()).all()


@pytest.mark.parametrize(("panel", "optimum"), [(1, "learning_rate"), (2, "product")])
def test_optima_with_fit_and_slope(panel, optimum):
    scalings = scaled(BOTH)
    ax = batch_size_figure(BOTH, epsilon=0.01).axes[panel]
    for name in BOTH:
        found = scalings[name]
        exponent = getattr(found, f"{optimum}_exponent")
        color, marker = optimizer_color(name), optimizer_marker(name)
        (points,) = lines_with(ax, color=color, marker=marker)
        np.testing.assert_allclose(points.get_ydata(), getattr(found, optimum))
        assert points.get_xdata().tolist() == [16, 128, 1024]
        (fit,) = lines_with(ax, color=color, marker="")
        x, y = np.log10(fit.get_xdata()), np.log10(fit.get_ydata())
        assert np.diff(y) / np.diff(x) == pytest.approx(exponent.estimate)
        assert y.mean() == pytest.approx(np.log10(points.get_ydata()).mean())
        low, high = ax.get_ylim()
        assert low < points.get_ydata().min() < points.get_ydata().max() < high
        (text,) = [t for t in legend_of(ax) if t.lower().startswith(name)]
        for end in (exponent.estimate, exponent.low, exponent.high):
            assert f"{end:.2f}" in text
    assert texts(ax) == ["0", "½", "1"]
    faint = lines_with(ax, linewidth=0.7)
    slopes = [
        np.ptp(np.log10(line.get_ydata())) / np.ptp(np.log10(line.get_xdata()))
        for line in faint
    ]
    assert slopes == pytest.approx([0, 0.5, 1])


def test_bounds_are_open_and_not_fitted():
    landscapes = {"lion": {16: bowl(-3, -5), 64: bowl(-2, -4), 256: bowl(5, 8)}}
    ax = batch_size_figure(landscapes, epsilon=0.01).axes[1]
    (bound,) = lines_with(ax, markerfacecolor="white")
    assert bound.get_xdata() == (256,)
    assert bound.get_ydata() == (landscapes["lion"][256].best.learning_rate,)
    (points,) = lines_with(ax, markerfacecolor=optimizer_color("lion"), marker="o")
    assert points.get_xdata().tolist() == [16, 64]
    assert "open: only bounded" in legend_of(ax)
    assert ax.get_ylim()[1] > AXIS[-1]


def test_nothing_trained():
    dead = Landscape(AXIS, AXIS, np.full((7, 7), 0.1), diverged=np.ones((7, 7)))
    figure = batch_size_figure({"lion": {16: dead, 64: dead}}, epsilon=0.01)
    figure.canvas.draw()
    _, rates, _ = figure.axes
    assert texts(rates) == ["no optimum"]
    assert legend_of(rates) == ["Lion: no optimum"]


@pytest.mark.parametrize(
    "landscapes",
    [
        BOTH,
        {"lion": grids(1.0, 1.5, seeds=1)},
        {"an optimizer": {64: Landscape([1e-3], [0], [[0.5]])}},
    ],
)
def test_figures(landscapes):
    figure = batch_size_figure(landscapes, epsilon=0.01)
    figure.canvas.draw()
    assert figure.get_figwidth() == 7
    labels = [ax.get_ylabel() for ax in figure.axes[1:]]
    assert labels == ["best learning rate lr*", "best product (lr × λ)*"]


def test_many_batch_sizes_keep_their_labels_apart():
    sizes = [2**k for k in range(4, 13)]
    ax = batch_size_figure({"lion": grids(0.5, 1, sizes)}, epsilon=0.01).axes[0]
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(labels) == len(sizes)
    assert 3 <= sum(label != "" for label in labels) <= 6
    shown = zip(labels, sizes, strict=True)
    assert all(label in ("", str(size)) for label, size in shown)


def test_no_optimizer():
    with pytest.raises(ValueError, match="Received: none"):
        batch_size_figure({}, epsilon=0.01)
