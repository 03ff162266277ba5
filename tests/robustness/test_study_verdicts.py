"""The verdicts of a study, as its report states them."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from pathlib import Path

import pytest

from keras_lion.report import write_report
from keras_lion.report.table import verdict_texts
from keras_lion.robustness import measures, study_verdicts
from keras_lion.robustness.study_verdicts import error_rates, findings
from keras_lion.robustness.width_verdict import tolerance_verdict
from keras_lion.tuning.runs.files import RecordWriter, write_json
from keras_lion.tuning.runs.records import load_runs
from tests.robustness.made_up import run, study

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("heatmaps_only")


def test_the_headline_comes_first_and_then_the_law_of_each():
    frame = study(size=5, seeds=4)
    found = findings(frame, task="digits", epsilon=0.05)
    assert [verdict.claim for verdict in found] == [
        "lion tolerates a wider range of learning rates than adamw.",
        "lr × λ alone explains the score of adamw.",
        "lr × λ alone explains the score of lion.",
    ]
    assert found[0].estimate.n == 4
    assert all(verdict.sentence for verdict in found)


def test_without_one_of_the_two_there_is_no_headline():
    frame = study(size=3, seeds=2, optimizers=("lion",))
    (only,) = findings(frame, task="digits", epsilon=0.05)
    assert only.claim.endswith("the score of lion.")


def test_what_cannot_be_compared_is_untestable_and_says_why():
    frame = study(size=3, seeds=4)
    lion, late = frame["optimizer"] == "lion", frame["seed"] >= 2
    headline = findings(frame[lion == late], task="digits", epsilon=0.05)[0]
    assert headline.outcome == "untestable"
    assert "seeds" in headline.sentence


def test_a_lost_seed_is_left_out_of_both():
    frame = study(size=3, seeds=4)
    lost = (frame["optimizer"] == "lion") & (frame["seed"] == 1)
    without = findings(frame[frame["seed"] != 1], task="digits", epsilon=0.05)[0]
    assert findings(frame[~lost], task="digits", epsilon=0.05)[0] == without


@pytest.mark.parametrize(("seeds", "outcome"), [(2, "provisional"), (3, "supported")])
def test_two_seeds_settle_nothing(monkeypatch, seeds, outcome):
    def supported(*arguments, **options):
        found = tolerance_verdict(*arguments, **options)
        return study_verdicts.replace(found, outcome="supported", reasons=())

    monkeypatch.setattr(measures, "tolerance_verdict", supported)
    headline = findings(study(size=3, seeds=seeds), task="digits", epsilon=0.05)[0]
    assert headline.outcome == outcome
    assert len(headline.reasons) == (seeds < 3)


def test_the_printed_error_rates_are_those_of_the_calibration():
    printed = files("keras_lion.robustness") / "error_rates.csv"
    kept = ROOT / "studies" / "results" / "calibration" / "error_rates.csv"
    assert printed.read_text() == kept.read_text()
    rates = error_rates()
    assert rates["passed"].all()
    assert {"control", "event", "rate", "low", "high", "n"} <= set(rates)


def test_the_report_tells_verdicts_reasons_and_error_rates(tmp_path):
    writer = RecordWriter(tmp_path)
    for record in study(size=3, seeds=2).to_dict("records"):
        writer.append({**record, "history": {}})
    write_json(tmp_path / "study.json", {"name": "x", "plans": {"digits": {}}})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    headline = findings(load_runs(tmp_path), task="digits", epsilon=0.05)[0]
    told = verdict_texts(headline)
    text = html.unescape(page)
    assert told["claim"] in text
    assert f">{headline.outcome}</" in page
    assert all(reason in text for reason in told["reasons"])
    assert "A/A, planted, flat" in page
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["tasks"]["digits"]["verdicts"][0]["outcome"] == headline.outcome


def test_a_report_of_scores_without_losses(tmp_path):
    writer = RecordWriter(tmp_path)
    for rate in (1e-3, 1e-2, 1e-1):
        for optimizer in ("adamw", "lion"):
            bad = rate == 1e-1
            record = run(
                optimizer,
                rate,
                score=0.1 if bad else 0.9,
                status="diverged" if bad else "ok",
                initial_loss=None,
                final_loss=None,
            )
            writer.append({**record, "test_score": None})
    comparison = {"value": "score", "epsilon": {"digits": 0.02}}
    write_json(tmp_path / "study.json", {"name": "x", "comparison": comparison})
    write_report(tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert "digits_heatmap.png" in names
    # Neither of them can be drawn without losses.
    assert not names & {"digits_heatmap_loss.png", "digits_learning_curves.png"}
