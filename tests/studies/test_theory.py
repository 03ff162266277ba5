"""The theory study: what it keeps is what its records say, and its code path runs."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "studies"
RESULTS = FOLDER / "results" / "theory"

SLOW = pytest.mark.skipif(
    not os.environ.get("KERAS_LION_SLOW_TESTS"), reason="make test-performance"
)


@pytest.fixture(scope="module")
def study():
    specification = importlib.util.spec_from_file_location(
        "studies_theory", FOLDER / "theory.py"
    )
    module = importlib.util.module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        # Dataclasses look their module up by name.
        patch.setitem(sys.modules, "studies_theory", module)
        specification.loader.exec_module(module)
        yield module


def test_summary_is_what_the_records_give(study):
    kept = json.loads((RESULTS / "summary.json").read_text(encoding="utf-8"))
    assert set(kept["conditions"]) == set(study.CONDITIONS)
    for name in ("baseline", "gaussian"):  # all of them take a second
        frame = pd.read_csv(RESULTS / f"{name}.csv")
        found = study.summarize(frame, study.CONDITIONS[name])
        assert kept["conditions"][name]["optimizers"] == found


def test_measurement_agrees_with_theory_where_its_assumptions_hold(study):
    """Gaussian gradients in place of real ones: within 1 % for both optimizers."""
    kept = json.loads((RESULTS / "summary.json").read_text(encoding="utf-8"))
    for found in kept["conditions"]["gaussian"]["optimizers"].values():
        settled = found["weight_rms"]["recursion"]["settled"]
        assert abs(settled["estimate"]) < 0.01
    for condition in kept["conditions"].values():
        assert condition["optimizers"]["lion"]["within_bound"]


@SLOW
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the study runs on JAX")
def test_study_runs(study):
    condition = study.Condition("a test", gradients="gaussian", batch_size=4, steps=40)
    frame = pd.DataFrame(study.rows_of("lion", condition, seeds=2, every=20))
    assert len(frame) == 2 * 2 * 2  # parts, tensors, seeds
    assert np.isfinite(frame.select_dtypes("number")).all(axis=None)
    assert frame["update_rms"].to_numpy() == pytest.approx(1, abs=1e-3)
    assert frame["weight_rms"].to_numpy() == pytest.approx(
        frame["weight_rms_recursion"].to_numpy(), rel=0.03
    )
    assert frame["rotation"].to_numpy() == pytest.approx(
        frame["rotation_recursion"].to_numpy(), rel=0.05
    )
    summary = study.summarize(frame, condition)["lion"]
    assert summary["within_bound"]
    assert summary["weight_rms"]["recursion"]["early"]["n"] == 2
