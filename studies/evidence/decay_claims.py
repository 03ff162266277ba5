"""What lr × λ sets: the time to generalize, and the predictions made beforehand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness import iso_product
from keras_lion.robustness.effective_decay.lines import IsoProduct
from keras_lion.robustness.effective_decay.slope import (
    cells_by_product,
    largest_change,
)
from keras_lion.robustness.intervals import jackknife_values
from keras_lion.statistics import Interval, t_interval
from studies.evidence.measured import (
    Measured,
    Outcome,
    margin_of,
    missing,
    of_verdict,
    verdicts,
    written,
)
from studies.evidence.runs import declared, is_complete, jackknife_errors, runs_of

STUDY = "effective_decay"
SLOPE = margin_of(STUDY)  # of log steps over log lr: what the predictions allow
OPTIMIZERS = ("adamw", "lion", "signum")
STEEP = -0.5  # slope at which the learning rate decides
STEP = 0.6  # decades: neighbours on the grid are half a decade apart
POWER = (-1.25, -0.75)  # of the steps over lr × λ, where the law holds
EARLY, LATE = 15, 120  # epochs


def time_to_generalize() -> list[Measured]:
    """lr × λ alone sets the steps to the target: no slope along its lines."""
    found = []
    for task in declared(STUDY).plans:
        if not is_complete(STUDY, task):
            found.append(missing(task))
            continue
        for place, _, verdict in verdicts(STUDY, task):
            name = verdict.claim.rpartition(": ")[2].rstrip(".")
            errors = jackknife_errors(verdict.estimate.n) if verdict.estimate.n else ""
            found.append(of_verdict(verdict, f"{place}, {name}", errors))
    return found


def predictions() -> list[Measured]:
    """Every prediction with its answer, in the order of the study's docstring."""
    return [
        *_law_of_adamw(),
        *_lines_end_at_a_decay(),
        *_rate_decides(),
        *_normalised(),
        *_training_length(),
        *_sign_saturation(),
        *_cosine(),
    ]


def _lines(task: str, optimizer: str) -> IsoProduct:
    return iso_product(runs_of(STUDY, task), optimizer=optimizer)


def _along(task: str, optimizer: str) -> Interval:
    """d log steps / d log lr on lines of one lr × λ."""
    return _lines(task, optimizer).slope_along_lines.scaled(-1)


def _answer(
    where: str, text: str, held: bool | None, interval: Interval | None = None
) -> Measured:
    outcome: Outcome = "underpowered"
    if held is not None:
        outcome = "supported" if held else "not supported"
    n = 0 if interval is None else interval.n
    errors = jackknife_errors(n) if n else ""
    return Measured(where, text, outcome, interval=interval, errors=errors)


def _between(interval: Interval, low: float, high: float) -> bool | None:
    """Whether the number lies within bounds; None if the interval leaves it open."""
    if low <= interval.low and interval.high <= high:
        return True
    if interval.high < low or interval.low > high:
        return False
    return None


def _law_of_adamw() -> list[Measured]:
    task, where = "modular_addition_constant", "1, modular addition, adamw"
    if not is_complete(STUDY, task):
        return [missing(where)]
    along = _along(task, "adamw")
    across = _lines(task, "adamw").slope_over_product.scaled(-1)
    return [
        _answer(
            where,
            f"along lines |s| < {SLOPE:g}: measured {written(along)}",
            _between(along, -SLOPE, SLOPE),
            along,
        ),
        _answer(
            where,
            f"steps go as the product to the power −1 ± 0.25: measured "
            f"{written(across)}",
            _between(across, *POWER),
            across,
        ),
    ]


def _lines_end_at_a_decay() -> list[Measured]:
    task = "modular_addition_constant"
    if not is_complete(STUDY, task):
        return [missing("2, modular addition")]
    found = []
    for optimizer in ("lion", "signum"):
        lines = _lines(task, optimizer)
        ends = _largest_decays(lines)
        spread = math.log10(max(ends) / min(ends)) if len(ends) > 1 else math.nan
        found.append(
            _answer(
                f"2, modular addition, {optimizer}",
                "lines end at one λ: the largest λ with every seed at the target is "
                f"{', '.join(f'{end:.2g}' for end in ends)} on the lines, "
                f"{spread:.2f} decades apart",
                None if math.isnan(spread) else spread < STEP,
            )
        )
        along = _along(task, optimizer)
        found.append(
            _answer(
                f"2, modular addition, {optimizer}",
                f"where it trains |s| < {SLOPE:g}: measured {written(along)}",
                _between(along, -SLOPE, SLOPE),
                along,
            )
        )
    return found


def _largest_decays(lines: IsoProduct) -> list[float]:
    """The largest λ at which every seed reaches the target, of each line."""
    return [
        product / min(rate for rate, _ in cells)
        for product, cells in cells_by_product(lines).items()
    ]


def _rate_decides() -> list[Measured]:
    task = "mnist1d_constant"
    if not is_complete(STUDY, task):
        return [missing("3, mnist1d")]
    found = []
    for optimizer in OPTIMIZERS:
        along = _along(task, optimizer)
        found.append(
            _answer(
                f"3, mnist1d, {optimizer}",
                f"s < {STEEP:g}: measured {written(along)}".replace("-", "−"),
                _between(along, -math.inf, STEEP),
                along,
            )
        )
    return found


def _normalised() -> list[Measured]:
    task = "mnist1d_normalised"
    if not is_complete(STUDY, task):
        return [missing("4, mnist1d_normalised")]
    frame = runs_of(STUDY, task)
    found = []
    for optimizer in OPTIMIZERS:
        whole = iso_product(frame, optimizer=optimizer)
        decays = _decay_times(whole)
        for products, words, low, high in (
            ([p for p, k in decays.items() if k > 3], "above 3", -SLOPE, SLOPE),
            ([p for p, k in decays.items() if k < 1], "below 1", -math.inf, STEEP),
        ):
            where = f"4, mnist1d_normalised, {optimizer}, κ_T {words}"
            if not products:
                found.append(_answer(where, "no product is there", None))
                continue
            part = iso_product(
                frame,
                optimizer=optimizer,
                fit_between=(min(products) * 0.9, max(products) * 1.1),
            )
            along = part.slope_along_lines.scaled(-1)
            law = f"|s| < {high:g}" if high > 0 else f"s < {high:g}"
            found.append(
                _answer(
                    where,
                    f"{law}: measured {written(along)} at lr × λ from "
                    f"{min(products):.2g} to {max(products):.2g} (steps at one lr × λ "
                    f"differ by up to {largest_change(part):.2f} decades)".replace(
                        "-0", "−0"
                    ),
                    _between(along, low, high),
                    along,
                )
            )
    return found


def _decay_times(lines: IsoProduct) -> dict[float, float]:
    """Product → κ_T: lr × λ times the mean number of steps to the target."""
    return {
        product: float(np.mean([product * 10**steps for _, steps in cells]))
        for product, cells in cells_by_product(lines).items()
    }


def _training_length() -> list[Measured]:
    task = "mnist1d_constant"
    if not is_complete(STUDY, task):
        return [missing("5, mnist1d")]
    frame = runs_of(STUDY, task)
    found = []
    for optimizer in OPTIMIZERS:
        runs = frame[frame["optimizer"] == optimizer]
        early, late = (_losses_at(runs, epoch) for epoch in (EARLY, LATE))
        whole = np.array([_explained(late) - _explained(early)])
        seeds = late.columns
        without = np.array(
            [
                [
                    _explained(late.drop(columns=[seed]))
                    - _explained(early.drop(columns=[seed]))
                    for seed in seeds
                ]
            ]
        )
        gain = t_interval(jackknife_values(whole, without)[0])
        found.append(
            _answer(
                f"5, mnist1d, {optimizer}",
                f"R² of lr × λ at {LATE} epochs − at {EARLY}: {written(gain)} (from "
                f"{_explained(early):.2f} to {_explained(late):.2f})",
                _between(gain, 0.0, math.inf),
                gain,
            )
        )
    return found


def _losses_at(runs: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Log validation loss at an epoch: cells × seeds."""
    losses = [
        _value(history["loss"], history["epoch"].index(epoch))
        if epoch in history["epoch"]
        else math.nan
        for history in runs["history"]
    ]
    # Logarithms: a run that overfits badly would be all of the variance.
    at = runs.assign(at=np.log(np.maximum(losses, 1e-6)))
    table = at.pivot_table("at", ["learning_rate", "weight_decay"], "seed")
    return table.dropna()


def _value(values: list[float | None], index: int) -> float:
    value = values[index]
    return math.nan if value is None else float(value)


def _explained(table: pd.DataFrame) -> float:
    """Share of the variance of the cells that lies between values of lr × λ."""

    means = table.mean(axis=1)
    products: NDArray[np.str_] = np.array(
        [f"{rate * decay:.2g}" for rate, decay in means.index]
    )
    within = means - means.groupby(products).transform("mean")
    centred = means - means.mean()
    return float(1 - (within**2).sum() / (centred**2).sum())


def _sign_saturation() -> list[Measured]:
    tasks = ("mnist1d_normalised_batch_512", "mnist1d_normalised_batch_16")
    if not all(is_complete(STUDY, task) for task in tasks):
        return [missing("6, batches of 512 against 16")]
    found = []
    for optimizer in OPTIMIZERS:
        large, small = (_along(task, optimizer) for task in tasks)
        where = f"6, mnist1d_normalised, {optimizer}"
        if math.isnan(large.estimate) or math.isnan(small.estimate):
            reason = "too few cells reach the target within the steps"
            found.append(
                Measured(where, "|s| at 512 − at 16", "untestable", reasons=(reason,))
            )
            continue
        difference = _difference(
            abs(large.estimate) - abs(small.estimate), large, small
        )
        larger = _between(difference, 0.0, math.inf)
        held = larger
        if optimizer == "adamw":
            held = None if larger is None else not larger
        found.append(
            _answer(
                where,
                f"|s| at 512 − at 16: {written(difference)}; s {written(large)} and "
                f"{written(small)}",
                held,
                difference,
            )
        )
    return found


def _difference(estimate: float, first: Interval, second: Interval) -> Interval:
    """A difference of two tasks, whose seeds are not paired."""
    half = math.hypot(first.high - first.low, second.high - second.low) / 2
    return Interval(estimate, estimate - half, estimate + half, first.n)


def _cosine() -> list[Measured]:
    found = []
    for pair in ("modular_addition", "mnist1d"):
        names = (f"{pair}_cosine", f"{pair}_constant")
        if not all(is_complete(STUDY, name) for name in names):
            found.append(missing(f"7, {pair}"))
            continue
        for optimizer in OPTIMIZERS:
            cosine, constant = (_along(name, optimizer) for name in names)
            apart = cosine.estimate - constant.estimate
            change = _difference(apart, cosine, constant)
            found.append(
                _answer(
                    f"7, {pair}, {optimizer}",
                    f"s changes by less than {SLOPE:g}: measured {written(change)}",
                    _between(change, -SLOPE, SLOPE),
                    change,
                )
            )
    return found
