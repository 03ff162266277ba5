"""A few cells of the comparison with `fit`, and the page that has all of them."""

from __future__ import annotations

import warnings

import pytest

from tests.tuning.engine.conformance import (
    PAGE,
    REFUSED,
    SAME,
    Cell,
    Outcome,
    cells,
    line,
    run,
)

BY_LOSS = "none, by the loss"
SOME = [
    Cell("none given"),
    Cell("the same, ignore_class=0", "sequences", "sequences"),
    Cell('"categorical_crossentropy"', "one-hot", "probabilities", weights="both"),
    Cell("SparseCategoricalCrossentropy", "integers (n, 1)"),
    Cell('"binary_crossentropy"', "0 or 1 (n,)", "(n, 1)"),
    Cell('"mse"', "floats", metrics=BY_LOSS, model="own train_step"),
    Cell('"mse"', "floats", metrics=BY_LOSS, policy="mixed_float16"),
    Cell('"mse"', "floats", metrics="an object", model="subclassed"),
    Cell('"sparse_categorical_crossentropy"', "floats"),
]


@pytest.mark.parametrize("cell", SOME, ids=str)
def test_a_cell_is_as_fit_or_refused(cell):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the backends, on low precision
        outcome = run(cell)
    assert outcome.kind in (SAME, REFUSED)
    refused = cell.weights == "both" or cell.loss.startswith('"sparse')
    assert (outcome.kind == REFUSED) == refused


def test_the_page_has_every_cell_and_no_third_outcome():
    page = PAGE.read_text("utf-8")
    wanted = list(cells())
    assert len(wanted) == len(set(wanted)) >= 300
    for backend in ("tensorflow", "jax"):
        part = page.partition(f"<!-- {backend} -->")[2]
        rows = part.partition(f"<!-- end of {backend} -->")[0].splitlines()
        rows = [row for row in rows if row.startswith("| ")][1:]
        assert len(rows) == len(wanted)
        for row, cell in zip(rows, wanted, strict=True):
            outcome = row.strip("| ").rpartition(" | ")[2]
            assert outcome == SAME or outcome.startswith(f"{REFUSED}: ")
            assert row == line(cell, Outcome(SAME)).replace(
                f"| {SAME} |", f"| {outcome} |"
            )
