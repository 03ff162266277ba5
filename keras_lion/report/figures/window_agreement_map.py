"""Which windows of the grid agree with a comparison of the whole."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.elements.panels import LABEL, TICK, figure_legend, tidy
from keras_lion.report.elements.style import optimizer_color, optimizer_label
from keras_lion.robustness.cautions.cautions import window_cautions
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.windows import (
    Measure,
    WindowSigns,
    window_agreement,
    window_signs,
)

TIE = "#D9D9D9"
GAP = 0.35  # of a cell between the blocks of two sizes


def window_agreement_figure(
    first: Landscape,
    second: Landscape,
    epsilon: float | None = None,
    *,
    names: tuple[str, str] = ("lion", "adamw"),
    axis: AxisName = "learning_rate",
    measure: Measure | None = None,
    larger_is_better: bool = True,
    what: str = "",
) -> Figure:
    """Which optimizer is ahead in each window of the grid, and the share that agrees.

    Left: a block holds the sub-windows of one size; wider ones stand to the right,
    higher ones above. Within a block each square is one sub-window, at its offset: the
    lower left square is the lower left part of the grid. Right: one grid is moved
    against the other. The framed square is the whole grid.

    Args:
        first: Landscape of one optimizer.
        second: Landscape of the other, on a grid of as many values.
        epsilon: Compare tolerance widths at this tolerated loss of score.
        names: The two optimizers.
        axis: Of the tolerance width.
        measure: Compare this instead: (landscape, reference) → number.
        larger_is_better: Whether a larger measure is better; False for `mean_regret`.
        what: Name of the measure. "": that of the tolerance width.

    Returns:
        The figure.

    Raises:
        ValueError: As `window_agreement`.

    Example:

    ```python
    window_agreement_figure(lion, adamw, epsilon=0.05).savefig("windows.png", dpi=200)
    ```
    """
    signs = window_signs(first, second, epsilon, axis=axis, measure=measure)
    squares = _Squares(names, larger_is_better)
    extents = [
        sum(range(1, full - least + 2)) + GAP * (full - least)
        for least, full in zip(signs.agreement.smallest, signs.shape, strict=True)
    ]
    square = min(0.32, 4.2 / extents[1])  # inches
    wide = max(square * extents[1], 1.6), max(square * 3, 1.2)
    figure = Figure(
        (sum(wide) + 1.6, max(square * extents[0], 1.0) + 1.5), layout="constrained"
    )
    whole, moved = figure.subplots(1, 2, width_ratios=wide)
    _draw_sub_windows(signs, whole, squares)
    _draw_shifts(signs, moved, squares)
    what = what or ("Tolerance width" if measure is None else "The measure")
    agree = (
        f"{signs.agreement} agree" if signs.agreement.sign else "the whole grid ties"
    )
    said = [f"{what}: {agree}."]
    said += map(str, window_cautions({names[0]: first, names[1]: second}))
    width = int(15 * figure.get_figwidth())  # characters
    lines = [line for each in said for line in textwrap.wrap(each, width)]
    figure.set_figheight(figure.get_figheight() + 0.14 * (len(lines) - 1))
    figure.suptitle("\n".join(lines), fontsize=LABEL)
    entries = squares.entries(signs)
    figure_legend(figure, entries, ncols=4, handlelength=1.0, handleheight=1.0)
    return figure


@dataclass(frozen=True)
class _Squares:
    """How windows are drawn: in the color and with the initial of who is ahead."""

    names: tuple[str, str]
    larger_is_better: bool

    def ahead(self, sign: int) -> str | None:
        if sign == 0:
            return None
        return self.names[0 if (sign > 0) == self.larger_is_better else 1]

    @property
    def initials(self) -> dict[str, str]:
        first, second = (optimizer_label(name)[:1].upper() for name in self.names)
        letters = (first, second) if first != second else ("1", "2")
        return dict(zip(self.names, letters, strict=True))

    def draw(
        self, ax: Axes, x: float, y: float, sign: int, *, whole: bool = False
    ) -> None:
        name = self.ahead(sign)
        ax.add_patch(
            Rectangle(
                (x + 0.04, y + 0.04),
                0.92,
                0.92,
                facecolor=TIE if name is None else optimizer_color(name),
                alpha=1.0 if name is None else 0.75,
                edgecolor="black" if whole else "none",
                lw=1.6,
            )
        )
        text = "=" if name is None else self.initials[name]
        ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=TICK)

    def entries(self, signs: WindowSigns) -> list[Patch]:
        """Legend entries for what occurs."""
        every = {signs.agreement.sign, *(each.sign for each in signs.sub_windows)}
        every |= {each.sign for each in signs.shifts}
        occur = {self.ahead(sign) for sign in every}
        entries = [
            Patch(
                facecolor=optimizer_color(name),
                alpha=0.75,
                label=f"{initial}: {optimizer_label(name)} ahead",
            )
            for name, initial in self.initials.items()
            if name in occur
        ]
        if None in occur:
            entries.append(Patch(facecolor=TIE, label="=: tie or undefined"))
        entries.append(Patch(fill=False, edgecolor="black", lw=1.6, label="whole grid"))
        return entries


def _draw_sub_windows(signs: WindowSigns, ax: Axes, squares: _Squares) -> None:
    heights, widths = (
        range(least, full + 1)
        for least, full in zip(signs.agreement.smallest, signs.shape, strict=True)
    )
    lefts = _starts([signs.shape[1] - size + 1 for size in widths])
    bottoms = _starts([signs.shape[0] - size + 1 for size in heights])
    for each in signs.sub_windows:
        x = lefts[each.size[1] - widths[0]] + each.learning_rate[0]
        y = bottoms[each.size[0] - heights[0]] + each.weight_decay[0]
        squares.draw(ax, x, y, each.sign)
    squares.draw(ax, lefts[-1], bottoms[-1], signs.agreement.sign, whole=True)
    ends = (lefts[-1] + 1, bottoms[-1] + 1)
    ax.set(xlim=(-0.1, ends[0] + 0.1), ylim=(-0.1, ends[1] + 0.1), aspect="equal")
    ax.set_xticks(_middles(lefts, ends[0]), [str(size) for size in widths])
    ax.set_yticks(_middles(bottoms, ends[1]), [str(size) for size in heights])
    others = [each.sign for each in signs.sub_windows]
    agree = _agreement(signs, signs.agreement.share_of_sub_windows, others)
    xlabel, ylabel = "columns in the window (values of lr)", "rows (values of λ)"
    tidy(ax, xlabel, ylabel, f"sub-windows: {agree}")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _draw_shifts(signs: WindowSigns, ax: Axes, squares: _Squares) -> None:
    for each in signs.shifts:
        squares.draw(ax, each.learning_rate + 1, each.weight_decay + 1, each.sign)
    squares.draw(ax, 1, 1, signs.agreement.sign, whole=True)
    ax.set(xlim=(-0.1, 3.1), ylim=(-0.1, 3.1), aspect="equal")
    ax.set_xticks([0.5, 1.5, 2.5], ["−1", "0", "+1"])
    ax.set_yticks([0.5, 1.5, 2.5], ["−1", "0", "+1"])
    others = [each.sign for each in signs.shifts]
    agree = _agreement(signs, signs.agreement.share_of_shifts, others)
    first = optimizer_label(squares.names[0])
    xlabel, ylabel = f"{first}'s columns moved by", f"{first}'s rows moved by"
    tidy(ax, xlabel, ylabel, f"shifts: {agree}")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _agreement(signs: WindowSigns, share: float, others: Sequence[int]) -> str:
    decided = sum(sign != 0 for sign in others)
    if signs.agreement.sign == 0:
        return "the whole grid ties"
    return f"{share:.0%} of {decided} agree" if decided else "none is decided"


def _starts(numbers: Sequence[int]) -> list[float]:
    """Where each block begins, with a gap after each."""
    found, at = [], 0.0
    for count in numbers:
        found.append(at)
        at += count + GAP
    return found


def _middles(starts: Sequence[float], end: float) -> list[float]:
    ends = [start - GAP for start in starts[1:]] + [end]
    return [(start + stop) / 2 for start, stop in zip(starts, ends, strict=True)]


def _two_alike(material: Material) -> bool:
    """Whether there are two optimizers on grids of one shape."""
    shapes = {
        (int((each.weight_decay > 0).sum()), len(each.learning_rate))
        for each in material.measured.values()
    }
    return len(material.measured) == 2 and len(shapes) == 1 and shapes != {(1, 1)}


def _figure(material: Material) -> Figure:
    (first, one), (second, other) = material.measured.items()
    return window_agreement_figure(one, other, material.epsilon, names=(first, second))


def _caption(material: Material) -> str:
    """Whether the comparison hangs on the choice of the grid."""
    (first, one), (second, other) = material.measured.items()
    found = window_agreement(one, other, material.epsilon)
    ahead = {1: optimizer_label(first), -1: optimizer_label(second)}
    return (
        "The comparison of tolerance widths (decades of learning rate within ε = "
        f"{material.tolerance} of the common best), repeated in every smaller part of "
        "the grid and in every grid that is moved by one cell. On the whole grid "
        f"{ahead.get(found.sign, 'neither')} has the wider range of learning rates; "
        f"of the {found.num_windows} other windows {found.num_decided} decide, and "
        f"{100 * found.share:.0f} % of these agree."
    )


FIGURE = Drawing(
    "windows",
    "Which optimizer is ahead in each part of the grid",
    _two_alike,
    _figure,
    _caption,
)
