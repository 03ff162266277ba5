"""The figure of the best memory: every value that is known, with its prediction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.pace_figure import memory_figure
from tests.robustness.effective_decay.test_pace import runs


def both(best):
    """Runs of Lion, and of AdamW whose best lr × λ is half as large."""
    own, other = runs(best), runs(best / 2)
    return pd.concat([own, other.assign(optimizer="adamw")], ignore_index=True)


def drawn(ax):
    """Curves with marks, as (x, y)."""
    return [
        line.get_xydata() for line in ax.lines if line.get_marker() in ("o", "s", "^")
    ]


def test_memories_of_both_optimizers_are_drawn_with_the_predicted_exponent():
    frames = {x: both(0.01 * (x / 15) ** -0.5) for x in (15.0, 60.0, 240.0)}
    figure = memory_figure({"length": frames, "examples": frames})
    for ax in figure.axes:
        lion, adamw = (points[:, 1] for points in drawn(ax))
        np.testing.assert_allclose(lion, np.array([5, 10, 20]), rtol=1e-6)
        np.testing.assert_allclose(adamw, 2 * lion, rtol=1e-6)
    dotted = [
        [line.get_ydata() for line in ax.lines if line.get_linestyle() == ":"]
        for ax in figure.axes
    ]
    np.testing.assert_allclose(dotted[0][0], [5, 10, 20], rtol=1e-6)  # of the length
    np.testing.assert_allclose(dotted[1][0], [5, 5, 5], rtol=1e-6)
    assert figure.axes[0].get_xlabel() == "epochs"


def test_what_is_only_bounded_is_left_out():
    frames = {1.0: both(0.01), 2.0: both(0.01), 4.0: both(4.0)}
    figure = memory_figure({"batch_sizes": frames})
    lion, _ = drawn(figure.axes[0])
    assert lion[:, 0].tolist() == [1.0, 2.0]
    bounded = {x: both(4.0) for x in (1.0, 2.0)}
    assert not drawn(memory_figure({"batch_sizes": bounded}).axes[0])


def test_the_figure_needs_a_condition():
    with pytest.raises(ValueError, match="needs a condition"):
        memory_figure({})
