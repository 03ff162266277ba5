"""Time and memory of lazy rows: what is compared, and the committed numbers."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_lion import Lion
from studies.performance import sparse_rows
from tests.arrays import array

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Measures TensorFlow."
)
needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Reads /proc."
)


def test_turns_alternate_and_seconds_are_per_step(monkeypatch):
    taken = []
    clock = iter(np.cumsum([0, 20, 0, 3, 0, 5, 0, 40]))
    fake = SimpleNamespace(perf_counter=lambda: float(next(clock)))
    monkeypatch.setattr(sparse_rows, "time", fake)
    steps = [
        (lambda n: taken.append(("a", n)), 20),
        (lambda n: taken.append(("b", n)), 1),
    ]
    found = sparse_rows.seconds_of(steps, 2)
    assert taken == [("a", 20), ("b", 1), ("b", 1), ("a", 20)]
    np.testing.assert_array_equal(found, [[1, 3], [2, 5]])


@pytest.mark.parametrize(("peak", "expected"), [(90_000, 40_000), (50_100, 1024)])
def test_memory_is_the_peak_above_what_is_kept(peak, expected, monkeypatch):
    """After one step of a small table, so that what TensorFlow loads is not counted."""
    taken = []

    def resident(name):
        taken.append(name)
        return {"VmRSS": 50_000, "VmHWM": peak}[name]

    monkeypatch.setattr(sparse_rows, "resident", resident)
    monkeypatch.setattr(
        sparse_rows,
        "update",
        lambda side, mode, rows: lambda steps: taken.append((rows, steps)),
    )
    assert sparse_rows.extra_memory("lazy", "eager", 10_000) == expected
    assert taken == [(200, 1), "VmRSS", (10_000, 3), "VmHWM"]


@needs_linux
def test_resident_memory_is_in_kibibytes():
    held = np.ones(2**26, "uint8")
    found, largest = (sparse_rows.resident(name) for name in ("VmRSS", "VmHWM"))
    assert held.nbytes / 1024 < found <= largest < 100 * 2**20


@needs_tensorflow
@pytest.mark.parametrize("mode", sparse_rows.MODES)
def test_only_the_lazy_side_leaves_idle_rows_alone(mode, monkeypatch):
    tables = []
    build = Lion.build

    def spy(optimizer, variables):
        tables.extend(variables)
        build(optimizer, variables)

    monkeypatch.setattr(Lion, "build", spy)
    moved = {}
    for side in sparse_rows.SIDES:
        tables.clear()
        sparse_rows.update(side, mode, rows=200)(1)
        moved[side] = int((array(tables[0]) != 1).any(axis=1).sum())
    assert moved["lazy"] == sparse_rows.TOUCHED
    assert moved["dense"] == 200  # idle rows decay


def test_committed_ratios_are_those_that_the_docs_claim():
    found = json.loads(sparse_rows.OUTPUT.read_text(encoding="utf-8"))["claims"]
    for mode in sparse_rows.MODES:
        for what in ("time", "memory"):
            assert found[f"{mode}.dense_to_lazy.{what}"]["low"] >= 50, (mode, what)
