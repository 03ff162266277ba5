"""Intervals of what a few seeds measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

FEW = 5


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval and the number of values behind it.

    `str(interval)` is `0.957 [0.951, 0.962] (n=10)`; a format such as
    `f"{interval:.1f}"` sets the digits.

    Attributes:
        estimate: The estimated value; NaN if `n` is 0.
        low: Lower end; NaN where no interval can be given.
        high: Upper end; NaN where no interval can be given.
        n: Number of independent values (seeds, runs).
    """

    estimate: float
    low: float
    high: float
    n: int

    @property
    def indicative(self) -> bool:
        """Whether there are too few values to rest a claim on: `n < 5`."""
        return self.n < FEW

    def scaled(self, factor: float) -> Interval:
        """The same interval in another unit, `factor` times this one."""
        low, high = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.estimate, low, high, self.n)

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        if self.n == 0:
            return "no value (n=0)"
        if math.isnan(self.low):
            return f"{self.estimate:{spec}} [no interval] (n={self.n})"
        return (
            f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}] "
            f"(n={self.n})"
        )

    def __str__(self) -> str:
        return format(self, "")


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Confidence interval of a mean, for normally distributed values.

    mean ± t · s / √n, with t the quantile (1 + confidence) / 2 of Student's
    distribution with n − 1 degrees of freedom and s the standard deviation (ddof 1).

    Args:
        values: Finite numbers, shape (n,), one for each seed.
        confidence: Share of such intervals that hold the true mean, in (0, 1).

    Returns:
        The interval, in the unit of `values`. One value has no spread: `low` and `high`
        are NaN then.

    Raises:
        ValueError: If there is no value, one is not finite, or `confidence` is not
            in (0, 1).

    Example:

    ```python
    print(t_interval([0.95, 0.96, 0.96, 0.97]))  # 0.960 [0.947, 0.973] (n=4)
    ```

    References:
        Student (1908). The probable error of a mean. Biometrika 6.
    """
    _check_confidence(confidence)
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            "`values` must be a list of one or more numbers, one for each seed. "
            f"Received: an array of shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            "`values` must be finite: leave missing seeds out and give diverged ones "
            f"their floor. Received: {array[~np.isfinite(array)][0]} among them."
        )
    mean = float(array.mean())
    if array.size == 1:
        return Interval(mean, math.nan, math.nan, 1)
    error = float(array.std(ddof=1)) / math.sqrt(array.size)
    half = float(stats.t.ppf((1 + confidence) / 2, array.size - 1)) * error
    return Interval(mean, mean - half, mean + half, array.size)


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share, such as the share of runs that diverged.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), with p = successes / n and z
    the quantile (1 + confidence) / 2 of the normal distribution. It stays within
    [0, 1] and has a width even where p is 0 or 1.

    Args:
        successes: How many of the `n` are counted, 0 to `n`.
        n: Number of independent runs, at least 1.
        confidence: Share of such intervals that hold the true share, in (0, 1).

    Returns:
        The interval; its estimate is `successes / n`.

    Raises:
        ValueError: If `n < 1`, `successes` is not in 0…n, or `confidence` is not in
            (0, 1).

    Example:

    ```python
    print(wilson_interval(2, 10))  # 0.200 [0.057, 0.510] (n=10)
    ```

    References:
        Wilson (1927). Probable inference, the law of succession, and statistical
        inference. Journal of the American Statistical Association 22.
    """
    _check_confidence(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(
            "`successes` must be 0 to `n`, and `n` at least 1. "
            f"Received: successes={successes}, n={n}."
        )
    share = successes / n
    z = float(stats.norm.ppf((1 + confidence) / 2))
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    # The ends are 0 and 1 exactly at these counts; rounding would miss them.
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    return Interval(share, low, high, n)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(
            "`confidence` must lie between 0 and 1, such as 0.95. "
            f"Received: {confidence}."
        )
