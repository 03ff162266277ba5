"""Tasks of the public table as functions of learning rate and weight decay.

A recorded grid is interpolated linearly in (log learning rate, log weight decay);
outside of it, the nearest cell counts. A simulated run has the interpolated mean and
the deviation of one recorded run of the nearest cell, so that noise is as large and
as skewed as it was. Scores are −validation loss, of diverged runs −initial loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import KDTree

from keras_lion.tuning.recipe.proposal import AdamWRecipe
from studies.evidence.runs import RESULTS, all_runs

Array = NDArray[np.float64]

MAIN = ("learning_rate_weight_decay", "full")
PILOT = ("transfer_from_adamw", "pilot")
DECAY = ("effective_decay", "full")
BATCH = ("batch_size", "full")
# Task here → study and preset, task in the table, batch size or None, data set.
SOURCES = {
    "mnist1d_mlp": (MAIN, "mnist1d_mlp", None, "mnist1d"),
    "digits_mlp": (MAIN, "digits_mlp", None, "digits"),
    "fashion_mnist_mlp": (MAIN, "fashion_mnist_mlp", None, "fashion_mnist"),
    "fashion_mnist_cnn": (MAIN, "fashion_mnist_cnn", None, "fashion_mnist"),
    "digits_wide": (PILOT, "digits_wide", None, "digits"),
    "mnist1d_invariant": (PILOT, "mnist1d_invariant", None, "mnist1d"),
    "mnist1d_mlp_noise": (PILOT, "mnist1d_mlp_noise", None, "mnist1d"),
    "mnist1d_mlp_batch_1024": (PILOT, "mnist1d_mlp_batch_1024", None, "mnist1d"),
    "mnist1d_mlp_short": (PILOT, "mnist1d_mlp_short", None, "mnist1d"),
    "invariant_465": (DECAY, "invariant_465", None, "mnist1d"),
    "invariant_3720": (DECAY, "invariant_3720", None, "mnist1d"),
    "plain_465": (DECAY, "plain_465", None, "mnist1d"),
    "mnist1d_cosine": (DECAY, "mnist1d_cosine", None, "mnist1d"),
    "mnist1d_normalised": (DECAY, "mnist1d_normalised", None, "mnist1d"),
    "mnist1d_normalised_batch_16": (
        DECAY,
        "mnist1d_normalised_batch_16",
        None,
        "mnist1d",
    ),
    "modular_addition_constant": (
        DECAY,
        "modular_addition_constant",
        None,
        "modular_addition",
    ),
    "modular_addition_cosine": (
        DECAY,
        "modular_addition_cosine",
        None,
        "modular_addition",
    ),
    "mnist1d_mlp_batch_32": (BATCH, "mnist1d_mlp_fixed_epochs", 32, "mnist1d"),
    "mnist1d_mlp_batch_512": (BATCH, "mnist1d_mlp_fixed_epochs", 512, "mnist1d"),
}
# Nats within which two losses count as equal: those that the studies declare.
EPSILON = {
    "mnist1d": 0.05,
    "digits": 0.02,
    "fashion_mnist": 0.02,
    "modular_addition": 0.05,
    "teacher": 0.02,
    "breast_cancer": 0.02,
}
NEW = RESULTS / "recipe" / "new_tasks.csv.gz"  # of studies/recipe_new_tasks.py
WORKS = 2.0  # a recipe "works" if it is so many ε from AdamW's best


class Surface:
    """Scores of one optimizer over learning rate and weight decay.

    Args:
        frame: Runs with `learning_rate`, `weight_decay` > 0 and `loss`.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        cells = frame.groupby(["learning_rate", "weight_decay"])["loss"]
        self.cells: Array = np.array(list(cells.groups))
        self.means: Array = -cells.mean().to_numpy(dtype=float)
        self.deviations: list[Array] = []
        for _, losses in cells:
            # The recorded deviations are from the mean of a few runs.
            wider = np.sqrt(len(losses) / max(len(losses) - 1, 1))
            self.deviations.append(wider * (losses.mean() - losses.to_numpy(float)))
        points = np.log10(self.cells)
        self._linear = LinearNDInterpolator(points, self.means)
        self._nearest = KDTree(points)

    @property
    def best(self) -> float:
        """The mean score of the best cell."""
        return float(self.means.max())

    def mean(self, settings: ArrayLike) -> Array:
        """Mean scores at (learning rate, weight decay), shape (n, 2)."""
        points = np.log10(np.asarray(settings, dtype=float).reshape(-1, 2))
        inside = np.asarray(self._linear(points))
        nearest = self.means[self._nearest.query(points)[1]]
        return np.where(np.isnan(inside), nearest, inside)

    def run(
        self, learning_rate: float, weight_decay: float, draw: np.random.Generator
    ) -> float:
        """The score of one run."""
        point = (learning_rate, weight_decay)
        cell = int(self._nearest.query(np.log10(point))[1])
        return float(self.mean(point)[0] + draw.choice(self.deviations[cell]))

    @property
    def noise(self) -> float:
        """Standard deviation of seeds, of the better half of the cells."""
        good = self.means >= np.median(self.means)
        variances = [
            np.mean(each**2)
            for each, is_good in zip(self.deviations, good, strict=True)
            if is_good
        ]
        return float(np.sqrt(np.median(variances)))


@dataclass(frozen=True)
class SimulatedTask:
    """A task's surfaces for both optimizers."""

    name: str
    data: str
    lion: Surface
    adamw: Surface

    @property
    def epsilon(self) -> float:
        """Nats within which two losses count as equal."""
        return EPSILON[self.data]

    @property
    def recipes(self) -> list[AdamWRecipe]:
        """The cells of AdamW that a user might come with: those that work."""
        works = self.adamw.means >= self.adamw.best - WORKS * self.epsilon
        return [
            AdamWRecipe(float(rate), float(decay))
            for rate, decay in self.adamw.cells[works]
        ]


@cache
def simulated_tasks() -> tuple[SimulatedTask, ...]:
    """Every task of `SOURCES`."""
    runs = with_losses(all_runs())
    found = []
    for name, ((study, preset), task, batch_size, data) in SOURCES.items():
        chosen = (runs["study"] == study) & (runs["preset"] == preset)
        chosen &= runs["task"] == task
        if batch_size is not None:
            chosen &= runs["batch_size"] == batch_size
        found.append(simulated_task(name, data, runs[chosen]))
    return tuple(found)


@cache
def new_tasks() -> tuple[SimulatedTask, ...]:
    """The tasks that the recipe was not made on."""
    runs = with_losses(pd.read_csv(NEW))
    return tuple(
        simulated_task(str(name), str(name), frame)
        for name, frame in runs.groupby("task", sort=False)
    )


def with_losses(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with weight decay, with a finite `loss`."""
    runs = runs[(runs["status"] != "failed") & (runs["weight_decay"] > 0)]
    initial = runs["initial_loss"]
    losses = runs["final_loss"].fillna(initial).clip(upper=initial)
    return runs.assign(loss=losses.where(runs["status"] != "diverged", initial))


def simulated_task(name: str, data: str, frame: pd.DataFrame) -> SimulatedTask:
    """The task of some runs of both optimizers."""
    lion, adamw = (
        Surface(frame[frame["optimizer"] == optimizer])
        for optimizer in ("lion", "adamw")
    )
    return SimulatedTask(name, data, lion, adamw)
