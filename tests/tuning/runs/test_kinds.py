"""Hyperparameters keep their values and kinds in frames and tables."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_lion.tuning.runs.files import RecordWriter
from keras_lion.tuning.runs.kinds import column_of, text_of, value_of
from keras_lion.tuning.runs.records import load_runs
from keras_lion.tuning.runs.table import load_table, merge_runs, save_table
from keras_lion.tuning.study.columns import COLUMNS

WORDS = ("1", "1.0", "True", "nan", "None", "NA", "inf", '"', '"1"', " ", "a,b", "é")
TEXT = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FLOATS = FINITE.filter(lambda value: not value.is_integer())
WHOLE = st.integers(-(2**53), 2**53)
KINDS = {
    "text": (TEXT, str),
    "boolean": (st.booleans(), bool),
    "whole": (WHOLE, int),
    "number": (FLOATS, float),
    "mixed numbers": (FLOATS | WHOLE, float),
}


@st.composite
def columns(draw):
    """Kind and cells of a column, some of them missing."""
    name = draw(st.sampled_from(sorted(KINDS)))
    values = draw(st.lists(KINDS[name][0], min_size=1, max_size=5))
    missing = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    pairs = zip(values, missing, strict=True)
    return name, [None if gone else value for value, gone in pairs]


def check(series, kind, cells):
    assert len(series) == len(cells)
    for found, cell in zip(series.tolist(), cells, strict=True):
        if cell is None:
            assert pd.isna(found)
        else:
            assert found == cell
            loses_kind = kind == "whole" and None in cells  # NaN is a float
            expected = float if loses_kind else KINDS[kind][1]
            assert kind == "mixed numbers" or isinstance(found, expected)
    if None not in cells and kind in ("boolean", "whole"):
        assert series.dtype == (bool if kind == "boolean" else np.int64)


def record(key, **values):
    filled = {"key": key, "study": "s", "task": "t", "preset": "smoke", "status": "ok"}
    numbers = {"learning_rate": 0.1, "weight_decay": 0.0, "seed": 0}
    return {**dict.fromkeys(COLUMNS), **filled, **numbers, "optimizer": "a", **values}


@given(columns())
def test_a_column_keeps_values_and_kind(column):
    kind, cells = column
    check(column_of(cells), kind, cells)


@given(st.lists(columns(), min_size=1, max_size=3))
@example([("text", list(WORDS))])
@example([("text", ["a", "1"]), ("whole", [1, 2]), ("boolean", [None, True])])
def test_records_and_tables_keep_values_and_kinds(found):
    rows = max(len(cells) for _, cells in found)
    padded = [(kind, cells + [None] * (rows - len(cells))) for kind, cells in found]
    with tempfile.TemporaryDirectory() as name:
        writer = RecordWriter(Path(name))
        for row in range(rows):
            values = {f"h{k}": cells[row] for k, (_, cells) in enumerate(padded)}
            known = {name: v for name, v in values.items() if v is not None}
            writer.append(record(f"{row:03}", **known, learning_rate=1.0 + row))
        frame = load_runs(name)
        table = load_table(save_table(frame, Path(name) / "runs.csv.gz"))
        again = save_table(table, Path(name) / "again.csv.gz")
        assert again.read_bytes() == (Path(name) / "runs.csv.gz").read_bytes()
    for k, (kind, cells) in enumerate(padded):
        for each in (frame, table):
            if f"h{k}" in frame:
                check(each[f"h{k}"], kind, cells)


@given(TEXT)
def test_text_of_a_table_is_read_as_that_text(text):
    cell = text_of(text)
    assert value_of(cell) == text
    assert isinstance(value_of(cell), str)


@pytest.mark.parametrize("text", ["relu", "None", "layer norm", "a,b"])
def test_usual_text_is_written_as_it_is(text):
    assert text_of(text) == text


def test_booleans_next_to_numbers_are_numbers():
    # Older records write 1 and 0 for them.
    assert column_of([True, 0, 1]).tolist() == [1, 0, 1]
    assert column_of([True, 0, None]).dtype == np.float64


def test_kinds_may_differ_between_runs():
    found = column_of(["a", 1, None, True])
    assert found.tolist()[:2] == ["a", 1]
    assert found.tolist()[3] is True
    assert math.isnan(found[2])


def test_merged_studies_keep_each_others_kinds(tmp_path):
    one = pd.DataFrame([record("a", width=8, norm=True, activation="relu")])
    other = pd.DataFrame([record("b")])
    table = load_table(save_table(merge_runs([one, other]), tmp_path / "t.csv.gz"))
    rows = table.set_index("key")
    assert rows.loc["a", ["width", "norm", "activation"]].tolist() == [8, True, "relu"]
    assert rows.loc["b", ["width", "norm", "activation"]].isna().all()
    assert json.loads(json.dumps(rows.loc["a", "norm"])) is True
