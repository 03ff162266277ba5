"""How far scores at equal lr × λ lie apart over learning rates, next to seed noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from keras_lion.robustness.frames.runs import FINISHED
from keras_lion.robustness.landscape import Array, Value
from keras_lion.robustness.verdict import Outcome, Verdict
from keras_lion.robustness.wording import counted, with_unit
from keras_lion.statistics import NOTHING, Interval

# Decay times of a run, κ = λ Σ η, from which initial weights no longer count: the share
# of them that is left is e^(−κ).
LEAST_KAPPA = 5.0
FEWEST_RATES = 3
NEEDED = ("optimizer", "learning_rate", "weight_decay", "seed", "status", "kappa")
FAR_ABOVE_NOISE = 100.0  # ratio of mean squares


@dataclass(frozen=True)
class Line:
    """Scores at one lr × λ.

    Attributes:
        product: lr × λ.
        kappa: κ = λ Σ η of its runs.
        learning_rate: Learning rates with all seeds, ascending, shape (n,).
        scores: Of those whose runs all trained, shape (n, seeds); NaN for others.
        diverged: Which learning rates have a run that diverged, shape (n,).
    """

    product: float
    kappa: float
    learning_rate: Array
    scores: Array
    diverged: np.ndarray

    @property
    def trained(self) -> Array:
        """Scores of the learning rates at which no run diverged."""
        return np.asarray(self.scores[~self.diverged])

    @property
    def deviation(self) -> float:
        """Standard deviation of the mean scores over learning rates."""
        means = self.trained.mean(axis=1)
        return float(means.std(ddof=1)) if len(means) > 1 else math.nan

    @property
    def noise(self) -> float:
        """Standard deviation over seeds at one learning rate, pooled over them."""
        if self.trained.size == 0 or self.trained.shape[1] < 2:
            return math.nan
        return math.sqrt(float(self.trained.var(axis=1, ddof=1).mean()))


def lines_of_equal_product(
    frame: pd.DataFrame, *, optimizer: str, value: Value = "score", scale: float = 1.0
) -> list[Line]:
    """The lines of equal lr × λ in run records of one task, by ascending product.

    Args:
        frame: Run records of one task and budget; rows without weight decay and failed
            runs are left out.
        optimizer: Optimizer whose runs are taken.
        value: `"score"`, or `"final_loss"` (validation, negated).
        scale: Factor of the scores, such as 100 for points.

    Returns:
        One line per product. Products that agree to six digits are one.

    Raises:
        ValueError: If runs of one learning rate, weight decay and seed occur twice, or
            records lack a column.
    """
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise ValueError(
            f"Lines of equal lr × λ need the columns {', '.join(NEEDED)}. "
            f"Missing: {', '.join(missing)}."
        )
    runs = frame[
        (frame["optimizer"] == optimizer)
        & (frame["weight_decay"] > 0)
        & frame["status"].isin(FINISHED)
    ]
    products = runs["learning_rate"] * runs["weight_decay"]
    values = runs["score"] if value == "score" else -runs["final_loss"]
    table = pd.DataFrame(
        {
            "product": [float(f"{product:.6g}") for product in products],
            "rate": runs["learning_rate"],
            "seed": runs["seed"],
            "kappa": runs["kappa"],
            "value": scale * values.astype(float),
            "diverged": runs["status"] == "diverged",
        }
    )
    if table.duplicated(["product", "rate", "seed"]).any():
        raise ValueError(
            f"Runs of {optimizer} with one learning rate, weight decay and seed occur "
            "twice: select the runs of one task and one budget first."
        )
    return [_line(part) for _, part in table.groupby("product")]


def _line(part: pd.DataFrame) -> Line:
    scores = part.pivot(index="rate", columns="seed", values="value").sort_index()
    diverged = part.groupby("rate")["diverged"].any().reindex(scores.index)
    complete = (scores.notna().all(axis=1) | diverged).to_numpy()
    return Line(
        product=float(part["product"].iloc[0]),
        kappa=float(part["kappa"].median()),
        learning_rate=scores.index.to_numpy(float)[complete],
        scores=scores.to_numpy(float)[complete],
        diverged=diverged.to_numpy(bool)[complete],
    )


def spread_over_rates(lines: Sequence[Line], confidence: float = 0.95) -> Interval:
    """Standard deviation over learning rates at equal lr × λ, without that of seeds.

    With y the scores of a line at R learning rates and S seeds, runs of one seed being
    paired,

        y[r, s] = line + rate_r + seed_s + noise,   Σ_r rate_r = 0
        spread² = Σ_lines Σ_r rate_r² / Σ_lines (R − 1)

    The ratio of the mean squares between learning rates and of the noise has a
    noncentral F distribution if the noise is normal with one variance. Its
    noncentrality, S Σ rate_r² / variance, is estimated without bias and has an exact
    interval; from it follows that of the spread, which is somewhat too wide where the
    spread is larger than the noise. Where it is far larger, the interval is that of
    Student's distribution.

    Args:
        lines: Lines whose scores are pooled; learning rates at which a run diverged are
            left out.
        confidence: Of the interval, in (0, 1).

    Returns:
        The spread, in units of the scores: never below 0. Its ends are NaN with one
        seed; all is NaN where no line has two learning rates.
    """
    used = [line.trained for line in lines if len(line.trained) > 1]
    if not used:
        return NOTHING
    seeds = used[0].shape[1]
    between = sum(len(y) - 1 for y in used)
    means = [y.mean(axis=1) - y.mean() for y in used]
    total = seeds * sum(float(each @ each) for each in means)
    if seeds < 2:
        return Interval(math.sqrt(total / between), math.nan, math.nan, seeds)
    within = between * (seeds - 1)
    rest = sum(float(np.sum(_residuals(y) ** 2)) for y in used) / within
    rounding = 1e-20 * max(float(np.mean(y**2)) for y in used)
    if rest <= rounding:
        exact = math.sqrt(total / between / seeds) if total > rounding else 0.0
        return Interval(exact, exact, exact, seeds)

    def spread(noncentrality: float) -> float:
        return math.sqrt(max(noncentrality, 0.0) * rest / (seeds * between))

    ratio = total / between / rest
    tail = (1 - confidence) / 2
    if ratio > FAR_ABOVE_NOISE:
        found = math.sqrt(total / between / seeds)
        error = math.sqrt(rest / (seeds * between))
        half = float(stats.t.ppf(1 - tail, within)) * error
        return Interval(found, found - half, found + half, seeds)
    return Interval(
        spread(between * (ratio * max(within - 2, 1) / within - 1)),
        spread(_noncentrality(ratio, between, within, 1 - tail)),
        spread(_noncentrality(ratio, between, within, tail)),
        seeds,
    )


def _residuals(scores: Array) -> Array:
    """What neither the learning rate nor the seed explains."""
    return np.asarray(
        scores
        - scores.mean(axis=1, keepdims=True)
        - scores.mean(axis=0, keepdims=True)
        + scores.mean()
    )


def _noncentrality(ratio: float, between: int, within: int, level: float) -> float:
    """The noncentrality at which a ratio of mean squares is its own quantile."""

    def excess(noncentrality: float) -> float:
        return float(stats.ncf.cdf(ratio, between, within, noncentrality)) - level

    if stats.f.cdf(ratio, between, within) <= level:
        return 0.0
    upper = 2.0 * between * (ratio + 1)
    while excess(upper) > 0:
        upper *= 2
    return float(optimize.brentq(excess, 0.0, upper, xtol=1e-6))


def spread_verdict(
    lines: Sequence[Line], *, margin: float, unit: str, claim: str
) -> Verdict:
    """Verdict on "with enough decay, lr × λ alone decides".

    Args:
        lines: All lines of one optimizer on one task and budget.
        margin: Spread over learning rates that counts as none, in `unit`.
        unit: Of the scores.
        claim: As it was declared.

    Returns:
        Supported where the interval of the spread over learning rates, at products with
        κ of at least 5, lies below the margin; not supported where it lies above, or
        where some learning rates of such a line diverge and others train; untestable
        where no such line has three learning rates.
    """
    decayed = [line for line in lines if line.kappa >= LEAST_KAPPA]
    used = [line for line in decayed if len(line.learning_rate) >= FEWEST_RATES]
    if not used:
        return Verdict.untestable(
            claim,
            f"no lr × λ with κ ≥ {LEAST_KAPPA:g} has {FEWEST_RATES} learning rates "
            "with all seeds.",
        )
    found = spread_over_rates(used)
    noise = math.sqrt(float(np.nanmean([line.noise**2 for line in used])))
    split = [line for line in used if line.diverged.any() and not line.diverged.all()]
    outcome: Outcome = "underpowered"
    reasons: tuple[str, ...] = ()
    if split:
        outcome = "not supported"
        rates = sum(int(line.diverged.sum()) for line in split)
        reasons = (
            f"at {len(split)} of {len(used)} values of lr × λ, "
            f"{counted(rates, 'learning rate')} diverged and others trained.",
        )
    elif found.low > margin:
        outcome = "not supported"
    elif found.high < margin:
        outcome = "supported"
    return Verdict(
        outcome=outcome,
        claim=claim,
        sentence=f"standard deviation over learning rates at equal lr × λ, without "
        f"seed noise: {with_unit(f'{found:.2f}', unit)}, at "
        f"{counted(len(used), 'value')} of lr × λ with κ ≥ {LEAST_KAPPA:g}; of seeds: "
        f"{with_unit(f'{noise:.2f}', unit)}; what counts as none: "
        f"{with_unit(f'{margin:g}', unit)}.",
        estimate=found,
        reasons=reasons,
    )
