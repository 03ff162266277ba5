"""Equilibria under gradient noise: constants, limits, and simulations in NumPy."""

import math
import subprocess
import sys

import numpy as np
import pytest

from keras_lion import theory

BETAS = [(0.9, 0.99), (0.95, 0.98), (0.9, 0.95)]


def autocorrelation(beta_1, beta_2, length=20_000):
    """Of the interpolated momentum at lags 0, 1, 2, …, from its impulse response.

    Another way to it than the closed form of `theory`.
    """
    momentum, response = 0.0, []
    for gradient in [1.0] + [0.0] * (length - 1):
        response.append(beta_1 * momentum + (1 - beta_1) * gradient)
        momentum = beta_2 * momentum + (1 - beta_2) * gradient
    spectrum = np.abs(np.fft.rfft(response, 2 * length)) ** 2
    covariance = np.fft.irfft(spectrum)[:length]
    return covariance / covariance[0]


def simulate(update, learning_rate, weight_decay, *, weights=3000, seed=0):
    """RMS of weights and of updates on Gaussian noise, and the share of flipped signs.

    Steps for five times constants, of which the last two are averaged.
    """
    generator = np.random.default_rng(seed)
    steps = round(5 / (learning_rate * weight_decay))
    w = np.zeros(weights)
    state = (np.zeros(weights), np.full(weights, 9.0))  # 9: the gradients' variance
    squares, updates, flips, last = [], [], [], w
    for step in range(steps):
        gradient = 3.0 * generator.normal(size=weights)
        u, state = update(gradient, state)
        w = w - learning_rate * (u + weight_decay * w)
        if step > 0.6 * steps:
            squares.append(np.mean(w**2))
            updates.append(np.mean(u**2))
            flips.append(np.mean(u * last < 0))
        last = u
    return math.sqrt(np.mean(squares)), math.sqrt(np.mean(updates)), np.mean(flips)


def lion(beta_1, beta_2):
    def update(gradient, state):
        m, unused = state
        c = beta_1 * m + (1 - beta_1) * gradient
        return np.sign(c), (beta_2 * m + (1 - beta_2) * gradient, unused)

    return update


def adamw(beta_1, beta_2):
    def update(gradient, state):
        m, v = state
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        return m / np.sqrt(v), (m, v)

    return update


@pytest.mark.parametrize(
    ("betas", "gain", "rms"),
    [
        ((0.9, 0.99), 45.927, 4.792),
        ((0.95, 0.98), 58.077, 5.389),
        ((0.9, 0.95), 21.964, 3.314),
    ],
)
def test_constants_of_the_notes(betas, gain, rms):
    assert theory.lion_noise_gain(*betas) == pytest.approx(gain, abs=5e-4)
    # with little decay: the root of G / 2, in units of the root of η / λ
    assert theory.lion_equilibrium_rms(1e-4, 1e-4, *betas) == pytest.approx(
        rms, abs=5e-4
    )


def test_constants_of_adamw():
    assert theory.adamw_update_rms(0.9) == pytest.approx(0.2294, abs=5e-5)
    assert theory.adamw_update_rms(0.95) == pytest.approx(0.1601, abs=5e-5)
    assert theory.adamw_equilibrium_rms(1e-2, 1) == pytest.approx(0.06774, abs=5e-6)
    # With little decay β₁ does not matter: the root of η / 2λ.
    for beta_1 in (0.0, 0.9, 0.99):
        assert theory.adamw_equilibrium_rms(1e-4, 1e-4, beta_1) == pytest.approx(
            math.sqrt(0.5), rel=1e-5
        )


@pytest.mark.parametrize(
    "betas", [*BETAS, (0.99, 0.99), (0.5, 0.9), (0.9, 0.0), (0.0, 0.9), (0.0, 0.0)]
)
def test_closed_form_is_the_sum_over_lags(betas):
    correlation = autocorrelation(*betas)
    lag = np.arange(1, len(correlation))
    arcsines = np.arcsin(correlation[1:])
    assert theory.lion_noise_gain(*betas) == pytest.approx(
        1 + 4 / math.pi * arcsines.sum(), rel=1e-9
    )
    for learning_rate, weight_decay in [(1e-2, 1.0), (0.5, 1.0), (0.5, 3.0)]:
        a = 1 - learning_rate * weight_decay
        memory = 1 + 4 / math.pi * np.sum(a**lag * arcsines)
        expected = learning_rate * math.sqrt(memory / (1 - a**2))
        assert theory.lion_equilibrium_rms(
            learning_rate, weight_decay, *betas
        ) == pytest.approx(expected, rel=1e-9)
    assert theory.sign_flip_probability(*betas) == pytest.approx(
        math.acos(correlation[1]) / math.pi, rel=1e-9
    )


@pytest.mark.parametrize(
    ("learning_rate", "weight_decay", "betas"),
    [
        (1e-2, 1.0, (0.9, 0.99)),
        (1e-2, 1.0, (0.95, 0.98)),
        (1e-1, 0.02, (0.9, 0.95)),
    ],
)
def test_lion_settles_where_predicted(learning_rate, weight_decay, betas):
    rms, update_rms, flips = simulate(
        lion(*betas), learning_rate, weight_decay, weights=5000
    )
    predicted = theory.lion_equilibrium_rms(learning_rate, weight_decay, *betas)
    assert rms == pytest.approx(predicted, rel=0.02)
    assert update_rms == 1
    assert flips == pytest.approx(theory.sign_flip_probability(*betas), rel=0.02)


@pytest.mark.parametrize("learning_rate", [1e-2, 1e-1])
def test_adamw_settles_where_predicted(learning_rate):
    rms, update_rms, _ = simulate(adamw(0.9, 0.999), learning_rate, 1.0, weights=10_000)
    assert rms == pytest.approx(
        theory.adamw_equilibrium_rms(learning_rate, 1.0), rel=0.02
    )
    assert update_rms == pytest.approx(theory.adamw_update_rms(0.9), rel=0.02)


def test_rotation_is_that_of_a_settled_step():
    """E[w²] before = after, so that the cosine is (1 + a² − η² u² / w²) / 2a."""
    for rate, decay in [(1e-2, 1.0), (0.5, 1.0), (0.1, 0.02)]:
        a = 1 - rate * decay
        for rotation, rms, update in [
            (theory.lion_rotation, theory.lion_equilibrium_rms, 1.0),
            (theory.adamw_rotation, theory.adamw_equilibrium_rms, 19**-0.5),
        ]:
            step = rate * update / rms(rate, decay)
            cosine = (1 + a**2 - step**2) / (2 * a)
            assert rotation(rate, decay) == pytest.approx(math.acos(cosine), rel=1e-4)
    # ηλ alone decides.
    assert theory.lion_rotation(1e-3, 2.0) == pytest.approx(
        theory.lion_rotation(1e-1, 0.02)
    )


@pytest.mark.parametrize(
    ("kind", "rms", "flips"),
    [("laplace", 0.12, -0.09), ("half zero", 0.30, -0.29), ("signs", -0.37, 0.15)],
)
def test_where_gaussian_gradients_are_assumed(kind, rms, flips):
    """The limits that the page of `lion_equilibrium_rms` gives."""
    generator = np.random.default_rng(0)

    def draw(size):
        if kind == "laplace":
            return generator.laplace(size=size)
        if kind == "signs":
            return generator.choice([-1.0, 1.0], size=size)
        return generator.normal(size=size) * (generator.random(size) < 0.5)

    update, state = lion(0.9, 0.99), (np.zeros(1500), None)
    w, last, squares, changed = np.zeros(1500), 0.0, [], []
    for step in range(2500):
        u, state = update(draw(1500), state)
        w = w - 2e-3 * (u + w)
        if step >= 1000:
            squares.append(np.mean(w**2))
            changed.append(np.mean(u * last < 0))
        last = u
    measured = math.sqrt(np.mean(squares)) / theory.lion_equilibrium_rms(2e-3, 1.0)
    assert measured - 1 == pytest.approx(rms, abs=0.04)
    rate = np.mean(changed) / theory.sign_flip_probability()
    assert rate - 1 == pytest.approx(flips, abs=0.02)


def test_long_memories_cost_nothing():
    gain = theory.lion_noise_gain(0.9, 1 - 1e-9)
    assert math.isfinite(gain)
    assert gain > theory.lion_noise_gain(0.9, 0.9999)


def test_arguments_out_of_range():
    for beta in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"`beta_2` must be in the range \[0, 1\)"):
            theory.lion_noise_gain(0.9, beta)
        with pytest.raises(ValueError, match=r"`beta_1` must be in the range \[0, 1\)"):
            theory.adamw_update_rms(beta)
        with pytest.raises(ValueError, match="`beta_1`"):
            theory.adamw_equilibrium_rms(1e-3, 0.1, beta)
    for turn in (theory.lion_rotation, theory.adamw_rotation):
        with pytest.raises(ValueError, match="product is below 1"):
            turn(1.0, 1.0)
    for rates in [(0.0, 1.0), (1.0, 0.0), (-1.0, -1.0), (2.0, 1.0), (math.nan, 1.0)]:
        for settle in (
            theory.lion_equilibrium_rms,
            theory.adamw_equilibrium_rms,
        ):
            with pytest.raises(ValueError, match="product is below 2"):
                settle(*rates)


def test_imports_numpy_alone():
    code = (
        "import sys; from keras_lion import theory; theory.lion_noise_gain(); "
        "print([name for name in ('keras', 'scipy') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"
