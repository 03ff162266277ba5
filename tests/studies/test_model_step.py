"""Times of training steps: ratios, shares, and that what is timed trains."""

from __future__ import annotations

import json
import os

import keras
import numpy as np
import pytest

from studies import claims
from studies.performance import model_step, step_time

SLOW = pytest.mark.skipif(
    not os.environ.get("KERAS_LION_SLOW_TESTS"), reason="make test-performance"
)


def test_a_ratio_above_one_says_that_adamw_is_slower():
    milliseconds = dict.fromkeys(model_step.TIMED, 1.0)
    milliseconds |= {"adamw": 3.0, "lion_bfloat16": 6.0}
    times = np.tile([t / 1000 for t in milliseconds.values()], (20, 1))
    found = model_step.summarize("mlp", times)
    assert found["mlp.adamw"]["value"] == 3
    assert found["mlp.adamw_to_lion"]["value"] == 3
    assert found["mlp.adamw_to_lion_bfloat16"]["value"] == 0.5
    assert found["mlp.share_of_adamw"]["value"] == pytest.approx(1 / 3, abs=1e-4)


def test_bandwidth_is_that_of_the_ideal_traffic():
    """An update of 20 bytes that takes 2.5 times as long as 8 bytes is at the limit."""
    times = np.tile([2.5, 4.0, 1.0], (21, 1))
    found = step_time.summarize(["lion", "keras_lion", step_time.SCALE], times)
    assert found["bandwidth.lion"]["value"] == 1
    assert found["lion_to_keras_lion"]["value"] == pytest.approx(0.625)
    assert "bandwidth.adamw" not in found


@pytest.mark.filterwarnings("ignore:.*donated buffers:UserWarning")
@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_every_update_that_is_timed_moves_the_weights(mode):
    names = {"lion", "keras_lion", "adamw"}
    for name, make in step_time.makers(mode).items():
        names.discard(name)
        variables, gradients = step_time.tensors((2, 3, 5))
        before = [keras.ops.convert_to_numpy(v) for v in variables]
        optimizer = make()
        optimizer.build(variables)
        step_time.update(optimizer, variables, gradients, mode)(2)
        if mode == "compiled" and keras.backend.backend() == "jax":
            continue  # weights are passed, not assigned
        for old, new in zip(before, variables, strict=True):
            assert np.all(old != keras.ops.convert_to_numpy(new)), name
    assert not names


def test_claims_of_another_backend_are_kept(tmp_path):
    path = tmp_path / "new" / "steps.json"
    for backend, value in (("one", 1.0), ("two", 2.0), ("one", 3.0)):
        name = f"{backend}.lion"
        claims.keep_beside(path, backend, {name: claims.exact(value, "ms")}, load=value)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert {k: each["value"] for k, each in kept["claims"].items()} == {
        "one.lion": 3.0,
        "two.lion": 2.0,
    }
    assert kept["environments"]["one"]["load"] == 3.0
    assert kept["environments"]["two"]["load"] == 2.0


@SLOW
@pytest.mark.filterwarnings("ignore:.*donated buffers:UserWarning")
@pytest.mark.parametrize("study", [model_step, step_time])
def test_both_backends_are_kept_side_by_side(study, tmp_path, monkeypatch):
    backend = keras.backend.backend()
    monkeypatch.setenv("KERAS_BACKEND", backend)
    path = tmp_path / "steps.json"
    other = {"claims": {"other.lion": {"value": 1}}, "environments": {"other": {}}}
    path.write_text(json.dumps(other), encoding="utf-8")
    sizes = ["--turns", "20", "--seconds", "0"]
    sizes += ["--batch-size", "2"] if study is model_step else ["--rows", "2"]
    study.main(["--backend", backend, *sizes, "--output", str(path)])
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert set(kept["environments"]) == {"other", backend}
    assert kept["claims"]["other.lion"] == {"value": 1}
    names = {
        model_step: ["mlp.adamw_to_lion", "language_model.share_of_lion"],
        step_time: ["large.compiled.bandwidth.lion", "many.eager.lion_to_keras_lion"],
    }
    for name in names[study]:
        assert kept["claims"][f"{backend}.{name}"]["n"] == 20
