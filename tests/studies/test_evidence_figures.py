"""Lion at AdamW's recipe, over the factor."""

import pandas as pd

from keras_lion.report.style import LOSS
from keras_lion.statistics import Interval
from studies.evidence.figures import transfer_figure

CURVE = pd.DataFrame(
    {
        "factor": [10.0, 1.0, 3.0],
        "mean": [0.7, 0.9, 0.6],
        "low": [0.65, 0.8, 0.5],
        "high": [0.75, 1.0, 0.7],
    }
)
RECIPE = Interval(0.55, 0.5, 0.6, 5)


def test_one_panel_per_task_with_the_curve_over_k():
    figure = transfer_figure(dict.fromkeys("abcd", (CURVE, RECIPE)))
    figure.draw_without_rendering()
    assert [ax.get_title() for ax in figure.axes] == list("abcd")
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["advice: 3 to 10", "AdamW at its recipe", "Lion"]
    for ax in figure.axes:
        lines = {line.get_label(): line for line in ax.lines}
        assert lines["Lion"].get_xdata().tolist() == [1, 3, 10]
        assert lines["Lion"].get_ydata().tolist() == [0.9, 0.6, 0.7]
        assert set(lines["AdamW at its recipe"].get_ydata()) == {0.55}
        assert ax.get_xscale() == "log"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("factor k", LOSS.label)
        assert ax.get_ylim()[0] <= 0.5 < 1.0 <= ax.get_ylim()[1]
