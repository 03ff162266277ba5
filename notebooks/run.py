"""Run the notebooks and keep their output.

Command    python notebooks/run.py [NAME ...]
           python notebooks/run.py --check NAME [NAME ...]

`--check` keeps nothing: it fails if a cell gives another text or picture than the one
that is committed, and names the cell.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient

# A list of fonts that another program left behind may lack Matplotlib's own.
_FONTS = tempfile.TemporaryDirectory()
os.environ["MPLCONFIGDIR"] = _FONTS.name
FOLDER = Path(__file__).resolve().parent


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with the output of a fresh run."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        resources={"metadata": {"path": str(FOLDER)}},
        coalesce_streams=True,  # how often a cell flushes is chance
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
        if cell.cell_type == "code":
            # What is left here are messages of the TensorFlow runtime.
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return notebook


def differences(
    committed: nbformat.NotebookNode, fresh: nbformat.NotebookNode
) -> Iterator[str]:
    """The cells whose output is not the same, by number and first line."""
    for old, new in zip(committed.cells, fresh.cells, strict=True):
        if old.cell_type == "code" and _shown(old) != _shown(new):
            first = old.source.partition("\n")[0]
            yield f"cell {new.execution_count} ({first})"


def _shown(cell: nbformat.NotebookNode) -> list[dict[str, str]]:
    """What readers see of each output: texts, and pictures as their encoded bytes."""
    return [
        dict(output.get("data", {})) or {"text/plain": output.get("text", "")}
        for output in cell.outputs
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    different = []
    for name in names:
        path = FOLDER / f"{name}.ipynb"
        notebook = run(path)
        if arguments.check:
            found = differences(nbformat.read(path, as_version=4), notebook)
            different += [f"{name}, {cell}" for cell in found]
        else:
            nbformat.write(notebook, path)
            print(f"ran {path.name}")
    if different:
        sys.exit(
            "These cells give another output than the committed one; run "
            "`make evidence` and look at what changes: " + "; ".join(different)
        )
    if arguments.check:
        print(f"Every cell of {', '.join(names)} gives the committed output.")
