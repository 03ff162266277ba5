"""Bytes of an optimizer's state."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def optimizer_state(monkeypatch):
    from studies.performance import optimizer_state

    return optimizer_state


def test_bytes_are_those_of_the_dtypes(optimizer_state):
    variables = [
        keras.Variable(keras.ops.zeros((3, 5)), dtype="float32"),
        keras.Variable(keras.ops.zeros((7,)), dtype="bfloat16"),
        keras.Variable(0, dtype="int32"),
    ]
    assert optimizer_state.bytes_of(variables) == 60 + 14 + 4


def test_state_over_adamws(optimizer_state):
    inputs = keras.Input((100,))
    model = keras.Model(inputs, keras.layers.Dense(100, use_bias=False)(inputs))
    found = optimizer_state.measure("model", model)
    assert found["model.weights"]["value"] == 40_000
    assert 40_000 < found["model.state.lion"]["value"] < 40_100
    assert 80_000 < found["model.state.adamw"]["value"] < 80_100
    ratios = {
        "state.lion": 1 / 2,
        "state.keras_lion": 1 / 2,
        "state.lion_bfloat16": 1 / 4,
        "training.lion": 3 / 4,
        "training.lion_bfloat16": 5 / 8,
    }
    for name, ratio in ratios.items():
        value = found[f"model.{name}_to_adamw"]["value"]
        assert value == pytest.approx(ratio, abs=1e-3)
