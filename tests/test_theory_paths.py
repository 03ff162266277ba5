"""Schedules: paths of weights and their bound, against simulations in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_lion import theory

RATES = np.minimum(1, np.arange(1, 1501) / 150) * np.cos(np.linspace(0, 1.5, 1500))


def simulate(optimizer, rates, decays, *, initial_rms, betas, weights=20_000, seed=0):
    """RMS before the first step and after each; angle of every tenth step."""
    generator = np.random.default_rng(seed)
    beta_1, beta_2 = betas
    w = generator.standard_normal(weights, np.float32)
    w *= initial_rms / math.sqrt(np.mean(w**2))
    m = v = np.zeros(weights, np.float32)
    rms, angles = [initial_rms], []
    for step, rate in enumerate(rates.tolist()):
        gradient = 2.0 * generator.standard_normal(weights, np.float32)
        if optimizer == "lion":
            u = np.sign(beta_1 * m + (1 - beta_1) * gradient)
            m = beta_2 * m + (1 - beta_2) * gradient
        else:
            m = beta_1 * m + (1 - beta_1) * gradient
            v = beta_2 * v + (1 - beta_2) * gradient**2
            first, second = (1 - beta ** (step + 1) for beta in betas)
            u = m * (math.sqrt(second) / first) / np.sqrt(v)
        new = (1 - rate * float(decays[step])) * w - rate * u
        if step % 10 == 0:
            unit, turned = w / np.linalg.norm(w), new / np.linalg.norm(new)
            angles.append(2 * math.asin(np.linalg.norm(turned - unit) / 2))
        w = new
        rms.append(math.sqrt(w @ w / weights))
    return np.array(rms), np.array(angles)


@pytest.mark.parametrize(
    ("optimizer", "betas", "rate", "decay", "initial_rms"),
    [
        ("lion", (0.9, 0.99), 1e-2, 0.5, 0.05),
        ("lion", (0.95, 0.98), 1e-2, 0.5, 1.0),
        ("adamw", (0.9, 0.999), 2e-2, 0.3, 0.05),
        ("adamw", (0.95, 0.999), 2e-2, 0.3, 0.3),
    ],
)
def test_path_under_a_schedule(optimizer, betas, rate, decay, initial_rms):
    """Warm-up and decay of η, and a λ that grows: within 2 % at every tenth of it."""
    rates, decays = rate * RATES, decay * np.linspace(0.5, 1.5, len(RATES))
    rms, angles = simulate(
        optimizer, rates, decays, initial_rms=initial_rms, betas=betas
    )
    if optimizer == "lion":
        path = theory.lion_path(
            rates, decays, initial_rms=initial_rms, beta_1=betas[0], beta_2=betas[1]
        )
    else:
        path = theory.adamw_path(
            rates, decays, initial_rms=initial_rms, beta_1=betas[0]
        )
    at = np.arange(0, 1501, 150)
    assert rms[at] == pytest.approx(path.rms[at], rel=0.02)
    assert angles[::15] == pytest.approx(path.rotation[::150], rel=0.02)


def exact_path(rates, decay, initial_rms, weights_of, covariance_of):
    """RMS from the covariances of all pairs of updates: another way to it.

    Args:
        weights_of: t → weights of the gradients 0 … t in the momentum of step t.
        covariance_of: Covariances of that momentum at all pairs of steps → covariances
            of the updates.
    """
    steps = len(rates)
    rows = np.zeros((steps, steps))
    for step in range(steps):
        rows[step, : step + 1] = weights_of(step)
    covariance = covariance_of(rows @ rows.T)
    kept = 1 - rates * decay
    rms = [initial_rms]
    for step in range(1, steps + 1):
        share = [rates[s] * math.prod(kept[s + 1 : step]) for s in range(step)]
        start = (math.prod(kept[:step]) * initial_rms) ** 2
        rms.append(math.sqrt(start + share @ covariance[:step, :step] @ share))
    return rms


def test_path_of_lion_is_exact_from_the_first_step():
    rates, decay = np.array([0.3, 0.1, 0.2, 0.05, 0.4, 0.1]), 0.7

    def interpolated(step):  # β₁ = 0.8, β₂ = 0.9
        momentum = 0.1 * 0.9 ** np.arange(step)[::-1]
        return [*(0.8 * momentum), 0.2]

    def of_signs(covariance):
        deviations = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(deviations, deviations)
        np.fill_diagonal(correlation, 1)  # where rounding would cost half the digits
        return 2 / math.pi * np.arcsin(correlation)

    expected = exact_path(rates, decay, 0.5, interpolated, of_signs)
    path = theory.lion_path(rates, decay, initial_rms=0.5, beta_1=0.8, beta_2=0.9)
    assert path.rms == pytest.approx(expected, rel=1e-10)


def test_path_of_adamw_is_exact_from_the_first_step():
    rates, decay = np.array([0.3, 0.1, 0.2, 0.05, 0.4, 0.1]), 0.7

    def averaged(step):  # β₁ = 0.8, corrected
        return 0.2 * 0.8 ** np.arange(step + 1)[::-1] / (1 - 0.8 ** (step + 1))

    expected = exact_path(rates, decay, 0.5, averaged, lambda covariance: covariance)
    path = theory.adamw_path(rates, decay, initial_rms=0.5, beta_1=0.8)
    assert path.rms == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.0, 0.9), (0.9, 0.0), (0.95, 0.98)])
def test_paths_settle_at_the_equilibria(betas):
    rates = np.full(3000, 5e-3)
    lion = theory.lion_path(
        rates, 1.0, initial_rms=1.0, beta_1=betas[0], beta_2=betas[1]
    )
    adamw = theory.adamw_path(rates, 1.0, initial_rms=1.0, beta_1=betas[0])
    assert lion.rms[-1] == pytest.approx(
        theory.lion_equilibrium_rms(5e-3, 1.0, *betas), rel=1e-6
    )
    assert lion.rotation[-1] == pytest.approx(
        theory.lion_rotation(5e-3, 1.0, *betas), rel=1e-6
    )
    assert adamw.rms[-1] == pytest.approx(
        theory.adamw_equilibrium_rms(5e-3, 1.0, betas[0]), rel=1e-6
    )
    assert adamw.rotation[-1] == pytest.approx(
        theory.adamw_rotation(5e-3, 1.0, betas[0]), rel=1e-6
    )


def test_paths_without_decay_or_learning_rate():
    still = theory.lion_path(np.zeros(3), 1.0, initial_rms=0.2)
    assert still.rms.tolist() == [0.2] * 4
    assert still.rotation.tolist() == [0, 0, 0]
    first = theory.lion_path([0.1], 0.0, initial_rms=0.0)
    assert first.rms.tolist() == [0, 0.1]
    assert np.isnan(first.rotation).all()  # weights of zero have no direction
    turned = theory.adamw_path([0.1], 0.0, initial_rms=0.1)  # the first step is ±η
    assert turned.rms == pytest.approx([0.1, 0.1 * math.sqrt(2)])
    assert turned.rotation == pytest.approx([math.pi / 4])


def test_bound_by_hand():
    bound = theory.sup_norm_bound(5.0, [0.1, 0.2], 2.0)
    assert bound == pytest.approx([5, 0.8 * 5 + 0.1, 0.6 * 4.1 + 0.2])
    # for a constant λ: D |w| + (1 − D) / λ
    assert bound[2] == pytest.approx(0.48 * 5 + 0.52 / 2)
    assert theory.sup_norm_bound(0, [0.5], [0.0]).tolist() == [0, 0.5]
    assert theory.sup_norm_bound(1, [3.0], 1.0)[1] == 5  # w ← −2 w ± 3


def test_bound_holds_and_is_attained():
    generator = np.random.default_rng(0)
    rates, decays = 0.05 * RATES[:400], generator.uniform(0, 4, 400)
    bound = theory.sup_norm_bound(0.5, rates, decays)
    w = np.array([0.5, -0.5, *generator.uniform(-0.5, 0.5, 50)])
    for step in range(400):
        assert np.abs(w).max() <= bound[step] * (1 + 1e-12)
        # the first two weights are always pushed away from zero
        signs = np.sign(generator.normal(0.5, 1, w.size))
        signs[:2] = np.sign(w[:2])
        w = w - rates[step] * (-signs + decays[step] * w)
        assert abs(w[0]) == pytest.approx(bound[step + 1])


def test_arguments_out_of_range():
    for path in (theory.lion_path, theory.adamw_path):
        for rates, decays, words in [
            (0.1, 1.0, r"`learning_rate` must hold one number for each step"),
            ([], 1.0, r"`learning_rate` must hold one number for each step"),
            ([0.1, 0.1], [1.0], r"shape \(2,\). Received: shape \(1,\)"),
            (
                [0.1, -0.1],
                1.0,
                r"`learning_rate` must be finite and not negative.*-0.1",
            ),
            ([0.1], math.nan, "`weight_decay` must be finite"),
        ]:
            with pytest.raises(ValueError, match=words):
                path(rates, decays, initial_rms=0.1)
        for start in (-1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match="`initial_rms` must be finite"):
                path([0.1], 1.0, initial_rms=start)
        with pytest.raises(ValueError, match="`beta_1`"):
            path([0.1], 1.0, initial_rms=0.1, beta_1=1.0)
    with pytest.raises(ValueError, match="`beta_2`"):
        theory.lion_path([0.1], 1.0, initial_rms=0.1, beta_2=-1.0)
    for initial in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="`initial` must be finite"):
            theory.sup_norm_bound(initial, [0.1], 1.0)
