"""Which windows of the grid agree with a comparison of the whole."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from keras_lion.report.marks import LABEL, TICK, tidy
from keras_lion.report.style import optimizer_colour, optimizer_label
from keras_lion.robustness.landscape import AxisName, Landscape
from keras_lion.robustness.verdict import window_cautions
from keras_lion.robustness.windows import Measure, WindowSigns, window_signs

TIE = "#D9D9D9"
GAP = 0.35  # of a cell between the blocks of two sizes


def plot_sub_windows(
    signs: WindowSigns, ax: Axes, *, names: tuple[str, str], larger_is_better: bool
) -> Axes:
    """Draw which optimizer is ahead in each sub-window, by size and offset.

    A block holds the sub-windows of one size: wider ones stand to the right, higher
    ones above. Within a block each square is one sub-window, at its offset: the lower
    left square is the lower left part of the grid. The framed square is the whole grid.

    Args:
        signs: What `window_signs` found.
        ax: Axes to draw on.
        names: The two optimizers, in the order in which they were compared.
        larger_is_better: Whether a larger measure is better, as a tolerance width is; a
            mean regret is better small.

    Returns:
        `ax`.

    Example:

    ```python
    signs = window_signs(lion, adamw, epsilon=0.05)
    plot_sub_windows(signs, ax, names=("lion", "adamw"), larger_is_better=True)
    ```
    """
    heights, widths = (
        range(least, full + 1)
        for least, full in zip(signs.agreement.smallest, signs.shape, strict=True)
    )
    lefts = _starts([signs.shape[1] - size + 1 for size in widths])
    bottoms = _starts([signs.shape[0] - size + 1 for size in heights])
    for each in signs.sub_windows:
        x = lefts[each.size[1] - widths[0]] + each.learning_rate[0]
        y = bottoms[each.size[0] - heights[0]] + each.weight_decay[0]
        _square(ax, x, y, each.sign, names, larger_is_better)
    corner = (lefts[-1], bottoms[-1])
    _square(ax, *corner, signs.agreement.sign, names, larger_is_better, whole=True)
    ends = (lefts[-1] + 1, bottoms[-1] + 1)
    ax.set(xlim=(-0.1, ends[0] + 0.1), ylim=(-0.1, ends[1] + 0.1), aspect="equal")
    middles = (_middles(lefts, ends[0]), _middles(bottoms, ends[1]))
    ax.set_xticks(middles[0], [str(size) for size in widths])
    ax.set_yticks(middles[1], [str(size) for size in heights])
    agree = _agreement(
        signs, signs.agreement.share_of_sub_windows, [e.sign for e in signs.sub_windows]
    )
    title = f"sub-windows: {agree}"
    tidy(ax, "columns in the window (values of η)", "rows (values of λ)", title)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_shifted_windows(
    signs: WindowSigns, ax: Axes, *, names: tuple[str, str], larger_is_better: bool
) -> Axes:
    """Draw which optimizer is ahead when one grid is moved against the other.

    Args:
        signs: What `window_signs` found.
        ax: Axes to draw on.
        names: The two optimizers, in the order in which they were compared.
        larger_is_better: As in `plot_sub_windows`.

    Returns:
        `ax`.

    Example:

    ```python
    signs = window_signs(lion, adamw, epsilon=0.05)
    plot_shifted_windows(signs, ax, names=("lion", "adamw"), larger_is_better=True)
    ```
    """
    for each in signs.shifts:
        x, y = each.learning_rate + 1.0, each.weight_decay + 1.0
        _square(ax, x, y, each.sign, names, larger_is_better)
    _square(ax, 1, 1, signs.agreement.sign, names, larger_is_better, whole=True)
    ax.set(xlim=(-0.1, 3.1), ylim=(-0.1, 3.1), aspect="equal")
    ax.set_xticks([0.5, 1.5, 2.5], ["−1", "0", "+1"])
    ax.set_yticks([0.5, 1.5, 2.5], ["−1", "0", "+1"])
    agree = _agreement(
        signs, signs.agreement.share_of_shifts, [e.sign for e in signs.shifts]
    )
    first = optimizer_label(names[0])
    xlabel, ylabel = f"{first}'s columns moved by", f"{first}'s rows moved by"
    tidy(ax, xlabel, ylabel, f"shifts: {agree}")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


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
    """A figure of sub-windows and shifts, with the share that agrees.

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
    options: dict[str, Any] = {"names": names, "larger_is_better": larger_is_better}
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
    plot_sub_windows(signs, whole, **options)
    plot_shifted_windows(signs, moved, **options)
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
    figure.legend(
        handles=_legend(signs, names, larger_is_better),
        loc="outside lower center",
        ncols=4,
        fontsize=TICK,
        frameon=False,
        handlelength=1.0,
        handleheight=1.0,
    )
    return figure


def _agreement(signs: WindowSigns, share: float, others: list[int]) -> str:
    decided = sum(sign != 0 for sign in others)
    if signs.agreement.sign == 0:
        return "the whole grid ties"
    return f"{share:.0%} of {decided} agree" if decided else "none is decided"


def _winner(sign: int, names: tuple[str, str], larger_is_better: bool) -> str | None:
    if sign == 0:
        return None
    return names[0 if (sign > 0) == larger_is_better else 1]


def _square(
    ax: Axes,
    x: float,
    y: float,
    sign: int,
    names: tuple[str, str],
    larger_is_better: bool,
    whole: bool = False,
) -> None:
    """One window: the colour and the initial of the optimizer that is ahead."""
    name = _winner(sign, names, larger_is_better)
    ax.add_patch(
        Rectangle(
            (x + 0.04, y + 0.04),
            0.92,
            0.92,
            facecolor=TIE if name is None else optimizer_colour(name),
            alpha=1.0 if name is None else 0.75,
            edgecolor="black" if whole else "none",
            lw=1.6,
        )
    )
    ax.text(
        x + 0.5,
        y + 0.5,
        "=" if name is None else _initials(names)[names.index(name)],
        ha="center",
        va="center",
        fontsize=TICK,
        color="black",
    )


def _initials(names: tuple[str, str]) -> tuple[str, str]:
    first, second = (optimizer_label(name)[:1].upper() for name in names)
    return (first, second) if first != second else ("1", "2")


def _starts(numbers: list[int]) -> list[float]:
    """Where each block begins, with a gap after each."""
    found, at = [], 0.0
    for count in numbers:
        found.append(at)
        at += count + GAP
    return found


def _middles(starts: list[float], end: float) -> list[float]:
    ends = [start - GAP for start in starts[1:]] + [end]
    return [(start + stop) / 2 for start, stop in zip(starts, ends, strict=True)]


def _legend(
    signs: WindowSigns, names: tuple[str, str], larger_is_better: bool
) -> list[Patch]:
    """Entries for what occurs."""
    all_signs = [
        signs.agreement.sign,
        *(each.sign for each in signs.sub_windows),
        *(each.sign for each in signs.shifts),
    ]
    counts = Counter(_winner(each, names, larger_is_better) for each in all_signs)
    entries = [
        Patch(
            facecolor=optimizer_colour(name),
            alpha=0.75,
            label=f"{initial}: {optimizer_label(name)} ahead",
        )
        for name, initial in zip(names, _initials(names), strict=True)
        if counts[name]
    ]
    if counts[None]:
        entries.append(Patch(facecolor=TIE, label="=: tie or undefined"))
    entries.append(Patch(fill=False, edgecolor="black", lw=1.6, label="whole grid"))
    return entries
