"""Claims on widths, best scores and lr × λ: the main study and another grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.comparison import hull
from keras_lion.robustness.effective_decay.lines import compare_parametrizations
from keras_lion.robustness.study_verdicts import law_verdicts
from keras_lion.robustness.verdict import Verdict
from keras_lion.statistics import Interval
from studies.evidence.basis import basis_of, is_primary
from studies.evidence.measured import (
    basis_of_declared,
    difference_of_best,
    each_task,
    judged,
    margin_of,
    of_verdict,
    unit_of,
    verdicts,
    written,
)
from studies.evidence.row import Row, missing
from studies.evidence.runs import (
    MAIN,
    declared,
    hull_errors,
    is_complete,
    jackknife_errors,
    landscapes,
    law_errors,
    runs_of,
    width_errors,
)

MAIN_TASKS = (
    "mnist1d_mlp",
    "digits_mlp",
    "fashion_mnist_mlp",
    "fashion_mnist_cnn",
    "fashion_mnist_vit",
    "python_lm",
)


def _declared_verdicts(
    study: str, tasks: tuple[str, ...], errors: Callable[[Verdict], str]
) -> list[Row]:
    """The verdicts of a study on its own question, task by task."""
    found = []
    for task in tasks:
        if not is_complete(study, task):
            found.append(missing(task))
            continue
        for place, frame, verdict in verdicts(study, task):
            name = verdict.claim.rpartition(": ")[2].rstrip(".")
            judged_alone = ": " in verdict.claim
            where = f"{place}, {name}" if judged_alone else place
            basis = basis_of_declared(
                study,
                frame,
                primary=is_primary(study, place),
                sides=(name,) if judged_alone else None,
            )
            unit = unit_of(study, frame)
            found.append(of_verdict(verdict, where, errors(verdict), basis, unit))
    return found


def less_sensitive() -> list[Row]:
    """Lion tolerates a wider range of learning rates than AdamW."""
    return _declared_verdicts(MAIN, MAIN_TASKS, lambda _: width_errors())


def better_best() -> list[Row]:
    """AdamW's best score is above Lion's."""

    def measure(task: str, frame: pd.DataFrame) -> Row:
        is_loss = (frame["metric"] == "loss").all()
        name = "best_loss" if is_loss else "best_accuracy"
        return difference_of_best(
            MAIN,
            frame,
            "adamw",
            "lion",
            declared(MAIN).secondary[name],
            where=task,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


def product_law() -> list[Row]:
    """lr × λ alone explains the validation loss: of either optimizer, on every task."""

    def measure_both(task: str, frame: pd.DataFrame) -> list[Row]:
        epsilon = declared(MAIN).comparison.epsilon[task]
        measured = []
        for verdict in law_verdicts(frame, task=task, epsilon=epsilon):
            name = verdict.claim.rstrip(".").rsplit(" ", 1)[-1]
            basis = basis_of(MAIN, frame, (name,), value="final_loss", tuned=False)
            where = f"{task}, {name}"
            each = of_verdict(verdict, where, law_errors(), basis, "")
            if verdict.outcome == "not supported":  # the notes are no reasons for it
                each = replace(each, notes=())
            measured.append(each)
        return measured

    found: list[Row] = []
    for task in MAIN_TASKS:
        if is_complete(MAIN, task):
            found += measure_both(task, runs_of(MAIN, task))
        else:
            found.append(missing(task))
    return found


RECTANGULAR = "parametrisation"  # the study with lr × (lr × λ) as its grid
TASK = "mnist1d_mlp"


def schedule_coupling() -> list[Row]:
    """With lr × λ held fixed the learning rate matters less than with λ held fixed."""
    names = ("mnist1d_mlp", "digits_mlp", "fashion_mnist_mlp")
    return [
        *_declared_verdicts(
            RECTANGULAR, (TASK,), lambda each: jackknife_errors(each.estimate.n)
        ),
        *each_task(MAIN, _on_diagonals, *names),
        *_on_rows(),
    ]


def _on_diagonals(task: str, frame: pd.DataFrame) -> Row:
    texts, gains = [], {}
    for name, each in landscapes(frame, "final_loss").items():
        gains[name] = compare_parametrizations(each).difference
        texts.append(f"{name} {written(gains[name], 'nats')}")
    lowest = min(gains.values(), key=lambda each: each.low)
    outcome, reasons = judged(lowest, margin_of(RECTANGULAR))
    return Row(
        where=task,
        text="mean loss along a decade of lr, λ fixed − lr × λ fixed: "
        f"{'; '.join(texts)}; {_smallest()}",
        shows=outcome,
        interval=lowest,
        unit="nats",
        coverage=jackknife_errors(lowest.n),
        windows=None,
        basis=basis_of(MAIN, frame, ("adamw", "lion"), value="final_loss"),
        notes=reasons,
    )


def _smallest() -> str:
    return f"smallest that matters: {margin_of(RECTANGULAR):g} nats"


def _on_rows() -> list[Row]:
    """Each grid's row through its best cell, over the learning rates of both grids."""
    if not (is_complete(MAIN, TASK) and is_complete(RECTANGULAR, TASK)):
        return [missing(f"{TASK}, rows of two grids")]
    fixed_decay, fixed_product = runs_of(MAIN, TASK), runs_of(RECTANGULAR, TASK)
    found = []
    for optimizer in ("adamw", "lion"):
        gain, rates = row_gain(
            fixed_decay[fixed_decay["optimizer"] == optimizer],
            fixed_product[fixed_product["optimizer"] == optimizer],
        )
        outcome, reasons = judged(gain, margin_of(RECTANGULAR))
        found.append(
            Row(
                where=f"{TASK}, {optimizer}, rows through the best cells of two grids",
                text="mean loss above the row's best, λ fixed − lr × λ fixed: "
                f"{written(gain, 'nats')} over {len(rates)} learning rates from "
                f"{rates[0]:.2g} to {rates[-1]:.2g}; {_smallest()}",
                shows=outcome,
                interval=gain,
                unit="nats",
                coverage=hull_errors(gain.n),
                windows=None,
                basis=basis_of(MAIN, fixed_decay, (optimizer,), value="final_loss"),
                notes=reasons,
            )
        )
    return found


def row_gain(
    fixed_decay: pd.DataFrame, fixed_product: pd.DataFrame
) -> tuple[Interval, NDArray[np.float64]]:
    """Excess loss along the best row of λ less that along the best row of lr × λ.

    Args:
        fixed_decay: Runs of one optimizer on a grid of learning rates and λ.
        fixed_product: Its runs on a grid of learning rates and lr × λ.

    Returns:
        The difference over the seeds of both, at the rows that are best on all seeds
        and at those of the other half of the seeds (`hull`), and the learning rates of
        both grids, which are alike to within 6 %: half decades apart from two centres.
    """
    product = fixed_product["learning_rate"] * fixed_product["weight_decay"]
    decay = _losses(fixed_decay, fixed_decay["weight_decay"])
    # Products of rounded factors: equal to four digits.
    other = _losses(fixed_product, product.map(lambda value: float(f"{value:.3e}")))
    known = [set(each.columns.get_level_values("rate")) for each in (decay, other)]
    rates = sorted(set.intersection(*known))
    seeds = sorted(set(decay.index) & set(other.index))
    grids = decay.loc[seeds], other.loc[seeds]
    all_seeds = [seeds] * len(seeds)
    halves = [seeds[1 - place % 2 :: 2] for place in range(len(seeds))]
    gains = [
        np.subtract(*(_excess(each, rates, chosen_on) for each in grids))
        for chosen_on in (all_seeds, halves)
    ]
    return hull(np.stack(gains)), np.asarray(rates, float)


def _losses(frame: pd.DataFrame, row: pd.Series[float]) -> pd.DataFrame:
    """Losses: seeds × (rows, learning rates)."""
    half_decades = 10 ** ((2 * np.log10(frame["learning_rate"])).round() / 2)
    keys = [row.rename("row"), half_decades.rename("rate")]
    return frame.pivot_table("final_loss", "seed", keys)


def _excess(
    losses: pd.DataFrame, rates: list[float], chosen_on: list[list[int]]
) -> NDArray[np.float64]:
    """Mean loss of the best row above its best rate, of every seed.

    Args:
        losses: Seeds × (rows, learning rates).
        rates: Learning rates of the row that count.
        chosen_on: For each seed, the seeds on which row and rate are chosen.
    """
    found = []
    for seed, chosen in zip(losses.index, chosen_on, strict=True):
        means = losses.loc[chosen].mean()
        row, _ = means.index[int(np.argmin(means))]
        scored = losses.loc[seed, row][rates]
        found.append(scored.mean() - scored[means[row][rates].idxmin()])
    return np.array(found)
