"""Lion less AdamW over the batch size: what was planted comes out again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from keras_lion.robustness import decide
from keras_lion.tuning.study import Comparison
from studies import batch_size, small_batches
from studies.batch_size import LARGE, SMALL
from studies.batch_size_difference import (
    betas_difference,
    difference_figure,
    differences,
    large_less_small,
    mean_difference,
    sentences,
)

GAIN = dict(zip(SMALL + LARGE, (-0.06, -0.04, -0.02, 0.0, 0.01, 0.02), strict=True))
GRID = [(rate, decay) for rate in (1e-3, 1e-2, 1e-1) for decay in (0.1, 1.0, 10.0)]
BEST = (1e-2, 1.0)


def frame(gain=GAIN, best=None, seeds=10, noise=0.02, **columns):
    """Records with one best cell, whose score is AdamW's 0.7 plus Lion's gain."""
    shift = np.random.default_rng(0).normal(0, noise, seeds)  # common to a seed
    return pd.DataFrame(
        [
            {
                "task": "mnist1d_mlp_fixed_epochs",
                "optimizer": name,
                "batch_size": size,
                "learning_rate": rate,
                "weight_decay": decay,
                "beta_1": 0.9,
                "beta_2": 0.99 if name == "lion" else 0.999,
                "seed": seed,
                "status": "ok",
                "metric": "accuracy",
                "floor": 0.1,
                "initial_loss": 2.3,
                "final_loss": 1.0,
                "score": 0.7
                + (own if name == "lion" else 0.0)
                + shift[seed]
                - (0.0 if (rate, decay) == (best or {}).get(size, BEST) else 0.2),
                **columns,
            }
            for size, own in gain.items()
            for name in ("lion", "adamw")
            for rate, decay in GRID
            for seed in range(seeds)
        ]
    )


def test_the_planted_differences_come_out_in_points():
    found = differences(frame())
    assert {size: each.interval.estimate for size, each in found.items()} == (
        pytest.approx({size: 100 * gain for size, gain in GAIN.items()})
    )
    # What a seed adds to both optimizers is in neither estimate nor interval.
    for each in found.values():
        assert each.interval.high - each.interval.low < 1e-9
        assert each.interval.n == 10
        assert each.edges == ()


def test_large_less_small_is_the_difference_of_two_means():
    runs = frame()
    large, small = mean_difference(runs, LARGE), mean_difference(runs, SMALL)
    assert large.estimate == pytest.approx(1.0)
    assert small.estimate == pytest.approx(-4.0)
    assert large_less_small(runs).estimate == pytest.approx(5.0)


def test_the_interval_widens_with_noise_that_is_not_shared():
    runs = frame()
    noise = np.random.default_rng(1).normal(0, 0.01, len(runs))
    runs["score"] += noise
    found = large_less_small(runs)
    # One seed: twelve best cells, each with a weight of a third.
    expected = 2 * 2.262 * np.sqrt(12 / 9) / np.sqrt(10)
    assert found.high - found.low == pytest.approx(expected, rel=0.6)
    assert found.low < 5.0 < found.high


def test_a_batch_size_without_runs_is_refused():
    runs = frame()
    with pytest.raises(
        ValueError, match=r"none of \[64\]; the frame has \[16, 32, 256"
    ):
        large_less_small(runs[runs["batch_size"] != 64])


@pytest.mark.parametrize("cell", [(1e-2, 0.1), (1e-1, 1.0)])
def test_an_optimum_on_an_edge_is_named_and_hollow(cell):
    found = differences(frame(best={32: cell}))
    edge = "low weight_decay" if cell[1] == 0.1 else "high learning_rate"
    assert found[32].edges == (f"lion: {edge}", f"adamw: {edge}")
    figure = difference_figure({"mnist1d_mlp_fixed_epochs": found})
    figure.draw_without_rendering()
    hollow = {
        float(line.get_xdata()[0])
        for line in figure.axes[0].lines
        if line.get_marker() not in ("None", None, "", "_", "|")
        and to_hex(str(line.get_markerfacecolor())) == "#ffffff"
    }
    assert hollow == {32.0}
    (text,) = [s for s in sentences({"t": frame(best={32: cell})}) if "by batch" in s]
    assert text.count("on an edge") == 1
    assert f"32 −4.00 [−4.00, −4.00] (n=10), on an edge: lion: {edge}" in text


def test_the_study_declares_what_the_module_computes():
    """The verdict of the declared comparison is the number of this module."""
    runs = frame()
    noise = np.random.default_rng(2).normal(0, 0.01, len(runs))
    runs["score"] += noise
    comparison = batch_size.STUDY.comparison
    assert isinstance(comparison, Comparison)
    ((_, verdict),) = decide(runs, comparison)
    own = large_less_small(runs)
    assert verdict.estimate.estimate == pytest.approx(own.estimate)
    assert verdict.estimate.low == pytest.approx(own.low)
    assert verdict.estimate.high == pytest.approx(own.high)
    assert verdict.outcome == "supported"
    assert "batch_size 256 and 512 and 1024" in verdict.sentence


def test_one_optimum_on_an_edge_makes_the_declared_verdict_provisional():
    ((_, verdict),) = decide(frame(best={32: (1e-2, 0.1)}), batch_size.STUDY.comparison)
    assert verdict.outcome == "provisional"
    assert any("low weight_decay edge" in each for each in verdict.reasons)


def test_ten_seeds_for_the_primary_outcome_and_the_same_sizes_for_all():
    plans = {
        task: each["full"]
        for task, each in batch_size.STUDY.plans.items()
        if "full" in each
    }
    assert len(plans) == 3
    assert plans["mnist1d_mlp_fixed_epochs"].seeds == 10
    for plan in plans.values():
        for name in ("lion", "adamw"):
            sizes = {each["batch_size"] for each in plan.configurations(name)}
            assert sizes == set(SMALL + LARGE)


def test_betas_are_compared_with_the_usual_pair_of_the_same_batch_size():
    pairs = {
        small_batches.USUAL: 0.0,
        small_batches.LONGER: 0.03,
        small_batches.OTHERS[0]: -0.01,
        small_batches.OTHERS[1]: 0.02,
    }
    parts = []
    for (beta_1, beta_2), gain in pairs.items():
        part = frame({16: gain}, beta_1=beta_1, beta_2=beta_2)
        parts.append(part[part["optimizer"] == "lion"])
    found = betas_difference(pd.concat(parts, ignore_index=True))
    assert {betas: each.interval.estimate for betas, each in found.items()} == (
        pytest.approx({b: 100 * gain for b, gain in pairs.items() if gain})
    )


def test_the_figure_needs_a_task():
    with pytest.raises(ValueError, match="needs a task"):
        difference_figure({})
