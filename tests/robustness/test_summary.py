import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import Landscape, summarize
from keras_lion.robustness.cautions.cautions import cautions_of
from keras_lion.robustness.summary import selected_keys

from .made_up import run, study


def assert_cautions(landscape, *expected, epsilon=0.1):
    found = cautions_of(landscape, epsilon)
    assert len(found) == len(expected), found
    for caution, text in zip(found, expected, strict=True):
        assert text in caution


def test_summary_by_hand():
    frame = pd.DataFrame(
        [
            run(learning_rate=1e-3, seed=0, score=0.8, final_loss=0.4),
            run(learning_rate=1e-3, seed=1, score=0.8, final_loss=0.4),
            run(learning_rate=1e-2, seed=0, score=0.9, final_loss=0.2, test_score=0.85),
            run(learning_rate=1e-2, seed=1, score=0.9, final_loss=0.2, test_score=0.87),
            run(learning_rate=1e-1, seed=0, status="diverged", score=0.1),
            run(learning_rate=1e-1, seed=1, status="failed"),
            run("adamw", learning_rate=1e-3, score=0.7, final_loss=0.1),
        ]
    )
    adamw, lion = summarize(frame, task="digits", epsilon=0.2)
    assert (adamw.optimizer, lion.optimizer) == ("adamw", "lion")
    assert adamw.common_best == lion.common_best == -0.1
    assert (lion.learning_rate, lion.weight_decay) == (1e-2, 0.1)
    assert lion.score.estimate == pytest.approx(0.9)
    assert (lion.num_runs, lion.num_diverged, lion.num_failed) == (5, 1, 1)
    assert lion.diverged_share == 0.2
    assert lion.mean_regret == pytest.approx((0.3 + 0.1 + 2.2) / 3)
    # Losses 0.4, 0.2, 2.3: 0.3 is crossed half-way up and 0.1 / 2.1 of the way down.
    assert lion.width.decades == pytest.approx(0.5 + 0.1 / 2.1)
    assert not lion.width.censored
    assert lion.test_score.estimate == pytest.approx(0.86)
    assert lion.test_score.n == 2
    assert adamw.test_score.n == 0


def test_selected_keys():
    frame = pd.DataFrame(
        [
            run(learning_rate=1e-2, seed=1, score=0.9),
            run(learning_rate=1e-2, seed=0, score=0.9),
            run(learning_rate=1e-3, seed=0, score=0.5),
            run("adamw", status="diverged", score=0.1),
        ]
    )
    keys = selected_keys(frame, "digits")
    assert keys == {"lion": ["lion-0.01-0.1-0", "lion-0.01-0.1-1"]}


def test_an_optimizer_without_a_finished_run():
    frame = pd.DataFrame([run(), run("adamw", status="failed", score=np.nan)])
    adamw, lion = summarize(frame, task="digits", epsilon=0.1)
    assert adamw.score.n == adamw.num_runs == 0
    assert math.isnan(adamw.diverged_share)
    assert math.isnan(adamw.mean_regret)
    assert str(adamw.width) == "not measured"
    assert lion.common_best == -0.3


def test_the_made_up_study_has_few_seeds_and_nothing_else():
    landscape = Landscape.from_runs(study(), optimizer="lion", value="final_loss")
    assert_cautions(landscape, "has 3 seeds", epsilon=0.05)


def test_edge_caution_says_where_to_go():
    landscape = Landscape(
        [1, 10], [1, 2, 4], np.add.outer([0, 2, 1], [0, 4])[..., None]
    )
    caution, _ = cautions_of(landscape, 0)
    assert "high learning_rate edge" in caution
    assert "Add 100.0 and 1000.0: --extend learning_rate=up:2," in caution


def test_inert_decay():
    seeds = np.ones(5)
    scores = np.multiply.outer(
        [[0.0, 0.9, 0.0], [0, 0.8, 0], [0, 1, 0], [0, 0, 0]], seeds
    )
    landscape = Landscape([1, 2, 3], [0, 1, 2, 3], scores)
    assert_cautions(landscape, "decay is inert", epsilon=0.2)
    assert_cautions(landscape, epsilon=0.05)


def test_missing_and_diverged():
    scores = np.ones((1, 3, 5))
    scores[0, 0] = np.nan
    scores[0, 1, 0] = np.nan
    diverged = np.zeros_like(scores, dtype=bool)
    diverged[0, 2] = True
    landscape = Landscape([1, 2, 3], [1], scores, floor=0, diverged=diverged)
    assert_cautions(
        landscape,
        "56 % of the runs diverged",
        "1 of 3 cells has no score",
        "1 of 3 cells has fewer than the 5 seeds",
        "has 4 seeds",
    )
    assert_cautions(Landscape([1], [1], [[np.nan]]), "no run has finished")
    everything = Landscape([1], [1], [[0]], diverged=[[True]])
    assert_cautions(everything, "every run diverged", "has one seed")


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_no_summary_has_an_accuracy_beyond_1(seeds):
    generator = np.random.default_rng(seeds)
    frame = pd.DataFrame(
        [
            run(learning_rate=rate, seed=seed, score=score, test_score=1 - score / 50)
            for rate in (1e-3, 1e-2)
            for seed, score in enumerate(generator.choice([0.97, 0.99, 1.0], seeds))
        ]
    )
    (row,) = summarize(frame, task="digits", epsilon=0.05)
    for found in (row.score, row.test_score):
        assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_the_bounds_of_scores_follow_their_metric_and_values():
    frame = pd.DataFrame([run(score=97.0), run(seed=1, score=99.0)])
    assert Landscape.from_runs(frame, optimizer="lion").bounds == (0, 100)
    frame = pd.DataFrame([run(score=97.0), run(seed=1, score=101.0)])
    assert Landscape.from_runs(frame, optimizer="lion").bounds == (-np.inf, np.inf)
    frame = pd.DataFrame([run(score=0.97), run(seed=1, score=0.99)])
    assert Landscape.from_runs(frame, optimizer="lion").bounds == (0, 1)
    free = frame.assign(metric="negated_error")
    assert Landscape.from_runs(free, optimizer="lion").bounds == (-np.inf, np.inf)
    losses = Landscape.from_runs(frame, optimizer="lion", value="final_loss")
    assert losses.bounds == (-np.inf, 0)
