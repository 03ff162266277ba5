"""Axes and the search space that they span."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from keras_lion.tuning.study.extension import common_ratio, extended

Value = float | str  # of a hyperparameter: a number, text, True or False

# Of these, only numbers have a meaning.
NUMERIC = ("learning_rate", "weight_decay", "beta_1", "beta_2", "batch_size", "seed")

# What the values must be, and whether one is.
RANGES: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("positive", lambda value: value > 0),
    "weight_decay": ("0 or more", lambda value: value >= 0),
    "beta_1": ("at least 0 and below 1", lambda value: 0 <= value < 1),
    "beta_2": ("at least 0 and below 1", lambda value: 0 <= value < 1),
    "batch_size": (
        "a whole number, 1 or more",
        lambda value: value >= 1 and value.is_integer(),
    ),
    "seed": (
        "a whole number, 0 or more",
        lambda value: value >= 0 and value.is_integer(),
    ),
}


def plain_value(name: str, value: Any) -> Value:
    """The value of a hyperparameter as a plain number, string or boolean.

    Args:
        name: Name of the hyperparameter.
        value: One of these, or a scalar of NumPy.

    Raises:
        ValueError: If it is something else, is not finite or is empty text, or if the
            hyperparameter needs a number, or one of a certain range, and it is not.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise ValueError(
            f"The values of '{name}' must be numbers, text, or True and False. "
            f"Received: {value!r}."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"The values of '{name}' must be finite. Received: {value}.")
    if value == "":
        raise ValueError(f"The values of '{name}' must not be empty text.")
    if name in NUMERIC and isinstance(value, bool | str):
        raise ValueError(f"'{name}' must be a number. Received: {value!r}.")
    if name in RANGES and not RANGES[name][1](float(value)):
        expected = RANGES[name][0]
        raise ValueError(f"'{name}' must be {expected}. Received: {value!r}.")
    return value


def kind_of(value: Value) -> str:
    """Kind of a plain value: `"text"`, `"boolean"` or `"number"`."""
    if isinstance(value, str):
        return "text"
    return "boolean" if isinstance(value, bool) else "number"


@dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter.

    Args:
        name: Name of the hyperparameter, `"learning_rate"` for example.
        values: Numbers, ascending; or text, such as the names of activations; or True
            and False. Each value is given once, and all are of one kind. Numbers that
            are equal in float32 count as one value.

    Raises:
        ValueError: If there is no value, they are of several kinds, numbers do not
            ascend, a value is given twice, or it is out of range, as a negative
            learning rate is.

    Example:

    ```python
    from keras_lion.tuning import Axis

    Axis("activation", ("relu", "tanh"))
    Axis("use_norm", (True, False))
    Axis.geometric("learning_rate", centre=1e-3, ratio=10, num=3).values
    # (0.0001, 0.001, 0.01)
    ```
    """

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Iterable):
            raise ValueError(
                f"The values of axis '{self.name}' must be a tuple, such as "
                f"({self.values!r},). Received: {self.values!r}."
            )
        values = tuple(plain_value(self.name, value) for value in self.values)
        object.__setattr__(self, "values", values)
        if not values:
            raise ValueError(f"Axis '{self.name}' needs at least one value.")
        if len({kind_of(value) for value in values}) > 1:
            raise ValueError(
                f"The values of axis '{self.name}' must be of one kind: numbers, text, "
                f"or True and False. Received: {values}."
            )
        numbers = self.numbers
        if not numbers and len(set(values)) < len(values):
            raise ValueError(
                f"The values of axis '{self.name}' must each be given once. "
                f"Received: {values}."
            )
        if not all(_ascend(low, high) for low, high in itertools.pairwise(numbers)):
            raise ValueError(
                f"The values of axis '{self.name}' must ascend, and differ in float32. "
                f"Received: {values}."
            )

    @classmethod
    def geometric(
        cls, name: str, *, centre: float, ratio: float, num: int, zero: bool = False
    ) -> Axis:
        """`num` values of equal ratio around `centre`, after a 0 if `zero` is true.

        Values are rounded to six significant digits, so that they are the same on
        every machine. An axis with two more values of the same centre and ratio has
        all values of the smaller one.
        """
        if centre <= 0 or ratio <= 1 or num < 1:
            raise ValueError(
                "A geometric axis needs centre > 0, ratio > 1 and num >= 1. "
                f"Received: centre={centre}, ratio={ratio}, num={num}."
            )
        exponents = (k - (num - 1) / 2 for k in range(num))
        values = tuple(float(f"{centre * ratio**k:.6g}") for k in exponents)
        return cls(name, (0.0, *values) if zero else values)

    @classmethod
    def linear(cls, name: str, *, low: float, high: float, num: int) -> Axis:
        """`num` values of equal distance from `low` to `high`."""
        if num < 2:
            raise ValueError(f"A linear axis needs num >= 2. Received: num={num}.")
        width = (high - low) / (num - 1)
        return cls(name, tuple(float(f"{low + k * width:.6g}") for k in range(num)))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values; none if they are text or booleans."""
        return tuple(v for v in self.values if not isinstance(v, bool | str))

    @property
    def ratio(self) -> float | None:
        """The common ratio of the positive values, or None if there is none."""
        return common_ratio([value for value in self.numbers if value > 0])

    def scaled(self, factor: float) -> Axis:
        """The same axis with every number multiplied by `factor`."""
        scaled = tuple(float(f"{v * factor:.6g}") for v in self.numbers)
        return replace(self, values=scaled or self.values)

    def extended(self, *, down: int = 0, up: int = 0) -> Axis:
        """The same axis with more values at its ends, in steps of its own ratio.

        The values that it has stay as they are, so that their runs are used again.

        Args:
            down: Number of values below the lowest positive one.
            up: Number of values above the highest.

        Raises:
            ValueError: If the positive values have no common ratio.

        Example:

        ```python
        from keras_lion.tuning import Axis

        axis = Axis.geometric("learning_rate", centre=1e-3, ratio=10, num=3)
        axis.extended(up=1).values  # (0.0001, 0.001, 0.01, 0.1)
        ```
        """
        values = self.numbers or (0.0,)
        longer = extended(self.name, values, down=down, up=up)
        return replace(self, values=longer)


def _ascend(low: float, high: float) -> bool:
    """Whether two numbers ascend: whole ones exactly, others in float32."""
    if isinstance(low, int) and isinstance(high, int):
        return low < high
    with np.errstate(over="ignore"):
        return low < high and bool(np.float32(low) < np.float32(high))


@dataclass(frozen=True)
class SearchSpace:
    """The grid of configurations that one optimizer is given.

    Args:
        axes: What is varied; the grid is their product.
        fixed: What is not, `{"beta_1": 0.9}` for example.

    Raises:
        ValueError: If a hyperparameter is named twice, or a fixed value is neither a
            number, text nor a boolean.
    """

    axes: tuple[Axis, ...]
    fixed: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes] + list(self.fixed)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                "Each hyperparameter of a search space is named once, as an axis or as "
                f"fixed. Received twice: {', '.join(twice)}."
            )

        fixed = {
            # An optimizer without a beta may say so by None.
            name: value if value is None else plain_value(name, value)
            for name, value in self.fixed.items()
        }
        object.__setattr__(self, "fixed", fixed)

    def __len__(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def configurations(self) -> Iterator[dict[str, Value]]:
        """Every point of the grid, the last axis fastest."""
        names = [axis.name for axis in self.axes]
        for values in itertools.product(*(axis.values for axis in self.axes)):
            yield {**self.fixed, **dict(zip(names, values, strict=True))}

    def kinds(self) -> dict[str, str]:
        """Name of every hyperparameter → kind of its values, as `kind_of` names it."""
        fixed = {n: kind_of(v) for n, v in self.fixed.items() if v is not None}
        return {**fixed, **{axis.name: kind_of(axis.values[0]) for axis in self.axes}}

    def axis(self, name: str) -> Axis:
        """The axis of that name."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise ValueError(
            f"This search space has no axis '{name}', only "
            f"{', '.join(axis.name for axis in self.axes)}."
        )

    def extended(self, name: str, *, down: int = 0, up: int = 0) -> SearchSpace:
        """The grid with more values at the ends of one axis.

        Args:
            name: Name of the axis.
            down: Number of values below the lowest positive one.
            up: Number of values above the highest.
        """
        longer = self.axis(name).extended(down=down, up=up)
        axes = (longer if axis.name == name else axis for axis in self.axes)
        return replace(self, axes=tuple(axes))

    def moved(self, k: float, **fixed: Value) -> SearchSpace:
        """The grid at (learning_rate / k, weight_decay · k): the same products.

        Args:
            k: The factor; 3 to 10 leads from AdamW's grid to Lion's.
            **fixed: Fixed hyperparameters that differ in the new space.
        """
        factors = {"learning_rate": 1 / k, "weight_decay": k}
        return SearchSpace(
            axes=tuple(axis.scaled(factors.get(axis.name, 1.0)) for axis in self.axes),
            fixed={**self.fixed, **fixed},
        )
