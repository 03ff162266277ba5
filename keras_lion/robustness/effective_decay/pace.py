"""How the best memory of weights, 1 / (lr × λ) in epochs, moves with a condition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from keras_lion.robustness.effective_decay.spread import lines_of_equal_product
from keras_lion.robustness.grid import interior_peak
from keras_lion.robustness.intervals import jackknife_interval
from keras_lion.robustness.landscape import Array, Value
from keras_lion.robustness.verdict import Outcome, Verdict
from keras_lion.statistics import Interval


@dataclass(frozen=True)
class BestMemory:
    """The best memory in epochs over a condition x, such as the batch size.

    Attributes:
        condition: x, ascending, shape (k,).
        product: The best lr × λ, shape (k,); NaN where it is only bounded by the grid.
        epochs: The best memory 1 / (lr × λ) in epochs, shape (k,); NaN likewise.
        intervals: The same with its interval over seeds, whose ends are NaN also where
            the best lr × λ is at an edge without one of the seeds.
        kappa: κ = λ Σ η there, shape (k,).
        score: Mean score at the best lr × λ of the grid, shape (k,).
        exponent: α of memory in epochs ∝ x^α, with its interval over seeds.
    """

    condition: tuple[float, ...]
    product: tuple[float, ...]
    epochs: tuple[float, ...]
    intervals: tuple[Interval, ...]
    kappa: tuple[float, ...]
    score: tuple[float, ...]
    exponent: Interval

    @property
    def num_bounded(self) -> int:
        """Conditions whose best lr × λ is at an edge of the grid."""
        return sum(math.isnan(each) for each in self.product)


@dataclass(frozen=True)
class _Curve:
    """Scores over lr × λ under one condition: shape (lines, seeds)."""

    log_product: Array
    scores: Array
    epochs: float  # memory in epochs at lr × λ = 1
    kappa: float  # at lr × λ = 1

    def peak(self, means: Array) -> float:
        return interior_peak(self.log_product, means, np.isfinite(means))


def best_memory(
    frames: Mapping[float, pd.DataFrame], *, optimizer: str, value: Value = "score"
) -> BestMemory:
    """The best lr × λ under each condition, and how its memory scales.

    The best lr × λ is the vertex of the parabola, on log lr × λ, through the best mean
    score and its neighbors; scores of several learning rates at one lr × λ are
    averaged. A step forgets a share lr × λ of the weights, so that with S steps per
    epoch the memory is 1 / (S · lr × λ) epochs. Its exponent is the least-squares slope
    of the logarithms, with an interval from leaving one seed out of all conditions at
    once. Optima that the grid only bounds take no part.

    Args:
        frames: Condition → its run records.
        optimizer: Optimizer whose runs are taken.
        value: `"score"`, or `"final_loss"` (validation, negated).

    Raises:
        ValueError: If there is no condition, or a condition lacks runs of the optimizer
            or some seeds.
    """
    curves = {x: _curve(frames[x], optimizer, value, float(x)) for x in sorted(frames)}
    if not curves:
        raise ValueError("`frames` must have one condition or more. Received none.")
    counts = {curve.scores.shape[1] for curve in curves.values()}
    if len(counts) > 1:
        raise ValueError(
            "Every condition needs the same seeds. Received numbers of seeds: "
            f"{sorted(counts)}."
        )
    log_condition = np.log10(list(curves))
    ends = np.cumsum([0, *(len(curve.scores) for curve in curves.values())])

    def log_memory(means: Array) -> Array:
        parts = zip(curves.values(), ends, ends[1:], strict=False)
        return np.array(
            [math.log10(c.epochs) - c.peak(means[0, a:b]) for c, a, b in parts]
        )

    def slope(means: Array) -> float:
        y = log_memory(means)
        known = np.isfinite(y)
        if known.sum() < 2:
            return math.nan
        return float(np.polyfit(log_condition[known], y[known], 1)[0])

    def interval_at(k: int) -> Interval:
        return jackknife_interval(lambda means: float(log_memory(means)[k]), pooled)

    pooled = np.concatenate([curve.scores for curve in curves.values()])[None]
    memory = 10 ** log_memory(pooled.mean(axis=-1))
    products = [c.epochs / m for c, m in zip(curves.values(), memory, strict=True)]
    return BestMemory(
        condition=tuple(curves),
        product=tuple(products),
        epochs=tuple(memory.tolist()),
        intervals=tuple(_power_of_ten(interval_at(k)) for k in range(len(curves))),
        kappa=tuple(
            c.kappa * p for c, p in zip(curves.values(), products, strict=True)
        ),
        score=tuple(float(c.scores.mean(axis=1).max()) for c in curves.values()),
        exponent=jackknife_interval(slope, pooled),
    )


def _power_of_ten(log: Interval) -> Interval:
    return Interval(10**log.estimate, 10**log.low, 10**log.high, log.n)


def _curve(frame: pd.DataFrame, optimizer: str, value: Value, x: float) -> _Curve:
    lines = [
        line
        for line in lines_of_equal_product(frame, optimizer=optimizer, value=value)
        if len(line.trained)
    ]
    if not lines:
        raise ValueError(f"No line of equal lr × λ of {optimizer} trained at {x:g}.")
    missing = [name for name in ("steps", "epochs") if name not in frame]
    if missing:
        raise ValueError(
            "The memory in epochs needs the columns steps and epochs. Missing: "
            f"{', '.join(missing)}."
        )
    runs = frame[frame["optimizer"] == optimizer]
    steps_per_epoch = float((runs["steps"] / runs["epochs"]).iloc[0])
    return _Curve(
        np.log10([line.product for line in lines]),
        np.stack([line.trained.mean(axis=0) for line in lines]),
        1 / steps_per_epoch,
        lines[0].kappa / lines[0].product,
    )


def memory_verdict(found: BestMemory, *, margin: float, claim: str) -> Verdict:
    """Verdict on "the best memory in epochs does not change".

    Returns:
        Supported where the interval of the exponent lies within the margin, not
        supported where it lies outside; provisional where some optimum is at an edge of
        its grid; underpowered otherwise.
    """
    exponent = found.exponent
    bounded = found.num_bounded
    if len(found.condition) - bounded < 3:
        return Verdict.untestable(
            claim, "fewer than three of the optima lie inside their grids."
        )
    outcome: Outcome = "underpowered"
    if bounded:
        outcome = "provisional"
    elif exponent.low > margin or exponent.high < -margin:
        outcome = "not supported"
    elif exponent.low >= -margin and exponent.high <= margin:
        outcome = "supported"
    listed = ", ".join(
        f"{epochs:.2g} at {x:g}"
        for x, epochs in zip(found.condition, found.epochs, strict=True)
        if math.isfinite(epochs)
    )
    edges = f"{bounded} of {len(found.condition)} optima are at an edge of their grid."
    return Verdict(
        outcome=outcome,
        claim=claim,
        sentence=f"exponent of the best memory in epochs: {exponent:.2f} (0 is "
        f"constant); memory in epochs: {listed}; what counts as none: {margin:g}.",
        estimate=exponent,
        reasons=(edges,) if bounded else (),
    )
