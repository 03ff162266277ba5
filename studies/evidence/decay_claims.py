"""What lr × λ decides: the ladder of networks, and the best pace."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from keras_lion.robustness.effective_decay.pace import best_memory
from studies.effective_decay import LENGTHS, name_of
from studies.evidence.basis import basis_of, is_primary
from studies.evidence.decay_predictions import EXACT, JACKKNIFE, STUDY, ratio_of_best
from studies.evidence.measured import (
    basis_of_declared,
    between,
    of_verdict,
    outcome_of_prediction,
    unit_of,
    verdicts,
    written,
)
from studies.evidence.row import Row, missing
from studies.evidence.runs import declared, is_complete, runs_of
from studies.pace import EPOCHS, EXAMPLES

RATIO = (1.2, 4.8)
BATCH_SIZES = "batch_sizes"  # a task of studies/pace.py
SIDES = ("adamw", "lion")


def pace_alone() -> list[Row]:
    """The declared comparison, of the networks whose weights are scale-invariant."""
    return _declared("invariant", "exact")


def with_size() -> list[Row]:
    """The declared comparison, of the networks in which some size counts."""
    return _declared("plain", "head", "gains")


def _declared(*networks: str) -> list[Row]:
    """The verdicts of each length; one row for all networks that were not run yet."""
    found = []
    for steps in LENGTHS:
        tasks = {network: name_of(network, steps) for network in networks}
        absent = [each for each, task in tasks.items() if not is_complete(STUDY, task)]
        for network, task in tasks.items():
            if network not in absent:
                found += declared_rows(STUDY, task)
        if absent:
            found.append(missing(f"{steps:,} steps: {', '.join(absent)}"))
    return found


def declared_rows(study: str, task: str, errors: str = EXACT) -> list[Row]:
    """The declared comparison on one task, by optimizer."""
    found = []
    for place, frame, verdict in verdicts(study, task):
        name = verdict.claim.rpartition(": ")[2].rstrip(".")
        primary = is_primary(study, place)
        basis = basis_of_declared(study, frame, primary=primary, sides=(name,))
        unit = unit_of(study, frame)
        found.append(of_verdict(verdict, f"{place}, {name}", errors, basis, unit))
    return found


def pace_conditions() -> dict[str, dict[float, pd.DataFrame]]:
    """What varies in studies/pace.py → its value → runs.

    The names are those of the tasks, `batch_sizes`, `length` and `examples`, of which
    every run was made.
    """
    found = {}
    if is_complete("pace", BATCH_SIZES):
        runs = runs_of("pace", BATCH_SIZES)
        sizes = sorted(runs["batch_size"].unique().tolist())
        found[BATCH_SIZES] = {
            float(size): runs[runs["batch_size"] == size] for size in sizes
        }
    for what, values in (("length", EPOCHS), ("examples", EXAMPLES)):
        tasks = {float(value): f"{what}_{value}" for value in values}
        if all(is_complete("pace", task) for task in tasks.values()):
            found[what] = {x: runs_of("pace", task) for x, task in tasks.items()}
    return found


def best_pace() -> list[Row]:
    """How the best memory in epochs moves: the predictions of studies/pace.py."""
    conditions = pace_conditions()
    found = [missing(BATCH_SIZES)]
    if BATCH_SIZES in conditions:
        found = declared_rows("pace", BATCH_SIZES, JACKKNIFE)
        found.append(_ratios(conditions[BATCH_SIZES], BATCH_SIZES))
    for what, low, high in (("length", 0.25, 0.75), ("examples", -0.25, 0.25)):
        if what not in conditions:
            found.append(missing(what))
            continue
        frames = conditions[what]
        for name in declared("pace").comparison.sides or ():
            best = best_memory(frames, optimizer=name)
            listed = ", ".join(
                f"{epochs:.2g} at {x:g}"
                for x, epochs in zip(best.condition, best.epochs, strict=True)
            )
            text = (
                f"exponent of the best memory in epochs, predicted from {low:g} to "
                f"{high:g}: {written(best.exponent)}; epochs: {listed}"
            )
            ends = (
                f"{best.num_bounded} of {len(best.epochs)} best values of lr × λ lie "
                "on an end of their range"
            )
            basis = basis_of("pace", pd.concat(frames.values()), (name,), tuned=False)
            found.append(
                Row(
                    where=f"{what}, {name}",
                    text=text.replace("-", "−"),
                    shows=outcome_of_prediction(between(best.exponent, low, high)),
                    interval=best.exponent,
                    unit="",
                    coverage=JACKKNIFE,
                    windows=None,
                    basis=replace(basis, edges=[ends] if best.num_bounded else []),
                )
            )
        found.append(_ratios(frames, what))
    return found


def _ratios(frames: Mapping[float, pd.DataFrame], what: str) -> Row:
    """Whether the ratio of the best lr × λ is what keeps the angle per step."""
    found = {x: ratio_of_best(frame, "lion") for x, frame in frames.items()}
    held = [between(ratio, *RATIO) for ratio in found.values()]
    listed = ", ".join(
        f"{written(ratio) if math.isfinite(ratio.estimate) else 'on an end'} at {x:g}"
        for x, ratio in found.items()
    )
    low, high = RATIO
    return Row(
        where=f"{what}, lion over adamw",
        text=f"ratio of the best lr × λ, predicted from {low:g} to {high:g} "
        f"everywhere: {listed}",
        shows=outcome_of_prediction(
            False if False in held else None if None in held else True
        ),
        interval=None,
        unit="times",
        coverage=JACKKNIFE,
        windows=None,
        basis=basis_of("pace", pd.concat(frames.values()), SIDES, tuned=False),
    )
