"""The sentences and verdicts of the last screen of a study."""

from __future__ import annotations

import io
import json
import math

import pandas as pd
import pytest
from rich.console import Console

from keras_lion.last_screen import print_summary, sentence, verdict_lines
from keras_lion.robustness.frames.quantity import quantity_of

ROW = {
    "section": "digits",
    "task": "digits",
    "optimizer": "adamw",
    "score": 0.7425,
    "score_low": 0.73,
    "score_high": 0.755,
    "score_n": 6,
    "learning_rate": 0.0316,
    "weight_decay": 0.3,
    "value": "final_loss",
    "epsilon": 0.05,
    "width_decades": 0.37,
    "width_censored": False,
    "own_width_decades": 0.5,
    "own_width_censored": False,
    "mean_regret": 0.25,
    "num_runs": 24,
    "num_diverged": 1,
    "test_score": math.nan,
    "test_score_low": math.nan,
    "test_score_high": math.nan,
    "test_score_n": 0,
}
VERDICT = {
    "claim": "lion tolerates a wider range of learning rates than adamw.",
    "outcome": "provisional",
    "sentence": "wider by 0.4 decades, lion 0.80 and adamw 0.40.",
    "reasons": [
        "2 seeds are too few.",
        "wider by 0.4 decades, lion 0.80 and adamw 0.40.",
    ],
}


@pytest.mark.parametrize(
    ("metric", "changes", "expected"),
    [
        (
            "accuracy",
            {},
            "AdamW reaches 74.2 % validation accuracy (mean of 6 seeds) at learning "
            "rate 0.032 and weight decay 0.3.",
        ),
        (
            "loss",
            {"score": -1.5, "optimizer": "lion", "score_n": 1},
            "Lion reaches validation loss 1.500 nats (1 seed) at learning rate 0.032 "
            "and weight decay 0.3.",
        ),
        ("accuracy", {"score_n": 0}, "AdamW: no run has finished."),
        ("accuracy", {"num_diverged": 24}, "AdamW: all 24 runs diverged."),
    ],
)
def test_a_sentence_per_optimizer(metric, changes, expected):
    assert sentence({**ROW, **changes}, quantity_of(metric)) == expected


def test_a_sentence_names_the_condition():
    condition = {"activation": "relu", "norm": False, "momentum": None}
    assert sentence(ROW, quantity_of("accuracy"), condition).endswith(
        "and weight decay 0.3 (activation relu, norm False, without momentum)."
    )


def test_a_verdict_has_its_reasons_once():
    assert verdict_lines(VERDICT, ["lion", "adamw"]) == [
        "PROVISIONAL: Lion tolerates a wider range of learning rates than AdamW.",
        "  Wider by 0.4 decades, Lion 0.80 and AdamW 0.40.",
        "  Reason: 2 seeds are too few.",
    ]


DECLARED = {**VERDICT, "claim": "lion reaches a better best score.", "where": "digits"}


def shown(folder, rows, only=None, explained=()):
    pd.DataFrame(rows).to_csv(folder / "summary.csv", index=False)
    sections = {
        row["section"]: {
            "verdicts": [VERDICT],
            "cautions": ["the grid is narrow."],
            "explained": dict(explained).get(row["section"], ""),
        }
        for row in rows
    }
    summary = {"verdicts": [DECLARED], "tasks": sections}
    (folder / "summary.json").write_text(json.dumps(summary))
    runs = [
        {"key": task, "task": task, "status": "ok", "metric": metric}
        for task, metric in (("digits", "accuracy"), ("text", "loss"))
    ]
    lines = "".join(json.dumps(run) + "\n" for run in runs)
    (folder / "runs-0.jsonl").write_text(lines)
    file = io.StringIO()
    print_summary(folder, only, Console(file=file, width=150))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_screen_from_the_files_of_the_report(tmp_path):
    narrow = {"width_decades": math.nan, "width_censored": False, "optimizer": "lion"}
    censored = {"width_censored": True}
    lines = shown(tmp_path, [{**ROW, **narrow}, {**ROW, **censored}])
    assert lines[:2] == ["", "digits"]
    assert [line.split()[0] for line in lines[2:4]] == ["Lion", "AdamW"]
    head, lion, adamw = lines[5:8]
    assert "validation accuracy (%)" in head
    assert "mean regret (nats)" in head
    assert lion.split()[:4] == ["Lion", "74.2", "[73.0,", "75.5]"]
    assert lion.split()[7:9] == [
        "none",
        "0.50",
    ]  # nothing is within ε of the common best
    assert adamw.split()[7:10] == ["≥", "0.37", "0.50"]
    verdicts = [line for line in lines if line.startswith("PROVISIONAL")]
    assert verdicts == [
        "PROVISIONAL: Lion reaches a better best score.",
        "PROVISIONAL: Lion tolerates a wider range of learning rates than AdamW.",
    ]
    assert lines[-1] == "caution: the grid is narrow."


def test_the_legend_says_in_which_unit_epsilon_is_and_what_widths_read(tmp_path):
    def legend(row):
        lines = shown(tmp_path, [row])
        return " ".join(lines[[line[:5] for line in lines].index("width") :][:2])

    found = legend(ROW)
    assert "within ε = 0.05 nats of the common best" in found
    assert "learning rates with validation loss within" in found
    assert found.endswith("mean regret: of validation loss")
    found = legend({**ROW, "value": "score"})
    assert "within ε = 5 points of the common best" in found
    assert found.endswith("mean regret: of validation accuracy")


def test_a_verdict_names_its_place_where_there_are_several(tmp_path):
    other = {"section": "text", "task": "text", "score": -1.5}
    lines = shown(tmp_path, [ROW, {**ROW, **other}])
    assert "digits: PROVISIONAL: lion reaches a better best score." in lines
    assert "caution: text: the grid is narrow." in lines


def test_the_screen_of_one_task_in_its_own_unit(tmp_path):
    loss = {"section": "text", "task": "text", "score": -1.5}
    lines = shown(tmp_path, [ROW, {**ROW, **loss}], only=["text"])
    assert "digits" not in lines
    assert any("validation loss 1.500 nats" in line for line in lines)
    assert any("test loss (nats)" in line for line in lines)


def test_the_last_lines_say_what_explains_each_task(tmp_path):
    other = {"section": "text", "task": "text", "score": -1.5}
    sentences = {"digits": "lr × λ explains 9 %.", "text": "lr × λ explains 99 %."}
    lines = shown(tmp_path, [ROW, {**ROW, **other}], explained=sentences)
    assert lines[-3:] == [
        "",
        "digits: lr × λ explains 9 %.",
        "text: lr × λ explains 99 %.",
    ]
    # They take the place of the section's own verdicts on lr × λ.
    assert not any("wider range" in line for line in lines)
    assert any("better best score" in line for line in lines)
