"""Sizes of updates: single steps, parts and the whole of a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_lion import theory

FOLDER = Path(__file__).parents[2] / "studies"


@pytest.fixture
def update_norm(monkeypatch):
    pytest.importorskip("jax")
    from studies import update_norm

    return update_norm


def frame_of(update_norm, steps=200):
    """Lion's update is 1; AdamW's is 1 at first, then 1/2, then 1/4 of it."""
    adamw = np.where(np.arange(steps) < steps // 2, 0.5, 0.25)
    adamw[0] = 1
    squares = {"lion": np.ones((2, steps)), "adamw": np.stack([adamw**2] * 2)}
    rates = {"lion": np.full(steps, 0.1), "adamw": np.full(steps, 0.2)}
    return pd.DataFrame(
        row
        for name in squares
        for row in update_norm.rows_of(
            name, squares[name], np.zeros((2, steps)), rates[name]
        )
    )


def test_places_are_the_steps_that_they_say(update_norm):
    frame = frame_of(update_norm)
    parts = frame[frame["place"].str.startswith("part") & (frame["seed"] == 0)]
    lion = parts[parts["optimizer"] == "lion"]
    assert list(lion["first_step"]) == list(range(1, 201, 20))
    assert list(lion["last_step"]) == list(range(20, 201, 20))
    rms = frame[frame["optimizer"] == "adamw"].set_index(["place", "seed"])[
        "update_rms"
    ]
    assert rms["step_1", 0] == 1
    assert rms["step_10", 1] == rms["step_100", 1] == 0.5
    assert rms["part_10_of_10", 0] == 0.25
    # The root of the mean square, not the mean of the roots.
    assert rms["whole", 0] ** 2 == pytest.approx((1 + 99 / 4 + 100 / 16) / 200)


def test_ratios_are_lions_over_adamws(update_norm):
    found = update_norm.summarize(frame_of(update_norm))
    assert found["part_5_of_10.update_rms.lion_to_adamw"]["value"] == 2
    assert found["part_5_of_10.step_rms.lion_to_adamw"]["value"] == 1
    assert found["part_10_of_10.update_rms.lion_to_adamw"]["value"] == 4
    whole = found["whole.update_rms.lion_to_adamw"]["value"]
    assert found["predicted_ratio"]["value"] == 4.359
    assert found["whole.update_rms.ratio_to_predicted"]["value"] == pytest.approx(
        whole * theory.adamw_update_rms(), rel=1e-3
    )


def test_summary_is_what_the_records_give(update_norm):
    folder = update_norm.OUTPUT
    kept = json.loads((folder / "update_norm.json").read_text(encoding="utf-8"))
    found = update_norm.summarize(pd.read_csv(folder / "updates.csv"))
    assert kept["claims"] == found
