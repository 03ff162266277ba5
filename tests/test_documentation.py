"""README and docs: their Python blocks run, their links lead somewhere."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from keras_lion.arguments import make_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "studies" / "README.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]
COMMANDS = defaultdict(lambda: print)  # none is called here
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


def commands(page, program):
    """The lines of a page's shell blocks that call a program, as lists of words."""
    for block in re.findall(
        r"^```bash\n(.*?)^```", page.read_text("utf-8"), re.M | re.S
    ):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition("||")[0], comments=True)
            words = words[words[:1] == ["exec"] :]
            if words[:1] == [program]:
                yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_command_line_takes_the_commands(page):
    for words in commands(page, "keras-lion"):
        if "--help" in words:
            with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()):
                make_parser(COMMANDS).parse_args(words)
            continue
        options = make_parser(COMMANDS).parse_args(words)
        if words[0] == "run":
            assert (ROOT / options.study).is_file(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_and_targets_of_the_commands_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for words in commands(page, "make"):
        assert words[0] in targets, words
    for words in commands(page, "python"):
        assert (ROOT / words[0]).is_file(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_the_ledger_name_one_of_its_sections(page):
    sections = re.findall(
        r"^### (\S+)$", (ROOT / "studies" / "README.md").read_text("utf-8"), re.M
    )
    for name in re.findall(r"studies/README\.md#([\w-]+)", page.read_text("utf-8")):
        assert name in sections


def test_advice_on_when_to_use_lion_rests_on_the_ledger():
    """Every piece of advice, for and against, links to the row that it rests on."""
    text = (ROOT / "docs" / "why-and-when-lion.md").read_text("utf-8")
    section = text.partition("## When to try it")[2].partition("**Then measure**")[0]
    advice = re.findall(
        r"^(?:\*\*Try|- |\*\*Not).*?(?=^- |^\*\*|\Z)", section, re.M | re.S
    )
    assert len(advice) == 5
    for each in advice:
        assert "studies/README.md#" in each, each


def test_the_first_studies_of_the_readme_need_no_network():
    text = (ROOT / "README.md").read_text("utf-8").partition("## Studies")[2]
    first, named = text.index("--task digits_mlp"), text.index("fashion_mnist")
    assert first < named
    assert "downloads" in text[named : named + 100]
    for words in commands(ROOT / "README.md", "keras-lion"):
        assert not any("fashion" in word for word in words)
