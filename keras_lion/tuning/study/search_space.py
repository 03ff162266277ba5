"""Axes and the search space that they span."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

Value = float | str  # of a hyperparameter; True and False count as 1 and 0


@dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter.

    Args:
        name: Name of the hyperparameter, `"learning_rate"` for example.
        values: Numbers, ascending, each once; or names, such as those of
            `"weight_decay_coupling"`, each once.

    Raises:
        ValueError: If there is no value, or they do not ascend.

    Example:

    ```python
    from keras_lion.tuning import Axis

    Axis.geometric("learning_rate", centre=1e-3, ratio=10, num=3).values
    # (0.0001, 0.001, 0.01)
    ```
    """

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"Axis '{self.name}' needs at least one value.")
        names = [value for value in self.values if isinstance(value, str)]
        numbers = self.numbers
        if names and (numbers or len(set(names)) < len(names)):
            raise ValueError(
                f"The values of axis '{self.name}' must be numbers, or names that are "
                f"each given once. Received: {self.values}."
            )
        if any(not math.isfinite(value) for value in numbers) or any(
            low >= high for low, high in itertools.pairwise(numbers)
        ):
            raise ValueError(
                f"The values of axis '{self.name}' must be finite and ascend. "
                f"Received: {self.values}."
            )

    @classmethod
    def geometric(
        cls, name: str, *, centre: float, ratio: float, num: int, zero: bool = False
    ) -> Axis:
        """`num` values of equal ratio around `centre`, after a 0 if `zero` is true.

        Values are rounded to six significant digits, so that they are the same on
        every machine.
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
        """The values; none if they are names."""
        return tuple(value for value in self.values if not isinstance(value, str))

    @property
    def ratio(self) -> float | None:
        """The common ratio of the positive values, or None if there is none."""
        positive = [value for value in self.numbers if value > 0]
        ratios = [high / low for low, high in itertools.pairwise(positive)]
        if not ratios or any(abs(r / ratios[0] - 1) > 1e-4 for r in ratios):
            return None
        return ratios[0]

    def scaled(self, factor: float) -> Axis:
        """The same axis with every number multiplied by `factor`."""
        scaled = tuple(float(f"{v * factor:.6g}") for v in self.numbers)
        return replace(self, values=scaled or self.values)


@dataclass(frozen=True)
class SearchSpace:
    """The grid of configurations that one optimizer is given.

    Args:
        axes: What is varied; the grid is their product.
        fixed: What is not, `{"beta_1": 0.9}` for example.

    Raises:
        ValueError: If a hyperparameter is named twice.
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

    def __len__(self) -> int:
        return math.prod(len(axis.values) for axis in self.axes)

    def configurations(self) -> Iterator[dict[str, Value]]:
        """Every point of the grid, the last axis fastest."""
        names = [axis.name for axis in self.axes]
        for values in itertools.product(*(axis.values for axis in self.axes)):
            yield {**self.fixed, **dict(zip(names, values, strict=True))}

    def axis(self, name: str) -> Axis:
        """The axis of that name."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise ValueError(
            f"This search space has no axis '{name}', only "
            f"{', '.join(axis.name for axis in self.axes)}."
        )

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
