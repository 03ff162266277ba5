"""Bytes of an optimizer's state, and the peak of a training step."""

from __future__ import annotations

import sys

import keras
import numpy as np
import pytest

from studies.performance import optimizer_memory


def test_bytes_are_those_of_the_dtypes():
    variables = [
        keras.Variable(keras.ops.zeros((3, 5)), dtype="float32"),
        keras.Variable(keras.ops.zeros((7,)), dtype="bfloat16"),
        keras.Variable(0, dtype="int32"),
    ]
    assert optimizer_memory.bytes_of(variables) == 60 + 14 + 4


def test_state_over_adamws():
    inputs = keras.Input((100,))
    model = keras.Model(inputs, keras.layers.Dense(100, use_bias=False)(inputs))
    found = optimizer_memory.measure_state("model", model)
    assert found["model.weights"]["value"] == 40_000
    assert 40_000 < found["model.state.lion"]["value"] < 40_100
    assert 80_000 < found["model.state.adamw"]["value"] < 80_100
    assert found["model.bytes_a_weight.lion_int8"]["value"] < 1.1
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


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_peak_that_is_over_is_seen_and_can_be_forgotten():
    memory = optimizer_memory.Memory()
    memory.device = None
    size = 200 * 2**20
    memory.forget_peak()
    before = memory.held()
    block = np.ones(size, "uint8")
    assert memory.held() - before > 0.9 * size
    del block
    assert memory.held() - before < 0.5 * size
    assert memory.peak() - before > 0.9 * size
    memory.forget_peak()
    assert memory.peak() - before < 0.5 * size
