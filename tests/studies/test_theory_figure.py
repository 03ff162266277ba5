"""The theory figure: means, ranges and predictions of the frame, in shown units."""

import numpy as np
import pandas as pd
import pytest

from keras_lion.report.elements.style import optimizer_color
from studies.theory_figure import PANELS, theory_figure


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
    ("row", "quantity", "factor", "label", "predictions"),
    [
        (0, "weight_rms", 1, "weight RMS", ["_recursion", "_static"]),
        (1, "rotation", 1e3, "rotation (mrad / step)", ["_recursion", "_static"]),
        (2, "max_weight_times_decay", 1, "max |w| × λ", ["bound_times_decay"]),
    ],
)
def test_what_is_drawn(row, quantity, factor, label, predictions):
    data = frame()
    data.loc[data["optimizer"] == "adamw", quantity] *= 2
    ax = theory_figure(data).axes[2 * row]
    assert ax.get_ylabel() == label
    measured, predicted = drawn(ax)
    runs = data[data["optimizer"] == "lion"]
    for number, tensor in enumerate(("dense_1", "dense_2")):
        groups = runs[runs["tensor"] == tensor].groupby("step")
        values = groups[quantity]
        np.testing.assert_allclose(measured[number].get_ydata(), factor * values.mean())
        assert measured[number].get_color() == optimizer_color("lion")
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


def test_a_row_per_quantity_and_a_column_per_optimizer():
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
    assert len(figure.axes) == len(PANELS)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "range over seeds" not in texts


def test_a_frame_without_rows():
    with pytest.raises(ValueError, match="without rows"):
        theory_figure(frame().iloc[:0])
