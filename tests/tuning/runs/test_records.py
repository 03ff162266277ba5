"""Run records: synced lines, torn lines, duplicates, and the frame they become."""

import json
import math
import os

import numpy as np
import pandas as pd
import pytest

from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.files import (
    FolderWriteError,
    RecordWriter,
    strict_json,
    write_json,
)
from keras_lion.tuning.runs.records import (
    ConflictingRecordWarning,
    FinishedRuns,
    RecordTail,
    TornRecordWarning,
    load_environment,
    load_study,
    read_records,
)
from keras_lion.tuning.study.columns import COLUMNS


def record(key="a", status="ok", score=0.5, **columns):
    return {
        "key": key,
        "status": status,
        "score": score,
        "task": "blobs",
        "optimizer": "lion",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "seed": 0,
        **columns,
    }


def write(folder, *records, process="0"):
    writer = RecordWriter(folder, process)
    for item in records:
        writer.append(item)
    return writer.path


def test_one_record_is_one_line_of_json(tmp_path):
    path = write(tmp_path, record("a", reason="two\nlines · λ"), record("b"))
    lines = path.read_bytes().split(b"\n")
    assert path.name == "runs-0.jsonl"
    assert lines[-1] == b""
    assert [json.loads(line)["key"] for line in lines[:-1]] == ["a", "b"]
    assert json.loads(lines[0])["reason"] == "two\nlines · λ"


def test_every_record_is_synced_once_it_is_complete(tmp_path, monkeypatch):
    synced = []
    path = tmp_path / "runs-0.jsonl"
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    write(tmp_path, record("a"), record("b"))
    assert len(synced) == 2
    assert all(text.endswith(b"}\n") for text in synced)
    assert synced[1] == path.read_bytes()


def test_values_that_are_not_finite_become_null(tmp_path):
    wild = {
        "loss": [1.0, math.nan],
        "inner": {"x": (math.inf, -math.inf)},
        "np": np.float64("nan"),
    }
    assert strict_json(wild) == {
        "loss": [1.0, None],
        "inner": {"x": [None, None]},
        "np": None,
    }
    path = write(tmp_path, record(history=wild, final_loss=math.nan))

    def refuse(name):
        raise AssertionError(name)

    line = json.loads(path.read_text(), parse_constant=refuse)
    assert line["final_loss"] is None


def test_numbers_come_back_bitwise(tmp_path):
    score = 0.1 + 0.2
    write(tmp_path, record(score=score))
    assert read_records(tmp_path)[0]["score"] == score


def test_a_last_line_cut_anywhere_is_reported_and_ignored(tmp_path):
    path = write(tmp_path, record("a"), record("b", reason="β"))
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for cut in range(start, len(whole) + 1):
        path.write_bytes(whole[:cut])
        if cut == start:
            assert [r["key"] for r in read_records(tmp_path)] == ["a"]
        elif cut < len(whole) - 1:
            with pytest.warns(TornRecordWarning, match=r"runs-0\.jsonl, line 2, "):
                assert [r["key"] for r in read_records(tmp_path)] == ["a"]
        else:  # only the line's end is missing: the record is whole
            assert [r["key"] for r in read_records(tmp_path)] == ["a", "b"]


def test_what_is_appended_to_a_cut_line_can_be_read(tmp_path):
    path = write(tmp_path, record("a"), record("b"))
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for cut in range(start, len(whole) + 1):
        path.write_bytes(whole[:cut])
        write(tmp_path, record("b"), record("c"))
        torn = start < cut < len(whole) - 1
        if torn:
            with pytest.warns(TornRecordWarning) as caught:
                keys = [r["key"] for r in read_records(tmp_path)]
            assert len(caught) == 1
        else:
            keys = [r["key"] for r in read_records(tmp_path)]
        assert keys == ["a", "b", "c"]


@pytest.mark.parametrize(
    "line",
    [
        b"3",
        b"null",
        b"[]",
        b"{}",
        b'{"key": 1, "status": "ok"}',
        b'{"key": "x", "status": "fine"}',
        b'{"key": "x"}',
        b"\xff\xfe",
        b"\x00\x00\x00",
    ],
)
def test_lines_that_are_no_records_are_reported(tmp_path, line):
    path = write(tmp_path, record("a"))
    path.write_bytes(line + b"\n" + path.read_bytes() + b"\n\n")
    with pytest.warns(TornRecordWarning, match="line 1, cannot be read") as caught:
        assert [r["key"] for r in read_records(tmp_path)] == ["a"]
    assert len(caught) == 1  # empty lines are nobody's


def test_files_of_several_processes_are_read(tmp_path):
    write(tmp_path, record("a"), process="0")
    write(tmp_path, record("b"), process="12")
    (tmp_path / "notes.jsonl").write_text("nothing")
    assert {r["key"] for r in read_records(tmp_path)} == {"a", "b"}


def test_a_key_counts_once(tmp_path):
    write(tmp_path, record(seconds=1.0), record(seconds=2.0))
    assert [r["seconds"] for r in read_records(tmp_path)] == [2.0]


@pytest.mark.parametrize("order", [1, -1])
def test_a_finished_run_wins_over_a_failed_one(tmp_path, order):
    write(tmp_path, *[record(status="failed", score=None), record()][::order])
    assert [r["status"] for r in read_records(tmp_path)] == ["ok"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_record_with_a_test_score_wins(tmp_path, order):
    write(tmp_path, *[record(test_score=0.0), record(test_score=None)][::order])
    assert [r["test_score"] for r in read_records(tmp_path)] == [0.0]


def test_scores_that_disagree_are_reported(tmp_path):
    write(tmp_path, record(score=0.5), record(score=0.25))
    with pytest.warns(ConflictingRecordWarning, match=r"two scores, 0\.5 and 0\.25"):
        assert len(read_records(tmp_path)) == 1


def test_scores_that_differ_by_rounding_agree(tmp_path):
    write(tmp_path, record(score=-3.24336671), record(score=-3.24336624))
    assert len(read_records(tmp_path)) == 1  # a warning would be an error


def test_all_disagreements_are_one_warning(tmp_path):
    for key in "abc":
        write(tmp_path, record(key, score=0.5), record(key, score=0.51))
    with pytest.warns(ConflictingRecordWarning, match="and 2 more are") as caught:
        read_records(tmp_path)
    assert len(caught) == 1


def test_scores_of_different_executors_may_disagree(tmp_path):
    write(tmp_path, record(executor="vmap"), record(score=0.25, executor="loop"))
    assert len(read_records(tmp_path)) == 1  # a warning would be an error


def test_the_frame(tmp_path):
    write(
        tmp_path,
        record("d", learning_rate=1e-2, optimizer="adamw", extra="more"),
        record("c", learning_rate=1e-2, seed=1),
        record("b", learning_rate=1e-2, status="diverged", score=0.1, reason="why"),
        record("a", status="failed", score=None, reason="error"),
    )
    frame = load_runs(str(tmp_path))
    assert list(frame["key"]) == ["d", "a", "b", "c"]
    assert list(frame.columns) == [*COLUMNS, "extra"]
    for name in ("learning_rate", "score", "test_score", "final_loss", "kappa"):
        assert frame[name].dtype == np.float64, name
    assert frame["seed"].dtype == np.int64
    assert math.isnan(frame.set_index("key").loc["a", "score"])
    assert frame["test_score"].isna().all()


def test_the_history_stays_as_it_is(tmp_path):
    history = {"epoch": [1, 2], "loss": [0.5, None]}
    write(tmp_path, record(history=history))
    assert load_runs(tmp_path).loc[0, "history"] == history


def test_a_frame_of_failures_only(tmp_path):
    write(tmp_path, record(status="failed", score=None))
    frame = load_runs(tmp_path)
    assert isinstance(frame, pd.DataFrame)
    assert frame["score"].dtype == np.float64
    assert frame["score"].isna().all()


def test_a_folder_without_records_says_what_to_give(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="holds no run records"):
            load_runs(folder)
        assert read_records(folder) == []
    for load in (load_study, load_environment):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load(tmp_path)


def test_json_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "study.json"
    write_json(path, {"a": math.nan})
    assert path.read_text() == '{\n  "a": null\n}\n'

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": None}


def test_a_record_that_cannot_be_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    path = write(tmp_path, record("a"))
    before = path.read_bytes()

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    message = r"runs-0\.jsonl could not be written: No space left on device\."
    with pytest.raises(FolderWriteError, match=message):
        write(tmp_path, record("b"))
    assert path.read_bytes() == before


def test_a_tail_reads_every_line_once(tmp_path):
    tail = RecordTail(tmp_path)
    assert tail.read() == []
    path = write(tmp_path, record("a"), record("b"))
    write(tmp_path, record("c"), process="worker1")
    assert [r["key"] for r in tail.read()] == ["a", "b", "c"]
    assert tail.read() == []
    whole = path.read_bytes()
    line = whole[: whole.index(b"\n") + 1]
    for cut in range(1, len(line)):
        path.write_bytes(whole + line[:cut])
        assert tail.read() == []  # it may still be growing
    path.write_bytes(whole + line + b"torn\n\n" + line[:5])
    assert [r["key"] for r in tail.read()] == ["a"]
    path.write_bytes(whole + line + b"torn\n\n" + line)
    assert [r["key"] for r in tail.read()] == ["a"]


def test_finished_runs_grow_with_the_records(tmp_path):
    finished = FinishedRuns(tmp_path)
    write(tmp_path, record("a"), record("b", status="failed", score=None))
    assert finished.scores() == {"a": 0.5}
    write(tmp_path, record("b", status="diverged", score=0.1), process="1")
    assert finished.scores() == {"a": 0.5, "b": 0.1}
