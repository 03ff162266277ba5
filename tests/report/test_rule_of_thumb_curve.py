"""The rule-of-thumb curve: regrets, tolerated factors, and what is outside."""

import numpy as np
import pytest

from keras_lion.report.elements.drawing import Material
from keras_lion.report.elements.style import ACCURACY, LOSS, optimizer_color
from keras_lion.report.figures.rule_of_thumb_curve import (
    FACTORS,
    _applies,
    rule_of_thumb_figure,
)
from keras_lion.robustness import Landscape
from keras_lion.robustness.intervals import intervals_over_seeds
from keras_lion.robustness.tuning_budget import rule_of_thumb_regret

from .drawn import heights, legend_of, named, texts

RATES = 10.0 ** np.arange(-4, 1)
DECAYS = 10.0 ** np.arange(-2, 3)


def bowl(rate, decay, seeds=3):
    x, y = np.log10(RATES)[None, :], np.log10(DECAYS)[:, None]
    surface = 0.9 - 0.05 * ((x - rate) ** 2 + (y - decay) ** 2)
    noise = np.random.default_rng(0).normal(0, 0.002, (5, 5, seeds))
    return Landscape(RATES, DECAYS, surface[..., None] + noise)


ADAMW, LION = bowl(-1, 0), bowl(-2, 1)  # best at k = 10
RULE = rule_of_thumb_regret(ADAMW, LION, FACTORS)


def drawn(lion=LION, epsilon=0.02, **options):
    figure = rule_of_thumb_figure(ADAMW, lion, epsilon=epsilon, **options)
    figure.draw_without_rendering()
    return figure.axes[0]


@pytest.mark.parametrize(
    ("quantity", "scale", "unit"), [(ACCURACY, 100, "points"), (LOSS, 1, "nats")]
)
def test_the_curve_is_the_regret(quantity, scale, unit):
    ax = drawn(quantity=quantity)
    line = named(ax, "Lion at (lr / k, λ × k)")
    np.testing.assert_allclose(line.get_ydata(), scale * RULE.regret)
    np.testing.assert_allclose(line.get_xdata(), FACTORS)
    assert line.get_color() == optimizer_color("lion")
    assert ax.get_xlabel() == "factor k"
    assert ax.get_ylabel() == f"regret of {quantity.name} ({unit})"
    assert f"ε = {0.02 * scale:g}" in legend_of(ax)
    assert f"k* = {RULE.best_factor:.3g}" in legend_of(ax)


def test_the_green_band_holds_the_tolerated_factors():
    within = RULE.factors_within(0.02)
    (band,) = [p for p in drawn().patches if p.get_label().startswith("within ε")]
    assert band.get_x() == pytest.approx(within[0])
    assert band.get_x() + band.get_width() == pytest.approx(within[-1])
    assert f"{within[0]:.3g} to {within[-1]:.3g}" in band.get_label()
    none = drawn(bowl(-2, 2), epsilon=1e-3)
    assert not [p for p in none.patches if p.get_label().startswith("within ε")]
    assert "ε = 0.1, no k within" in legend_of(none)


def test_factors_outside_the_window():
    lion = Landscape(RATES[:3], DECAYS, LION.scores[:, :3])  # lr up to 1e-2: k from 10
    rule = rule_of_thumb_regret(ADAMW, lion, FACTORS)
    ax = drawn(lion)
    (outside,) = [p for p in ax.patches if p.get_label() == "outside Lion's window"]
    assert outside.get_x() == 1
    assert outside.get_width() == pytest.approx(FACTORS[~rule.inside].max() - 1)
    assert "theory: outside" in legend_of(ax)
    far = drawn(Landscape(RATES * 1e-6, DECAYS, LION.scores))
    assert "no k leads" in texts(far)[0]
    assert not any("k*" in text or "Lion at" in text for text in legend_of(far))


def test_the_band_is_the_interval_over_seeds():
    ax = drawn()
    intervals = intervals_over_seeds(
        LION, lambda each: rule_of_thumb_regret(ADAMW, each, FACTORS).regret
    )
    (band,) = ax.collections
    low, high = heights(band)
    assert low == pytest.approx(100 * np.nanmin([each.low for each in intervals]))
    assert high == pytest.approx(100 * np.nanmax([each.high for each in intervals]))
    assert ax.get_ylim()[0] < low < high < ax.get_ylim()[1]


def test_the_figure_marks_advice_and_theory():
    ax = drawn()
    upright = [
        line.get_xdata()[0]
        for line in ax.get_lines()
        if len(line.get_xdata()) == 2 and np.ptp(line.get_xdata()) == 0
    ]
    assert sorted(upright) == pytest.approx([3, 4.36, 10], abs=0.01)
    (point,) = [line for line in ax.get_lines() if line.get_marker() == "D"]
    # Lion's best is λ × 10 at lr / 10: at λ × 10.5 and lr / 4.36 only lr is off.
    theory = rule_of_thumb_regret(ADAMW, LION, [4.3589], weight_decay_factors=[10.465])
    assert point.get_ydata() == pytest.approx(100 * theory.regret, abs=0.05)
    assert "theory: lr / 4.36, λ × 10.5" in legend_of(ax)
    assert {1, 3, 10, 30} <= set(FACTORS)


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds(seeds):
    figure = rule_of_thumb_figure(
        bowl(-1, 0, seeds), bowl(-2, 1, seeds), epsilon=0.02, quantity=ACCURACY
    )
    figure.canvas.draw()


def test_nothing_trained():
    dead = Landscape(RATES, DECAYS, LION.scores, diverged=np.ones((5, 5, 3)))
    with pytest.raises(ValueError, match="all diverged"):
        drawn(dead)


def applies(lion):
    given = Material(
        "digits", "digits", "accuracy", "score", 0.02, None, {"score": lion}
    )
    return _applies(given)


def test_no_curve_without_two_points():
    """As early in a sweep, where Lion has few cells."""
    assert applies({"adamw": ADAMW, "lion": LION})
    assert not applies({"adamw": ADAMW})
    few = LION.scores.copy()
    few[np.arange(5) != 3] = np.nan  # one line of weight decay, one factor
    assert not applies({"adamw": ADAMW, "lion": Landscape(RATES, DECAYS, few)})
