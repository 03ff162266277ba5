"""A smooth surface, only where points carry it."""

import numpy as np
import pytest

from keras_lion.robustness.smoothing import smooth_scores


def grid(size=15):
    return np.stack(np.meshgrid(*[np.linspace(0, 1, size)] * 2), -1).reshape(-1, 2)


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(size=(60, 2))


def test_a_smooth_truth_is_found(points):
    def truth(at):
        return np.sin(3 * at[:, 0]) + 0.1 * at[:, 1]

    found = smooth_scores(points, truth(points), grid())
    known = np.isfinite(found)
    assert known.mean() > 0.8
    assert np.abs(found - truth(grid()))[known].max() < 0.3  # at the rim
    assert np.abs(found - truth(grid()))[known].mean() < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_the_surface_stays_between_the_points(seed):
    generator = np.random.default_rng(seed)
    points = generator.uniform(size=(30, 2))
    values = points[:, 0] + generator.normal(0, 0.2, 30)
    found = smooth_scores(points, values, grid())
    assert np.nanmin(found) >= values.min()
    assert np.nanmax(found) <= values.max()


def test_units_and_order_of_the_points_do_not_matter(points):
    values = points[:, 0] ** 2
    found = smooth_scores(points, values, grid())
    np.testing.assert_allclose(
        smooth_scores(points[::-1], 3 * values[::-1] - 7, grid()), 3 * found - 7
    )


def test_no_surface_where_no_point_is_near(points):
    corner = points[(points < 0.4).all(axis=1)]
    more = np.concatenate([corner, corner + 0.01])
    found = smooth_scores(more, more.sum(axis=1), grid())
    carried = grid()[np.isfinite(found)]
    assert len(carried)
    assert not (np.isfinite(found) & (grid() > 0.95).all(axis=1)).any()


def test_no_surface_where_the_nearest_point_has_no_value(points):
    bad = np.array([[0.5, 0.5]])
    values = points[:, 0]
    found = smooth_scores(points, values, grid(), without=bad)
    nearest = np.linalg.norm(grid()[:, None] - points[None], axis=-1).min(axis=1)
    there = np.linalg.norm(grid() - bad, axis=1) < nearest
    assert there.any()
    assert np.isnan(found[there]).all()


def test_chance_and_few_points_carry_no_surface(points):
    flips = np.where(np.arange(60) % 2, 1.0, -1.0)
    # Neighbors of unlike value: any mean of near points is worse than that of all.
    twins = np.repeat(points[:30], 2, axis=0)
    assert np.isnan(smooth_scores(twins, flips, grid())).all()
    few = points[:7]
    assert np.isnan(smooth_scores(few, few[:, 0], grid())).all()


def test_values_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"shape \(n, d\).*\(3, 2\) and \(2,\)"):
        smooth_scores(np.zeros((3, 2)), [1, 2], grid())
