"""Each study is decided by the comparison that it declares, and by nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from keras_lion.robustness import decide
from keras_lion.robustness import measures as measures_module
from keras_lion.robustness.measures import MEASURES, Measure
from keras_lion.robustness.verdict import Verdict
from keras_lion.statistics import NOTHING
from keras_lion.tuning import run_study
from keras_lion.tuning.study.comparison import MEASURES as DECLARABLE
from keras_lion.tuning.study.comparison import Comparison
from studies.evidence import figures, runs

# Study → measure, sides, margin and unit: what its docstring asks.
QUESTIONS = {
    "learning_rate_weight_decay": (
        "tolerance_width",
        ("lion", "adamw"),
        0.75,
        "decades",
    ),
    "effective_decay": (
        "iso_product_spread",
        ("adamw", "lion", "signum"),
        1.0,
        "points",
    ),
    "pace": ("memory_over_batch_size", ("adamw", "lion"), 0.25, ""),
    "batch_size": ("best_score_change", ("lion", "adamw"), 1.0, "points"),
    "small_batches": (
        "best_score",
        ("lion 0.99/0.999", "lion 0.9/0.99"),
        0.5,
        "points",
    ),
    "optimizers": ("best_score", ("lion", "adamw"), 0.5, "points"),
    "betas": ("best_score", ("lion 0.9/0.99", "lion 0.95/0.95"), 0.02, "nats"),
    "transfer_from_adamw": ("rule_of_thumb_regret", ("lion", "adamw"), None, "nats"),
    "parametrisation": ("learning_rate_sensitivity", ("adamw", "lion"), 0.02, "nats"),
    "warm_up": ("best_score_change", ("lion", "adamw"), 0.02, "nats"),
    "augmentation": ("best_score_shrinkage", ("lion", "adamw"), 0.5, "points"),
    "momentum_dtype": ("best_score_kept", ("lion_bfloat16", "lion"), 0.02, "nats"),
    "embeddings": ("best_score", ("lion_lazy", "lion"), 0.5, "points"),
    "fewer_updates": ("best_score_change", ("lion", "sgd_momentum"), 1.0, "points"),
    "related_optimizers": ("best_score", ("lookahead_lion", "lion"), 0.5, "points"),
    "transformers": ("iso_product_spread", ("adamw", "lion"), 0.05, "nats"),
}


def frame_of(study):
    tasks = [
        task for task in runs.declared(study).plans if runs.is_complete(study, task)
    ]
    return pd.concat([runs.runs_of(study, task) for task in tasks], ignore_index=True)


def test_every_study_has_its_question_here():
    assert set(QUESTIONS) == set(figures.KEPT)


def test_what_may_be_declared_is_what_can_be_judged():
    where = "`MEASURES` of robustness/measures.py and tuning/study/comparison.py"
    assert set(MEASURES) == set(DECLARABLE), f"a measure is missing in one of {where}"
    for name, measure in MEASURES.items():
        assert (measure.scope != "condition") == DECLARABLE[name].across


@pytest.mark.parametrize("study", QUESTIONS)
def test_the_declared_measure_sides_and_margin_are_what_the_verdict_used(
    study, monkeypatch
):
    measure, sides, margin, unit = QUESTIONS[study]
    comparison = runs.declared(study).comparison
    asked = []

    def judge(question):
        asked.append(question)
        return [Verdict("underpowered", "claim", "sentence", NOTHING)]

    for name, each in MEASURES.items():
        spy = replace(each, judge=judge if name == measure else fail)
        monkeypatch.setitem(measures_module.MEASURES, name, spy)
    found = decide(frame_of(study), comparison)
    assert found
    assert len(found) == len(asked)
    for question in asked:
        assert question.sides == sides
        assert question.unit == unit
        assert question.margin == (question.epsilon if margin is None else margin)
        assert set(sides) <= set(question.runs["optimizer"])


def fail(question):
    raise AssertionError("another measure than the declared one")


@pytest.mark.parametrize("study", QUESTIONS)
def test_the_kept_summary_leads_with_the_declared_question(study):
    summary = json.loads((runs.RESULTS / study / "summary.json").read_text("utf-8"))
    comparison = runs.declared(study).comparison
    assert summary["comparison"]["measure"] == comparison.measure
    assert summary["verdicts"]
    claims = [each["claim"] for each in summary["verdicts"]]
    for claim in claims:
        assert claim.startswith((comparison.statement.rstrip("."), "Secondary: "))
    assert not claims[0].startswith("Secondary: ")
    for title, section in summary["tasks"].items():
        own = [each for each in summary["verdicts"] if each["where"] == title]
        first = [each["claim"] for each in section["verdicts"][: len(own)]]
        assert first == [each["claim"] for each in own]


@pytest.mark.slow
@pytest.mark.parametrize("study", QUESTIONS)
def test_another_margin_is_another_verdict_or_none_of_its_numbers(study):
    """The numbers come from the runs; only the outcome may depend on the margin."""
    comparison = runs.declared(study).comparison
    frame = frame_of(study)
    usual = [each for _, each in decide(frame, comparison)]
    huge = [each for _, each in decide(frame, replace(comparison, margin=1e6))]
    for one, other in zip(usual, huge, strict=True):
        assert one.estimate == other.estimate or one.estimate.n == other.estimate.n == 0


def test_an_invented_measure_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match="`measure` must be one of .*'bananas'"):
        Comparison("Bananas.", {}, measure="bananas")
    study = runs.declared("momentum_dtype")
    with pytest.raises(ValueError, match="bananas"):
        run_study(
            replace(study, comparison=replace(study.comparison, measure="bananas")),
            preset="smoke",
            output=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_sides_that_are_not_run_are_refused_before_anything_runs():
    study = runs.declared("momentum_dtype")
    other = replace(study.comparison, sides=("lion", "adamw"))
    with pytest.raises(ValueError, match="runs lion, lion_bfloat16. Received"):
        replace(study, comparison=other)
    betas = runs.declared("betas")
    with pytest.raises(ValueError, match="lion 0.9/0.99"):
        replace(betas, comparison=replace(betas.comparison, sides=("lion", "adamw")))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sides": ("lion",)}, "two different optimizers"),
        ({"sides": ("lion", "lion")}, "two different optimizers"),
        ({"unit": "bananas"}, "`unit` of the measure"),
        ({"margin": 0.0}, "`margin` must be a positive"),
        ({"margin": "0.5"}, "`margin` must be a positive"),
        ({"value": "loss"}, "`value` must be one of 'final_loss', 'score'"),
        ({"between": {"a": ({}, {})}}, "has no conditions"),
        ({"measure": "best_score_change"}, "needs conditions"),
    ],
)
def test_what_does_not_fit_a_measure_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Comparison("Claim.", {}, **wrong)


def test_a_measure_is_data_that_names_its_function():
    for measure in MEASURES.values():
        assert isinstance(measure, Measure)
        assert measure.sentence.endswith(".")
