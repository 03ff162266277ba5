"""Iso-product lines: means along lines, bounds as open marks, fitted slopes."""

import numpy as np
import pandas as pd
import pytest

from keras_lion.report import iso_product_figure
from keras_lion.report.elements.style import LOSS
from keras_lion.robustness.effective_decay.lines import iso_product

from ..robustness.made_up import run
from .drawn import legend_of

FLOOR = -4.3
RATES = 10.0 ** np.arange(-4, -1)
DECAYS = 10.0 ** np.arange(-1, 2)


def frame(optimizers=("lion", "adamw"), seeds=3, along=0.0):
    """log₁₀ steps = 3.5 − 0.5 · log₁₀(lr × λ / 1e-3); out of time below 1e-4."""
    generator = np.random.default_rng(0)
    rows = []
    for optimizer in optimizers:
        for i, decay in enumerate(DECAYS):
            for j, rate in enumerate(RATES):
                for seed in range(seeds):
                    score = -3.5 + 0.5 * (i + j - 2) + along * j
                    score += generator.normal(0, 0.01)
                    dead = i == j == 2
                    late = i + j == 0 or (i, j, seed) == (0, 1, 0)
                    rows.append(
                        run(
                            optimizer,
                            rate,
                            decay,
                            seed,
                            metric="steps_to_target",
                            floor=FLOOR,
                            status="diverged" if dead else "ok",
                            score=FLOOR if dead or late else score,
                        )
                    )
    return pd.DataFrame(rows)


def found(**options):
    return iso_product(frame(**options), optimizer="lion")


def panels(data):
    """The lines of one product, and the scores over the product."""
    figure = iso_product_figure({"lion": data})
    figure.draw_without_rendering()
    return figure.axes[:2]


def lines(ax):
    """Label → line of each product."""
    labelled = {line.get_label(): line for line in ax.get_lines()}
    return {k: v for k, v in labelled.items() if not k.startswith("_")}


def marks(ax, marker):
    """Sorted points of the marks of one kind."""
    chosen = [line for line in ax.get_lines() if line.get_marker() == marker]
    return sorted(
        (float(x), float(y))
        for line in chosen
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    )


def test_one_line_a_product():
    data = found()
    ax, _ = panels(data)
    by_product = lines(ax)
    assert list(by_product) == ["1e-05", "0.0001", "0.001", "0.01", "0.1"]
    middle = by_product["0.001"]
    np.testing.assert_allclose(middle.get_xdata(), RATES)
    means = [-data.landscape.means[2 - j, j] for j in range(3)]
    np.testing.assert_allclose(middle.get_ydata(), means)
    assert np.ptp(middle.get_ydata()) < 0.05
    assert len({line.get_marker() for line in by_product.values()}) == 5
    assert len({tuple(line.get_color()) for line in by_product.values()}) == 5
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "learning rate (lr)"
    assert ax.get_ylabel() == "log₁₀ steps to target"
    slope = data.slope_along_lines.scaled(-1)
    assert ax.get_title().startswith("Lion\nslope along lines: ")
    for end in (slope.estimate, slope.low, slope.high):
        assert f"{abs(end):.2f}" in ax.get_title()


def test_bounds_are_marks_at_the_floor_and_no_numbers():
    data = found()
    ax, _ = panels(data)
    unreached = marks(ax, "^")
    assert [y for _, y in unreached] == [4.3, 4.3]
    assert np.log10([x for x, _ in unreached]) == pytest.approx([-4, -3], abs=0.1)
    assert [y for _, y in marks(ax, "x")] == [4.3]
    assert all(
        line.get_markerfacecolor() == "none"
        for line in ax.get_lines()
        if line.get_marker() == "^"
    )
    by_product = lines(ax)
    assert np.isnan(by_product["1e-05"].get_ydata()).all()
    # One of three runs was too late: no mean, two dots.
    np.testing.assert_equal(np.isnan(by_product["0.0001"].get_ydata()), [False, True])
    dots = [each for each in marks(ax, ".") if each[0] == pytest.approx(1e-3)]
    assert len(dots) == 2 + 3 + 3
    low, high = ax.get_ylim()
    assert low < -data.landscape.scores.max()
    assert high > 4.3


def test_marks_at_one_floor_stand_side_by_side():
    data = frame(("lion",))
    data["score"], data["status"] = FLOOR, "ok"
    ax, _ = panels(iso_product(data, optimizer="lion"))
    at = np.log10([x for x, _ in marks(ax, "^")]).reshape(3, 3)
    assert len(np.unique(at.round(9))) == 9
    np.testing.assert_allclose(at.mean(axis=1), [-4, -3, -2])
    assert ax.texts[0].get_text() == "no run above the floor"


def test_scores_over_the_product():
    data = found()
    _, ax = panels(data)
    assert ax.get_xlabel() == "product lr × λ"
    (fit,) = [line for line in ax.get_lines() if line.get_color() == "#444444"]
    x, y = np.log10(fit.get_xdata()), fit.get_ydata()
    slope = data.slope_over_product.scaled(-1)
    assert slope.estimate == pytest.approx(-0.5, abs=0.02)
    assert np.diff(y) / np.diff(x) == pytest.approx(slope.estimate)
    np.testing.assert_allclose(x, [-4, -2], atol=1e-9)
    means = -data.means[data.fitted]
    products = np.add.outer(np.log10(DECAYS), np.log10(RATES))[data.fitted]
    middle = np.interp(products.mean(), x, y)
    assert middle == pytest.approx(means.mean())
    assert ax.get_title().startswith(f"fitted slope: −{-slope.estimate:.2f} [−")
    points = [
        (x, y)
        for line in ax.get_lines()
        if line.get_linestyle() == "None" and line.get_markersize() == 4.5
        if line.get_marker() != "x"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if np.isfinite(y)
    ]
    shown = zip(10**products, means, strict=True)
    np.testing.assert_allclose(sorted(points), sorted(shown))


def test_only_fitted_cells_carry_the_line():
    data = iso_product(frame(), optimizer="lion", fit_between=(1e-4, 1e-3))
    _, ax = panels(data)
    (fit,) = [line for line in ax.get_lines() if line.get_color() == "#444444"]
    np.testing.assert_allclose(fit.get_xdata(), [1e-4, 1e-3])


def test_the_figure_shares_scales():
    records = frame()
    both = {n: iso_product(records, optimizer=n) for n in ("adamw", "lion")}
    figure = iso_product_figure(both)
    figure.canvas.draw()
    shown, bars = figure.axes[:4], figure.axes[4:]
    assert [ax.get_title().split("\n")[0] for ax in shown[:2]] == ["Lion", "AdamW"]
    assert len({ax.get_ylim() for ax in shown}) == 1
    assert [bar.get_ylabel() for bar in bars] == [
        "product lr × λ",
        "learning rate (lr)",
    ]
    np.testing.assert_allclose(bars[0].get_ylim(), [1e-5, 1e-1])
    np.testing.assert_allclose(bars[1].get_ylim(), [1e-4, 1e-2])
    assert legend_of(figure) == [
        "cell mean",
        "run",
        "not reached (at the floor)",
        "diverged",
        "fit",
    ]


def test_one_optimizer_one_seed():
    figure = iso_product_figure({"lion": found(seeds=1)})
    figure.canvas.draw()
    title = figure.axes[0].get_title()
    assert "slope along lines" in title
    assert "[" not in title  # one seed has no interval
    assert "run" not in legend_of(figure)


def test_everything_diverged_and_another_quantity():
    records = frame(("lion",)).assign(status="diverged", score=FLOOR)
    figure = iso_product_figure({"lion": iso_product(records, optimizer="lion")})
    figure.canvas.draw()
    assert legend_of(figure) == ["diverged"]
    losses = frame(("lion",)).assign(final_loss=lambda each: -each["score"] / 2)
    data = iso_product(losses, optimizer="lion", value="final_loss")
    figure = iso_product_figure({"lion": data}, quantity=LOSS)
    figure.canvas.draw()
    assert figure.axes[0].get_ylabel() == "validation loss (nats)"


def test_clear_errors():
    with pytest.raises(ValueError, match="Received: none"):
        iso_product_figure({})
    row = frame(("lion",))
    row = row[row["weight_decay"] == 1]
    data = iso_product(row, optimizer="lion")
    with pytest.raises(ValueError, match="two or more values on each axis"):
        iso_product_figure({"lion": data})
