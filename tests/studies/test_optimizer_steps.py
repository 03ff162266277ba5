"""Times of steps: turns, ratios, and that what is timed trains."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

STUDIES = Path(__file__).parents[2] / "studies"
SLOW = pytest.mark.skipif(
    not os.environ.get("KERAS_LION_SLOW_TESTS"), reason="make test-performance"
)


@pytest.fixture
def optimizer_steps(monkeypatch):
    from studies.performance import optimizer_steps

    return optimizer_steps


def test_every_optimizer_has_every_place_in_a_turn(optimizer_steps):
    taken = []
    steps = {
        name: lambda count, name=name: taken.append((name, count)) for name in "abc"
    }
    times = optimizer_steps.turns_of(steps, turns=6, seconds=0.0)
    assert times.shape == (6, 3)
    turns = taken[4:]  # after compiling and the trial
    assert {count for _, count in turns} == {1}
    orders = [[name for name, _ in turns[k : k + 3]] for k in range(0, 18, 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert {order[0] for order in orders} == {"a", "b", "c"}


def test_turns_are_paired(optimizer_steps):
    """A machine that slows both down leaves their ratio as it is."""
    seconds = np.geomspace(1, 100, 21)
    found = optimizer_steps.ratio_of_medians(2 * seconds, seconds)
    assert (found.estimate, found.low, found.high) == pytest.approx((2, 2, 2))
    assert found.n == 21
    noise = np.random.default_rng(1).uniform(0.9, 1.1, size=21)
    noisy = optimizer_steps.ratio_of_medians(2 * noise, np.ones(21))
    assert noisy.low < 2 * np.median(noise) < noisy.high


def test_a_ratio_above_one_says_that_adamw_is_slower(optimizer_steps):
    milliseconds = dict.fromkeys(optimizer_steps.OPTIMIZERS, 1.0)
    milliseconds |= {"adamw": 3.0, "lion_bfloat16": 6.0}
    times = np.tile([t / 1000 for t in milliseconds.values()], (20, 1))
    found = optimizer_steps.summarize("update", times)
    assert found["update.adamw"]["value"] == 3
    assert found["update.adamw_to_lion"]["value"] == 3
    assert found["update.adamw_to_lion_bfloat16"]["value"] == 0.5


@SLOW
@pytest.mark.filterwarnings("ignore:.*donated buffers:UserWarning")
def test_both_backends_are_kept_side_by_side(optimizer_steps, tmp_path, monkeypatch):
    backend = keras.backend.backend()
    monkeypatch.setenv("KERAS_BACKEND", backend)
    path = tmp_path / "steps.json"
    other = {
        "claims": {"other.update.lion": {"value": 1}},
        "environments": {"other": {}},
    }
    path.write_text(json.dumps(other), encoding="utf-8")
    sizes = ["--turns", "20", "--rows", "2", "--batch-size", "2", "--seconds", "0"]
    optimizer_steps.main(["--backend", backend, *sizes, "--output", str(path)])
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert set(kept["environments"]) == {"other", backend}
    assert kept["claims"]["other.update.lion"] == {"value": 1}
    for workload in optimizer_steps.WORKLOADS:
        assert kept["claims"][f"{backend}.{workload}.adamw_to_lion"]["n"] == 20
