"""One pair of starting values, wherever a newcomer meets Lion, and where it is from."""

import inspect
import json
import re
from pathlib import Path

import pytest

from keras_lion import Lion
from keras_lion.optimizers import convert_adamw

ROOT = Path(__file__).parents[1]
ADAMW = (1e-3, 0.1)
PAIR = re.compile(
    r"\bLion\(\s*(?:learning_rate=)?([\d.e-]+),\s*weight_decay=([\d.e-]+)"
)


def notebook_text(name):
    """The sources of the notebook's cells."""
    cells = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


FIRST_PAGES = {
    "README": (ROOT / "README.md").read_text("utf-8"),
    "start page": (ROOT / "docs" / "index.md").read_text("utf-8"),
    "quickstart": notebook_text("01_quickstart.ipynb"),
    "docstring": inspect.getdoc(Lion) or "",
}
OTHER_PAGES = sorted((ROOT / "docs").glob("*.md"))


def pairs(text):
    """Every (learning rate, weight decay) that a text gives Lion as numbers."""
    return {(float(rate), float(decay)) for rate, decay in PAIR.findall(text)}


@pytest.fixture(scope="module")
def expected():
    """What `keras-lion convert` makes of AdamW's usual values."""
    converted = convert_adamw(*ADAMW)
    values = (converted.learning_rate, converted.weight_decay)
    return pytest.approx(values, rel=5e-3)  # pages round them


@pytest.mark.parametrize("text", FIRST_PAGES.values(), ids=FIRST_PAGES)
def test_first_pages_show_the_converted_values_and_their_source(text, expected):
    found = pairs(text)
    assert len(found) == 1
    assert found.pop() == expected
    words = " ".join(text.split())
    assert "AdamW's usual 1e-3 and 0.1, converted" in words


@pytest.mark.parametrize("page", OTHER_PAGES, ids=lambda page: page.name)
def test_no_other_page_shows_another_pair(page, expected):
    for pair in pairs(page.read_text("utf-8")):
        assert pair == expected, page.name
