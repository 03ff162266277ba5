"""Which runs belong together: conditions, contenders, curves and bands."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from keras_lion.report import write_report
from keras_lion.robustness import Landscape
from keras_lion.robustness.frames.conditions import conditions_of
from keras_lion.robustness.frames.runs import (
    curves_of_cell,
    name_contenders,
)
from keras_lion.robustness.grid import cells_to_show, line_of_slope
from keras_lion.robustness.summary import selected_keys
from keras_lion.tuning.runs.files import RecordWriter, write_json
from tests.robustness.made_up import run, study

pytestmark = pytest.mark.usefixtures("heatmaps_only")


def two_sizes() -> pd.DataFrame:
    """A study at two batch sizes; the number of epochs follows the size."""
    small, large = study(size=3, seeds=2), study(size=3, seeds=2)
    large["score"] += 0.01 * (large["learning_rate"] > large["learning_rate"].min())
    return pd.concat(
        [
            small.assign(batch_size=16, epochs=2.0, key="small-" + small["key"]),
            large.assign(batch_size=256, epochs=32.0, key="large-" + large["key"]),
        ],
        ignore_index=True,
    )


def test_runs_under_one_condition_are_left_whole():
    frame = study(size=3)
    # Optimizers may differ from each other without being conditions.
    frame.loc[frame["optimizer"] == "lion", "schedule"] = "constant"
    ((label, runs),) = conditions_of(frame, "digits").items()
    assert label == ""
    assert len(runs) == len(frame)


def test_a_label_names_what_tells_conditions_apart_and_no_more():
    parts = conditions_of(two_sizes(), "digits")
    assert list(parts) == ["batch_size 16", "batch_size 256"]
    assert {len(part) for part in parts.values()} == {len(two_sizes()) / 2}


def test_hyperparameters_of_a_model_are_conditions():
    frame = two_sizes()
    frame["units"] = [8, 16] * (len(frame) // 2)
    parts = conditions_of(frame, "digits")
    assert list(parts) == [
        "batch_size 16, units 8",
        "batch_size 16, units 16",
        "batch_size 256, units 8",
        "batch_size 256, units 16",
    ]
    assert sum(map(len, parts.values())) == len(frame)


def test_the_best_cell_of_each_condition_is_selected():
    keys = selected_keys(two_sizes(), "digits")
    assert len(keys) == 4
    for optimizer in ("adamw", "lion"):
        for name, size in (("small", 16), ("large", 256)):
            found = keys[f"{optimizer}, batch_size {size}"]
            assert [key.split("-")[0] for key in found] == [name] * 2


def test_the_report_has_a_section_for_each(tmp_path):
    writer = RecordWriter(tmp_path)
    for record in two_sizes().to_dict("records"):
        writer.append({**record, "history": {}})
    write_json(tmp_path / "study.json", {"name": "sizes", "plans": {"digits": {}}})
    write_report(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    titles = ["digits, batch_size 16", "digits, batch_size 256"]
    assert list(summary["tasks"]) == titles
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["section"].tolist() == [t for t in titles for _ in range(2)]
    page = (tmp_path / "report.html").read_text()
    assert all(title in page for title in titles)
    assert len(list((tmp_path / "figures").glob("*heatmap.png"))) == 2


def runs(**columns):
    return pd.DataFrame({"task": "digits", "optimizer": "lion", **columns})


def test_one_pair_keeps_its_name():
    frame = runs(beta_1=[0.9, 0.9], beta_2=0.99)
    assert name_contenders(frame) is frame


def test_frames_without_betas_stay():
    frame = runs(seed=[0, 1])
    assert name_contenders(frame) is frame


def test_several_pairs_are_named_and_others_are_not():
    frame = pd.concat(
        [
            runs(beta_1=0.9, beta_2=[0.99, 0.999]),
            runs(beta_1=[0.9], beta_2=0.999).assign(optimizer="adamw"),
            runs(beta_1=[0.9], beta_2=0.99).assign(task="mnist1d"),
        ],
        ignore_index=True,
    )
    assert name_contenders(frame)["optimizer"].tolist() == [
        "lion 0.9/0.99",
        "lion 0.9/0.999",
        "adamw",
        "lion",
    ]
    assert frame["optimizer"].tolist() == ["lion", "lion", "adamw", "lion"]


def test_a_beta_that_an_optimizer_lacks_is_not_named():
    frame = runs(beta_1=[0.9, 0.95], beta_2=float("nan"))
    assert name_contenders(frame)["optimizer"].tolist() == ["lion 0.9", "lion 0.95"]


def test_each_pair_has_a_selected_cell():
    frame = study(size=2, seeds=1)
    others = frame[frame["optimizer"] == "lion"].assign(beta_2=0.98)
    others["key"] = others["key"] + "b"
    both = pd.concat([frame, others], ignore_index=True)
    chosen = selected_keys(both, "digits")
    assert set(chosen) == {"adamw", "lion 0.9/0.98", "lion 0.9/0.99"}


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
        "center": (1, 2),
        "worst": (0, 0),
    }


def test_the_centre_is_that_of_the_cells_with_decay():
    scores = np.arange(12.0).reshape(4, 3)
    landscape = Landscape([1, 2, 3], [0, 0.1, 1, 10], scores)
    assert cells_to_show(landscape)["center"] == (2, 1)
    scores[2, 1] = np.nan
    landscape = Landscape([1, 2, 3], [0, 0.1, 1, 10], scores)
    assert cells_to_show(landscape)["center"] == (1, 1)  # of four as near, the first
    only = Landscape([1, 2, 3], [0], [[4, 5, 6]])
    assert cells_to_show(only) == {"best": (0, 2), "center": (0, 1), "worst": (0, 0)}


def test_the_worst_counts_diverged_runs_at_their_floor():
    landscape = Landscape(
        [1, 2], [1], [[0.5, 0.9]], floor=0.1, diverged=[[False, True]]
    )
    assert cells_to_show(landscape)["worst"] == (0, 1)
    with pytest.raises(ValueError, match="no best cell"):
        cells_to_show(Landscape([1], [1], [[np.nan]]))


def test_the_line_passes_through_the_mean():
    x, y = np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0, 5.0])
    slope, intercept = np.polyfit(x, y, 1)
    at = [-1.0, 10.0]
    expected = intercept + slope * np.array(at)
    np.testing.assert_allclose(line_of_slope(x, y, slope, at), expected)
    with_gap = line_of_slope([*x, 9.0], [*y, np.nan], slope, at)
    np.testing.assert_allclose(with_gap, expected)
    assert np.isnan(line_of_slope([1], [np.nan], 2, at)).all()
