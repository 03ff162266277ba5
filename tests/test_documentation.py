"""README and docs: their Python blocks run, their numbers are current."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_lion.report import write_report

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_block_runs(block, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_parse(page):
    for block in re.findall(
        r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S
    ):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_readme_says_what_the_results_say():
    sys.path.insert(0, str(ROOT / "studies"))
    readme = importlib.import_module("readme")
    text = (ROOT / "README.md").read_text("utf-8")
    assert readme.updated(text, readme.paragraph()) == text


def test_results_are_what_their_records_give(tmp_path):
    """Summary and figure of the committed results come from the committed runs."""
    for study in (ROOT / "studies" / "results").glob("*/study.json"):
        folder = study.parent
        copy = tmp_path / folder.name
        copy.mkdir()
        for file in (*folder.glob("*.jsonl"), *folder.glob("*.json")):
            shutil.copy(file, copy)
        write_report(copy)
        for name in ("summary.json", "summary.csv"):
            assert (copy / name).read_text() == (folder / name).read_text()
