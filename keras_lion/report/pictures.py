"""The figures of a report, in their order."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Collection, Iterator

from matplotlib.figure import Figure

from keras_lion.report.elements.drawing import Material, Scope
from keras_lion.report.figures import (
    batch_size_curve,
    best_of_k,
    best_so_far,
    collapse,
    divergence_map,
    facets,
    heatmap,
    iso_product_lines,
    isolation,
    learning_curves,
    regret_profile,
    rule_of_thumb_curve,
    search_line,
    search_map,
    window_agreement_map,
)
from keras_lion.report.html import DPI, Picture

FIGURES = (
    heatmap.FIGURE,
    heatmap.LOSS_FIGURE,
    facets.FIGURE,
    isolation.FIGURE,
    regret_profile.FIGURE,
    window_agreement_map.FIGURE,
    divergence_map.FIGURE,
    collapse.FIGURE,
    iso_product_lines.FIGURE,
    rule_of_thumb_curve.FIGURE,
    best_of_k.FIGURE,
    learning_curves.FIGURE,
    batch_size_curve.FIGURE,
    search_map.FIGURE,
    search_line.FIGURE,
    search_line.DECAY_FIGURE,
    best_so_far.FIGURE,
)


class LeftOutWarning(UserWarning):
    """A figure could not be drawn from the data; the report does without it."""


def pictures_of(
    material: Material,
    names: Collection[str] | None = None,
    *,
    scope: Scope = "condition",
) -> list[Picture]:
    """Those of the figures named (None: all) that have their data, in order.

    `scope` is that of the material: figures of another one are left out.
    """
    found = []
    for drawing in FIGURES:
        if drawing.scope != scope or (names is not None and drawing.name not in names):
            continue
        if not drawing.applies(material):
            continue
        try:
            with quiet_fonts():
                png = png_of(drawing.figure(material))
            caption = drawing.caption(material)
        except ValueError as error:
            # One odd grid must not cost the whole report.
            warnings.warn(
                f"The figure {drawing.name} of {material.title} is left out: {error}",
                LeftOutWarning,
                stacklevel=2,
            )
            continue
        alternative = f"{drawing.shows}, task {material.title}"
        found.append(Picture(drawing.name, png, caption, alternative))
    return found


@contextlib.contextmanager
def quiet_fonts() -> Iterator[None]:
    """Without a line for each font that this machine lacks: all have a replacement."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def png_of(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with quiet_fonts():
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()
