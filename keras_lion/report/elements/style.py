"""What looks the same in every figure and table: colors, names, units."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from keras_lion.robustness.frames.quantity import ACCURACY as ACCURACY
from keras_lion.robustness.frames.quantity import LOSS as LOSS
from keras_lion.robustness.frames.quantity import STEPS as STEPS
from keras_lion.robustness.frames.quantity import Quantity as Quantity
from keras_lion.robustness.frames.quantity import quantity_of as quantity_of
from keras_lion.robustness.wording import listed as listed


@dataclass(frozen=True)
class _Mark:
    """How one optimizer is named and drawn."""

    label: str
    color: str
    marker: str
    line: Any


# Okabe and Ito's colors for those that are compared most often. So many colors cannot
# all differ for every reader: markers and lines do. Tables and figures keep this order.
_MARKS = {
    "lion": _Mark("Lion", "#D55E00", "o", "solid"),
    "adamw": _Mark("AdamW", "#0072B2", "s", (0, (5, 1.5))),
    "cautious_lion": _Mark("Cautious Lion", "#E69F00", "*", (0, (7, 1, 1, 1))),
    "signum": _Mark("Signum", "#CC79A7", "v", (0, (3, 1, 1, 1, 1, 1))),
    "adamw_one_beta": _Mark("AdamW, one β", "#117A8B", "p", "solid"),
    "adam": _Mark("Adam", "#56B4E9", "D", (0, (1, 1))),
    "nadam": _Mark("NAdam", "#332288", "d", (0, (2, 1))),
    "schedule_free_adamw": _Mark(
        "Schedule-free AdamW", "#666666", "h", (0, (5, 1, 1, 1))
    ),
    "sgd": _Mark("SGD", "#009E73", "^", (0, (5, 1, 1, 1))),
    "sgd_momentum": _Mark("SGD + momentum", "#0B5D3B", "<", "solid"),
    "rmsprop": _Mark("RMSprop", "#999933", ">", (0, (7, 2))),
    "adafactor": _Mark("Adafactor", "#882255", "X", (0, (1, 1.5))),
    "lamb": _Mark("LAMB", "#A5673F", "P", (0, (3, 1, 1, 1))),
    "muon": _Mark("Muon", "#000000", "8", (0, (4, 1, 1, 1, 1, 1))),
}
# Of a name that is not known: parts of its own, so that two rarely look alike.
_OTHER_COLORS = ("#AA4499", "#6699CC", "#997700", "#4D4D4D", "#EE8866")
_OTHER_MARKERS = ("H", "$×$", "$+$")
_OTHER_LINES: tuple[Any, ...] = ((0, (8, 2)), (0, (2, 2)))

AXIS_LABELS = {
    "learning_rate": "learning rate (lr)",
    "weight_decay": "weight decay (λ)",
}


def optimizer_color(name: str) -> str:
    """Color of an optimizer as `#RRGGBB`, the same in every figure."""
    return _mark(name).color


def optimizer_marker(name: str) -> str:
    """Marker of an optimizer, the same in every figure: no two known ones share it."""
    return _mark(name).marker


def optimizer_line(name: str) -> Any:
    """Line style of an optimizer, the same in every figure: what `linestyle` takes."""
    return _mark(name).line


def optimizer_label(name: str) -> str:
    """Name of an optimizer as it is printed: `AdamW` for `adamw`."""
    return _mark(name).label


def short_label(name: str, most: int) -> str:
    """The printed name for a narrow place: a long one without its middle."""
    label = optimizer_label(name)
    if len(label) <= most:
        return label
    return f"{label[: most // 2]}…{label[-(most // 2 - 1) :]}"


def _mark(name: str) -> _Mark:
    if name.lower() in _MARKS:
        return _MARKS[name.lower()]
    letters = sum(name.lower().encode())
    parts = (_OTHER_COLORS, _OTHER_MARKERS, _OTHER_LINES)
    return _Mark(name, *(part[letters % len(part)] for part in parts))


def in_order(optimizers: Iterable[str]) -> list[str]:
    """Optimizers as every table and figure orders them: Lion, AdamW, their relatives,
    others by name."""
    known = list(_MARKS)

    def rank(name: str) -> tuple[int, str]:
        low = name.lower()
        return (known.index(low) if low in known else len(known), low)

    return sorted(optimizers, key=rank)


def label_decades(axis: Axis) -> None:
    """Give a logarithmic axis ticks at powers of ten, or at 1, 2, 5 on a short one."""
    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    steps = (1.0,) if decades >= 2 else (1.0, 3.0) if decades >= 1 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def decade_ticks(low: float, high: float) -> list[float]:
    """Ticks between two positive numbers: powers of ten; of a short range 1, 2, 5."""
    span = math.log10(high / low)
    steps = (1.0,) if span >= 2 else (1.0, 3.0) if span >= 1 else (1.0, 2.0, 5.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in every if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    if len(ticks) < 2:  # a range too short for them has its ends
        return sorted({low, high})
    return ticks[:: math.ceil(len(ticks) / 8)]


def number(value: float, digits: int = 2) -> str:
    """A hyperparameter as text: `0.1`, `3.2e-4`, `0`."""
    if math.isnan(value):
        return "–"
    value = float(f"{value:.{digits}g}")
    if 10**digits <= abs(value) < 1e3:
        return f"{value:.0f}"
    if value == 0 or 1e-2 <= abs(value) < 1e3:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
