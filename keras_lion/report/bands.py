"""One optimizer's curve with its band over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from keras_lion.report.style import (
    optimizer_colour,
    optimizer_label,
    optimizer_line,
    optimizer_marker,
)
from keras_lion.statistics import Interval

FAINT = 0.15  # opacity of a band, so that several may cross


def draw_curve(
    ax: Axes,
    x: ArrayLike,
    intervals: Sequence[Interval],
    optimizer: str,
    *,
    factor: float = 1.0,
    steps: bool = False,
    **options: Any,
) -> Line2D:
    """Draw estimates as a line and their intervals as a band, where there are any.

    Args:
        ax: Axes to draw on.
        x: Positions, shape (k,).
        intervals: The k intervals.
        optimizer: Decides colour, marker, line style and label.
        factor: Shown number = factor · estimate.
        steps: Whether each value holds up to the next position.
        options: For `ax.plot`, such as `markevery`.

    Returns:
        The line.

    Example:

    ```python
    draw_curve(ax, tuning.k, tuning.best, "lion", factor=100)
    ```
    """
    shown = [each.scaled(factor) for each in intervals]
    at = np.asarray(x, dtype=float)
    colour = optimizer_colour(optimizer)
    look: dict[str, Any] = {
        "color": colour,
        "marker": optimizer_marker(optimizer),
        "ls": optimizer_line(optimizer),
        "ms": 3.5,
        "lw": 1.3,
        "label": optimizer_label(optimizer),
        "drawstyle": "steps-post" if steps else "default",
    }
    (line,) = ax.plot(at, [each.estimate for each in shown], **(look | options))
    low = np.array([each.low for each in shown])
    high = np.array([each.high for each in shown])
    if np.isfinite(low).any():
        ax.fill_between(
            at,
            low,
            high,
            color=colour,
            alpha=FAINT,
            lw=0,
            step="post" if steps else None,
        )
    return line
