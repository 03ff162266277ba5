"""A hook of MkDocs: the notebooks, with the output that they were committed with.

Each becomes a page repository/notebooks/<name>.md, with its figures as files next to
it; docs/repository_links.py makes links lead there. Nothing is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Any, config: Any) -> Any:
    """Add a page, and its figures, for every notebook."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        markdown, figures = rendered(path)
        folder = "repository/notebooks/"
        page = f"{folder}{path.stem}.md"
        files.append(File.generated(config, page, content=markdown))
        for name, content in figures.items():
            files.append(File.generated(config, folder + name, content=content))
    return files


def rendered(path: Path) -> tuple[str, dict[str, bytes]]:
    """The Markdown of a notebook, and its figures by their relative paths."""
    from nbconvert import MarkdownExporter

    resources = {"output_files_dir": f"{path.stem}_files"}
    markdown, resources = MarkdownExporter().from_filename(str(path), resources)
    return markdown, resources["outputs"]
