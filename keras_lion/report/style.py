"""What looks the same in every figure and table: colours, names, units."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_COLOURS = {
    "lion": "#D55E00",
    "adamw": "#0072B2",
    "adam": "#56B4E9",
    "sgd": "#009E73",
    "signum": "#CC79A7",
}
_OTHERS = ("#E69F00", "#999999", "#000000", "#F0E442")
_LABELS = {
    "lion": "Lion",
    "adamw": "AdamW",
    "adam": "Adam",
    "sgd": "SGD",
    "signum": "Signum",
}

AXIS_LABELS = {
    "learning_rate": "learning rate η",
    "weight_decay": "weight decay λ",
}


@dataclass(frozen=True)
class Quantity:
    """How a score is shown: its name, unit and direction.

    Attributes:
        name: What is shown, as on a colour bar.
        unit: Unit of the shown number.
        factor: shown = factor · score; negative where the shown number is better small.
        digits: Digits after the point.
    """

    name: str
    unit: str
    factor: float
    digits: int

    @property
    def label(self) -> str:
        """Name and unit, for an axis or a colour bar."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def smaller_is_better(self) -> bool:
        return self.factor < 0

    @property
    def spec(self) -> str:
        """Format of a shown number."""
        return f".{self.digits}f"

    def text(self, score: float) -> str:
        """A score as it is shown, without the unit."""
        if math.isnan(score):
            return "–"
        # + 0.0 turns the −0.0 of a negated zero into 0.0.
        return f"{self.factor * score + 0.0:{self.spec}}"


LOSS = Quantity("validation loss", "nats", -1, 3)
ACCURACY = Quantity("validation accuracy", "%", 100, 1)
STEPS = Quantity("log₁₀ steps to target", "", -1, 2)


def quantity_of(metric: str, value: str = "score") -> Quantity:
    """How the scores of a task with this metric are shown.

    Args:
        metric: `metric` of the run records: `"accuracy"`, `"loss"` or
            `"steps_to_target"`; another one is shown as it is.
        value: `"score"` or `"final_loss"`, as in `Landscape.from_runs`.

    Returns:
        The quantity.

    Example:

    ```python
    quantity_of("accuracy").text(0.957)  # "95.7"
    ```
    """
    if value == "final_loss" or metric == "loss":
        return LOSS
    known = {"accuracy": ACCURACY, "steps_to_target": STEPS}
    return known.get(metric, Quantity(f"score: {metric}", "", 1, 3))


def optimizer_colour(name: str) -> str:
    """Colour of an optimizer, the same in every figure.

    Args:
        name: Name of the optimizer, in any case.

    Returns:
        A colour as `#RRGGBB`.

    Example:

    ```python
    optimizer_colour("lion")  # "#D55E00"
    ```

    References:
        Okabe and Ito (2008). Color Universal Design.
    """
    other = _OTHERS[sum(name.lower().encode()) % len(_OTHERS)]
    return _COLOURS.get(name.lower(), other)


def optimizer_label(name: str) -> str:
    """Name of an optimizer as it is printed: `AdamW` for `adamw`."""
    return _LABELS.get(name.lower(), name)


def in_order(optimizers: Iterable[str]) -> list[str]:
    """Optimizers as every table and figure orders them: Lion, AdamW, others by name."""
    known = list(_COLOURS)

    def rank(name: str) -> tuple[int, str]:
        low = name.lower()
        return (known.index(low) if low in known else len(known), low)

    return sorted(optimizers, key=rank)


def number(value: float, digits: int = 2) -> str:
    """A hyperparameter as text: `0.1`, `3.2e-4`, `0`.

    Args:
        value: The number.
        digits: Significant digits.
    """
    if math.isnan(value):
        return "–"
    value = float(f"{value:.{digits}g}")
    if value == 0 or 1e-2 <= abs(value) < 1e3:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
