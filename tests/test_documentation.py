"""README and docs: their Python blocks run, their links lead somewhere."""

import importlib.util
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
LONG = ("your-own-model.md", "studies.md")  # train whole studies
# The README installs TensorFlow. The other pages speak of either; JAX loads faster. A
# block for one backend alone says so in a comment above it.
BACKENDS = {"README.md": "tensorflow"}
BLOCK = re.compile(
    r"^(?:<!-- backend: (\w+) -->\n)?```python\n(.*?)^```", re.MULTILINE | re.DOTALL
)
# Each block with names of its own, so that it stands alone, in one process a page.
RUN = """
import sys
for number, block in enumerate(sys.argv[1:]):
    exec(compile(block, f"block {number}", "exec"), {"__name__": "__main__"})
"""


def python_blocks(page):
    """Backend → the blocks of a page that run on it."""
    blocks = {}
    for backend, block in BLOCK.findall(page.read_text("utf-8")):
        backend = backend or BACKENDS.get(page.name, "jax")
        blocks.setdefault(backend, []).append(block)
    return blocks


@pytest.mark.parametrize(
    ("page", "backend"),
    [
        pytest.param(
            page, backend, marks=[pytest.mark.slow] if page.name in LONG else []
        )
        for page in PAGES
        for backend in python_blocks(page)
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_python_blocks_run(page, backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", RUN, *python_blocks(page)[backend]],
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
