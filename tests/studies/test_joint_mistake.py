"""What a joint mistake costs over (lr, λ) and over (lr × λ, lr / λ)."""

from __future__ import annotations

import numpy as np
import pytest

from keras_lion.robustness import Landscape
from studies.joint_mistake import (
    FRAMES,
    Grid,
    best_inner,
    costs,
    counts,
    grid_of,
)

FIRST, SECOND, THIRD = FRAMES
STEPS = np.arange(7.0) - 3


def surface(shape):
    """Means over steps of log λ (rows) and of log lr (columns) from the best."""
    return -shape(STEPS[None, :], STEPS[:, None])


PACE = surface(lambda rate, decay: (rate + decay) ** 2)
SIZE = surface(lambda rate, decay: (rate - decay) ** 2)
ROUND = surface(lambda rate, decay: rate**2 + decay**2)


def test_in_units_of_lr_and_decay_pace_moves_by_two_steps_or_none():
    assert sorted(costs(PACE, FIRST)) == [0, 0, 4, 4]
    assert sorted(costs(SIZE, FIRST)) == [0, 0, 4, 4]


def test_in_units_of_pace_and_size_either_moves_by_one_step():
    for means in (PACE, SIZE, ROUND):
        np.testing.assert_allclose(costs(means, SECOND), 1)


def test_with_as_many_cells_a_round_landscape_costs_the_same():
    # Between steps 1 and 2 the square is interpolated linearly.
    between = 1 + (np.sqrt(2) - 1) * 3
    np.testing.assert_allclose(costs(ROUND, THIRD), between)
    np.testing.assert_allclose(costs(ROUND, FIRST), 2)


def test_the_best_cell_has_neighbors_and_is_in_the_middle_of_equals():
    assert best_inner(PACE) == (3, 3)
    edge = ROUND.copy()
    edge[0, 0] = 9.0
    edge[1, 1] = 8.0
    edge[2, 2] = np.nan  # a neighbor of (1, 1)
    assert best_inner(edge) in {(3, 4), (4, 3)}  # (3, 3) has a missing neighbor too
    with pytest.raises(ValueError, match="eight neighbors"):
        best_inner(ROUND[:2])


def test_a_mistake_outside_of_the_grid_is_not_known():
    assert np.isnan(costs(ROUND[2:5, 2:5], THIRD)).all()
    assert np.isfinite(costs(ROUND[2:5, 2:5], SECOND)).all()


def test_paired_differences_are_free_of_what_seeds_share():
    generator = np.random.default_rng(0)
    shared = generator.normal(size=6)
    grid = Grid(PACE[:, :, None] + shared, 2.0, 100.0)
    saved = grid.difference(FIRST, SECOND, np.max)
    assert saved.estimate == pytest.approx(300)
    assert saved.high - saved.low == pytest.approx(0, abs=1e-9)
    assert grid.cost(FIRST, np.mean).estimate == pytest.approx(200)


def test_grids_need_one_factor():
    rates = 10.0**STEPS
    decays = [0.0, *(0.1 * rates)]
    scores = np.concatenate([np.zeros((1, 7)), PACE])[:, :, None]
    grid = grid_of(Landscape(rates, decays, scores), 1.0)
    assert grid.factor == pytest.approx(10)
    np.testing.assert_array_equal(grid.scores[:, :, 0], PACE)
    with pytest.raises(ValueError, match="one factor"):
        grid_of(Landscape(rates, [1.0, 2.0, 4.0], PACE[:3]), 1.0)


def test_counts_read_the_intervals():
    def saved(low, high):
        return {"value": 0.0, "low": low, "high": high, "n": 5, "unit": "points"}

    found = {
        f"one lion: saved by {SECOND}, mean": saved(1.0, 2.0),
        f"two lion: saved by {SECOND}, mean": saved(-2.0, -1.0),
        f"three lion: saved by {SECOND}, mean": saved(-1.0, 1.0),
        f"one adamw: saved by {SECOND}, mean": saved(1.0, 2.0),
    }
    texts = counts(found)
    end = "saved by pace, size, mean"
    assert texts[f"lion: {end}"] == "saves on 1 of 3 tasks, costs more on 1"
    assert texts[f"adamw: {end}"] == "saves on 1 of 1 tasks, costs more on 0"
