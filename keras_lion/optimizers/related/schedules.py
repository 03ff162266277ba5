"""Learning rate schedules that Keras lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.hyperparameters import is_number

DECAYS = ("linear", "square_root", "cosine")


@keras.saving.register_keras_serializable(package="keras_lion")
class PiecewiseLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Straight lines between points, and the last value after them.

    Steps count from 0. Before the first point the line comes from 0 at step 0, which
    makes the first piece a warm-up; a point at step 0 gives another start.

    Args:
        learning_rate: η, a number ≥ 0.
        points: Pairs of a step and the factor of η there, in order of the steps.

    Raises:
        ValueError: If the points are not in order, or a number is negative.

    Example:

    ```python
    from keras_lion import Lion
    from keras_lion.optimizers import PiecewiseLinear

    # 1,000 steps of warm-up, down to a tenth until step 20,000, and constant then.
    optimizer = Lion(PiecewiseLinear(2.3e-4, [(1000, 1.0), (20_000, 0.1)]))
    ```
    """

    def __init__(
        self, learning_rate: float, points: Sequence[tuple[float, float]]
    ) -> None:
        super().__init__()
        self.learning_rate = check_not_negative("learning_rate", learning_rate)
        try:
            self.points = [(float(step), float(factor)) for step, factor in points]
        except (TypeError, ValueError):
            self.points = []
        steps = [step for step, _ in self.points]
        ascending = all(a < b for a, b in pairwise(steps))
        finite = all(0 <= x < math.inf for point in self.points for x in point)
        if not self.points or not ascending or not finite:
            raise ValueError(
                "`points` must be one or more pairs of a step and a factor, neither "
                "negative, in ascending order of the steps. "
                f"Received: points={points!r}."
            )

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        points = self.points if self.points[0][0] == 0 else [(0.0, 0.0), *self.points]
        factor = ops.full_like(step, points[0][1])
        # Of each piece what lies before the step; at a point all that is before it.
        for (start, low), (end, high) in pairwise(points):
            share = ops.clip((step - start) / (end - start), 0.0, 1.0)
            factor = factor + share * (high - low)
        return self.learning_rate * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "points": [list(point) for point in self.points],
        }


@keras.saving.register_keras_serializable(package="keras_lion")
class WarmupStableDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, a constant, and a decay at the end.

    A training can go on from any checkpoint of the constant part: only the decay needs
    to know where it ends. With W, S and D the steps of the three parts and x the share
    of the decay that is over, step t = 0, 1, … has

        η (t + 1) / (W + 1)                        for t < W
        η                                          for t < W + S
        η (e + (1 − e) d(x))                       for t < W + S + D

    and η e afterwards; d(x) is 1 − x, 1 − √x or ½ (1 + cos πx). No step before the end
    has rate 0, so none is lost.

    Args:
        learning_rate: η, a number ≥ 0.
        warmup_steps: W, a whole number ≥ 0.
        stable_steps: S, a whole number ≥ 0.
        decay_steps: D, a whole number ≥ 0.
        end_factor: e, the factor of η at the end, in [0, 1].
        decay: The form of d: `"linear"`, `"square_root"` or `"cosine"`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    from keras_lion import Lion
    from keras_lion.optimizers import WarmupStableDecay

    optimizer = Lion(WarmupStableDecay(2.3e-4, 500, 8_500, 1_000))
    ```

    References:
        - [Hu et al., 2024](https://arxiv.org/abs/2404.06395), section 4
        - [Hägele et al., 2024](https://arxiv.org/abs/2405.18392), on 1 − √x
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        end_factor: float = 0.0,
        decay: str = "square_root",
    ) -> None:
        super().__init__()
        self.learning_rate = check_not_negative("learning_rate", learning_rate)
        self.warmup_steps = check_not_negative("warmup_steps", warmup_steps)
        self.stable_steps = check_not_negative("stable_steps", stable_steps)
        self.decay_steps = check_not_negative("decay_steps", decay_steps)
        self.end_factor = check_not_negative("end_factor", end_factor)
        if self.end_factor > 1:
            raise ValueError(
                "`end_factor` must be a number in the range [0, 1]. "
                f"Received: end_factor={end_factor!r}."
            )
        if decay not in DECAYS:
            raise ValueError(
                f"`decay` must be one of {', '.join(map(repr, DECAYS))}. "
                f"Received: decay={decay!r}."
            )
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        warm = ops.minimum((step + 1.0) / (self.warmup_steps + 1.0), 1.0)
        over = step + 1.0 - self.warmup_steps - self.stable_steps
        x = ops.clip(over / (self.decay_steps + 1.0), 0.0, 1.0)
        if self.decay == "linear":
            kept = 1.0 - x
        elif self.decay == "square_root":
            kept = 1.0 - ops.sqrt(x)
        else:
            kept = 0.5 * (1.0 + ops.cos(math.pi * x))
        kept = self.end_factor + (1.0 - self.end_factor) * kept
        return self.learning_rate * warm * kept

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "stable_steps": self.stable_steps,
            "decay_steps": self.decay_steps,
            "end_factor": self.end_factor,
            "decay": self.decay,
        }


def check_not_negative(name: str, value: Any) -> float:
    """A finite number of 0 or more."""
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number of 0 or more. "
            f"Received: {name}={value!r}."
        )
    return float(value)
