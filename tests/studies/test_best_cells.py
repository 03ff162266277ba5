"""The best cells of the main study: its runs, trained again."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_lion.tuning.tasks import get_task

FOLDER = Path(__file__).parents[2] / "studies"


@pytest.fixture
def best_cells(monkeypatch):
    from studies import best_cells

    return best_cells


def test_cells_have_the_best_score_of_the_records(best_cells):
    runs = best_cells.recorded_runs()
    cells = best_cells.best_cells()
    assert set(cells) == {"lion", "adamw"}
    for name, cell in cells.items():
        mine = runs[runs["optimizer"] == name]
        means = mine.groupby(["learning_rate", "weight_decay"])["score"].mean()
        assert means.idxmax() == (cell["learning_rate"], cell["weight_decay"])


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the records' backend is in the key"
)
def test_runs_are_those_of_the_main_study(best_cells):
    recorded = best_cells.recorded_runs().set_index("key")
    task = get_task(best_cells.TASK)
    data = task.load()
    for name, cell in best_cells.best_cells().items():
        for seed in (0, 5):
            run = best_cells.run_of(name, cell, seed, task)
            record = recorded.loc[run.key]
            inputs = best_cells.inputs_of(run, data)
            assert len(inputs.order) == record["steps"]
            assert float(inputs.rates.sum()) == pytest.approx(
                record["sum_learning_rate"], rel=1e-5
            )


def test_seeds_are_paired(best_cells):
    task = get_task(best_cells.TASK)
    data = task.load()
    cells = best_cells.best_cells()
    lion, adamw = (
        best_cells.inputs_of(best_cells.run_of(name, cells[name], 3, task), data)
        for name in ("lion", "adamw")
    )
    assert lion.model_seed == adamw.model_seed
    np.testing.assert_array_equal(lion.order, adamw.order)
    assert not set(lion.split.train) & set(lion.split.validation)
