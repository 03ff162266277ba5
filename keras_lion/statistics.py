"""Intervals and tests of what a few seeds measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

FEW = 5
# A bootstrap interval of 95 % covers .50 at 2 values, .87 at 6, .90 at 10, .925 at 20.
FEWEST_FOR_BOOTSTRAP = 20
EXACT_FLIPS = 16  # up to so many values all 2^n changes of sign are counted

Statistic = Callable[..., Any]
Bootstrap = Literal["bca", "percentile"]


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

    def shifted(self, by: float) -> Interval:
        """The interval of the same number plus a constant."""
        return Interval(self.estimate + by, self.low + by, self.high + by, self.n)

    def within(self, low: float = -math.inf, high: float = math.inf) -> Interval:
        """The interval of a number that lies between two bounds.

        Between two finite bounds, as for an accuracy, the half-width is carried to the
        scale log((x − low) / (high − x)) by the delta method, and the ends are carried
        back: m ± h becomes

            logit⁻¹(logit(u) ± h / ((high − low) u (1 − u))),  u = (m − low) / (high −
            low).

        Near a bound the interval is longer on the far side, as the values scatter;
        elsewhere it is nearly the same. With one finite bound, as for a loss, the
        interval ends there.

        Args:
            low: Least value that the number can have.
            high: Largest value that it can have.

        Returns:
            The interval; unchanged without ends or where the estimate is not between
            the bounds.

        Example:

        ```python
        print(t_interval([0.97, 0.98, 1.0]).within(0, 1))  # 0.983 [0.853, 0.998] (n=3)
        ```

        References:
            Agresti (2013). Categorical data analysis, chapter 16.
        """
        half = (self.high - self.low) / 2
        if not low < self.estimate < high or not half > 0:
            return self
        if math.isinf(low) or math.isinf(high):
            return replace(self, low=max(self.low, low), high=min(self.high, high))
        below, above = self.estimate - low, high - self.estimate
        # exp of more than 700 overflows, and is as good as infinite.
        factor = math.exp(min(half / below + half / above, 700.0))
        odds = below / above
        down, up = odds / factor, odds * factor
        size = high - low
        return replace(
            self, low=low + size * down / (1 + down), high=high - size / (1 + up)
        )

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        if spec.startswith("."):
            spec = f"z{spec}"  # no −0.000
        if math.isnan(self.estimate):
            return f"no value (n={self.n})"
        if math.isnan(self.low):
            return f"{self.estimate:{spec}} [no interval] (n={self.n})"
        return (
            f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}] "
            f"(n={self.n})"
        )

    def __str__(self) -> str:
        return format(self, "")


NOTHING = Interval(math.nan, math.nan, math.nan, 0)


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
    check_confidence(confidence)
    array = _checked_values(values)
    mean = float(array.mean())
    if array.size == 1:
        return Interval(mean, math.nan, math.nan, 1)
    error = float(array.std(ddof=1)) / math.sqrt(array.size)
    half = float(stats.t.ppf((1 + confidence) / 2, array.size - 1)) * error
    return Interval(mean, mean - half, mean + half, array.size)


def wilson_interval(successes: float, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share, such as the share of runs that diverged.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), with p = successes / n and z
    the quantile (1 + confidence) / 2 of the normal distribution. It stays within
    [0, 1] and has a width even where p is 0 or 1.

    Args:
        successes: How many of the `n` are counted, 0 to `n`; a tie may count as ½.
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
    check_confidence(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(
            "`successes` must be 0 to `n`, and `n` at least 1. "
            f"Received: successes={successes}, n={n}."
        )
    share = successes / n
    z = float(stats.norm.ppf((1 + confidence) / 2))
    center = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    # The ends are 0 and 1 exactly at these counts; rounding would miss them.
    low = 0.0 if successes == 0 else (center - half) / scale
    high = 1.0 if successes == n else (center + half) / scale
    return Interval(share, low, high, n)


@dataclass(frozen=True)
class SignFlipTest:
    """Result of a sign-flip test.

    Attributes:
        p: Two-sided p-value.
        smallest_p: The smallest p-value that so many values can give, however large
            they are: 2^(1 − n) where all flips are counted.
        n: Number of values.
    """

    p: float
    smallest_p: float
    n: int

    def __str__(self) -> str:
        return f"p = {self.p:.3g} (smallest attainable {self.smallest_p:.3g})"


def sign_flip_test(
    values: ArrayLike,
    *,
    generator: np.random.Generator | None = None,
    draws: int = 9999,
) -> SignFlipTest:
    """Test whether paired differences are symmetric about 0, by changing their signs.

    p is the share of all 2ⁿ changes of sign whose |Σ ±dᵢ| is at least |Σ dᵢ|. With more
    than 16 values `draws` random changes are taken, and the observed one counted among
    them: p = (1 + #{at least as large}) / (1 + draws). Six seeds are the fewest that
    can give p < 0.05.

    Args:
        values: Differences, shape (n,), one for each seed.
        generator: Source of the random changes; needed for more than 16 values.
        draws: Number of random changes.

    Returns:
        The p-value, and the smallest that is attainable.

    Raises:
        ValueError: If there is no value, one is not finite, or a generator is needed
            and missing.

    Example:

    ```python
    print(sign_flip_test([1, 2, 3]))  # p = 0.25 (smallest attainable 0.25)
    ```

    References:
        Fisher (1935). The design of experiments, section 21.
    """
    array = _checked_values(values)
    n = array.size
    if n <= EXACT_FLIPS:
        # One sign stays: changing all of them changes no absolute sum.
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)
        signs, added, smallest = 1 - 2 * (bits & 1), 0, 2.0 ** (1 - n)
    else:
        if generator is None or draws < 1:
            raise ValueError(
                f"More than {EXACT_FLIPS} values need `generator` (and `draws` of at "
                f"least 1). Received: {n} values, generator={generator}, "
                f"draws={draws}."
            )
        signs, added = 1 - 2 * generator.integers(0, 2, size=(draws, n)), 1
        smallest = 1 / (1 + draws)
    sums, observed = np.abs(signs @ array), abs(float(array.sum()))
    # A sum of the same numbers in another order may differ by rounding.
    slack = 1e-12 * float(np.abs(array).sum())
    counted = int((sums >= observed - slack).sum())
    return SignFlipTest((added + counted) / (added + len(signs)), smallest, n)


def probability_of_improvement(
    differences: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Share of the seeds on which the first of two is better.

    (#{dᵢ > 0} + ½ #{dᵢ = 0}) / n of paired differences dᵢ, with Wilson's interval.

    Args:
        differences: First minus second, shape (n,), one for each seed.
        confidence: Share of such intervals that hold the true probability, in (0, 1).

    Returns:
        The share in [0, 1], with its interval.

    Raises:
        ValueError: If there is no value, one is not finite, or `confidence` is not
            in (0, 1).

    Example:

    ```python
    probability_of_improvement([0.1, 0.2, -0.1, 0.0]).estimate  # 0.625
    ```

    References:
        Bouthillier et al. (2021). Accounting for variance in machine learning
        benchmarks.
    """
    array = _checked_values(differences)
    wins = float((array > 0).sum() + (array == 0).sum() / 2)
    return wilson_interval(wins, array.size, confidence)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    generator: np.random.Generator,
    method: Bootstrap = "bca",
    confidence: float = 0.95,
    resamples: int = 9999,
) -> Interval:
    """Bootstrap interval of a statistic, from 20 values on.

    The quantiles of the statistic over samples drawn with replacement: as they are
    (`"percentile"`), or corrected for bias and for a spread that changes with the
    value (`"bca"`). With few values both are too narrow, whatever the statistic: at 6
    normal values intervals of 95 % hold the mean in about 87 of 100 cases.

    Args:
        values: Finite numbers, shape (n,), n ≥ 20, one for each seed.
        statistic: Function of an array that takes `axis`.
        generator: Source of the samples.
        method: `"bca"` or `"percentile"`.
        confidence: Nominal share of the intervals that hold the true value, in (0, 1).
        resamples: Number of samples.

    Returns:
        The interval; values that are all equal give one of no width.

    Raises:
        ValueError: If there are fewer than 20 values, one is not finite, the method is
            unknown, or `confidence` is not in (0, 1).

    Example:

    ```python
    scores = np.linspace(0.90, 0.95, 20)
    bootstrap_interval(scores, np.median, generator=np.random.default_rng(0))
    ```

    References:
        Efron (1987). Better bootstrap confidence intervals. Journal of the American
        Statistical Association 82.
    """
    check_confidence(confidence)
    array = _checked_values(values)
    if method not in get_args(Bootstrap):
        raise ValueError(
            f"`method` must be one of {', '.join(get_args(Bootstrap))}. "
            f"Received: method={method!r}."
        )
    if array.size < FEWEST_FOR_BOOTSTRAP:
        raise ValueError(
            f"A bootstrap needs {FEWEST_FOR_BOOTSTRAP} values or more: with fewer its "
            "interval is too narrow. Use `t_interval` on one number per seed. "
            f"Received: {array.size} values."
        )
    estimate = float(statistic(array, axis=-1))
    if np.ptp(array) == 0:
        return Interval(estimate, estimate, estimate, array.size)
    low, high = bootstrap_ends(
        array,
        statistic,
        generator=generator,
        method=method,
        confidence=confidence,
        resamples=resamples,
    )
    return Interval(estimate, float(low), float(high), array.size)


def bootstrap_ends(
    values: NDArray[np.float64],
    statistic: Statistic,
    *,
    generator: np.random.Generator,
    method: Bootstrap,
    confidence: float = 0.95,
    resamples: int = 9999,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of bootstrap intervals of many samples, each (..., n) → (...).

    Without the limit of `bootstrap_interval`, to show how few values undercover.
    """
    n = values.shape[-1]
    picks = generator.integers(0, n, size=(resamples, n))
    drawn = np.stack([statistic(values[..., pick], axis=-1) for pick in picks], axis=-1)
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "percentile":
        low, high = np.quantile(drawn, tails, axis=-1)
        return low, high
    estimate = np.asarray(statistic(values, axis=-1))[..., None]
    below = (drawn < estimate).mean(axis=-1) + (drawn == estimate).mean(axis=-1) / 2
    # A share of 0 or 1 has no normal quantile: half a sample short of it has.
    bias = stats.norm.ppf(np.clip(below, 0.5 / resamples, 1 - 0.5 / resamples))[None]
    left_out = np.stack(
        [statistic(np.delete(values, i, axis=-1), axis=-1) for i in range(n)], axis=-1
    )
    deviation = left_out.mean(axis=-1, keepdims=True) - left_out
    spread = (deviation**2).sum(axis=-1)
    skew = (deviation**3).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        slope = np.where(spread > 0, skew / (6 * spread**1.5), 0.0)
    ends = bias + stats.norm.ppf(tails).reshape(-1, *[1] * (values.ndim - 1))
    shares = stats.norm.cdf(bias + ends / (1 - slope * ends))
    ordered = np.sort(drawn, axis=-1)
    at = np.clip(np.floor(shares * resamples).astype(int), 0, resamples - 1)
    low, high = (
        np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0] for index in at
    )
    return low, high


def detectable_gap(
    deviation: float, n: int, power: float = 0.9, confidence: float = 0.95
) -> float:
    """Smallest true mean difference that a paired t interval would find.

    The δ with P(T > t) = power, so that the interval lies on the right side of 0 that
    often. T has the noncentral t distribution with n − 1 degrees of freedom and
    center δ √n / s, and t is the quantile (1 + confidence) / 2 of the central one. It
    depends on the noise and on n, not on the observed mean.

    Args:
        deviation: Standard deviation s of the differences over seeds (ddof 1).
        n: Number of seeds.
        power: Share of such studies that should find it, in (0, 1).
        confidence: Of the interval, in (0, 1).

    Returns:
        The difference, in the unit of `deviation`; infinite with fewer than two seeds.

    Raises:
        ValueError: If `deviation` is negative or not finite, `confidence` is not in
            (0, 1), or `power` not in [0.5, 1).

    Example:

    ```python
    round(detectable_gap(1.0, n=6), 2)  # 1.67
    ```

    References:
        Cohen (1988). Statistical power analysis for the behavioral sciences.
    """
    check_confidence(confidence)
    if not (math.isfinite(deviation) and deviation >= 0):
        raise ValueError(
            f"`deviation` must be finite and 0 or more. Received: {deviation}."
        )
    if not 0.5 <= power < 1:
        raise ValueError(f"`power` must lie in [0.5, 1). Received: {power}.")
    return math.inf if n < 2 else deviation * _gap_of_unit_noise(n, power, confidence)


@lru_cache(maxsize=256)
def _gap_of_unit_noise(n: int, power: float, confidence: float) -> float:
    critical = float(stats.t.ppf((1 + confidence) / 2, n - 1))

    def missing(center: float) -> float:
        return float(stats.nct.sf(critical, n - 1, center)) - power

    high = critical
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high)) / math.sqrt(n)


def _checked_values(values: ArrayLike) -> NDArray[np.float64]:
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
    return array


def check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(
            "`confidence` must lie between 0 and 1, such as 0.95. "
            f"Received: {confidence}."
        )
