"""The notebooks run, and are committed with the output of a run."""

import importlib
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

notebooks = importlib.import_module("run")

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
# The first is what the README leads to, and that installs TensorFlow.
BACKENDS = {"01_quickstart": "tensorflow"}


def outputs_of(notebook):
    return [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path.stem in BACKENDS else [pytest.mark.slow])
        for path in PATHS
    ],
    ids=lambda path: path.stem,
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_notebook_runs(path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", BACKENDS.get(path.stem, "jax"))
    outputs = outputs_of(notebooks.run(path))
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_committed_with_its_output(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any(cell.outputs for cell in code)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_errors_and_addresses(path):
    outputs = outputs_of(nbformat.read(path, as_version=4))
    assert not [each for each in outputs if each.output_type == "error"]
    assert not [each for each in outputs if " at 0x" in str(each.get("data", ""))]


def cell_that_shows(data=None, text=None):
    output = (
        nbformat.v4.new_output("display_data", data=data)
        if data
        else nbformat.v4.new_output("stream", text=text)
    )
    return nbformat.v4.new_code_cell("show()\nmore()", outputs=[output])


def differences(old, new):
    """Of notebooks with these cells; those of a run are numbered."""
    for number, cell in enumerate(new, start=1):
        cell.execution_count = number
    old, new = (nbformat.v4.new_notebook(cells=cells) for cells in (old, new))
    return list(notebooks.differences(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"text": "1.0"}, {"text": "1.1"}),
        ({"data": {"text/markdown": "a"}}, {"data": {"text/markdown": "b"}}),
        # The text beside a picture is its size, which stays.
        (
            {"data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
            {"data": {"image/png": "iVBOS", "text/plain": "<Figure>"}},
        ),
    ],
    ids=["text", "markdown", "picture"],
)
def test_a_check_names_the_cell_with_another_output(old, new):
    same = {"text": "as before"}
    found = differences(
        [cell_that_shows(**same), cell_that_shows(**old)],
        [cell_that_shows(**same), cell_that_shows(**new)],
    )
    assert found == ["cell 2 (show())"]


def test_a_check_sees_an_output_that_is_gone():
    empty = nbformat.v4.new_code_cell("show()\nmore()")
    assert differences([cell_that_shows(text="1")], [empty]) == ["cell 1 (show())"]


def test_a_check_passes_over_what_is_alike():
    cells = [[cell_that_shows(text="1")] for _ in range(2)]
    assert differences(*cells) == []
