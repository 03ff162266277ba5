"""The time that diagnostics cost: turns, and that what is timed trains."""

from __future__ import annotations

import json
from types import SimpleNamespace

import keras
import numpy as np


def test_turns_alternate_and_are_kept_apart(monkeypatch):
    from studies.performance import diagnostics_overhead

    order = []
    clock = iter(np.cumsum([0, 1, 0, 3, 0, 3, 0, 1]))  # seconds of a, b, b, a
    fake = SimpleNamespace(perf_counter=lambda: float(next(clock)))
    monkeypatch.setattr(diagnostics_overhead, "time", fake)
    both = [lambda: order.append("a"), lambda: order.append("b")]
    found = diagnostics_overhead.turns_of(both, 2)
    assert order == ["a", "b", *"ab", *"ba"]
    np.testing.assert_array_equal(found, [[1, 3], [1, 3]])


def test_a_ratio_of_this_backend_is_written(tmp_path, monkeypatch):
    from studies.performance import diagnostics_overhead

    backend = keras.backend.backend()
    monkeypatch.setenv("KERAS_BACKEND", backend)
    path = tmp_path / "overhead.json"
    sizes = ["--turns", "20", "--steps", "11", "--batch-size", "2"]
    diagnostics_overhead.main(
        ["--backend", backend, "--workloads", "mlp", *sizes, "--output", str(path)]
    )
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["claims"][f"{backend}.mlp.with_to_without"]["n"] == 20
    assert kept["claims"][f"{backend}.mlp.step"]["value"] > 0
    assert set(kept["environments"]) == {backend}
