"""The predictions of studies/effective_decay.py, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from keras_lion.robustness.effective_decay.explained import (
    FEWEST_CELLS,
    Explained,
    explained,
)
from keras_lion.robustness.effective_decay.pace import best_memory
from keras_lion.robustness.effective_decay.spread import (
    LEAST_KAPPA,
    Line,
    lines_of_equal_product,
    spread_over_rates,
)
from keras_lion.statistics import Interval, t_interval
from keras_lion.theory import conversion_factors
from studies.effective_decay import CENTRES, LENGTHS, NETWORKS, name_of
from studies.evidence.measured import (
    between,
    margin_of,
    outcome_of_prediction,
    written,
)
from studies.evidence.row import NOT_TUNED, Outcome, Row, missing
from studies.evidence.runs import is_complete, runs_of

STUDY = "effective_decay"
POINTS = 100.0
ENOUGH = LEAST_KAPPA
LITTLE = 2.0  # κ below which initial weights still count
GRID_STEP = 16.0  # of lr / λ on one line
# Ratio of Lion's and Signum's best lr × λ to AdamW's, within a factor of two.
BETAS = {"lion": (0.9, 0.99), "signum": (0.9, 0.9)}
NO_SPREAD = "not known, since on no such line two learning rates train"
AT_AN_END = "since one of the two is on an end of its range"
JACKKNIFE = "a jackknife over seeds, not calibrated for this measure"
EXACT = (
    "a noncentral F interval, for normal noise of one variance; wider than needed "
    "where the spread is larger than the noise"
)

# Optimizer, measurement in words, whether the prediction held, the number that decides.
Answer = tuple[str, str, bool | Outcome | None, Interval | None]
Networks = Mapping[str, pd.DataFrame]


def predictions() -> list[Row]:
    """Every prediction with its answer, in the order of the study's docstring."""
    found = []
    for steps in LENGTHS:
        tasks = {network: name_of(network, steps) for network in NETWORKS}
        if not all(is_complete(STUDY, task) for task in tasks.values()):
            found.append(missing(f"{steps:,} steps: all predictions"))
            continue
        frames = {network: runs_of(STUDY, task) for network, task in tasks.items()}
        found += answers(frames, f"{steps:,} steps")
    return found


def answers(networks: Networks, where: str) -> list[Row]:
    """The predictions with their answers at one length.

    Args:
        networks: Network → its runs.
        where: The length in words.
    """
    return [
        Row(
            where=f"prediction {number}, {where}, {what}",
            text=text if interval else f"{text} (n={_seeds(networks)} seeds)",
            shows=held if isinstance(held, str) else outcome_of_prediction(held),
            interval=interval,
            unit=unit,
            coverage=errors,
            windows=None,
            basis=NOT_TUNED,  # the networks' rows have it
            counted=predict is _exact,
        )
        for number, (predict, errors, unit) in enumerate(PREDICTIONS, start=1)
        for what, text, held, interval in predict(networks)
    ]


def _exact(networks: Networks) -> Iterator[Answer]:
    for name in CENTRES:
        lines = lines_of_equal_product(
            networks["exact"], optimizer=name, value="final_loss"
        )
        apart = max(float(np.ptp(line.scores, axis=0).max()) for line in lines)
        runs = sum(line.scores.size for line in lines)
        yield (
            name,
            f"validation losses at equal lr × λ differ by {apart:g} over learning "
            f"rates ({runs} runs)",
            apart == 0,
            None,
        )


def _invariant(networks: Networks) -> Iterator[Answer]:
    for name in CENTRES:
        lines = _lines(networks["invariant"], name)
        found = _spread(lines)
        yield (
            name,
            f"spread where κ > {ENOUGH:g}, predicted below {_margin():g} point: "
            f"{written(found, 'points')}",
            between(found, 0.0, _margin()),
            found,
        )
        little = [line for line in lines if line.kappa < LITTLE]
        fall = [line.deviation for line in little]
        yield (
            name,
            f"spread where κ < {LITTLE:g}, predicted above 2 points on a line and "
            "falling as κ grows: "
            f"{', '.join(f'{each:.1f}' for each in fall)} points at κ = "
            f"{', '.join(f'{line.kappa:.2g}' for line in little)}",
            max(fall) > 2 and all(np.diff(fall) < 0),
            None,
        )


def _gains(networks: Networks) -> Iterator[Answer]:
    for name in CENTRES:
        lines = _lines(networks["gains"], name)
        found, before = _spread(lines), _spread(_lines(networks["invariant"], name))
        larger = found.low > before.high
        known = found.n > 0
        measured = written(found, "points") if known else NO_SPREAD
        yield (
            name,
            f"spread where κ > {ENOUGH:g}, predicted larger than the "
            f"{before.estimate:.2f} of invariant: {measured}",
            larger or (None if found.high > before.low else False)
            if known
            else "untestable",
            found if known else None,
        )
        worst = [_lowest_is_last(line) for line in _decayed(lines)]
        yield (
            name,
            f"the largest learning rate is the worst on {sum(worst)} of {len(worst)} "
            "lines",
            all(worst),
            None,
        )


def _head(networks: Networks) -> Iterator[Answer]:
    for name in CENTRES:
        lines = _decayed(_lines(networks["head"], name))
        found = _spread(lines)
        yield (
            name,
            f"spread where κ > {ENOUGH:g}, predicted several points, 3 or more: "
            f"{written(found, 'points')}",
            between(found, 3.0, math.inf),
            found,
        )
        sizes = [_best_size(line) for line in lines if len(line.trained)]
        apart = max(sizes) / min(sizes)
        yield (
            name,
            f"the best lr / λ of all lines lies within a factor of {GRID_STEP:g}: "
            f"{', '.join(f'{size:.1e}' for size in sizes)}",
            apart <= GRID_STEP * 1.01,
            None,
        )


def _plain(networks: Networks) -> Iterator[Answer]:
    for name in CENTRES:
        spreads = {
            network: _spread(_lines(frame, name)).estimate
            for network, frame in networks.items()
        }
        listed = ", ".join(
            f"{key} {'not known' if math.isnan(value) else f'{value:.1f}'}"
            for key, value in spreads.items()
        )
        yield (
            name,
            f"the spread is the largest of all that are known, in points: {listed}",
            "untestable"
            if math.isnan(spreads["plain"])
            else spreads["plain"] == np.nanmax(list(spreads.values())),
            None,
        )
        lines = _decayed(_lines(networks["plain"], name))
        split = [line for line in lines if line.diverged.any()]
        yield (
            name,
            f"κ > {ENOUGH:g}: some learning rates diverge, on {len(split)} of "
            f"{len(lines)} lines",
            len(split) == len(lines),
            None,
        )
        shares = {key: _shares(frame, name) for key, frame in networks.items()}
        plain = shares["plain"]
        known = math.isfinite(plain.product)
        yield (
            name,
            f"κ > 3, lr / λ or λ explains more than lr × λ: {_written(plain)}",
            max(plain.ratio, plain.weight_decay) > plain.product
            if known
            else "untestable",
            None,
        )
        invariant = min(shares[key].product for key in ("exact", "invariant"))
        yield (
            name,
            "κ > 3, on exact and invariant lr × λ explains more than 90 %: at least "
            f"{invariant:.0%}",
            invariant > 0.9,
            None,
        )


def _ratio(networks: Networks) -> Iterator[Answer]:
    for network in ("exact", "invariant"):
        for name, betas in BETAS.items():
            factors = conversion_factors(("rotation", "update_rms"), lion_betas=betas)
            predicted = factors.learning_rate * factors.weight_decay
            ratio = ratio_of_best(networks[network], name)
            known = math.isfinite(ratio.estimate)
            found = f"{written(ratio)};" if known else f"not known, {AT_AN_END};"
            yield (
                f"{network}, {name}",
                f"best lr × λ over AdamW's: {found} predicted {predicted:.2g} within a "
                "factor of 2",
                between(ratio, predicted / 2, predicted * 2) if known else "untestable",
                ratio if known else None,
            )


def ratio_of_best(frame: pd.DataFrame, name: str) -> Interval:
    """Best lr × λ of an optimizer over AdamW's; the interval leaves out one seed.

    NaN where one of them is on an end of its range, with all seeds or without one.
    """

    def log_ratio(runs: pd.DataFrame) -> float:
        own, other = (
            best_memory({1.0: runs}, optimizer=each).product[0]
            for each in (name, "adamw")
        )
        return math.log(own / other)

    seeds = frame["seed"].unique()
    whole, count = log_ratio(frame), len(seeds)
    without = np.array([log_ratio(frame[frame["seed"] != seed]) for seed in seeds])
    if not np.isfinite([whole, *without]).all():
        return Interval(math.nan, math.nan, math.nan, count)
    # Pseudo-values of the jackknife: their t interval is as wide as its interval.
    found = t_interval(count * whole - (count - 1) * without)
    shift = whole - found.estimate
    low, high = math.exp(found.low + shift), math.exp(found.high + shift)
    return Interval(math.exp(whole), low, high, count)


PREDICTIONS = (
    (_exact, EXACT, "points"),
    (_invariant, EXACT, "points"),
    (_gains, EXACT, "points"),
    (_head, EXACT, "points"),
    (_plain, EXACT, "points"),
    (_ratio, JACKKNIFE, "times"),
)


def _seeds(networks: Networks) -> int:
    return min(int(runs["seed"].nunique()) for runs in networks.values())


def _margin() -> float:
    return margin_of(STUDY)


def _lines(frame: pd.DataFrame, optimizer: str) -> list[Line]:
    return lines_of_equal_product(frame, optimizer=optimizer, scale=POINTS)


def _decayed(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.kappa >= ENOUGH]


def _spread(lines: list[Line]) -> Interval:
    return spread_over_rates(_decayed(lines))


def _shares(frame: pd.DataFrame, optimizer: str) -> Explained:
    return explained(frame, optimizer=optimizer, least_kappa=3.0)


def _written(shares: Explained) -> str:
    if math.isnan(shares.product):
        return (
            f"only {shares.num_cells} cells trained, {FEWEST_CELLS} are needed; "
            f"{shares.num_left_out} did not"
        )
    return (
        f"lr × λ {shares.product:.0%}, lr / λ {shares.ratio:.0%}, lr "
        f"{shares.learning_rate:.0%}, λ {shares.weight_decay:.0%} of "
        f"{shares.num_cells} cells; {shares.num_left_out} did not train"
    )


def _lowest_is_last(line: Line) -> bool:
    if line.diverged.any():
        return bool(line.diverged[-1])
    return int(line.scores.mean(axis=1).argmin()) == len(line.scores) - 1


def _best_size(line: Line) -> float:
    rates = line.learning_rate[~line.diverged]
    best = float(rates[line.trained.mean(axis=1).argmax()])
    return best**2 / line.product
