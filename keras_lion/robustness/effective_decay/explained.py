"""Shares of the variance of scores that lr × λ, lr / λ, lr and λ each explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from keras_lion.robustness.effective_decay.description import r_squared
from keras_lion.robustness.frames.quantity import quantity_of_runs
from keras_lion.robustness.frames.runs import FINISHED
from keras_lion.robustness.landscape import Value
from keras_lion.robustness.wording import listed

DEGREE = 3  # of the polynomial in the logarithm of each
FEWEST_CELLS = 8
# Decay times of a run, κ = λ Σ η, above which a twentieth of the initial weights is
# left at most, so that lr × λ can decide.
LEAST_KAPPA = 3.0


@dataclass(frozen=True)
class Explained:
    """R² of one smooth curve over each of four quantities.

    Attributes:
        product: Over lr × λ, the pace.
        ratio: Over lr / λ, the size.
        learning_rate: Over lr.
        weight_decay: Over λ.
        num_cells: Cells that count: every run trained.
        num_left_out: Cells with a run that diverged or ended above its initial loss.
        num_rates: Learning rates of the cells that count: of a single one, lr × λ, lr /
            λ and λ are the same.
        num_decays: Their weight decays.
    """

    product: float
    ratio: float
    learning_rate: float
    weight_decay: float
    num_cells: int
    num_left_out: int
    num_rates: int = 0
    num_decays: int = 0

    @property
    def leading(self) -> str:
        """What explains most: `"lr × λ"`, `"lr / λ"`, `"lr"`, `"λ"`; empty if none."""
        found = {
            "lr × λ": self.product,
            "lr / λ": self.ratio,
            "lr": self.learning_rate,
            "λ": self.weight_decay,
        }
        if math.isnan(self.product):
            return ""
        return max(found, key=lambda name: found[name])


def explained(
    frame: pd.DataFrame,
    *,
    optimizer: str,
    value: Value = "final_loss",
    least_kappa: float = 0.0,
    most_kappa: float = math.inf,
) -> Explained:
    """What share of the variance of cell means each of four quantities explains.

    R² of a cubic in the logarithm of lr × λ, of lr / λ, of lr and of λ, every cell with
    equal weight: as many parameters each, so that they compare as they are. They do not
    add up to 1. Cells in which a run diverged, or ended above its initial loss, are a
    class of their own: they are counted and take no part.

    Args:
        frame: Run records of one task and budget.
        optimizer: Optimizer whose runs are taken.
        value: `"final_loss"` (validation) or `"score"`.
        least_kappa: Least κ = λ Σ η of the cells that count.
        most_kappa: Largest κ.

    Returns:
        The shares; NaN with fewer than 8 cells, or where all are equal.
    """
    runs = frame[
        (frame["optimizer"] == optimizer)
        & (frame["weight_decay"] > 0)
        & frame["status"].isin(FINISHED)
        & frame["kappa"].between(least_kappa, most_kappa)
    ]
    trained = (runs["status"] == "ok") & (runs["final_loss"] < runs["initial_loss"])
    table = pd.DataFrame(
        {
            "rate": runs["learning_rate"],
            "decay": runs["weight_decay"],
            "value": runs["score" if value == "score" else "final_loss"].astype(float),
            "trained": trained,
        }
    )
    cells = table.groupby(["rate", "decay"]).agg(
        value=("value", "mean"), trained=("trained", "all")
    )
    used = cells[cells["trained"]].reset_index()
    product = ratio = rate = decay = math.nan
    if len(used) >= FEWEST_CELLS:
        x, y = np.log10(used["rate"]), np.log10(used["decay"])
        values = used["value"].to_numpy(float)
        product, ratio, rate, decay = (
            _r2(np.asarray(each, float), values) for each in (x + y, x - y, x, y)
        )
    return Explained(
        product,
        ratio,
        rate,
        decay,
        num_cells=len(used),
        num_left_out=len(cells) - len(used),
        num_rates=used["rate"].nunique(),
        num_decays=used["decay"].nunique(),
    )


def _r2(x: np.ndarray, values: np.ndarray) -> float:
    """R² of the polynomial, of lower degree where x has few values."""
    scaled = np.round((x - x.mean()) / max(float(np.ptp(x)), 1e-12), 9)
    degree = min(DEGREE, len(np.unique(scaled)) - 1)
    return r_squared(np.vander(scaled, degree + 1), values)


def explained_sentence(
    frame: pd.DataFrame,
    optimizers: Sequence[str],
    *,
    value: Value = "final_loss",
    label: Callable[[str], str] = str,
) -> str:
    """What lr × λ explains where weight decay acts, in one sentence.

    Args:
        frame: Run records of one task and budget.
        optimizers: Optimizers in the order of the sentence.
        value: As of `explained`.
        label: Name of an optimizer → as it is printed.

    Returns:
        The share of variance that each quantity explains (`explained`), over cells with
        κ = λ Σ η > 3, of the optimizers with 8 such cells that train, over three
        learning rates and weight decays or more. Empty if none has, or if the records
        lack κ or losses.
    """
    if not {"kappa", "initial_loss", "final_loss"} <= set(frame.columns):
        return ""
    every = {
        label(name): explained(
            frame, optimizer=name, value=value, least_kappa=LEAST_KAPPA
        )
        for name in optimizers
    }
    found = {
        name: each
        for name, each in every.items()
        if math.isfinite(each.product) and each.num_rates > 2 and each.num_decays > 2
    }
    if not found:
        return ""

    def shares(of: str) -> list[str]:
        return [f"{100 * getattr(each, of):.0f}" for each in found.values()]

    product = [
        f"{share} % ({name})"
        for name, share in zip(found, shares("product"), strict=True)
    ]
    return (
        f"lr × λ explains {listed(product)} of the variance of the "
        f"{quantity_of_runs(frame, value).name} where weight decay acts "
        f"(κ > {LEAST_KAPPA:g}); lr alone {listed(shares('learning_rate'))} %, λ alone "
        f"{listed(shares('weight_decay'))} %, lr / λ {listed(shares('ratio'))} %."
    )
