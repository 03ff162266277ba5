"""The documentation site: what it lists, and where its links lead.

`make docs` builds it; these tests need neither MkDocs nor a build.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PACKAGES = ["discovery", "optimizers", "report", "robustness", "theory", "tuning"]
DOCUMENTED = re.compile(r"^::: (\S+)$", re.M)


def test_the_navigation_lists_every_page_once_and_nothing_else():
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    navigation = re.search(r"^nav:\n((?:  .*\n)+)", settings, re.M)
    assert navigation is not None
    listed = re.findall(r": (\S+)$", navigation[1], re.M)
    outside = [page for page in listed if page.startswith("repository/")]
    assert sorted(set(listed) - set(outside)) == PAGES
    assert len(listed) == len(set(listed))
    notebooks = {f"notebooks/{path.stem}.md" for path in NOTEBOOKS}
    there = {page.removeprefix("repository/") for page in outside}
    assert notebooks <= there
    for page in there - notebooks:
        assert (ROOT / page).is_file(), page


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented_once(package):
    page = DOCS / "api" / f"{package}.md"
    path = f"keras_lion.{package}"
    public = importlib.import_module(path).__all__
    names = DOCUMENTED.findall(page.read_text("utf-8"))
    # Names of modules further down may be documented beside those handed on.
    handed_on = [name for name in names if name.rpartition(".")[0] == path]
    assert sorted(handed_on) == [f"{path}.{name}" for name in public], (
        f"docs/api/{package}.md needs one line `::: {path}.NAME` for each public name"
    )


def test_what_is_documented_exists():
    for page in (DOCS / "api").glob("*.md"):
        for name in DOCUMENTED.findall(page.read_text("utf-8")):
            owner, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(owner), attribute), name


def module_of_docs(name):
    """A module that MkDocs is given as a hook."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hook():
    """The module for links to files outside docs/."""
    return module_of_docs("repository_links")


@pytest.mark.parametrize(
    ("page", "markdown", "on_the_site"),
    [
        ("docs/a.md", "[x](../studies/b.md#c)", "[x](repository/studies/b.md#c)"),
        ("docs/api/a.md", "![x](../../b.png)", "![x](../repository/b.png)"),
        ("studies/README.md", "[x](../docs/api/a.md)", "[x](../../api/a.md)"),
        ("studies/README.md", "[x](results/b.csv)", "[x](results/b.csv)"),
        ("docs/a.md", "[x](../notebooks/b.ipynb)", "[x](repository/notebooks/b.md)"),
        ("notebooks/a.md", "[x](b.ipynb)", "[x](b.md)"),
        ("docs/a.md", "[x](b.md) [y](api/c.md)", "[x](b.md) [y](api/c.md)"),
        ("docs/a.md", "[x](https://y.z/a) [x](#b)", "[x](https://y.z/a) [x](#b)"),
    ],
)
def test_links_are_those_of_the_site(hook, page, markdown, on_the_site):
    assert hook.rewritten(markdown, page) == on_the_site


def test_files_that_pages_link_to_are_found(hook):
    markdown = "[a](b.md#c) ![d](../e.png) [f](https://g.h) [i](#j)"
    assert hook.linked(markdown, "docs/a.md") == {"docs/b.md", "e.png"}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_rendered_with_their_output(notebook):
    pytest.importorskip("nbconvert")
    markdown, figures = module_of_docs("notebook_pages").rendered(notebook)
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    pictures = sum(
        "image/png" in output.get("data", {})
        for cell in cells
        for output in cell.get("outputs", [])
    )
    assert len(figures) == pictures > 0
    for name in figures:
        assert f"]({name})" in markdown
    for cell in cells:
        assert "".join(cell["source"]).splitlines()[0] in markdown


def test_links_of_notebooks_are_followed(hook):
    text = hook.markdown_of(ROOT / "notebooks" / "03_effective_decay.ipynb")
    assert "studies/theory.py" in hook.linked(
        text, "notebooks/03_effective_decay.ipynb"
    )
    assert "import" not in text.splitlines()[0]
