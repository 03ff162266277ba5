"""The theory panel: means, ranges and predictions of the frame, in shown units."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from keras_lion.report.style import optimizer_colour
from keras_lion.report.theory_panel import (
    QUANTITIES,
    plot_measured_and_predicted,
    theory_figure,
)


def frame(optimizers=("lion", "adamw"), seeds=3, tensors=("dense_1", "dense_2")):
    """Columns as `studies/theory.py` writes them."""
    rows = []
    for name in optimizers:
        for seed in range(seeds):
            for number, tensor in enumerate(tensors):
                for step in (200, 400, 600):
                    size = 0.1 + 0.01 * seed + 0.05 * number + step * 1e-5
                    rows.append(
                        {
                            "optimizer": name,
                            "seed": seed,
                            "tensor": tensor,
                            "step": step,
                            "weight_rms": size,
                            "weight_rms_static": 0.14,
                            "weight_rms_recursion": 0.13 + step * 1e-6,
                            "rotation": size / 10,
                            "rotation_static": 0.007,
                            "rotation_recursion": 0.008 - step * 1e-6,
                            "max_weight_times_decay": 4 * size,
                            "bound_times_decay": 1 - 50 / step,
                        }
                    )
    return pd.DataFrame(rows)


def drawn(ax):
    """Measured curves and predictions, apart."""
    lines = ax.get_lines()
    measured = [line for line in lines if line.get_marker() != "None"]
    return measured, [line for line in lines if line not in measured]


@pytest.mark.parametrize(
    ("quantity", "factor", "label", "predictions"),
    [
        ("weight_rms", 1, "weight RMS", ["_recursion", "_static"]),
        ("rotation", 1e3, "rotation (mrad / step)", ["_recursion", "_static"]),
        ("max_weight_times_decay", 1, "max |w| · λ", ["bound_times_decay"]),
    ],
)
def test_what_is_drawn(quantity, factor, label, predictions):
    data, ax = frame(), Figure().subplots()
    found = plot_measured_and_predicted(data, ax, optimizer="lion", quantity=quantity)
    assert found is ax
    assert ax.get_ylabel() == label
    assert ax.get_xlabel() == "step"
    measured, predicted = drawn(ax)
    runs = data[data["optimizer"] == "lion"]
    for number, tensor in enumerate(("dense_1", "dense_2")):
        groups = runs[runs["tensor"] == tensor].groupby("step")
        values = groups[quantity]
        np.testing.assert_allclose(measured[number].get_ydata(), factor * values.mean())
        assert measured[number].get_color() == optimizer_colour("lion")
        heights = ax.collections[number].get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(factor * values.min().min())
        assert heights.max() == pytest.approx(factor * values.max().max())
        for each, column in enumerate(predictions):
            name = column if column in data else quantity + column
            line = predicted[len(predictions) * number + each]
            np.testing.assert_allclose(line.get_ydata(), factor * groups[name].mean())
    styles = {line.get_linestyle() for line in predicted}
    assert len(styles) == len(predictions)
    assert measured[0].get_marker() != measured[1].get_marker()
    low, high = ax.get_ylim()
    for line in ax.get_lines():
        assert low <= line.get_ydata().min()
        assert line.get_ydata().max() < high


def test_optimizers_are_not_mixed():
    data = frame()
    data.loc[data["optimizer"] == "adamw", "weight_rms"] *= 2
    lion, adamw = Figure().subplots(), Figure().subplots()
    for ax, name in ((lion, "lion"), (adamw, "adamw")):
        plot_measured_and_predicted(data, ax, optimizer=name, quantity="weight_rms")
    first, second = drawn(lion)[0][0], drawn(adamw)[0][0]
    np.testing.assert_allclose(2 * first.get_ydata(), second.get_ydata())


def test_the_figure_has_a_row_a_quantity_and_a_column_an_optimizer():
    figure = theory_figure(frame())
    figure.canvas.draw()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["Lion", "AdamW", "", "", "", ""]
    assert [bool(ax.get_xlabel()) for ax in figure.axes] == [False] * 4 + [True] * 2
    assert figure.get_figwidth() == 7
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [
        "dense_1, mean over seeds",
        "dense_2, mean over seeds",
        "range over seeds",
        "theory: recursion",
        "theory: equilibrium",
        "bound for updates ≤ 1",
    ]


def test_one_optimizer_one_seed_one_tensor():
    figure = theory_figure(frame(("lion",), seeds=1, tensors=("kernel",)))
    figure.canvas.draw()
    assert len(figure.axes) == len(QUANTITIES)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "range over seeds" not in texts
    only = theory_figure(frame(), optimizers=["adamw"])
    assert [ax.get_title() for ax in only.axes] == ["AdamW", "", ""]


def test_clear_errors():
    ax = Figure().subplots()
    with pytest.raises(ValueError, match="weight_rms, rotation"):
        plot_measured_and_predicted(frame(), ax, optimizer="lion", quantity="flip_rate")
    with pytest.raises(ValueError, match="Missing: rotation_static"):
        plot_measured_and_predicted(
            frame().drop(columns="rotation_static"),
            ax,
            optimizer="lion",
            quantity="rotation",
        )
    with pytest.raises(ValueError, match="The frame has: adamw, lion"):
        plot_measured_and_predicted(frame(), ax, optimizer="sgd", quantity="rotation")
    with pytest.raises(ValueError, match="without rows"):
        theory_figure(frame().iloc[:0])
