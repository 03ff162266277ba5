"""The small studies of docs/optimizers.md, and what the page says of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.integrate import quad

from studies import claims, gradient_penalty, sampling_view
from studies.performance import related_optimizers


@pytest.mark.parametrize("gradient", [-5.0, -0.05, 0.0, 1e-6, 0.5, 5.0])
def test_mean_steps_are_those_of_numerical_integration(gradient):
    radius, temperature = 0.01, 0.003

    def density(d):
        return np.exp(-gradient * d / temperature)

    mean = quad(lambda d: d * density(d), -radius, radius)[0]
    mean /= quad(density, -radius, radius)[0]
    found = sampling_view.box_step(gradient, radius, temperature)
    np.testing.assert_allclose(found, mean, atol=1e-12)
    ends = np.array([-radius, radius])
    found = sampling_view.two_point_step(gradient, radius, temperature)
    expected = (ends * density(ends)).sum() / density(ends).sum()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_without_temperature_steps_are_against_the_sign():
    gradients = np.array([-3.0, -0.1, 0.2, 4.0])
    for step in (sampling_view.box_step, sampling_view.two_point_step):
        found = step(gradients, 0.5, 1e-6)
        np.testing.assert_allclose(found, -0.5 * np.sign(gradients), atol=1e-4)


def test_flows_and_descents_of_a_parabola(monkeypatch):
    """L = a x² / 2, where everything has a closed form."""
    monkeypatch.setattr(gradient_penalty, "TIME", 1.0)
    a, start = np.array([0.5, 2.0]), np.array([1.0, -3.0])

    def gradient(x):
        return a * x

    plain = gradient_penalty.flowed(gradient, start, 0.0)
    np.testing.assert_allclose(plain, start * np.exp(-a), rtol=1e-9)
    penalized = gradient_penalty.flowed(gradient, start, 0.1)
    np.testing.assert_allclose(penalized, start * np.exp(-a - 0.2 * a**2), rtol=1e-7)
    steps = gradient_penalty.descended(gradient, start, 0.1)
    np.testing.assert_allclose(steps, start * (1 - 0.1 * a) ** 10, rtol=1e-12)


def test_the_gradient_of_the_network_has_symmetric_derivatives():
    """As that of a loss has, and no other vector field."""
    gradient, start = gradient_penalty.gradient_of_network(0)
    one, two = 1e-3 * np.random.default_rng(0).normal(size=(2, len(start)))
    left = (gradient(start + one) - gradient(start - one)) @ two
    right = (gradient(start + two) - gradient(start - two)) @ one
    np.testing.assert_allclose(left, right, rtol=1e-3)


def test_the_page_has_the_numbers_of_the_files():
    page = related_optimizers.PAGE.read_text("utf-8")
    kept = json.loads(related_optimizers.OUTPUT.read_text("utf-8"))["claims"]
    assert related_optimizers.documented(page, kept) == page
    penalty = json.loads(gradient_penalty.OUTPUT.read_text("utf-8"))["claims"]
    plain = penalty["plain.coefficient.0.0125"]
    for number in (plain["value"], plain["low"], plain["high"]):
        assert f"{number:.4f}" in page
    settled = penalty["momentum_0.5_settled.coefficient.0.0125"]["value"]
    assert f"{settled:.3f}" in page


def test_bytes_of_state():
    found = {
        name: related_optimizers.state_bytes_per_weight(make, rows=400)
        for name, make in related_optimizers.OPTIMIZERS.items()
    }
    assert found["Lion()"] == pytest.approx(4, abs=0.01)
    assert found["Lookahead(Lion())"] == pytest.approx(8, abs=0.01)
    assert found["Adafactor()"] < 0.02
    accumulated = found["Tiger(gradient_accumulation_steps=4)"]
    assert accumulated == pytest.approx(4, abs=0.01)
    assert claims.rounded(found["ZeroOrderLion()"]) == pytest.approx(4, abs=0.01)
