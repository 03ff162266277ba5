"""One self-contained page: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from keras_lion.report.run_table import run_table
from keras_lion.robustness.cautions.cautions import leading

DPI = 200
REM_PER_INCH = 6.5  # as wide as the text at 7 inches, and readable


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        name: What tells it from the other figures of its section.
        png: The image, as the bytes of a PNG file.
        caption: What it shows, in numbers.
        alternative: What it is, for readers who cannot see it.
    """

    name: str
    png: bytes
    caption: str
    alternative: str

    @property
    def uri(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, which a PNG file says in its first bytes."""
        return (
            int.from_bytes(self.png[16:20], "big"),
            int.from_bytes(self.png[20:24], "big"),
        )

    @property
    def width(self) -> str:
        """Width on a page that has room for it: letters of all figures are alike."""
        return f"{REM_PER_INCH * self.size[0] / DPI:.1f}rem"


@dataclass(frozen=True)
class Section:
    """What the page says about one task.

    `cautions` are sorted, those that change most first: the page folds all but the
    first three. `advice` and `code` say what a search tries next, `explained` what lr ×
    λ explains; empty where that is not known.
    """

    task: str
    answer: str
    scores: str
    methods: Sequence[str]
    headings: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    cautions: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()
    advice: Sequence[str] = ()
    code: Sequence[str] = ()
    explained: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that `render` needs.

    Attributes:
        title: Name of the study.
        question: What it asks.
        sections: One for each task and condition.
        runs: All run records.
        overview: Figures over all tasks, before the sections.
        across: Task → figures over its conditions.
        statement: The claim that was declared before running.
        verdicts: (place, verdict on the declared comparison), first on the page.
        environment: Where the study ran.
        notes: What to know before reading.
        error_rates: How often the analysis errs, as texts.
    """

    title: str
    question: str
    sections: Sequence[Section]
    runs: pd.DataFrame
    overview: Sequence[Picture] = ()
    across: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    statement: str = ""
    verdicts: Sequence[tuple[str, Mapping[str, Any]]] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    error_rates: pd.DataFrame = field(default_factory=pd.DataFrame)


def render(page: Page) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("keras_lion.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates = files("keras_lion.report") / "templates"
    script = (templates / "runs.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    return environment.get_template("report.html.jinja").render(
        page=page,
        environment=flat(page.environment),
        runs=run_table(page.runs),
        leading=leading,
        script=script,
        script_hash=f"sha256-{base64.b64encode(digest).decode()}",
        style=(templates / "report.css").read_text(encoding="utf-8"),
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as rows of a table: `{"packages": {"keras": "3"}}` as `packages
    keras` → `3`. Items of a list are numbered."""
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, list):
            value = {str(i): item for i, item in enumerate(value, start=1)}
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{name} ")
        else:
            rows[f"{prefix}{name}"] = "–" if value is None else str(value)
    return rows
