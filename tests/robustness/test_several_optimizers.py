"""Three optimizers from runs to verdict to report: none is left out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import Landscape, decide, summarize
from keras_lion.robustness.comparison import compare_tolerance, facing_seeds
from keras_lion.robustness.study_verdicts import decide_secondary, usual_sides
from keras_lion.robustness.tolerance import tolerance_width
from keras_lion.tuning.study.comparison import Comparison
from tests.robustness.made_up import study
from tests.robustness.test_degenerate_studies import said

EPSILON = {"digits": 0.05}


def three(better=0.0, seeds=3):
    """Lion, AdamW, and an SGD whose losses are all lower by some amount."""
    frame = study(size=4, seeds=seeds, optimizers=("adamw", "lion", "sgd"))
    sgd = frame["optimizer"] == "sgd"
    frame.loc[sgd, "final_loss"] -= better
    return frame


def test_each_optimizer_is_compared_where_nothing_is_declared():
    found = decide(three(), Comparison("Lion is wider.", EPSILON))
    claims = [verdict.claim for _, verdict in found]
    assert claims == [
        "Lion is wider.",
        "sgd tolerates a wider range of learning rates than adamw.",
    ]
    for _, verdict in found:
        assert "One of 2 comparisons, each with an interval of 95 %" in verdict.sentence
        assert "up to 10 %" in verdict.sentence


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["adamw", "lion"], [("lion", "adamw")]),
        (["sgd", "lion", "adamw"], [("lion", "adamw"), ("sgd", "adamw")]),
        (["sgd", "lion", "adam"], [("lion", "adam"), ("lion", "sgd")]),
        (["sgd", "adam", "nadam"], [("adam", "nadam"), ("adam", "sgd")]),
        (["lion"], []),
    ],
)
def test_usual_pairs(names, pairs):
    assert usual_sides(names) == pairs
    compared = {name for pair in pairs for name in pair}
    assert compared == set(names) or len(names) == 1


def test_a_declared_pair_says_that_it_decided():
    declared = Comparison("Lion is wider.", EPSILON, sides=("lion", "adamw"))
    [(_, verdict)] = decide(three(), declared)
    assert verdict.sentence.endswith(
        "Decided by lion and adamw; the common best is that of all 3 optimizers."
    )
    scores = Comparison("", EPSILON, "best_score", "score", sides=("lion", "adamw"))
    [(_, verdict)] = decide(three(), scores)
    assert verdict.sentence.endswith("Decided by lion and adamw; sgd is in the tables.")


@pytest.mark.parametrize("better", [0.0, 0.02, 0.04])
def test_tables_and_verdicts_use_one_best(better):
    frame = three(better)
    declared = Comparison("", EPSILON, sides=("lion", "adamw"))
    [(_, verdict)] = decide(frame, declared)
    rows = {r.optimizer: r for r in summarize(frame, task="digits", epsilon=0.05)}
    gap = rows["lion"].width.decades - rows["adamw"].width.decades
    assert verdict.estimate.estimate == pytest.approx(gap)


def test_a_third_optimizer_that_is_far_better_leaves_no_width():
    frame = three(better=1.0)
    frame["final_loss"] += 1.0
    declared = Comparison("", EPSILON, sides=("lion", "adamw"))
    [(_, verdict)] = decide(frame, declared)
    assert verdict.outcome == "untestable"
    assert "no setting of lion comes within 0.05 nats of the common best" in (
        verdict.sentence
    )


def test_the_third_has_the_same_seeds_in_every_value_of_the_jackknife():
    generator = np.random.default_rng(0)
    first, second, third = (
        Landscape([1, 2, 4], [1], generator.random((1, 3, 4)), seeds=[2, 3, 5, 7])
        for _ in range(3)
    )
    whole, *without = facing_seeds(first, [third])
    assert whole == third.best.value
    for seed, best in enumerate(without):
        rest = np.delete(third.scores, seed, axis=2).mean(axis=2)
        assert best == pytest.approx(rest.max())
    later = third.select(seeds=slice(2, None))
    assert facing_seeds(first, [later])[1] == later.best.value  # it lacks seed 2
    assert facing_seeds(first, []) == [-np.inf] * 5
    found = compare_tolerance(first, second, 0.3, others=[third])
    best = max(each.best.value for each in (first, second, third))
    widths = [tolerance_width(each, 0.3, best).decades for each in (first, second)]
    assert found.estimates == pytest.approx(tuple(widths))


def test_report_summary_and_screen_name_all_three(tmp_path):
    frame = three()
    texts = said(tmp_path / "study", frame, {"statement": "", "epsilon": EPSILON})
    summary = json.loads((tmp_path / "study" / "summary.json").read_text())
    [section] = summary["tasks"].values()
    for name in ("Lion", "AdamW", "SGD"):
        assert name in section["answer"]
        assert any(text.startswith(f"{name} reaches ") for text in texts)
    assert len(summary["verdicts"]) == 2
    table = pd.read_csv(tmp_path / "study" / "summary.csv")
    assert set(table["optimizer"]) == {"lion", "adamw", "sgd"}
    assert table["common_best"].nunique() == 1


def test_secondary_comparisons_are_read_where_their_unit_fits():
    points = {"epsilon": {}, "measure": "best_score", "value": "score"}
    declared = {
        "accuracy": {**points, "unit": "points", "sides": ["sgd", "lion"]},
        "loss": {**points, "unit": "nats", "sides": ["sgd", "lion"]},
    }
    text = three().assign(task="text", metric="loss")
    text["score"], text["floor"] = -text["final_loss"].fillna(2.3), -2.3
    frame = pd.concat([three(), text], ignore_index=True)
    found = decide_secondary(frame, {"secondary": declared})
    assert [place for place, _ in found] == ["digits", "text"]
    accuracy, loss = (verdict.sentence for _, verdict in found)
    assert accuracy.startswith("best validation accuracy, sgd − lion: ")
    assert "smallest that matters: 5 points." in accuracy
    assert loss.startswith("best validation loss, lion − sgd: ")
    assert "smallest that matters: 0.05 nats." in loss
    assert decide_secondary(frame, {}) == []
