"""README and docs: their Python blocks run, their links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "studies" / "README.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]
# The README installs TensorFlow. The pages speak of either, and load faster on JAX.
BACKENDS = {"README.md": "tensorflow"}
BLOCKS = [
    pytest.param(block, BACKENDS.get(page.name, "jax"), id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    )
]


@pytest.mark.parametrize(("block", "backend"), BLOCKS)
def test_python_block_runs(block, backend, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
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
