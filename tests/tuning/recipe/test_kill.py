"""A search that is killed and started again proposes what it would have proposed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
TRIALS = 6
SCRIPT = f"""
import sys
import keras
import numpy as np
from keras_lion.tuning import RecipeTuner

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, 0] > 0).astype("float32")

def build_model(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adamw", "mse")
    return model

tuner = RecipeTuner(
    build_model, learning_rate=1e-2, weight_decay=0.1, max_trials={TRIALS},
    directory=sys.argv[1], project_name="p",
)
tuner.search(x, y, validation_split=0.5, epochs=2, verbose=0)
"""


def search(folder, *, seconds=None):
    """Run the search; True if it ended before it was killed."""
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    try:  # a timeout kills with SIGKILL
        subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return False
    return True


def trials(folder):
    """What each trial was, and its score."""
    files = sorted((folder / "p").glob("trial_*/trial.json"))
    found = [json.loads(file.read_text("utf-8")) for file in files]
    return [(each["hyperparameters"]["values"], each["score"]) for each in found]


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    began = time.monotonic()
    assert search(tmp_path / "whole")
    seconds = time.monotonic() - began
    draw = np.random.default_rng(0)
    ended = [
        search(tmp_path / "cut", seconds=draw.uniform(0.5, 0.8) * seconds)
        for _ in range(4)
    ]
    assert not all(ended)
    assert search(tmp_path / "cut")
    assert len(trials(tmp_path / "cut")) == TRIALS
    assert trials(tmp_path / "cut") == trials(tmp_path / "whole")
