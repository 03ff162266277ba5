"""A hook of MkDocs: links to files outside docs/ lead somewhere on the site too.

The pages link to files of the repository relatively, as a reader on GitHub needs it.
On the site every file that is so linked stands under repository/. A Markdown file
becomes a page there, and its links are followed likewise. So are those of notebooks,
whose pages docs/notebook_pages.py makes.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs/"
OUTSIDE = "repository/"
# The target of a Markdown link or image: no address, no place on the same page.
TARGET = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)#\s]+")


def on_files(files: Any, config: Any) -> Any:
    """Add the files that pages link to, and those that these link to."""
    from mkdocs.structure.files import File

    waiting = [DOCS + page.src_uri for page in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for path in linked(markdown_of(ROOT / page), page) - seen:
            seen.add(path)
            if path.startswith(DOCS) or not (ROOT / path).is_file():
                continue  # MkDocs knows it, or warns of it
            if path.endswith((".md", ".ipynb")):
                waiting.append(path)
            if not path.endswith(".ipynb"):
                source = str(ROOT / path)
                files.append(
                    File.generated(config, site_path(path), abs_src_path=source)
                )
    return files


def markdown_of(path: Path) -> str:
    """The text of a page; of a notebook, that of its Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn the links of a page into those of the site."""
    uri: str = page.file.src_uri
    outside = uri.startswith(OUTSIDE)
    return rewritten(markdown, uri.removeprefix(OUTSIDE) if outside else DOCS + uri)


def linked(markdown: str, page: str) -> set[str]:
    """Paths in the repository of the files that a page of the repository links to."""
    return {resolved(target, page) for target in TARGET.findall(markdown)}


def rewritten(markdown: str, page: str) -> str:
    """The Markdown of a page of the repository with the links that it has on the site.

    Example:

    ```python
    rewritten("[the ledger](../studies/README.md)", "docs/index.md")
    # [the ledger](repository/studies/README.md)
    ```
    """
    folder = posixpath.dirname(site_path(page))
    return TARGET.sub(
        lambda match: posixpath.relpath(
            site_path(resolved(match[0], page)), folder or "."
        ),
        markdown,
    )


def resolved(target: str, page: str) -> str:
    """The path in the repository that a link of a page means."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def site_path(path: str) -> str:
    """Where a file of the repository is on the site; a notebook is a page there."""
    if path.endswith(".ipynb"):
        path = path.removesuffix(".ipynb") + ".md"
    return path.removeprefix(DOCS) if path.startswith(DOCS) else OUTSIDE + path
