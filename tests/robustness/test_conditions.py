"""Runs under several conditions: one landscape for each."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from keras_lion.report import write_report
from keras_lion.robustness.conditions import conditions_of
from keras_lion.robustness.summary import selected_keys
from keras_lion.tuning.runs.files import RecordWriter, write_json
from tests.robustness.made_up import study

pytestmark = pytest.mark.usefixtures("heatmaps_only")


def two_sizes() -> pd.DataFrame:
    """A study at two batch sizes; the number of epochs follows the size."""
    small, large = study(size=3, seeds=2), study(size=3, seeds=2)
    large["score"] += 0.01 * (large["learning_rate"] > large["learning_rate"].min())
    return pd.concat(
        [
            small.assign(batch_size=16, epochs=2.0, key="small-" + small["key"]),
            large.assign(batch_size=256, epochs=32.0, key="large-" + large["key"]),
        ],
        ignore_index=True,
    )


def test_runs_under_one_condition_are_left_whole():
    frame = study(size=3)
    # Optimizers may differ from each other without being conditions.
    frame.loc[frame["optimizer"] == "lion", "schedule"] = "constant"
    ((label, runs),) = conditions_of(frame, "digits").items()
    assert label == ""
    assert len(runs) == len(frame)


def test_a_label_names_what_tells_conditions_apart_and_no_more():
    parts = conditions_of(two_sizes(), "digits")
    assert list(parts) == ["batch_size 16", "batch_size 256"]
    assert {len(part) for part in parts.values()} == {len(two_sizes()) / 2}


def test_hyperparameters_of_a_model_are_conditions():
    frame = two_sizes()
    frame["units"] = [8, 16] * (len(frame) // 2)
    parts = conditions_of(frame, "digits")
    assert list(parts) == [
        "batch_size 16, units 8",
        "batch_size 16, units 16",
        "batch_size 256, units 8",
        "batch_size 256, units 16",
    ]
    assert sum(map(len, parts.values())) == len(frame)


def test_the_best_cell_of_each_condition_is_selected():
    keys = selected_keys(two_sizes(), "digits")
    for optimizer in ("adamw", "lion"):
        assert [key.split("-")[0] for key in keys[optimizer]] == [
            *["small"] * 2,
            *["large"] * 2,
        ]


def test_the_report_has_a_section_for_each(tmp_path):
    writer = RecordWriter(tmp_path)
    for record in two_sizes().to_dict("records"):
        writer.append({**record, "history": {}})
    write_json(tmp_path / "study.json", {"name": "sizes", "plans": {"digits": {}}})
    write_report(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    titles = ["digits, batch_size 16", "digits, batch_size 256"]
    assert list(summary["tasks"]) == titles
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["section"].tolist() == [t for t in titles for _ in range(2)]
    page = (tmp_path / "report.html").read_text()
    assert all(title in page for title in titles)
    assert len(list((tmp_path / "figures").glob("*heatmap.png"))) == 2
