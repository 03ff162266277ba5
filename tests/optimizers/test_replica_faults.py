"""Faults of Keras on two replicas that ours does not have.

The numbers are those of docs/differences-from-keras-lion.md.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's."
)


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-m", "tests.optimizers.replica_faults"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_12_accumulation_runs_on_two_replicas(found):
    assert found["accumulation, ours"] == [-0.5, 0.5]
    assert "merge_call" in found["accumulation, keras"]


def test_14_gradients_are_added_up_before_they_are_clipped(found):
    assert found["clipping, ours"] == pytest.approx(1)
    assert found["clipping, keras"] == pytest.approx(2)


def test_15_nan_on_the_last_replica_lowers_the_scale(found):
    assert found["overflow, ours"] == [True, 0.5]
    assert found["overflow, keras"] == [False, 1]
