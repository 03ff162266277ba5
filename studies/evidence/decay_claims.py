"""What lr × λ decides: the ladder of networks, and its predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from keras_lion.robustness.effective_decay.explained import Explained, explained
from keras_lion.robustness.effective_decay.pace import best_memory
from keras_lion.robustness.effective_decay.spread import (
    LEAST_KAPPA,
    Line,
    lines_of_equal_product,
    spread_over_rates,
)
from keras_lion.statistics import Interval
from keras_lion.theory import conversion_factors
from studies.effective_decay import CENTRES, LENGTHS, name_of
from studies.evidence.measured import (
    Measured,
    Outcome,
    margin_of,
    missing,
    of_verdict,
    verdicts,
    written,
)
from studies.evidence.runs import declared, is_complete, runs_of
from studies.pace import EPOCHS, EXAMPLES

STUDY = "effective_decay"
POINTS = 100.0
ENOUGH = LEAST_KAPPA
LITTLE = 2.0  # κ below which initial weights still count
GRID_STEP = 16.0  # of lr / λ on one line
# Ratio of Lion's and Signum's best lr × λ to AdamW's, within a factor of two.
BETAS = {"lion": (0.9, 0.99), "signum": (0.9, 0.9)}
EXACT = "a noncentral F interval, exact for normal noise of one variance"


def pace_alone() -> list[Measured]:
    """The declared comparison, of the networks whose weights are scale-invariant."""
    return _declared("exact", "invariant")


def with_size() -> list[Measured]:
    """The declared comparison, of the networks in which some size counts."""
    return _declared("gains", "head", "plain")


def _declared(*networks: str) -> list[Measured]:
    found = []
    for task in _tasks(*networks):
        if not is_complete(STUDY, task):
            found.append(missing(task))
            continue
        for place, _, verdict in verdicts(STUDY, task):
            name = verdict.claim.rpartition(": ")[2].rstrip(".")
            found.append(of_verdict(verdict, f"{place}, {name}", EXACT))
    return found


def predictions() -> list[Measured]:
    """Every prediction with its answer, in the order of the study's docstring."""
    found = []
    for steps in LENGTHS:
        networks = {
            network: runs_of(STUDY, name_of(network, steps))
            for network in ("exact", "invariant", "gains", "head", "plain")
            if is_complete(STUDY, name_of(network, steps))
        }
        for number, predict in enumerate(
            (_exact, _invariant, _gains, _head, _plain, _ratio), start=1
        ):
            if len(networks) < 5:
                found.append(missing(f"{number}, {steps:,} steps"))
                continue
            found += [
                Measured(
                    f"{number}, {steps:,} steps, {where}",
                    text,
                    _outcome(held),
                    interval=interval,
                    errors=EXACT if interval is not None else "",
                )
                for where, text, held, interval in predict(networks)
            ]
    return found


Answer = tuple[str, str, bool | None, Interval | None]
Networks = dict[str, pd.DataFrame]


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
            f"κ > {ENOUGH:g}: below {_margin():g} point: {written(found, 'points')}",
            _between(found, 0.0, _margin()),
            found,
        )
        little = [line for line in lines if line.kappa < LITTLE]
        fall = [line.deviation for line in little]
        yield (
            name,
            f"κ < {LITTLE:g}: above 2 points on a line, and falling as κ grows: "
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
        yield (
            name,
            f"κ > {ENOUGH:g}: larger than on invariant: {written(found, 'points')} "
            f"against {before.estimate:.2f}",
            larger or (None if found.high > before.low else False),
            found,
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
            f"κ > {ENOUGH:g}: several points, 3 or more: {written(found, 'points')}",
            _between(found, 3.0, math.inf),
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
        listed = ", ".join(f"{key} {value:.1f}" for key, value in spreads.items())
        yield (
            name,
            f"the spread is the largest of all: {listed} points",
            max(spreads, key=lambda key: spreads[key]) == "plain",
            None,
        )
        shares = {key: _shares(frame, name) for key, frame in networks.items()}
        plain = shares["plain"]
        yield (
            name,
            f"κ > 3, lr / λ or λ explains more than lr × λ: {_written(plain)}",
            max(plain.ratio, plain.weight_decay) > plain.product,
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
        best = {
            name: best_memory({1.0: networks[network]}, optimizer=name).product[0]
            for name in CENTRES
        }
        for name, betas in BETAS.items():
            factors = conversion_factors(("rotation", "update_rms"), lion_betas=betas)
            predicted = factors.learning_rate * factors.weight_decay
            ratio = best[name] / best["adamw"]
            yield (
                f"{network}, {name}",
                f"best lr × λ over AdamW's: {ratio:.2g}; predicted {predicted:.2g} "
                "within a factor of 2",
                None if math.isnan(ratio) else 0.5 <= ratio / predicted <= 2,
                None,
            )


def best_pace() -> list[Measured]:
    """How the best memory in epochs moves: the predictions of studies/pace.py."""
    found = []
    if is_complete("pace", "batch_sizes"):
        for place, _, verdict in verdicts("pace", "batch_sizes"):
            name = verdict.claim.rpartition(": ")[2].rstrip(".")
            found.append(of_verdict(verdict, f"{place}, {name}", JACKKNIFE))
    else:
        found.append(missing("batch_sizes"))
    for what, values, low, high in (
        ("length", EPOCHS, 0.25, 0.75),
        ("examples", EXAMPLES, -0.25, 0.25),
    ):
        tasks = {float(value): f"{what}_{value}" for value in values}
        if not all(is_complete("pace", task) for task in tasks.values()):
            found.append(missing(what))
            continue
        frames = {x: runs_of("pace", task) for x, task in tasks.items()}
        for name in declared("pace").comparison.sides or ():
            best = best_memory(frames, optimizer=name)
            listed = ", ".join(
                f"{epochs:.2g} at {x:g}"
                for x, epochs in zip(best.condition, best.epochs, strict=True)
            )
            found.append(
                Measured(
                    f"{what}, {name}",
                    f"exponent of the best memory in epochs from {low:g} to {high:g}: "
                    f"{written(best.exponent)}; epochs: {listed}",
                    "provisional"
                    if best.num_bounded
                    else _outcome(_between(best.exponent, low, high)),
                    interval=best.exponent,
                    errors=JACKKNIFE,
                )
            )
    return found


JACKKNIFE = "a jackknife over seeds, not calibrated for this measure"


def _tasks(*networks: str) -> list[str]:
    return [name_of(network, steps) for network in networks for steps in LENGTHS]


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


def _between(interval: Interval, low: float, high: float) -> bool | None:
    """Whether the number lies within bounds; None if the interval leaves it open."""
    if low <= interval.low and interval.high <= high:
        return True
    if interval.high < low or interval.low > high:
        return False
    return None


def _outcome(held: bool | None) -> Outcome:
    if held is None:
        return "underpowered"
    return "supported" if held else "not supported"
