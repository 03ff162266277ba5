"""Planted landscapes have the properties that they are planted for."""

import math

import numpy as np
import pytest

from keras_lion.robustness import Landscape, tolerance_width
from keras_lion.robustness.calibration.planted import Noise, noisy, plant, resampled

SURFACES = ["bowl", "product", "ratio", "additive", "flat"]


def test_a_bowl_by_hand():
    bowl = plant("bowl", size=(3, 3), ratio=10, width=4.0, curvature=0.5)
    # x, y in −1, 0, 1: (2x/4)² + 0.5 (x + y)².
    expected = [[2.25, 0.5, 0.25], [0.75, 0, 0.75], [0.25, 0.5, 2.25]]
    np.testing.assert_allclose(bowl.scores[1:, :, 0], -np.array(expected))
    np.testing.assert_allclose(bowl.scores[0, :, 0], -3)
    np.testing.assert_allclose(bowl.learning_rate, [1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(bowl.weight_decay, [0, 0.01, 0.1, 1])


@pytest.mark.parametrize("width", [1.0, 2.0])
@pytest.mark.parametrize("curvature", [0.5, 4.0])
def test_the_width_of_a_bowl(width, curvature):
    # Half the width is one or two steps of half a decade: exact on the grid.
    bowl = plant("bowl", width=width, curvature=curvature)
    found = tolerance_width(bowl, 1.0)
    assert found.decades == pytest.approx(width)
    assert not found.censored


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        ("product", [[4, 1, 0], [1, 0, 1], [0, 1, 4]]),
        ("ratio", [[0, 1, 4], [1, 0, 1], [4, 1, 0]]),
        ("additive", [[2, 1, 2], [1, 0, 1], [2, 1, 2]]),
        ("flat", [[0, 0, 0]] * 3),
    ],
)
def test_other_surfaces_by_hand(surface, expected):
    found = plant(surface, size=(3, 3), ratio=10, undecayed=False, epsilon=0.5)
    np.testing.assert_allclose(found.scores[..., 0], -np.array(expected) / 2)
    assert found.weight_decay[0] > 0


@pytest.mark.parametrize("surface", SURFACES)
def test_no_decay_is_worse_unless_all_is_flat(surface):
    found = plant(surface, curvature=9.0)
    best_without = found.scores[0].max()
    assert best_without == (0 if surface == "flat" else -3)
    assert found.scores.min() >= -6
    assert plant(surface, curvature=9.0).best.value == found.best.value


def test_the_optimum_moves():
    moved = plant("additive", offset=(0.5, -1.0))
    assert moved.best.learning_rate == pytest.approx(1e-3 * 10**0.5)
    assert moved.best.weight_decay == pytest.approx(0.01)
    bowl = plant("bowl", offset=(0.5, -1.0), curvature=5.0)
    assert bowl.best.cell == moved.best.cell


@pytest.mark.parametrize(
    "options",
    [
        {"surface": "bowls"},
        {"size": (0, 3)},
        {"width": 0.0},
        {"ratio": 1.0},
        {"curvature": -1.0},
        {"epsilon": 0.0},
    ],
)
def test_refusals(options):
    with pytest.raises(ValueError, match="Received"):
        plant(**({"surface": "bowl"} | options))


def test_noise_has_its_standard_deviations():
    truths = plant("bowl"), plant("flat", size=(5, 5))
    first, second = noisy(
        truths,
        2000,
        np.random.default_rng(0),
        noise=Noise(cell=0.3, optimizer=0.4, seed=1.2),
        epsilon=0.1,
    )
    a = first.scores - truths[0].means[..., None]
    b = second.scores - truths[1].means[..., None]
    assert a.std() == pytest.approx(0.13, rel=0.05)  # √(0.3² + 0.4² + 1.2²) / 10
    # Two cells of one optimizer share all but the cells' noise.
    assert np.cov(a[0, 0], a[3, 4])[0, 1] == pytest.approx(0.016, rel=0.1)
    assert np.cov(a[0, 0], b[1, 1])[0, 1] == pytest.approx(0.0144, rel=0.1)
    np.testing.assert_allclose(a.mean(), 0, atol=0.01)


def test_noise_is_reproducible_and_optional():
    truth = plant("bowl", size=(2, 2))
    one, other = (
        noisy((truth,), 3, np.random.default_rng(5))[0].scores for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    (quiet,) = noisy((truth,), 2, np.random.default_rng(5), noise=Noise(0, 0, 0))
    np.testing.assert_array_equal(quiet.scores[..., 1], truth.means)
    with pytest.raises(ValueError, match="`seeds` must be 1 or more"):
        noisy((truth,), 0, np.random.default_rng(0))


def test_made_up_seeds_have_the_real_covariance():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(2, 2, 4)) + np.arange(4.0).reshape(2, 2, 1)
    real = Landscape([1, 2], [1, 2], scores)
    other = Landscape([1, 2], [1, 2], -2 * scores)
    first, second = resampled((real, other), 5000, generator)
    flat = scores.reshape(4, 4)
    np.testing.assert_allclose(
        np.cov(first.scores.reshape(4, -1)), np.cov(flat), atol=0.15
    )
    np.testing.assert_allclose(first.means, real.means, atol=0.1)
    # The pairing is kept: every made-up seed of the second is −2 times the first's.
    np.testing.assert_allclose(second.scores, -2 * first.scores)


def test_made_up_seeds_of_diverged_and_missing_runs():
    scores = np.array([[[1.0, 2.0, 3.0], [0.0, 5.0, 0.0], [math.nan, 4.0, 4.0]]])
    mask = np.array([[[False] * 3, [True, False, True], [False] * 3]])
    real = Landscape([1, 2, 3], [1], scores, floor=0.0, diverged=mask)
    (found,) = resampled((real,), 7, np.random.default_rng(0))
    assert found.scores.shape == (1, 3, 7)
    assert found.diverged[0, 1].all()
    assert not found.diverged[0, [0, 2]].any()
    np.testing.assert_allclose(found.scores[0, 2], 4.0)
    mask = np.array([[[True, False]]])
    half = Landscape([1], [1], [[[0.0, 1.0]]], diverged=mask)
    (found,) = resampled((half,), 1, np.random.default_rng(0))
    assert found.diverged.all()
    with pytest.raises(ValueError, match="two or more"):
        resampled((Landscape([1], [1], [[1.0]]),), 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="the same for all"):
        resampled((real, Landscape([1], [1], [[[1, 2]]])), 3, np.random.default_rng(0))
