"""The measures of flatness, on losses whose Hessian is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras import ops

from keras_lion.optimizers.updates import Betas, lion_update

FOLDER = Path(__file__).parents[2] / "studies"
CURVATURES = np.linspace(1, 40, 40, dtype="float32")


@pytest.fixture
def flatness(monkeypatch):
    pytest.importorskip("jax")
    from studies import flatness

    return flatness


def quadratic(weights, minimum):
    """½ Σ a (w − w₀)², its Hessian being diagonal."""
    (w,), (at,) = weights, minimum
    return 0.5 * (CURVATURES * (w - at) ** 2).sum()


def test_absolute_hessian(flatness):
    weights = [np.full(40, 3.0, "float32")]
    measure = flatness.Flatness(quadratic, "absolute")
    assert measure.largest_eigenvalue(weights, weights, 0) == pytest.approx(
        40, rel=1e-3
    )
    assert measure.trace(weights, weights, 0) == pytest.approx(820, rel=1e-4)


def test_relative_hessian_is_in_units_of_each_tensors_rms(flatness):
    weights = [np.full(40, 3.0, "float32")]
    measure = flatness.Flatness(quadratic)
    largest = measure.largest_eigenvalue(weights, weights, 0)
    assert largest == pytest.approx(9 * 40, rel=1e-3)
    assert measure.trace(weights, weights, 0) == pytest.approx(9 * 820, rel=1e-4)
    # σ² / 2 times the trace, but for the draws
    rise = measure.rise(0.1, weights, weights, 0)
    assert rise == pytest.approx(0.005 * 9 * 820, rel=0.3)


def test_a_scale_that_the_function_does_not_see_is_not_seen(flatness):
    def product(weights, _):
        return (weights[0].sum() * weights[1].sum() - 1.0) ** 2

    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 30)).astype("float32")
    plain, scaled = [one, other], [10 * one, other / 10]
    relative = flatness.Flatness(product)
    absolute = flatness.Flatness(product, "absolute")
    assert relative.largest_eigenvalue(scaled, None, 0) == pytest.approx(
        relative.largest_eigenvalue(plain, None, 0), rel=1e-2
    )
    assert absolute.largest_eigenvalue(scaled, None, 0) > 2 * (
        absolute.largest_eigenvalue(plain, None, 0)
    )


def test_unsigned_update_differs_from_lion_in_the_direction_only(flatness):
    generator = np.random.default_rng(0)
    weight, momentum, gradient = (
        ops.convert_to_tensor(row)
        for row in generator.normal(size=(3, 50)).astype("float32")
    )
    settings = {
        "learning_rate": 0.1,
        "weight_decay": 0.5,
        "betas": Betas.of(0.9, 0.99),
    }
    moved, slots = flatness.unsigned_update(
        weight, [momentum], gradient, 1.0, **settings
    )
    lion, expected = lion_update(weight, momentum, gradient, **settings)
    np.testing.assert_allclose(slots[0], expected, rtol=1e-6)
    update = np.asarray(0.95 * weight - moved) / 0.1
    signs = np.asarray(0.95 * weight - lion) / 0.1
    assert np.sqrt(np.mean(update**2)) == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(np.sign(update), np.round(signs))


def test_a_power_of_the_training_loss_is_interpolated_exactly(flatness):
    losses = np.array([0.1, 0.001, 0.02])
    runs = pd.DataFrame({"training_loss": losses, "trace": 7 * losses**0.5})
    found = flatness.at_training_loss(runs, "trace", 0.01)
    assert found == pytest.approx(7 * 0.01**0.5)
    runs["gap"] = np.log(losses) + 5  # negative in one of the runs
    assert flatness.at_training_loss(runs, "gap", 0.01) == pytest.approx(
        np.log(0.01) + 5
    )
    with pytest.raises(ValueError, match="must enclose 0.5"):
        flatness.at_training_loss(runs, "trace", 0.5)


def test_summary_is_what_the_records_give(flatness):
    kept = json.loads((flatness.OUTPUT / "flatness.json").read_text(encoding="utf-8"))
    found = flatness.summarize(pd.read_csv(flatness.OUTPUT / "runs.csv"))
    assert kept["claims"] == found
    best = found["best_cell.accuracy.lion"]["value"]
    other = found["best_cell.accuracy.adamw"]["value"]
    difference = found["best_cell.accuracy.lion_to_adamw"]["value"]
    assert difference == pytest.approx(best - other, abs=1e-3)
