"""One self-contained page: no network, no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from keras_lion.report.style import number

DPI = 200
RUN_COLUMNS = (
    "task",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "seed",
    "status",
    "reason",
    "score",
    "best_score",
    "best_epoch",
    "final_loss",
    "test_score",
    "seconds",
    "key",
)


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        png: The image, as the bytes of a PNG file.
        caption: What it shows, in numbers.
        alternative: What it is, for readers who cannot see it.
    """

    png: bytes
    caption: str
    alternative: str

    @property
    def uri(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True)
class Section:
    """What the page says about one task."""

    task: str
    answer: str
    scores: str
    methods: str
    headings: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    cautions: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Page:
    """Everything that `render` needs."""

    title: str
    question: str
    sections: Sequence[Section]
    runs: pd.DataFrame
    statement: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    error_rates: pd.DataFrame = field(default_factory=pd.DataFrame)


def render(page: Page) -> str:
    """The page as HTML.

    Args:
        page: Its texts and pictures. Every text is escaped.

    Returns:
        An HTML document with the pictures inside.

    Example:

    ```python
    Path("report.html").write_text(render(page), encoding="utf-8")
    ```
    """
    environment = Environment(
        loader=PackageLoader("keras_lion.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    columns = [name for name in RUN_COLUMNS if name in page.runs]
    return environment.get_template("report.html.jinja").render(
        page=page,
        environment=flat(page.environment),
        columns=columns,
        runs=[
            [_text(value, column) for column, value in zip(columns, run, strict=True)]
            for run in page.runs[columns].itertuples(index=False)
        ],
    )


def png_of(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as rows of a table: `{"packages": {"keras": "3"}}` as `packages
    keras` → `3`."""
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{name} ")
        else:
            rows[f"{prefix}{name}"] = "–" if value is None else str(value)
    return rows


def _text(value: Any, column: str) -> str:
    if value is None or pd.isna(value):
        return ""
    if column in ("learning_rate", "weight_decay"):
        return number(float(value), digits=3)
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and value else f"{value:.4g}"
    return str(value)
