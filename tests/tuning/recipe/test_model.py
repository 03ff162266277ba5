"""The Gaussian process, against scikit-learn's and against drawn numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from keras_lion.tuning.recipe.model import (
    CANDIDATES,
    LEVEL,
    Posterior,
    compressed,
    pace_and_size,
    posterior,
    prior_mean,
    unit_of,
)
from keras_lion.tuning.recipe.prior import Prior, fitted_prior

PRIOR = fitted_prior().search
TRIED = [(0.0, 0.0), (0.5, 0.25), (-0.25, 1.0), (0.5, 0.25)]
VALUES = np.array([-1.0, 0.0, -0.7, -0.2])


def test_it_is_scikit_learns():
    points = pace_and_size(TRIED)
    reference = GaussianProcessRegressor(
        ConstantKernel(LEVEL**2)
        + ConstantKernel(PRIOR.amplitude**2) * RBF(np.array(PRIOR.lengths)),
        alpha=PRIOR.noise**2,
        optimizer=None,
    ).fit(points, VALUES - prior_mean(PRIOR, points))
    wanted = pace_and_size(CANDIDATES)
    mean, deviation = reference.predict(wanted, return_std=True)
    found = posterior(PRIOR, TRIED, VALUES)
    assert np.allclose(found.mean, mean + prior_mean(PRIOR, wanted))
    assert np.allclose(found.deviation, deviation, rtol=1e-5)


def test_the_level_of_all_scores_says_nothing():
    found = posterior(PRIOR, TRIED, VALUES)
    higher = posterior(PRIOR, TRIED, VALUES + 0.1)
    assert np.allclose(higher.mean - found.mean, 0.1, atol=0.01)


def test_expected_improvement_is_the_mean_of_what_exceeds():
    mean, deviation, best = np.array([-0.5, 0.1]), np.array([0.4, 0.2]), 0.0
    draws = np.random.default_rng(0).normal(mean, deviation, (400_000, 2))
    exceeds = np.maximum(draws - best, 0).mean(axis=0)
    found = Posterior(mean, deviation).expected_improvement(best)
    assert np.allclose(found, exceeds, rtol=0.02)


def test_compression_keeps_the_order_and_shortens_the_tail():
    scores = np.array([-9.0, -3.0, -1.5, -1.1, -1.0])
    found = compressed(scores, scores.max(), unit_of(scores))
    assert found[-1] == 0
    assert (np.diff(found) > 0).all()
    assert found[0] > -3
    # Near the best, a difference is itself, in units.
    near = compressed([1 - 1e-6], 1.0, 0.5)
    assert near == pytest.approx(-2e-6, rel=1e-3)


def test_pace_and_size_are_product_and_quotient():
    rate, decay = np.log10(2.0), np.log10(0.5)
    ((pace, size),) = pace_and_size([(rate, decay)])
    assert 10**pace == pytest.approx(1.0)
    assert 10**size == pytest.approx(4.0)


def test_the_file_of_the_prior_comes_back_as_it_was():
    prior = fitted_prior()
    assert Prior.from_json(prior.as_json()) == prior
    assert all(abs(rate) <= 1 and abs(decay) <= 1 for rate, decay in PRIOR.order)
    # The mean has a top, not a saddle.
    a, b, c = PRIOR.curvature
    assert min(a, b) > 0
    assert 4 * a * b > c * c
