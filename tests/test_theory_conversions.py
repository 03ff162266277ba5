"""Conversions between optimizers and batch sizes, and timescales."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_lion import theory
from tests.test_theory_paths import simulate

LIMIT = (1e-4, 1e-2)  # AdamW's learning rate and weight decay, where ηλ is tiny


def quantities(rate, decay, betas=None):
    """Update RMS, weight RMS, rotation and timescale: of Lion, or AdamW's of 0.9."""
    if betas is None:
        return {
            "update_rms": rate * theory.adamw_update_rms(),
            "weight_rms": theory.adamw_equilibrium_rms(rate, decay),
            "rotation": theory.adamw_rotation(rate, decay),
            "timescale": theory.ema_timescale(rate, decay),
        }
    return {
        "update_rms": rate,
        "weight_rms": theory.lion_equilibrium_rms(rate, decay, *betas),
        "rotation": theory.lion_rotation(rate, decay, *betas),
        "timescale": theory.ema_timescale(rate, decay),
    }


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.95, 0.98)])
@pytest.mark.parametrize(
    "keep",
    [
        ("update_rms", "weight_rms"),
        ("rotation", "update_rms"),
        ("weight_rms", "rotation"),
        ("update_rms", "timescale"),
        ("timescale", "weight_rms"),
    ],
)
def test_factors_keep_what_they_say(keep, betas):
    factors = theory.conversion_factors(keep, lion_betas=betas)
    before = quantities(*LIMIT)
    after = quantities(
        LIMIT[0] * factors.learning_rate, LIMIT[1] * factors.weight_decay, betas
    )
    for name in keep:
        assert after[name] == pytest.approx(before[name], rel=1e-3)


def test_factors_of_the_notes():
    matched = theory.conversion_factors()
    assert 1 / matched.learning_rate == pytest.approx(4.359, abs=1e-3)
    assert matched.weight_decay == pytest.approx(10.54, abs=5e-3)
    assert matched.learning_rate * matched.weight_decay == pytest.approx(
        2.417, abs=1e-3
    )
    # The authors' rule keeps ηλ: with weights of one size by √G, within their 3 to 10.
    kept = theory.conversion_factors(("timescale", "weight_rms"))
    assert kept.weight_decay == pytest.approx(math.sqrt(theory.lion_noise_gain()))
    assert kept.learning_rate * kept.weight_decay == pytest.approx(1)


def test_matched_simulations():
    """AdamW and Lion side by side: steps, weights and rotation within 2 %."""
    rate, decay, steps = 4e-3, 0.5, 2500
    factors = theory.conversion_factors()
    lion = (rate * factors.learning_rate, decay * factors.weight_decay)
    results = [
        simulate(
            optimizer, np.full(steps, r), np.full(steps, d), initial_rms=start,
            betas=betas, weights=3000,
        )
        for optimizer, betas, r, d, start in [
            ("adamw", (0.9, 0.999), rate, decay, 0.06),
            ("lion", (0.9, 0.99), *lion, 0.06),
        ]
    ]  # fmt: skip
    (weights, turns), (lion_weights, lion_turns) = results
    # at ηλ = 2e-3 and 5e-3 the limit is off: exactly by as much as the exact forms say
    exact = theory.lion_equilibrium_rms(*lion) / theory.adamw_equilibrium_rms(
        rate, decay
    )
    ratio = np.mean(lion_weights[1500:] ** 2) / np.mean(weights[1500:] ** 2)
    assert math.sqrt(ratio) == pytest.approx(exact, rel=0.02)
    turned = theory.lion_rotation(*lion) / theory.adamw_rotation(rate, decay)
    assert lion_turns[150:].mean() / turns[150:].mean() == pytest.approx(
        turned, rel=0.02
    )


def at(rms, examples, batch):
    return rms[[round(each / batch) for each in examples]]


@pytest.mark.parametrize("ratio", [4, 0.5])
@pytest.mark.parametrize("optimizer", ["lion", "adamw"])
def test_batch_sizes_have_one_path_in_examples(optimizer, ratio):
    """In gradient noise, whose variance the batch size divides: the sign does not see
    that, nor does AdamW."""
    if optimizer == "lion":
        before = (1e-3, 1.0, 0.9, 0.99)
        after = theory.lion_at_batch_size(ratio, *before)
    else:
        before = (4e-3, 0.25, 0.9, 0.999)
        after = theory.adamw_at_batch_size(ratio, *before)
    paths = []
    for rate, decay, *betas in (
        before,
        (after.learning_rate, after.weight_decay, after.beta_1, after.beta_2),
    ):
        steps = round(2000 / (1 if not paths else ratio))
        rms, _ = simulate(
            optimizer, np.full(steps, rate), np.full(steps, decay),
            initial_rms=0.02, betas=betas, weights=8000,
        )  # fmt: skip
        paths.append(rms)
    examples = (400, 1000, 2000)
    assert at(paths[1], examples, ratio) == pytest.approx(
        at(paths[0], examples, 1), rel=0.03
    )


def test_batch_size_of_lion():
    kept = theory.lion_at_batch_size(4, 1e-3, 0.5, rescale_betas=False)
    assert (kept.beta_1, kept.beta_2) == (0.9, 0.99)
    assert kept.learning_rate == pytest.approx(2e-3)  # the square root rule
    assert kept.weight_decay == pytest.approx(1.0)
    scaled = theory.lion_at_batch_size(4, 1e-3, 0.5)
    assert scaled.beta_1 == pytest.approx(0.9 * 0.99**3)
    assert scaled.beta_2 == pytest.approx(0.99**4)
    assert scaled.learning_rate == pytest.approx(2.949e-3, abs=1e-6)
    # one timescale in epochs: B / (ηλN)
    for after in (kept, scaled):
        assert theory.ema_timescale_epochs(
            after.learning_rate, after.weight_decay, 4 * 32, 1000
        ) == pytest.approx(theory.ema_timescale_epochs(1e-3, 0.5, 32, 1000))
    # the newest example that is not in the newest batch has the same weight in c
    assert scaled.beta_1 * (1 - scaled.beta_2) == pytest.approx(
        0.9 * 0.99**3 * (1 - 0.99**4)
    )
    there = theory.lion_at_batch_size(0.25, scaled.learning_rate, scaled.weight_decay,
                                      scaled.beta_1, scaled.beta_2)  # fmt: skip
    assert there.learning_rate == pytest.approx(1e-3)
    assert there.beta_1 == pytest.approx(0.9)
    assert theory.lion_at_batch_size(2, 1e-3, 0.0).weight_decay == 0


def test_batch_size_of_adamw():
    after = theory.adamw_at_batch_size(4, 1e-3, 0.1)
    assert (after.learning_rate, after.weight_decay) == (2e-3, 0.2)
    assert (after.beta_1, after.beta_2) == pytest.approx((0.9**4, 0.999**4))
    kept = theory.adamw_at_batch_size(4, 1e-3, 0.1, 0.95, 0.98, rescale_betas=False)
    assert (kept.beta_1, kept.beta_2) == (0.95, 0.98)
    for beta, before in ((after.beta_1, 0.9), (after.beta_2, 0.999)):
        assert theory.half_life_examples(beta, 4 * 32) == pytest.approx(
            theory.half_life_examples(before, 32)
        )


def test_timescales():
    assert theory.ema_timescale(1e-3, 0.1) == pytest.approx(1e4)
    assert theory.ema_timescale_epochs(1e-3, 0.1, 100, 50_000) == pytest.approx(20)
    assert theory.relaxation_steps(1e-3, 0.1) == pytest.approx(1.5e4)
    assert theory.half_life_examples(0.5, 32) == 32
    assert theory.half_life_examples(0.0, 32) == 0
    assert theory.kappa([1e-3, 2e-3], 0.5) == pytest.approx(1.5e-3)
    assert theory.kappa([1e-3, 2e-3], [0.5, 1.0]) == pytest.approx(2.5e-3)
    assert theory.kappa(np.ones(3), 0.0) == 0


def test_what_is_left_of_a_start():
    """After 3 / (2ηλ) steps 5 % of w²'s distance from its equilibrium; e^−κ of w."""
    steps = round(theory.relaxation_steps(1e-4, 1.0))
    path = theory.adamw_path(np.full(steps, 1e-4), 1.0, initial_rms=1.0)
    settled = theory.adamw_equilibrium_rms(1e-4, 1.0) ** 2
    left = (path.rms[-1] ** 2 - settled) / (1 - settled)
    assert left == pytest.approx(math.exp(-3), rel=0.01)
    assert math.sqrt(left) == pytest.approx(
        math.exp(-theory.kappa(np.full(steps, 1e-4), 1.0)), rel=0.01
    )


def test_arguments_out_of_range():
    for keep in [("update_rms",), ("rotation",) * 2, ("rotation", "angle"), "rotation"]:
        with pytest.raises(ValueError, match="`keep` must be two of update_rms"):
            theory.conversion_factors(keep)
    with pytest.raises(ValueError, match="only one of them can be kept"):
        theory.conversion_factors(("timescale", "rotation"))
    for convert in (theory.lion_at_batch_size, theory.adamw_at_batch_size):
        for arguments, words in [
            ((0, 1e-3, 0.1), "`ratio` must be positive"),
            ((math.inf, 1e-3, 0.1), "`ratio` must be positive"),
            ((2, 0.0, 0.1), "`learning_rate` must be positive"),
            ((2, 1e-3, -0.1), "`weight_decay` must be finite and not negative"),
            ((2, 1e-3, 0.1, 1.0), "`beta_1`"),
            ((2, 1e-3, 0.1, 0.9, 1.0), "`beta_2`"),
        ]:
            with pytest.raises(ValueError, match=words):
                convert(*arguments)
    for betas in [(0.9, 0.5), (0.9, 0.0)]:
        with pytest.raises(ValueError, match="need a beta_1 of 1 or more"):
            theory.lion_at_batch_size(0.25, 1e-3, 0.1, *betas)
    with pytest.raises(ValueError, match="product is below 2"):
        theory.ema_timescale(1.0, 2.0)
    with pytest.raises(ValueError, match="`batch_size` must be positive"):
        theory.half_life_examples(0.9, 0)
    with pytest.raises(ValueError, match="`train_examples` must be positive"):
        theory.ema_timescale_epochs(1e-3, 0.1, 32, -1)
    with pytest.raises(ValueError, match="`beta` must be"):
        theory.half_life_examples(1.0, 32)
