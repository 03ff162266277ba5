"""Slopes across and along lines of equal lr × λ: planted ones, bounds left out."""

import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import (
    Landscape,
)
from keras_lion.robustness.effective_decay.lines import (
    compare_parametrizations,
    iso_product,
    product_curve,
)
from tests.robustness.made_up import DECAYS, MEANS, RATES, run

FLOOR = -6.0


def planted(over=-0.9, along=0.0, *, seeds=(0, 1, 2), noise=0.0, rows=5, columns=6):
    """Runs whose score is `over` a decade of lr × λ and `along` a decade of lr."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        [
            run(
                learning_rate=10 ** (x / 2 - 4),
                weight_decay=10 ** (y / 2 - 1),
                seed=seed,
                floor=FLOOR,
                score=-3
                + over * ((x + y) / 2 - 2)
                + along * (x / 2 - 1)
                + generator.normal(0, noise),
            )
            for y in range(rows)
            for x in range(columns)
            for seed in seeds
        ]
    )


def test_exact_slopes():
    found = iso_product(planted(0.7, 0.0), optimizer="lion")
    assert found.slope_over_product.estimate == pytest.approx(0.7)
    assert found.slope_along_lines.estimate == pytest.approx(0, abs=1e-9)
    assert found.slope_over_product.n == 3
    found = iso_product(planted(0.7, 0.25), optimizer="lion")
    assert found.slope_along_lines.estimate == pytest.approx(0.25)
    assert found.measured.all()
    assert found.fitted.all()


def test_intervals_hold_the_planted_slopes():
    found = iso_product(planted(0.7, 0.2, noise=0.1), optimizer="lion")
    assert found.slope_along_lines.low < 0.2 < found.slope_along_lines.high
    assert found.slope_along_lines.low > 0
    found = iso_product(planted(seeds=(0,), noise=0.1), optimizer="lion")
    assert math.isnan(found.slope_along_lines.low)
    assert math.isfinite(found.slope_along_lines.estimate)


def test_cells_with_a_run_at_the_floor_are_bounds():
    frame = planted(-0.9)
    at = frame.index[(frame["seed"] == 1)][:3]  # three cells of the lowest row
    frame.loc[at, "score"] = FLOOR
    lucky = frame.index[(frame["seed"] == 0)][:3]
    frame.loc[lucky, "score"] = 0.0  # would pull a slope of those that reached it
    found = iso_product(frame, optimizer="lion")
    assert not found.measured[0, :3].any()
    assert found.measured.sum() == 30 - 3
    assert np.isnan(found.means[0, :3]).all()
    assert found.slope_over_product.estimate == pytest.approx(-0.9)
    assert found.slope_along_lines.estimate == pytest.approx(0, abs=1e-9)
    assert found.reached[0, 0].tolist() == [True, False, True]


def test_diverged_and_failed_runs():
    frame = planted()
    frame.loc[0, "status"] = "diverged"
    frame.loc[3, "status"] = "failed"
    found = iso_product(frame, optimizer="lion")
    assert not found.measured[0, 0]
    assert not found.reached[0, 0, 0]
    assert found.measured[0, 1]  # a missing seed bounds nothing
    assert np.isnan(found.floors[0, 1, 0])


def test_the_row_of_no_decay_is_left_out():
    frame = planted()
    undecayed = frame[frame["weight_decay"] == frame["weight_decay"].min()].assign(
        weight_decay=0.0, score=7.0
    )
    found = iso_product(pd.concat([frame, undecayed]), optimizer="lion")
    assert found.floors.shape == found.reached.shape == (5, 6, 3)
    assert found.slope_over_product.estimate == pytest.approx(-0.9)


def test_only_a_declared_range_is_fitted():
    frame = planted(-0.9, rows=4, columns=4)
    product = frame["learning_rate"] * frame["weight_decay"]
    frame.loc[product > 2e-4, "score"] = -4.5  # saturated
    whole = iso_product(frame, optimizer="lion")
    found = iso_product(frame, optimizer="lion", fit_between=(1e-5, 1e-4))
    assert whole.slope_over_product.estimate != pytest.approx(-0.9)
    assert found.slope_over_product.estimate == pytest.approx(-0.9)
    assert found.fitted.sum() == 1 + 2 + 3
    assert found.measured.all()


def test_nothing_to_fit():
    frame = planted()
    frame["score"] = FLOOR
    found = iso_product(frame, optimizer="lion")
    assert math.isnan(found.slope_over_product.estimate)
    assert math.isnan(found.slope_along_lines.estimate)
    assert not found.measured.any()
    lone = iso_product(planted(rows=1, columns=3), optimizer="lion")
    assert lone.slope_over_product.estimate == pytest.approx(-0.9)
    assert math.isnan(lone.slope_along_lines.estimate)


def test_floors_are_needed():
    with pytest.raises(ValueError, match="a finite `floor`"):
        iso_product(planted().drop(columns="floor"), optimizer="lion")
    with pytest.raises(ValueError, match="a finite `floor`"):
        iso_product(planted().assign(floor=np.nan), optimizer="lion")
    losses = planted().assign(final_loss=lambda frame: -frame["score"] - 2)
    found = iso_product(
        losses.drop(columns="floor"), optimizer="lion", value="final_loss"
    )
    assert found.slope_over_product.estimate != 0
    assert found.floors[0, 0, 0] == -2.3


def test_product_curve_of_a_law_that_holds():
    x = np.arange(3.0)
    scores = -((x + x[:, None] - 1) ** 2)
    curve = product_curve(Landscape(10 ** (x - 4), 10 ** (x - 2), scores))
    assert curve.prediction == "mean"
    np.testing.assert_allclose(curve.at, 10 ** (np.arange(5.0) - 6))
    np.testing.assert_allclose(curve.predicted, [-1, 0, -1, -4, -9])
    assert curve.r2 == pytest.approx(1)
    assert curve.r2_additive < 1
    np.testing.assert_allclose(curve.ratio[2, 0], 1e-4)
    assert curve.num_left_out == 0


def test_product_curve_leaves_out_missing_cells_and_no_decay():
    scores = MEANS.copy()
    scores[0, 0] = scores[1, 0] = np.nan
    curve = product_curve(Landscape(RATES, DECAYS, scores))
    assert curve.num_left_out == 2
    np.testing.assert_allclose(curve.at, [1e-5, 1e-4, 1e-3])
    np.testing.assert_allclose(curve.predicted, [(0.8 + 0.45) / 2, 0.45, 0.5])


def test_product_curve_where_there_are_no_lines():
    alone = product_curve(Landscape([1e-3], [0.1], [[0.5]]))
    assert alone.prediction == "parabola"
    assert alone.predicted.tolist() == pytest.approx([0.5])
    line = product_curve(Landscape([1e-3, 5e-3], [0.1], [[0.5, 0.6]]))
    np.testing.assert_allclose(line.predicted[[0, -1]], [0.5, 0.6])
    np.testing.assert_allclose(line.at[[0, -1]], [1e-4, 5e-4])
    nothing = product_curve(Landscape([1e-3], [0.1], [[np.nan]]))
    assert len(nothing.at) == 0
    assert math.isnan(nothing.r2)


AXIS = 10.0 ** np.arange(-4, 1)


ROW, COLUMN = np.indices((5, 5)) - 2.0


SURFACES = {
    "product": -((ROW + COLUMN) ** 2),
    "ratio": -((COLUMN - ROW) ** 2),
    "additive": -(COLUMN**2) - ROW**2,
    "learning_rate": -(COLUMN**2),
    "weight_decay": -(ROW**2),
}


def grid(scores, **options):
    rows, columns = np.shape(scores)[:2]
    return Landscape(AXIS[:columns], AXIS[:rows], scores, **options)


def noisy(surface, seeds, sigma, generator):
    return grid(surface[..., None] + generator.normal(0, sigma, (5, 5, seeds)))


def test_parametrizations_by_hand():
    # Rows 1 2 3 lose (2 + 1 + 0) / 3 each; lines of equal product lose nothing.
    found = compare_parametrizations(grid(ROW[1:4, 1:4] + COLUMN[1:4, 1:4]))
    assert found.fixed_weight_decay == pytest.approx(1)
    assert found.fixed_product == pytest.approx(0)
    assert found.difference.estimate == pytest.approx(1)
    assert found.decades == pytest.approx(2)
    # Along a line of equal product the ratio changes by 2 a step, along a row by 1.
    found = compare_parametrizations(grid(COLUMN - ROW))
    assert found.fixed_weight_decay == pytest.approx(1)
    assert found.fixed_product == pytest.approx(2)


def test_parametrizations_with_seeds_and_gaps():
    generator = np.random.default_rng(0)
    found = compare_parametrizations(noisy(SURFACES["product"], 4, 0.1, generator))
    assert found.difference.low > 0
    found = compare_parametrizations(noisy(SURFACES["ratio"], 4, 0.1, generator))
    assert found.difference.high < 0
    scores = np.full((3, 3), np.nan)
    scores[0] = 1
    assert math.isnan(compare_parametrizations(grid(scores)).fixed_product)
    for columns in (1, 6):
        with pytest.raises(ValueError, match="`columns` must be at least 2"):
            compare_parametrizations(grid(SURFACES["product"]), columns)
