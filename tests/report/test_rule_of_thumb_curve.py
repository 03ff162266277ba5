"""The rule-of-thumb curve: regrets, tolerated factors, and what is outside."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_lion.report.rule_of_thumb_curve import (
    FACTORS,
    plot_rule_of_thumb,
    rule_of_thumb_figure,
)
from keras_lion.report.style import ACCURACY, LOSS, optimizer_colour
from keras_lion.robustness import Landscape
from keras_lion.robustness.tuning_budget import rule_of_thumb_regret
from keras_lion.statistics import Interval

RATES = 10.0 ** np.arange(-4, 1)
DECAYS = 10.0 ** np.arange(-2, 3)


def bowl(rate, decay, seeds=3):
    x, y = np.log10(RATES)[None, :], np.log10(DECAYS)[:, None]
    surface = 0.9 - 0.05 * ((x - rate) ** 2 + (y - decay) ** 2)
    noise = np.random.default_rng(0).normal(0, 0.002, (5, 5, seeds))
    return Landscape(RATES, DECAYS, surface[..., None] + noise)


ADAMW, LION = bowl(-1, 0), bowl(-2, 1)  # best at k = 10
K = np.geomspace(1, 30, 31)
RULE = rule_of_thumb_regret(ADAMW, LION, K)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def curve(ax):
    (line,) = [
        each for each in ax.get_lines() if each.get_label() == "Lion at (η/k, λ·k)"
    ]
    return line


def test_the_curve_is_the_regret():
    ax = Figure().subplots()
    assert plot_rule_of_thumb(RULE, ax, epsilon=0.02) is ax
    line = curve(ax)
    np.testing.assert_allclose(line.get_ydata(), 100 * RULE.regret)
    np.testing.assert_allclose(line.get_xdata(), K)
    assert line.get_color() == optimizer_colour("lion")
    assert ax.get_xlabel() == "factor k"
    assert ax.get_ylabel() == "regret of validation accuracy (points)"
    assert "ε = 2" in texts(ax)
    assert f"k* = {RULE.best_factor:.3g}" in texts(ax)
    low, high = ax.get_ylim()
    assert low < 0
    assert high > 100 * np.nanmax(RULE.regret)


def test_a_loss_has_positive_regret():
    ax = Figure().subplots()
    plot_rule_of_thumb(RULE, ax, epsilon=0.02, quantity=LOSS)
    np.testing.assert_allclose(curve(ax).get_ydata(), RULE.regret)
    assert ax.get_ylabel() == "regret of validation loss (nats)"


def test_the_band_holds_the_tolerated_factors():
    ax = Figure().subplots()
    plot_rule_of_thumb(RULE, ax, epsilon=0.02)
    within = RULE.factors_within(0.02)
    (band,) = [p for p in ax.patches if p.get_label().startswith("within ε")]
    assert band.get_x() == pytest.approx(within[0])
    assert band.get_x() + band.get_width() == pytest.approx(within[-1])
    assert f"{within[0]:.3g} to {within[-1]:.3g}" in band.get_label()
    ax = Figure().subplots()
    plot_rule_of_thumb(RULE, ax, epsilon=0.0)
    assert not [p for p in ax.patches if p.get_label().startswith("within ε")]
    assert "ε = 0, no k within" in texts(ax)


def test_factors_outside_the_window():
    lion = Landscape(RATES[:3], DECAYS, LION.scores[:, :3])  # lr up to 1e-2: k from 10
    rule = rule_of_thumb_regret(ADAMW, lion, K)
    ax = Figure().subplots()
    plot_rule_of_thumb(rule, ax, epsilon=0.5)
    (outside,) = [p for p in ax.patches if p.get_label() == "outside Lion's window"]
    assert outside.get_x() == 1
    assert outside.get_width() == pytest.approx(K[~rule.inside].max() - 1)
    far = Landscape(RATES * 1e-6, DECAYS, LION.scores)
    ax = Figure().subplots()
    plot_rule_of_thumb(rule_of_thumb_regret(ADAMW, far, K), ax, epsilon=0.5)
    assert "no k leads" in ax.texts[0].get_text()
    assert not any("k*" in text or "Lion at" in text for text in texts(ax))


def test_intervals_are_a_band_in_shown_units():
    intervals = [Interval(r, r - 0.03, r + 0.04, 3) for r in RULE.regret]
    ax = Figure().subplots()
    plot_rule_of_thumb(RULE, ax, epsilon=0.02, intervals=intervals)
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(100 * (np.nanmin(RULE.regret) - 0.03))
    assert heights.max() == pytest.approx(100 * (np.nanmax(RULE.regret) + 0.04))
    assert ax.get_ylim()[1] > heights.max()
    assert ax.get_ylim()[0] < heights.min()


def test_the_figure_marks_advice_and_theory():
    figure = rule_of_thumb_figure(ADAMW, LION, epsilon=0.02)
    figure.canvas.draw()
    (ax,) = figure.axes
    upright = [
        line.get_xdata()[0]
        for line in ax.get_lines()
        if len(line.get_xdata()) == 2 and np.ptp(line.get_xdata()) == 0
    ]
    assert sorted(upright) == pytest.approx([3, 4.36, 10], abs=0.01)
    (point,) = [line for line in ax.get_lines() if line.get_marker() == "D"]
    # Lion's best is λ·10 at lr/10: at λ·10.5 and lr/4.36 only lr is off.
    theory = rule_of_thumb_regret(ADAMW, LION, [4.3589], weight_decay_factors=[10.465])
    assert point.get_ydata() == pytest.approx(100 * theory.regret, abs=0.05)
    assert any("η/4.36, λ·10.5" in text for text in texts(ax))
    assert {1, 3, 10, 30} <= set(FACTORS)
    assert len(ax.collections) == 1


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds(seeds):
    figure = rule_of_thumb_figure(
        bowl(-1, 0, seeds), bowl(-2, 1, seeds), epsilon=0.02, quantity=ACCURACY
    )
    figure.canvas.draw()


def test_a_theory_outside_the_window_is_said():
    lion = Landscape(RATES[:3], DECAYS, LION.scores[:, :3])
    figure = rule_of_thumb_figure(ADAMW, lion, epsilon=0.02)
    assert "theory: outside" in texts(figure.axes[0])


def test_clear_errors():
    ax = Figure().subplots()
    down = rule_of_thumb_regret(ADAMW, LION, [10, 3])
    with pytest.raises(ValueError, match="ascending order"):
        plot_rule_of_thumb(down, ax, epsilon=0.02)
    with pytest.raises(ValueError, match="1 intervals and 31 factors"):
        plot_rule_of_thumb(RULE, ax, epsilon=0.02, intervals=[Interval(0, 0, 0, 1)])
    dead = Landscape(RATES, DECAYS, LION.scores, diverged=np.ones((5, 5, 3)))
    with pytest.raises(ValueError, match="all diverged"):
        rule_of_thumb_figure(ADAMW, dead, epsilon=0.02)
