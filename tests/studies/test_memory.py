"""The memory of gradients, as the optimizers' steps show it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "studies"
STEPS = 40

float64 = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="float64 is a setting of the process"
)


@pytest.fixture
def memory(monkeypatch):
    from studies import memory

    return memory


def lion_weights(steps: int) -> np.ndarray:
    ages = np.arange(steps)
    return np.where(ages == 0, 0.1, 0.9 * 0.01 * 0.99 ** (ages - 1.0))


def test_numbers_of_known_weights(memory):
    adamw = memory.memory_of(0.1 * 0.9 ** np.arange(1000))
    assert (adamw.newest, adamw.half, adamw.time_constant) == (0.1, 7, 10)
    assert adamw.mean_age == pytest.approx(9)
    assert adamw.effective_number == pytest.approx(19)
    lion = memory.memory_of(lion_weights(5000))
    assert (lion.half, lion.time_constant) == (60, 91)
    assert lion.mean_age == pytest.approx(90)
    exactly_half = memory.memory_of(np.array([0.1, 0.2, 0.2, 0.5]))
    assert exactly_half.half == 3
    with pytest.raises(ValueError, match="measure more steps"):
        memory.memory_of(np.full(10, 0.01))


@float64
def test_steps_of_lion_show_both_betas(memory):
    probe = memory.Probe("lion", STEPS)
    expected = lion_weights(STEPS)
    np.testing.assert_allclose(
        probe.weights(), expected / expected.sum(), rtol=1e-9, atol=0
    )
    stored = probe.stored("momentum")
    np.testing.assert_allclose(stored, 0.01 * 0.99 ** np.arange(STEPS), rtol=1e-9)


@float64
def test_steps_of_adamw_show_its_first_beta(memory):
    probe = memory.Probe("adamw", STEPS)
    expected = 0.9 ** np.arange(STEPS)
    np.testing.assert_allclose(
        probe.weights(), expected / expected.sum(), rtol=1e-6, atol=0
    )
    second = probe.stored("velocity")
    np.testing.assert_allclose(second, 0.001 * 0.999 ** np.arange(STEPS), rtol=1e-6)


def test_ratios_are_lions_over_adamws(memory):
    adamw = 0.1 * 0.9 ** np.arange(3000)
    found = memory.summarize(
        {
            "lion_direction": lion_weights(3000),
            "lion_momentum": 0.01 * 0.99 ** np.arange(3000),
            "adamw_direction": adamw,
            "adamw_second_moment": 0.001 * 0.999 ** np.arange(3000),
        }
    )
    assert found["lion_direction_to_adamw_direction.mean_age"]["value"] == 10
    assert found["lion_momentum_to_adamw_direction.mean_age"]["value"] == 11
    assert found["adamw_second_moment.half"]["value"] == 693
    assert "adamw_second_moment.mean_age" not in found  # it outlasts the measurement
