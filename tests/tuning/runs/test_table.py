"""The table of all runs keeps every number."""

import math

import pandas as pd
import pytest

from keras_lion.tuning.runs.table import (
    complete_runs,
    load_table,
    merge_runs,
    save_table,
)
from keras_lion.tuning.study.columns import COLUMNS
from tests.tuning.tiny import tiny_study


def frame(*rows):
    blank = dict.fromkeys(COLUMNS)
    filled = {
        "study": "s",
        "task": "digits",
        "preset": "full",
        "optimizer": "lion",
        "weight_decay": 0.1,
        "status": "ok",
        "batch_size": 128,
        "seed": 0,
        "history": {"epoch": [1, 2], "loss": [0.5, 0.25]},
    }
    made = pd.DataFrame([blank | filled | row for row in rows])
    numbers = ["learning_rate", "weight_decay", "score", "test_score", "steps"]
    made[numbers] = made[numbers].apply(pd.to_numeric)
    return made


def test_every_digit_survives(tmp_path):
    scores = [math.pi, 0.1 + 0.2, 1e-17, 2 / 3]
    runs = frame(*({"key": f"k{k}", "score": s} for k, s in enumerate(scores)))
    loaded = load_table(save_table(runs, tmp_path / "runs.csv.gz"))
    assert loaded["score"].tolist() == scores
    assert loaded["history"].tolist() == runs["history"].tolist()
    assert loaded["seed"].tolist() == [0, 0, 0, 0]


def test_hyperparameters_may_be_names(tmp_path):
    rows = ({"key": "a", "coupling": "schedule", "width": 8}, {"key": "b"})
    loaded = load_table(save_table(frame(*rows), tmp_path / "runs.csv.gz"))
    assert loaded["coupling"][0] == "schedule"
    assert loaded["coupling"].isna().tolist() == [False, True]
    assert loaded["width"][0] == 8.0


def test_a_column_of_every_record_must_hold_numbers(tmp_path):
    path = save_table(frame({"key": "a"}), tmp_path / "runs.csv.gz")
    table = pd.read_csv(path, dtype=str).assign(score="good")
    table.to_csv(path, index=False)
    with pytest.raises(ValueError, match="good"):
        load_table(path)


def test_missing_numbers_of_whole_columns_stay_missing(tmp_path):
    runs = frame({"key": "a", "steps": 30}, {"key": "b", "steps": None})
    path = save_table(runs, tmp_path / "runs.csv.gz")
    loaded = load_table(path)
    assert loaded["steps"][0] == 30
    assert math.isnan(loaded["steps"][1])


def test_losses_that_are_not_finite_are_null_in_the_history(tmp_path):
    runs = frame({"key": "a", "history": {"loss": [1.0, math.inf, None]}})
    loaded = load_table(save_table(runs, tmp_path / "runs.csv.gz"))
    assert loaded["history"][0] == {"loss": [1.0, None, None]}


def test_the_same_runs_give_the_same_bytes(tmp_path):
    runs = frame({"key": "a", "score": 0.5}, {"key": "b", "score": 0.75})
    first = save_table(runs, tmp_path / "one.csv.gz")
    second = save_table(load_table(first), tmp_path / "two.csv.gz")
    assert first.read_bytes() == second.read_bytes()


def test_pandas_reads_it_without_help(tmp_path):
    path = save_table(frame({"key": "a", "score": 0.5}), tmp_path / "runs.csv.gz")
    assert pd.read_csv(path)["score"].tolist() == [0.5]


def test_merging_keeps_a_key_once_and_prefers_what_did_not_fail():
    first = frame({"key": "a", "status": "failed"}, {"key": "b", "score": 0.2})
    second = frame({"key": "a", "score": 0.7}, {"key": "c", "noise": 0.3})
    merged = merge_runs([first, second, first.iloc[:0]]).set_index("key")
    assert sorted(merged.index) == ["a", "b", "c"]
    assert merged.loc["a", "score"] == 0.7
    assert merged.loc["c", "noise"] == 0.3


def test_merging_gives_one_order_whatever_came_first():
    first = frame(*({"key": f"k{k}", "learning_rate": 10.0**-k} for k in range(4)))
    backwards = merge_runs([first.iloc[::-1]])
    assert backwards["key"].tolist() == merge_runs([first])["key"].tolist()
    assert backwards["learning_rate"].is_monotonic_increasing


def test_other_tables_are_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("lr,loss\n0.1,2\n")
    with pytest.raises(ValueError, match="lacks the columns key, study"):
        load_table(path)
    with pytest.raises(FileNotFoundError, match="There is no table of runs"):
        load_table(tmp_path / "none.csv.gz")


def test_the_best_evaluation_may_lie_within_an_epoch(tmp_path):
    runs = frame({"key": "a", "best_epoch": 3.84}, {"key": "b", "best_epoch": 4.0})
    loaded = load_table(save_table(runs, tmp_path / "runs.csv.gz"))
    assert loaded["best_epoch"].tolist() == [3.84, 4.0]


def test_merging_prefers_a_run_with_a_test_score():
    without = frame({"key": "a", "score": 0.7, "test_score": None})
    with_it = frame({"key": "a", "score": 0.7, "test_score": 0.6})
    for frames in ([without, with_it], [with_it, without]):
        assert merge_runs(frames)["test_score"].tolist() == [0.6]


def declared_rows(backend):
    study = tiny_study()
    runs = study.runs(study.default_task, "smoke", backend)
    column = {"study": study.name, "task": study.default_task, "backend": backend}
    return study, [column | {"key": run.key, "score": 0.5} for run in runs]


def test_runs_are_given_once_one_backend_has_all():
    study, rows = declared_rows("jax")
    _, others = declared_rows("tensorflow")
    stranger = rows[0] | {"key": "of another preset"}
    table = frame(*others[1:], *rows, stranger)
    runs = complete_runs(table, study, study.default_task, "smoke")
    assert runs["key"].tolist() == [row["key"] for row in rows]
    assert "noise" not in runs


@pytest.mark.parametrize("change", [{"status": "failed"}, {"study": "other"}])
def test_runs_are_incomplete_without_one(change):
    study, rows = declared_rows("jax")
    table = frame(rows[0] | change, *rows[1:])
    assert complete_runs(table, study, study.default_task, "smoke") is None
