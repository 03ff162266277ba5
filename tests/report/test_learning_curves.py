"""Learning curves: seeds, mean, crosses where runs diverged."""

import numpy as np
import pandas as pd
import pytest

from keras_lion.report.elements.style import optimizer_color
from keras_lion.report.figures.learning_curves import (
    axis_limits,
    learning_curves_figure,
)
from keras_lion.robustness.frames.runs import RunCurves

from ..robustness.made_up import run
from .drawn import legend_of, texts

EPOCH = np.arange(1.0, 5)


def curves(values, diverged=None):
    values = np.array(values, float)
    flags = np.zeros(len(values), bool) if diverged is None else np.array(diverged)
    return RunCurves(EPOCH, np.arange(len(values)), values, flags)


TWO = curves([[2.0, 1.0, 0.8, 0.6], [2.2, 1.4, 1.0, 0.4]])
BROKEN = curves([[2.0, 1.0, 0.8, 0.6], [2.2, 1e9, np.nan, np.nan]], [False, True])


def parts(ax):
    """Thin lines, thick lines and crosses, of what is drawn."""
    lines = ax.get_lines()
    crosses = [line for line in lines if line.get_marker() == "x"]
    thick = [line for line in lines if line.get_linewidth() == 1.8]
    return [ln for ln in lines if ln not in crosses + thick], thick, crosses


def drawn(values, diverged=(), quantity="loss", **columns):
    """The panel of the best cell, of runs with these curves."""
    rows = []
    for seed, curve in enumerate(values):
        known = [float(value) for value in curve]
        history = {"epoch": [*range(1, len(known) + 1)], quantity: known}
        status = "diverged" if seed in diverged else "ok"
        told = {"status": status, "history": history, **columns}
        rows.append(run("lion", 1e-3, 0.1, seed, **told))
    figure = learning_curves_figure(
        pd.DataFrame(rows), task="digits", quantity=quantity, value="score"
    )
    figure.draw_without_rendering()
    return figure.axes[0]


def test_seeds_and_their_mean():
    ax = drawn(TWO.values)
    thin, (mean,), crosses = parts(ax)
    assert [line.get_ydata().tolist() for line in thin] == TWO.values.tolist()
    np.testing.assert_allclose(mean.get_ydata(), [2.1, 1.2, 0.9, 0.5])
    assert mean.get_xdata().tolist() == [1, 2, 3, 4]
    assert {line.get_color() for line in ax.get_lines()} == {optimizer_color("lion")}
    assert crosses == []
    assert ax.get_xlabel() == "epoch"
    assert ax.get_ylabel() == "validation loss (nats)"
    assert drawn(TWO.values, likelihood=0).get_ylabel() == "validation loss"
    assert ax.get_yscale() == "log"
    low, high = ax.get_ylim()
    assert low < 0.4
    assert high > 2.2


def test_accuracy_is_in_percent():
    ax = drawn([[0.1, 0.5, 0.7, 0.9]], quantity="accuracy")
    (line,), thick, _ = parts(ax)
    np.testing.assert_allclose(line.get_ydata(), [10, 50, 70, 90])
    assert thick == []  # one seed has no mean
    assert ax.get_ylabel() == "validation accuracy (%)"
    assert ax.get_yscale() == "linear"


def test_a_diverged_run_is_crossed_at_the_edge():
    ax = drawn([[2.0, 1.0, 0.8, 0.6], [2.2, 1e9]], diverged=[1])
    _, (mean,), (cross,) = parts(ax)
    assert cross.get_xdata() == [2]
    assert cross.get_ydata() == [ax.get_ylim()[1]]
    assert ax.get_ylim()[1] == pytest.approx(3 * 2.0 * 1.15)
    assert np.isnan(mean.get_ydata()[2:]).all()


def test_a_diverged_run_within_the_panel_is_crossed_where_it_ends():
    ax = drawn([[2.0, 1.0, 0.8, 0.6], [2.2, 2.3, 2.4, 2.31]], diverged=[1])
    _, _, (cross,) = parts(ax)
    assert (*cross.get_xdata(), *cross.get_ydata()) == (4, 2.31)


def test_limits_ignore_explosions_of_diverged_losses_only():
    low, high = axis_limits([TWO, BROKEN])
    assert low < 0.4
    assert 2.2 < high < 10
    trained = curves([[2.0, 50.0, 0.8, 0.6]])
    assert axis_limits([trained])[1] > 50
    dead = curves([[3.0, 1e9, np.nan, np.nan], [7.0, 1e9, 1e12, np.nan]], [True, True])
    assert axis_limits([dead])[1] == pytest.approx(3 * 3 * 1.15)
    broken = curves([[0.1, 0.5, 0.7, 0.9]], [True])
    assert axis_limits([broken], "accuracy") == pytest.approx((6, 94))
    with pytest.raises(ValueError, match="without one"):
        axis_limits([curves([[np.nan] * 4])])


def records(optimizers=("lion", "adamw"), seeds=2):
    """Three cells: the first diverges, the last is best."""
    rows = []
    for optimizer in optimizers:
        for number, rate in enumerate((1e-3, 1e-2, 1e-1)):
            for seed in range(seeds):
                last = 0.9 - 0.2 * number + 0.01 * seed
                loss = [2.0, None] if number == 0 else [2.0, 1.0, last]
                rows.append(
                    run(
                        optimizer,
                        rate,
                        0.1,
                        seed,
                        initial_loss=2.3,
                        final_loss=np.nan if number == 0 else last,
                        status="diverged" if number == 0 else "ok",
                        history={"epoch": [1, 2, 3][: len(loss)], "loss": loss},
                    )
                )
    return pd.DataFrame(rows)


def test_the_figure_shows_best_center_and_worst():
    figure = learning_curves_figure(records(), task="digits")
    figure.canvas.draw()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        f"{name}, {cell}"
        for name in ("Lion", "AdamW")
        for cell in (
            "best: lr 0.1, λ 0.1",
            "center: lr 0.01, λ 0.1",
            "worst: lr 1e-3, λ 0.1\n2 of 2 diverged",
        )
    ]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    best = parts(figure.axes[0])[0]
    assert [line.get_ydata()[-1] for line in best] == pytest.approx([0.5, 0.51])
    assert len(parts(figure.axes[2])[2]) == 2
    seeds, mean, diverged = legend_of(figure)
    assert (seeds, mean) == ("one seed", "mean over seeds")
    assert diverged.startswith("diverged")


def test_one_optimizer_one_seed():
    frame = records(("lion",), seeds=1)
    figure = learning_curves_figure(frame, task="digits")
    figure.canvas.draw()
    assert len(figure.axes) == 3
    assert "mean over seeds" not in legend_of(figure)


def test_everything_diverged():
    frame = records(("lion",))
    dead = frame[frame["learning_rate"] < 2e-3]
    figure = learning_curves_figure(dead, task="digits")
    figure.canvas.draw()
    assert all("2 of 2 diverged" in ax.get_title() for ax in figure.axes)
    nothing = [{"epoch": [1], "loss": [None]}] * 2
    frame.loc[frame["learning_rate"] < 2e-3, "history"] = pd.Series(
        nothing, index=[0, 1]
    )
    worst = learning_curves_figure(frame, task="digits").axes[2]
    assert texts(worst) == ["no finite value"]


def test_clear_errors():
    with pytest.raises(ValueError, match="the records have the tasks: digits"):
        learning_curves_figure(records(), task="mnist")
    with pytest.raises(ValueError, match="`quantity` must be one of loss"):
        learning_curves_figure(records(), task="digits", quantity="accuracy")
