"""Losses at another optimizer's recipe, moved by a factor (lr / k, λ × k)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from keras_lion.robustness.frames.conditions import check_alike
from keras_lion.statistics import Interval, t_interval


def transfer_curve(runs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Mean validation loss of one optimizer over the factor from the other's recipe.

    Returns:
        One row per cell of the first, by factor: learning_rate, weight_decay, mean, low
        and high (t interval over seeds), factor, and on_line, whether λ is larger by
        the factor by which the learning rate is smaller.

    Raises:
        ValueError: If runs of several conditions are mixed.
    """
    check_alike(runs[runs["optimizer"].isin([first, second])])
    recipe = runs[runs["optimizer"] == second].iloc[0]
    cells = []
    own = runs[runs["optimizer"] == first]
    for (rate, decay), part in own.groupby(["learning_rate", "weight_decay"]):
        loss = t_interval(part["final_loss"])
        cells.append((rate, decay, loss.estimate, loss.low, loss.high))
    columns = ["learning_rate", "weight_decay", "mean", "low", "high"]
    curve = pd.DataFrame(cells, columns=columns)
    curve["factor"] = recipe["learning_rate"] / curve["learning_rate"]
    larger = curve["weight_decay"] / recipe["weight_decay"]
    curve["on_line"] = np.isclose(curve["factor"], larger, rtol=1e-2)
    return curve.sort_values("factor", ignore_index=True)


def factor_of_least_loss(curve: pd.DataFrame) -> float:
    """The factor of a `transfer_curve` with the lowest mean loss."""
    return float(curve.sort_values("mean")["factor"].iloc[0])


def gain_at_factor(
    runs: pd.DataFrame, factor: float, first: str, second: str
) -> Interval:
    """Loss of the second optimizer's recipe − loss of the first one at a factor."""
    losses = {
        str(name): part.pivot_table("final_loss", "seed", "learning_rate")
        for name, part in runs.groupby("optimizer")
    }
    rate = float(losses[second].columns.to_numpy(float)[0]) / factor
    columns = losses[first].columns.to_numpy(float)
    nearest = int(np.argmin(np.abs(np.log(columns / rate))))
    return t_interval(losses[second].iloc[:, 0] - losses[first].iloc[:, nearest])
