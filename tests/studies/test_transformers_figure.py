"""The figure and the table of the Transformers, on runs whose spread is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.transformers_figure import ARMS, spread_figure, spread_table

RATES = (1e-3, 4e-3, 1.6e-2)
KAPPA = {2.0**-10: 1.5, 2.0**-8: 6.0, 2.0**-7: 12.0}
BASELINES = {"bigram": 2.4, "trigram": 1.9}


def runs(step, seeds=2, diverged=(), optimizers=("adamw", "lion")):
    """Losses that grow by `step` from one learning rate to the next."""
    return pd.DataFrame(
        [
            {
                "optimizer": name,
                "learning_rate": rate,
                "weight_decay": product / rate,
                "seed": seed,
                "status": "diverged" if (product, rate) in diverged else "ok",
                "score": 0.0,
                "final_loss": 1.8 + step * place + 0.02 * seed,
                "kappa": kappa,
            }
            for name in optimizers
            for product, kappa in KAPPA.items()
            for place, rate in enumerate(RATES)
            for seed in range(seeds)
        ]
    )


def test_the_table_has_the_spread_of_each_arm_and_counts_what_beats_the_trigram():
    frames = {"normalized_all": runs(0.0), "plain_all": runs(0.08)}
    table = spread_table(frames, BASELINES["trigram"]).set_index(["task", "optimizer"])
    assert list(table.index.get_level_values(0).unique()) == list(frames)
    exact, other = (
        table.loc[("normalized_all", "lion")],
        table.loc[("plain_all", "lion")],
    )
    assert exact["spread"] == pytest.approx(0.0, abs=1e-9)
    assert other["spread"] == pytest.approx(0.08)
    for name in ("sd_kappa_2", "sd_kappa_6", "sd_kappa_12"):
        assert other[name] == pytest.approx(0.08)
    assert exact["seed_sd"] == pytest.approx(0.02 / np.sqrt(2))
    assert (other["best_loss"], other["cells"]) == (pytest.approx(1.81), 9)
    # 1.81 and 1.89 are below 1.9, 1.97 is not.
    assert (exact["cells_below_trigram"], other["cells_below_trigram"]) == (9, 6)


def test_with_one_seed_there_is_no_interval_and_no_noise():
    table = spread_table({"plain_all": runs(0.08, seeds=1)}, 1.9)
    assert table["spread"].tolist() == pytest.approx([0.08, 0.08])
    assert table[["spread_low", "spread_high", "seed_sd"]].isna().all(axis=None)


def test_the_figure_draws_every_arm_and_hollow_marks_where_runs_diverged():
    lost = {(2.0**-7, 1.6e-2)}
    frames = {"normalized_all": runs(0.0), "plain_all": runs(0.08, diverged=lost)}
    figure = spread_figure(frames, BASELINES)
    figure.draw_without_rendering()
    assert [ax.get_title() for ax in figure.axes] == ["Lion", "AdamW", "", ""]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[:-1] == [ARMS["normalized_all"], ARMS["plain_all"]]
    above, below = figure.axes[0], figure.axes[2]
    hollow = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in above.lines
        if isinstance(line.get_markerfacecolor(), str)
        and line.get_markerfacecolor() == "white"
    ]
    assert hollow == [(12.0, pytest.approx(0.08 / np.sqrt(2)))]
    drawn = [line.get_ydata() for line in below.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(drawn, [[1.81] * 3, [1.81, 1.89, 1.97]])


def test_long_runs_are_dashed_and_have_a_row_of_their_own():
    frames = {"plain_all": runs(0.0), "plain_all_long": runs(0.05, optimizers=["lion"])}
    figure = spread_figure(
        {**frames, "plain_all": runs(0.0, optimizers=["lion"])}, BASELINES
    )
    figure.draw_without_rendering()
    dashed = [
        line.get_ydata()
        for line in figure.axes[1].lines
        if line.get_linestyle() == "--" and len(line.get_xdata()) == 3
    ]
    np.testing.assert_allclose(dashed, [[1.81, 1.86, 1.91]])
    assert set(spread_table(frames, 1.9)["task"]) == set(frames)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="needs runs"):
        spread_figure({}, BASELINES)
