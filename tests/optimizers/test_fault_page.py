"""docs/differences-from-keras-lion.md names every fault, and tests that exist."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "differences-from-keras-lion.md"
FAULTS = range(1, 31)


def rows():
    """Number of the fault, with a letter or without → last cell of its row."""
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if re.fullmatch(r"\d+[a-z]?", cells[0]):
            assert len(cells) == 4, line
            assert cells[0] not in found, line
            found[cells[0]] = cells[-1]
    return found


def names_in(file):
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_fault_has_a_row():
    assert sorted({int(re.match(r"\d+", n).group()) for n in rows()}) == list(FAULTS)


def test_every_row_names_tests_that_exist_or_says_what_to_do():
    everywhere = {file.name: names_in(file.name) for file in HERE.glob("test_*.py")}
    named = set()
    for number, cell in rows().items():
        tests = re.findall(r"`(test_\w+)`(?: in `(test_\w+\.py)`)?", cell)
        for test, file in tests:
            assert test in everywhere[file or "test_keras_faults.py"], test
            named.add(test)
        assert tests or len(cell.split()) > 4, number
    assert everywhere["test_keras_faults.py"] <= named


def test_number_of_a_row_is_that_of_its_tests():
    for number, cell in rows().items():
        for found in re.findall(r"`test_(\d+)", cell):
            assert int(found) == int(re.match(r"\d+", number).group())
