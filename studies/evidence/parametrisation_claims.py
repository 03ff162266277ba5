"""Claims on a weight decay that the learning rate does not multiply."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from outcome import Measured, outcome_of, written
from runs import (
    MAIN,
    best_cell_errors,
    is_complete,
    jackknife_errors,
    landscapes,
    runs_of,
)
from shared import NATS, each_task, missing

from keras_lion.robustness import compare_parametrizations
from keras_lion.statistics import Interval, t_interval

RECTANGULAR = "parametrisation"  # the study with lr × (lr·λ) as its grid
TASK = "mnist1d_mlp"


def schedule_coupling() -> list[Measured]:
    """With lr·λ held fixed the learning rate matters less than with λ held fixed."""
    names = ("mnist1d_mlp", "digits_mlp", "fashion_mnist_mlp")
    return [*each_task(MAIN, _on_diagonals, *names), *_on_rows()]


def _on_diagonals(task: str, frame: pd.DataFrame) -> Measured:
    texts, gains = [], {}
    for name, each in landscapes(frame, "final_loss").items():
        gains[name] = compare_parametrizations(each).difference
        texts.append(f"{name} {written(gains[name], 'nats')}")
    lowest = min(gains.values(), key=lambda each: each.low)
    outcome, reasons = outcome_of(lowest, margin=NATS)
    return Measured(
        where=task,
        text="mean loss along a decade of lr, λ fixed − lr·λ fixed: "
        + "; ".join(texts),
        outcome=outcome,
        interval=lowest,
        errors=jackknife_errors(lowest.n),
        reasons=reasons,
    )


def _on_rows() -> list[Measured]:
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
        outcome, reasons = outcome_of(gain, margin=NATS)
        found.append(
            Measured(
                where=f"{TASK}, {optimizer}, rows through the best cells of two grids",
                text="mean loss above the row's best, λ fixed − lr·λ fixed: "
                f"{written(gain, 'nats')} over {len(rates)} learning rates from "
                f"{rates[0]:.2g} to {rates[-1]:.2g}",
                outcome=outcome,
                interval=gain,
                errors=best_cell_errors(gain.n),
                reasons=reasons,
            )
        )
    return found


def row_gain(
    fixed_decay: pd.DataFrame, fixed_product: pd.DataFrame
) -> tuple[Interval, NDArray[np.float64]]:
    """Excess loss along the best row of λ less that along the best row of lr·λ.

    Args:
        fixed_decay: Runs of one optimizer on a grid of learning rates and λ.
        fixed_product: Its runs on a grid of learning rates and lr·λ.

    Returns:
        The difference over the seeds of both, and the learning rates of both rows,
        which are alike to within 6 %: half decades apart from two centres.
    """
    product = fixed_product["learning_rate"] * fixed_product["weight_decay"]
    decay = _best_row(fixed_decay, fixed_decay["weight_decay"])
    # Products of rounded factors: equal to four digits.
    other = _best_row(fixed_product, product.map(lambda value: float(f"{value:.3e}")))
    rates = sorted(set(decay.columns) & set(other.columns))
    seeds = sorted(set(decay.index) & set(other.index))
    gains = [_excess(each.loc[seeds, rates]) for each in (decay, other)]
    return t_interval(gains[0] - gains[1]), np.asarray(rates, float)


def _best_row(frame: pd.DataFrame, row: pd.Series[float]) -> pd.DataFrame:
    """Losses of the row with the lowest mean loss of a cell: seeds × learning rates."""
    means = frame.groupby([row, "learning_rate"])["final_loss"].mean()
    runs = frame[row == means.unstack().min(axis=1).idxmin()]
    half_decades = 10 ** ((2 * np.log10(runs["learning_rate"])).round() / 2)
    return runs.pivot_table("final_loss", "seed", half_decades)


def _excess(losses: pd.DataFrame) -> NDArray[np.float64]:
    """Mean over learning rates of the loss above the row's best rate, of every seed."""
    best = losses.mean().idxmin()
    return np.asarray(losses.mean(axis=1) - losses[best], float)
