"""How the numbers of the small studies become rows of the ledger."""

import pytest

from keras_lion.statistics import Interval
from studies import fine_tuning
from studies.evidence import practice_claims
from studies.evidence.row import NOT_TUNED


def test_an_interval_of_the_opposite_difference_keeps_its_order(monkeypatch):
    kept = {"a": {"value": 2.0, "low": 1.0, "high": 4.0, "n": 6, "unit": "nats"}}
    monkeypatch.setattr(practice_claims, "found", lambda study: kept)
    assert practice_claims.interval("any", "a", -1) == Interval(-2.0, -4.0, -1.0, 6)


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [
        (0.05, "holds at this scale"),
        (0.035, "undecided"),
        (0.02, "does not hold at this scale"),
    ],
)
def test_as_good_as_means_within_the_tolerance(tolerance, verdict):
    number = Interval(-0.035, -0.04, -0.03, 6)
    made = practice_claims.row(
        "here", "loss", number, "nats", 0.0, NOT_TUNED, tolerance=tolerance
    )
    assert made.verdict == verdict
    assert f"smallest that matters: {tolerance:g} nats" in made.text


def test_fine_tuning_at_an_end_of_what_was_tried_is_provisional(monkeypatch):
    kept = dict(practice_claims.found("fine_tuning"))
    largest = fine_tuning.DECAYS["lion"] * max(fine_tuning.SHARES)
    kept["lion_fresh.weight_decay"] = {"value": largest}
    monkeypatch.setattr(practice_claims, "found", lambda study: kept)
    rows = practice_claims.fine_tunes_as_well()
    accuracy = next(each for each in rows if each.where == "accuracy")
    assert accuracy.verdict == "provisional"
    assert "the optimum of lion lies on an edge of weight_decay" in accuracy.reasons


def test_runs_no_better_than_a_linear_model_decide_nothing(monkeypatch):
    kept = dict(practice_claims.found("fine_tuning"))
    kept["lion_fresh.accuracy"] = {"value": 0.30}
    monkeypatch.setattr(practice_claims, "found", lambda study: kept)
    for each in practice_claims.fine_tunes_as_well():
        assert each.verdict == "cannot be tested here"
