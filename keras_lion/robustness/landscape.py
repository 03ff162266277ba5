"""Scores of one optimizer on a grid of learning rate and weight decay."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from keras_lion.robustness.frames.conditions import Settings
from keras_lion.robustness.frames.quantity import SCORE, Quantity
from keras_lion.robustness.frames.runs import Array as Array
from keras_lion.robustness.frames.runs import Value as Value
from keras_lion.robustness.frames.runs import arrange
from keras_lion.robustness.wording import with_unit
from keras_lion.statistics import Interval, t_interval

AxisName = Literal["learning_rate", "weight_decay"]
Side = Literal["low", "high"]
Index = slice | NDArray[Any]
ALL = slice(None)
# Scores that differ by less are equal: sums of the same numbers in another order.
RESOLUTION = 1e-12


def rounded(values: ArrayLike) -> Array:
    """Scores without what rounding alone adds: 0.94 is within 0.01 of 0.95."""
    return np.asarray(np.round(np.asarray(values, dtype=float), 12))


def check_choice(name: str, value: str, choices: object) -> None:
    """Raise a ValueError unless a value is one of those of a `Literal`."""
    if value not in get_args(choices):
        raise ValueError(
            f"`{name}` must be one of {', '.join(get_args(choices))}. "
            f"Received: {name}={value!r}."
        )


def checked_axis(name: str, values: ArrayLike, zero_allowed: bool) -> Array:
    """Ascending values of an axis."""
    array = np.array(values, dtype=float)
    least = "0 or more" if zero_allowed else "more than 0"
    fits = array.ndim == 1 and array.size > 0 and bool(np.isfinite(array).all())
    if fits:
        positive = array[0] >= 0 if zero_allowed else array[0] > 0
        fits = bool(positive and (np.diff(array) > 0).all())
    if not fits:
        raise ValueError(
            f"`{name}` must be a list of finite values, each {least}, in ascending "
            f"order and without repeats. Received: {array.tolist()}."
        )
    return array


def checked_floors(floor: ArrayLike, shape: tuple[int, ...]) -> Array:
    """A floor for every score."""
    array = np.asarray(floor, dtype=float)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            "`floor` must be a number or an array that broadcasts to the shape of "
            f"`scores`, {shape}. Received: shape {array.shape}."
        ) from None


def checked_quantity(quantity: Quantity | None, scores: Array) -> Quantity:
    """What some scores are, if they lie within its bounds."""
    quantity = SCORE if quantity is None else quantity
    if not quantity.holds(scores):
        known = scores[np.isfinite(scores)]
        raise ValueError(
            f"Scores of `quantity` {quantity.name} lie between {quantity.bounds[0]:g} "
            f"and {quantity.bounds[1]:g}. Received: {known.min():g} to "
            f"{known.max():g}: divide percentages by 100, negate losses, or leave "
            "`quantity` out."
        )
    return quantity


@dataclass(frozen=True)
class Best:
    """The best cell of a landscape.

    Attributes:
        value: Mean score over the cell's seeds.
        learning_rate: Learning rate of the cell.
        weight_decay: Weight decay of the cell.
        cell: (row, column) of the cell: indices of weight decay and learning rate.
    """

    value: float
    learning_rate: float
    weight_decay: float
    cell: tuple[int, int]


class Landscape:
    """Scores of one optimizer over learning rate and weight decay.

    Cell (i, j) holds the scores of `weight_decay[i]` and `learning_rate[j]`, one for
    each seed; larger is better. Diverged runs count with the floor, missing ones not at
    all.

    Args:
        learning_rate: Positive values, ascending, shape (n,).
        weight_decay: Values, ascending, shape (m,); the first may be 0 (no decay).
        scores: Shape (m, n) or (m, n, seeds). NaN marks a missing cell or seed.
        floor: Score of a diverged run: a number, or an array that broadcasts to the
            shape of `scores` (one floor for each seed, say). None: diverged runs keep
            the score that `scores` gives them.
        diverged: Which runs diverged: booleans of the shape of `scores`. None: none.
        seeds: Number of each seed, by which landscapes are paired. None: not known;
            such landscapes are paired by position.
        quantity: What the scores are (`keras_lion.robustness.frames.quantity`): name
            and unit for sentences, and the bounds within which intervals stay, such as
            0 and 1 for an accuracy. None: a score without unit or bounds.

    Attributes:
        scores: Shape (m, n, seeds), read-only, with diverged runs at the floor.
        diverged: Booleans of the same shape.

    Raises:
        ValueError: If an axis is not ascending, a shape does not fit, a score is
            infinite, or a diverged run has neither a floor nor a score.

    Example:

    ```python
    landscape = Landscape([1e-3, 3e-3], [0.0, 0.1], [[0.90, 0.91], [0.92, 0.95]])
    landscape.best.learning_rate  # 0.003
    ```
    """

    learning_rate: Array
    weight_decay: Array
    scores: Array
    diverged: NDArray[np.bool_]
    seeds: NDArray[Any] | None
    quantity: Quantity

    def __init__(
        self,
        learning_rate: ArrayLike,
        weight_decay: ArrayLike,
        scores: ArrayLike,
        *,
        floor: ArrayLike | None = None,
        diverged: ArrayLike | None = None,
        seeds: ArrayLike | None = None,
        quantity: Quantity | None = None,
    ) -> None:
        rates = checked_axis("learning_rate", learning_rate, zero_allowed=False)
        decays = checked_axis("weight_decay", weight_decay, zero_allowed=True)
        values = np.array(scores, dtype=float)
        shape = values.shape
        if values.ndim not in (2, 3) or shape[:2] != (len(decays), len(rates)):
            raise ValueError(
                "`scores` must have a row for each weight decay, a column for each "
                f"learning rate and perhaps seeds: shape ({len(decays)}, {len(rates)}) "
                f"or ({len(decays)}, {len(rates)}, seeds). Received: shape {shape}."
            )
        if np.isinf(values).any():
            raise ValueError(
                "`scores` must be finite, or NaN for missing runs. Received an "
                "infinite score: mark the run in `diverged` and give a `floor`."
            )
        mask = np.zeros(shape, bool) if diverged is None else np.array(diverged, bool)
        if mask.shape != shape:
            raise ValueError(
                f"`diverged` must have the shape of `scores`, {shape}. "
                f"Received: shape {mask.shape}."
            )
        if floor is not None:
            values = np.where(mask, checked_floors(floor, shape), values)
        if not np.isfinite(values[mask]).all():
            raise ValueError(
                "Every diverged run needs a finite score or a finite `floor`. "
                f"Received none for {int(np.isnan(values[mask]).sum())} of "
                f"{int(mask.sum())} diverged runs: give their floor, such as the "
                "accuracy of chance."
            )
        if values.ndim == 2:
            values, mask = values[..., None], mask[..., None]
        numbers = None if seeds is None else np.array(seeds)
        if numbers is not None and numbers.shape != values.shape[2:]:
            raise ValueError(
                f"`seeds` must number the {values.shape[2]} seeds of `scores`. "
                f"Received: shape {numbers.shape}."
            )
        self.__dict__["seeds"] = numbers
        self.__dict__["quantity"] = checked_quantity(quantity, values)
        for name, array in (
            ("learning_rate", rates),
            ("weight_decay", decays),
            ("scores", values),
            ("diverged", mask),
        ):
            array.flags.writeable = False
            self.__dict__[name] = array

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"A Landscape cannot be changed (tried to set {name!r}): build another one."
        )

    def __repr__(self) -> str:
        rows, columns, seeds = self.scores.shape
        parts = (
            with_unit(str(rows), "weight decays"),
            with_unit(str(columns), "learning rates"),
            with_unit(str(seeds), "seeds"),
        )
        return f"<Landscape: {' × '.join(parts)}>"

    @classmethod
    def from_runs(
        cls,
        frame: pd.DataFrame,
        *,
        optimizer: str,
        task: str | None = None,
        batch_size: int | None = None,
        value: Value = "score",
        where: Settings | None = None,
    ) -> Landscape:
        """Arrange run records as a landscape.

        Failed runs are missing. With `value="final_loss"` the score of a run is
        −final_loss and its floor −initial_loss: diverged runs get the floor, and no run
        gets less.

        Args:
            frame: Run records, one per row, as `keras_lion.tuning.load_runs` returns.
            optimizer: Optimizer whose runs are taken.
            task: Task whose runs are taken; needed if there are several.
            batch_size: Batch size whose runs are taken; needed if there are several.
            value: `"score"` or `"final_loss"` (validation, negated).
            where: Column → value of the runs that are taken, such as
                `{"activation": "relu"}`; None as value: those without one. Needed for
                each hyperparameter of which the optimizer has several values, or runs
                with and without.

        Returns:
            The landscape; seeds in ascending order on its last axis.

        Raises:
            ValueError: If no run is left, runs that must not be mixed are, a cell has
                two runs of one seed, or a column is missing.

        Example:

        ```python
        frame = load_runs("results/lr_wd")
        lion = Landscape.from_runs(frame, optimizer="lion", task="digits")
        ```
        """
        return cls(**arrange(frame, optimizer, task, batch_size, value, where))

    def select(
        self,
        *,
        weight_decay: Index = ALL,
        learning_rate: Index = ALL,
        seeds: Index = ALL,
    ) -> Landscape:
        """Some rows, columns and seeds: each a slice, a mask or indices.

        Example:

        ```python
        landscape.select(weight_decay=landscape.weight_decay > 0)
        ```
        """
        scores, diverged = (
            array[weight_decay][:, learning_rate][..., seeds]
            for array in (self.scores, self.diverged)
        )
        return Landscape(
            self.learning_rate[learning_rate],
            self.weight_decay[weight_decay],
            scores,
            diverged=diverged,
            seeds=None if self.seeds is None else self.seeds[seeds],
            quantity=self.quantity,
        )

    @cached_property
    def num_seeds(self) -> NDArray[np.int64]:
        """Number of seeds of each cell that have a score, shape (m, n)."""
        return np.asarray(np.isfinite(self.scores).sum(axis=2))

    @cached_property
    def num_diverged(self) -> NDArray[np.int64]:
        """Number of seeds of each cell that diverged, shape (m, n)."""
        return np.asarray(self.diverged.sum(axis=2))

    @cached_property
    def means(self) -> Array:
        """Mean score of each cell over its seeds, shape (m, n); NaN where missing."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a mean of no seeds is NaN
            return np.asarray(np.nanmean(self.scores, axis=2))

    @cached_property
    def best(self) -> Best:
        """The cell of the largest mean; of equal cells the one of least weight decay,
        then of least learning rate.

        Raises:
            ValueError: If every cell is missing.
        """
        check_scored(self)
        row, column = np.unravel_index(np.nanargmax(self.means), self.means.shape)
        return Best(
            value=float(self.means[row, column]),
            learning_rate=float(self.learning_rate[column]),
            weight_decay=float(self.weight_decay[row]),
            cell=(int(row), int(column)),
        )

    @cached_property
    def best_interval(self) -> Interval:
        """t interval over the seeds of the best cell.

        The best of many noisy cells looks better than it is: the interval leaves that
        out.
        """
        scores = self.scores[self.best.cell]
        return self.interval_of(scores[np.isfinite(scores)])

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest score there can be."""
        return self.quantity.bounds

    def interval_of(self, scores: ArrayLike) -> Interval:
        """t interval of a mean of scores, within the bounds that scores have."""
        return t_interval(scores).within(*self.bounds)

    @property
    def empty(self) -> bool:
        """Whether every cell is missing."""
        return not self.num_seeds.any()

    @property
    def all_diverged(self) -> bool:
        """Whether there are runs and none of them trained."""
        return not self.empty and bool((self.num_diverged == self.num_seeds).all())

    @property
    def diverged_share(self) -> float:
        """Share of the runs that diverged; NaN without runs."""
        if self.empty:
            return float("nan")
        return int(self.num_diverged.sum()) / int(self.num_seeds.sum())

    @cached_property
    def sigma(self) -> float:
        """Standard deviation over seeds, pooled over the cells without a diverged run.

        √(Σ squared deviations from the cell's mean / Σ (seeds − 1)); NaN if no such
        cell has two seeds.
        """
        stable = (self.num_diverged == 0) & (self.num_seeds > 1)
        freedom = int((self.num_seeds[stable] - 1).sum())
        if freedom == 0:
            return float("nan")
        deviations = (self.scores - self.means[..., None])[stable]
        return float(np.sqrt(np.nansum(deviations**2) / freedom))

    def profile_over(self, axis: AxisName) -> Array:
        """Best mean at each value of one axis, the other retuned there.

        Args:
            axis: `"learning_rate"` (the best weight decay at each, no decay included)
                or `"weight_decay"`.

        Returns:
            Shape (n,) or (m,); NaN where every cell is missing.

        Example:

        ```python
        best_score_at_each_rate = landscape.profile_over("learning_rate")
        ```
        """
        check_choice("axis", axis, AxisName)
        other = 0 if axis == "learning_rate" else 1
        filled = np.where(np.isnan(self.means), -np.inf, self.means).max(axis=other)
        return np.where(np.isinf(filled), np.nan, filled)

    @property
    def edge(self) -> tuple[tuple[AxisName, Side], ...]:
        """Sides of the grid that the best cell touches.

        The row of no decay is not a side: a best cell there says that decay is not
        needed, not that the grid is too small. Nor is the lowest weight decay above it,
        which then has a score on both sides. An axis of one value was not searched and
        has no sides.
        """
        best = self.best
        sides: list[tuple[AxisName, Side]] = []
        axes: tuple[tuple[AxisName, Array, float], ...] = (
            ("learning_rate", self.learning_rate, best.learning_rate),
            ("weight_decay", self.weight_decay, best.weight_decay),
        )
        column = int(np.flatnonzero(self.learning_rate == best.learning_rate)[0])
        for name, values, chosen in axes:
            bounded = values[0] == 0 and self.num_seeds[0, column] > 0
            values = values[values > 0]
            if len(values) > 1 and chosen == values[0] and not bounded:
                sides.append((name, "low"))
            if len(values) > 1 and chosen == values[-1]:
                sides.append((name, "high"))
        return tuple(sides)


def common_best(landscapes: Iterable[Landscape]) -> float:
    """Best mean of several landscapes: the reference that optimizers share.

    Args:
        landscapes: Landscapes of one task and one kind of score.

    Returns:
        The largest mean of a cell; NaN if every cell of all is missing.

    Example:

    ```python
    mean_regret(adamw, reference=common_best([lion, adamw]))
    ```
    """
    bests = [each.best.value for each in landscapes if not each.empty]
    return max(bests, default=float("nan"))


def paired(first: Landscape, second: Landscape) -> tuple[Landscape, Landscape]:
    """Both landscapes over the seeds that have a score in each."""
    if first.seeds is not None and second.seeds is not None:
        common, *places = np.intersect1d(first.seeds, second.seeds, return_indices=True)
        if len(common) == 0:
            raise ValueError(
                "Paired landscapes need seeds that both have. Received: "
                f"{first.seeds.tolist()} and {second.seeds.tolist()}."
            )
        if len(common) < max(len(first.seeds), len(second.seeds)):
            first = first.select(seeds=places[0])
            second = second.select(seeds=places[1])
    counts = first.scores.shape[2], second.scores.shape[2]
    if counts[0] != counts[1]:
        raise ValueError(
            "Paired landscapes need the same seeds. "
            f"Received: {counts[0]} and {counts[1]} seeds: keep those that both have."
        )
    present = np.asarray(
        np.isfinite(first.scores).any(axis=(0, 1))
        & np.isfinite(second.scores).any(axis=(0, 1))
    )
    if not present.any():
        raise ValueError(
            "No seed has a score in both landscapes: run the study, or leave this "
            f"pair out. Received: {first!r} and {second!r}."
        )
    if present.all():
        return first, second
    return first.select(seeds=present), second.select(seeds=present)


def check_scored(landscape: Landscape) -> None:
    """Raise a ValueError if every cell is missing."""
    if landscape.empty:
        raise ValueError(
            "A landscape without any score has no best cell. Received only missing "
            "cells: run the study, or leave this optimizer out."
        )


def check_trained(landscape: Landscape, name: str = "") -> None:
    """Raise a ValueError if every run diverged."""
    if landscape.all_diverged:
        raise ValueError(
            f"An optimum needs a run that trained. Received{name and f' for `{name}`'} "
            "a landscape whose runs all diverged: move the grid."
        )
