"""The figure of the ladder: spread over learning rates over κ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.effective_decay_figure import NETWORKS, ladder_figure

RATES = (1e-3, 4e-3, 1.6e-2)
KAPPA = {2.0**-9: 2.0, 2.0**-7: 8.0, 2.0**-5: 32.0}


def runs(spread, diverged=(), optimizers=("adamw", "lion")):
    """Records whose accuracy moves by `spread` from one learning rate to the next."""
    return pd.DataFrame(
        [
            {
                "optimizer": name,
                "learning_rate": rate,
                "weight_decay": product / rate,
                "seed": seed,
                "status": "diverged" if (product, rate) in diverged else "ok",
                "score": 0.5 + spread * place + 0.01 * seed,
                "final_loss": 1.0,
                "kappa": kappa,
            }
            for name in optimizers
            for product, kappa in KAPPA.items()
            for place, rate in enumerate(RATES)
            for seed in range(3)
        ]
    )


def marks(ax):
    """(κ, points) → face color, of the marks of one panel."""
    return {
        (float(line.get_xdata()[0]), round(float(line.get_ydata()[0]), 6)): str(
            line.get_markerfacecolor()
        )
        for line in ax.lines
        if line.get_marker() not in ("None", None, "") and len(line.get_xdata()) == 1
    }


def test_one_length_is_one_row_with_a_panel_per_optimizer():
    figure = ladder_figure({("exact", 465): runs(0.0), ("invariant", 465): runs(0.01)})
    figure.draw_without_rendering()
    assert [ax.get_title() for ax in figure.axes] == ["Lion", "AdamW"]
    assert all(ax.get_xlabel() == "κ = λ Σ lr" for ax in figure.axes)
    assert figure.axes[0].get_ylabel() == "465 steps\nsd over lr (points)"
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[:2] == [NETWORKS["exact"], NETWORKS["invariant"]]
    assert NETWORKS["plain"] not in named


def test_a_row_per_length_in_ascending_order():
    figure = ladder_figure(
        {("exact", steps): runs(0.0, optimizers=["lion"]) for steps in (3720, 465)}
    )
    figure.draw_without_rendering()
    labels = [ax.get_ylabel().partition("\n")[0] for ax in figure.axes]
    assert labels == ["465 steps", "3,720 steps"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "κ = λ Σ lr"]


def test_equal_scores_are_at_zero_and_others_at_their_deviation_in_points():
    figure = ladder_figure({("exact", 465): runs(0.0), ("plain", 465): runs(0.01)})
    for ax in figure.axes:
        assert set(marks(ax)) == {
            (kappa, points) for kappa in KAPPA.values() for points in (0.0, 1.0)
        }
        low, high = ax.get_ylim()
        assert low < 0 < 1 < high


def test_marks_are_hollow_where_learning_rates_diverged():
    lost = {(2.0**-5, 1.6e-2)}
    figure = ladder_figure({("plain", 465): runs(0.01, lost, ["lion"])})
    found = marks(figure.axes[0])
    # Two learning rates are left, 1 point apart.
    left = round(100 * float(np.std([0.5, 0.51], ddof=1)), 6)
    assert set(found) == {(2.0, 1.0), (8.0, 1.0), (32.0, left)}
    assert {place for place, face in found.items() if face == "white"} == {(32.0, left)}


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="needs runs"):
        ladder_figure({})
