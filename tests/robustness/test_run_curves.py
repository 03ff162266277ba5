"""Curves of single cells, and the cells that are shown first."""

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness import Landscape
from keras_lion.robustness.notable_cells import cells_to_show
from keras_lion.robustness.run_curves import curves_of_cell

from .made_up import run

CELL = {"optimizer": "lion", "learning_rate": 1e-3, "weight_decay": 0.1}


def history(loss, epoch=None, **more):
    epoch = list(range(1, len(loss) + 1)) if epoch is None else epoch
    return {"epoch": epoch, "loss": loss, **more}


def records(*histories, **columns):
    return pd.DataFrame(
        [
            run(seed=seed, history=found, **columns)
            for seed, found in enumerate(histories)
        ]
    )


def test_curves_of_seeds():
    frame = records(history([3.0, 2.0]), history([5.0, 4.0]))
    other = run(learning_rate=2e-3, history=history([9.0, 9.0]))
    failed = run(seed=7, status="failed", history=history([9.0, 9.0]))
    frame = pd.concat([frame[::-1], pd.DataFrame([other, failed])])
    found = curves_of_cell(frame, **CELL)
    assert found.seed.tolist() == [0, 1]
    assert found.epoch.tolist() == [1, 2]
    assert found.values.tolist() == [[3, 2], [5, 4]]
    assert found.mean.tolist() == [4, 3]
    assert not found.diverged.any()


def test_diverged_runs_end_early_and_end_the_mean():
    frame = records(history([3.0, 2.0, 1.0]), history([5.0, None]))
    frame.loc[1, "status"] = "diverged"
    found = curves_of_cell(frame, **CELL)
    np.testing.assert_equal(found.values[1], [5, np.nan, np.nan])
    np.testing.assert_equal(found.mean, [4, np.nan, np.nan])
    assert found.diverged.tolist() == [False, True]
    assert found.last_point(0) == (3, 1)
    assert found.last_point(1) == (1, 5)


def test_never_finite():
    found = curves_of_cell(records(history([float("inf"), None])), **CELL)
    assert np.isnan(found.last_point(0)).all()


def test_looks_at_other_epochs():
    frame = records(history([3.0, 1.0], [0.5, 2]), history([4.0, 2.0], [1, 2]))
    found = curves_of_cell(frame, **CELL)
    assert found.epoch.tolist() == [0.5, 1, 2]
    np.testing.assert_equal(found.values, [[3, np.nan, 1], [np.nan, 4, 2]])


def test_another_quantity():
    frame = records(history([3.0], accuracy=[0.4]), history([3.0]))
    found = curves_of_cell(frame, **CELL, quantity="accuracy")
    np.testing.assert_equal(found.values, [[0.4], [np.nan]])
    with pytest.raises(ValueError, match="one of accuracy, loss"):
        curves_of_cell(frame, **CELL, quantity="f1")


def test_clear_errors():
    frame = records(history([3.0]))
    with pytest.raises(ValueError, match="none of adamw with learning_rate=0.001"):
        curves_of_cell(frame, **CELL | {"optimizer": "adamw"})
    with pytest.raises(ValueError, match="runs with a `history`"):
        curves_of_cell(frame.drop(columns="history"), **CELL)
    with pytest.raises(ValueError, match="runs with a `history`"):
        curves_of_cell(frame.assign(history=None), **CELL)
    two = pd.concat([frame, records(history([9.0]), task="other", batch_size=8)])
    with pytest.raises(ValueError, match="one run of each seed"):
        curves_of_cell(two, **CELL)
    assert curves_of_cell(two, **CELL, task="digits").values == 3
    assert curves_of_cell(two, **CELL, batch_size=8).values == 9


def test_best_centre_and_worst():
    scores = np.arange(15.0).reshape(3, 5)
    landscape = Landscape(np.arange(1, 6), [0.1, 1, 10], scores)
    assert cells_to_show(landscape) == {
        "best": (2, 4),
        "centre": (1, 2),
        "worst": (0, 0),
    }


def test_the_centre_is_that_of_the_cells_with_decay():
    scores = np.arange(12.0).reshape(4, 3)
    landscape = Landscape([1, 2, 3], [0, 0.1, 1, 10], scores)
    assert cells_to_show(landscape)["centre"] == (2, 1)
    scores[2, 1] = np.nan
    landscape = Landscape([1, 2, 3], [0, 0.1, 1, 10], scores)
    assert cells_to_show(landscape)["centre"] == (1, 1)  # of four as near, the first
    only = Landscape([1, 2, 3], [0], [[4, 5, 6]])
    assert cells_to_show(only) == {"best": (0, 2), "centre": (0, 1), "worst": (0, 0)}


def test_the_worst_counts_diverged_runs_at_their_floor():
    landscape = Landscape(
        [1, 2], [1], [[0.5, 0.9]], floor=0.1, diverged=[[False, True]]
    )
    assert cells_to_show(landscape)["worst"] == (0, 1)
    with pytest.raises(ValueError, match="no best cell"):
        cells_to_show(Landscape([1], [1], [[np.nan]]))
