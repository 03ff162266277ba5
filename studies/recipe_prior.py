"""Fits what `keras-lion recipe` knows before the first trial, from the public table.

Command    python studies/recipe_prior.py [--check]      Duration   half a minute

Writes keras_lion/tuning/recipe/prior.json: an order of trials and a Gaussian process,
both of Lion's values relative to the converted ones. AdamW gets the same around its
recipe, so that neither is searched better than the other. `--check` fails if the file
is not what the table gives.

Every task is seen from each AdamW recipe that works on it: a cell of AdamW's grid
within 2 ε of the best. Data sets count alike, however many tasks have them.

- The order is greedy: each next trial is the one after which the mean regret of the
  best trial so far is lowest. Regret is in units of ε and capped, so that no task
  decides alone.
- The mean of the process is a quadratic in (pace, size), least squares on the
  compressed scores; lengths of the kernel maximize the likelihood.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from keras_lion.tuning.recipe.model import (
    CANDIDATES,
    LEVEL,
    compressed,
    kernel,
    pace_and_size,
    prior_mean,
    unit_of,
)
from keras_lion.tuning.recipe.prior import FILE, NoisePrior, Prior, SearchPrior
from keras_lion.tuning.recipe.proposal import Offset
from studies.recipe_surfaces import SimulatedTask, simulated_tasks

Array = NDArray[np.float64]

CAP = 20.0  # ε, of a regret
ORDERED = 4  # trials whose order is fixed
MOST_RECIPES = 6  # of one task
COARSE = CANDIDATES[::3]  # for the likelihood
LENGTHS = (0.3, 0.5, 0.8, 1.2, 2.0)
FEWEST_DEGREES = 1.0


@dataclass(frozen=True)
class View:
    """Lion's scores at all candidates, seen from one recipe of a task."""

    task: SimulatedTask
    scores: Array
    best: float
    noise: float
    weight: float

    @property
    def regret(self) -> Array:
        """To the best cell of the grid, in ε, capped."""
        gaps = (self.best - self.scores) / self.task.epsilon
        return np.asarray(np.clip(gaps, 0.0, CAP))

    @property
    def compressed(self) -> Array:
        """The scores as the model sees them."""
        return compressed(self.scores, float(self.scores.max()), unit_of(self.scores))


def views(tasks: Sequence[SimulatedTask]) -> list[View]:
    """What a search for Lion's values would see; data sets count alike."""
    found = []
    for task in tasks:
        same = sum(other.data == task.data for other in tasks)
        recipes = task.recipes
        recipes = recipes[:: -(-len(recipes) // MOST_RECIPES)]
        for recipe in recipes:
            center = recipe.centers["lion"]
            moved = [center.moved(offset) for offset in CANDIDATES]
            points = [(each.learning_rate, each.weight_decay) for each in moved]
            found.append(
                View(
                    task,
                    task.lion.mean(points),
                    task.lion.best,
                    task.lion.noise,
                    1 / (same * len(recipes)),
                )
            )
    return found


def greedy_order(found: Sequence[View], number: int) -> tuple[Offset, ...]:
    """The first trials after the start, each the best addition to those before it."""
    regret = np.array([view.regret for view in found])
    weights = np.array([view.weight for view in found])
    reached = regret[:, CANDIDATES.index((0.0, 0.0))]
    order = []
    for _ in range(number - 1):
        means = weights @ np.minimum(reached[:, None], regret)
        chosen = int(np.argmin(means))
        order.append(CANDIDATES[chosen])
        reached = np.minimum(reached, regret[:, chosen])
    return tuple(order)


def fitted_search(found: Sequence[View]) -> SearchPrior:
    """Order, mean and kernel."""
    points = pace_and_size(CANDIDATES)
    pace, size = points.T
    columns = np.column_stack([pace**2, size**2, pace * size, pace, size])
    left, right, weights = [], [], []
    for view in found:
        values = view.compressed
        left.append(columns - columns.mean(axis=0))  # each has a level of its own
        right.append(values - values.mean())
        weights.append(np.full(len(values), np.sqrt(view.weight)))
    scale = np.concatenate(weights)
    a, b, c, d, e = np.linalg.lstsq(
        np.concatenate(left) * scale[:, None],
        np.concatenate(right) * scale,
        rcond=None,
    )[0]
    top = np.linalg.solve([[2 * a, c], [c, 2 * b]], [-d, -e])
    residuals = np.concatenate(right) - np.concatenate(left) @ [a, b, c, d, e]
    amplitude = float(np.sqrt(np.average(residuals**2, weights=scale**2)))
    noise = np.average(
        [view.noise / unit_of(view.scores) for view in found],
        weights=[view.weight for view in found],
    )
    first = SearchPrior(
        order=greedy_order(found, ORDERED),
        optimum=(_rounded(top[0]), _rounded(top[1])),
        curvature=(_rounded(-a), _rounded(-b), _rounded(-c)),
        lengths=(1.0, 1.0),
        amplitude=_rounded(amplitude),
        noise=_rounded(float(noise)),
    )
    priors = [
        SearchPrior(**{**first.__dict__, "lengths": (pace_length, size_length)})
        for pace_length, size_length in product(LENGTHS, LENGTHS)
    ]
    return max(priors, key=lambda prior: _likelihood(prior, found))


def _rounded(value: float) -> float:
    return round(float(value), 2)


def _likelihood(prior: SearchPrior, found: Sequence[View]) -> float:
    """Of all views, each weighted."""
    points = pace_and_size(COARSE)
    covariance = kernel(prior, points, points) + LEVEL**2
    covariance[np.diag_indices_from(covariance)] += prior.noise**2
    factor = np.linalg.cholesky(covariance)
    determinant = 2 * np.log(np.diag(factor)).sum()
    mean = prior_mean(prior, points)
    total = 0.0
    for view in found:
        residuals = np.linalg.solve(factor, view.compressed[::3] - mean)
        total -= view.weight * (determinant + residuals @ residuals)
    return total


def fitted_noise(found: Sequence[View], order: Sequence[Offset]) -> NoisePrior:
    """Noise relative to the spread of the first trials, by moments of its logarithm."""
    first = [CANDIDATES.index(offset) for offset in ((0.0, 0.0), *order)]
    shares = [view.noise / unit_of(view.scores[first]) for view in found]
    weights = [view.weight for view in found]
    logs = 2 * np.log(shares)
    center = np.average(logs, weights=weights)
    variance = np.average((logs - center) ** 2, weights=weights)
    degrees = min(
        np.arange(FEWEST_DEGREES, 20.0, 0.5),
        key=lambda each: abs(float(polygamma(1, each / 2)) - variance),
    )
    return NoisePrior(share=_rounded(np.exp(center / 2)), degrees=float(degrees))


def fitted(tasks: Sequence[SimulatedTask]) -> Prior:
    """The prior of some tasks."""
    found = views(tasks)
    search = fitted_search(found)
    return Prior(search, fitted_noise(found, search.order))


def text(prior: Prior) -> str:
    """The content of the file."""
    return json.dumps(prior.as_json(), indent=2) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    made = text(fitted(simulated_tasks()))
    if not parser.parse_args().check:
        FILE.write_text(made, encoding="utf-8")
    elif made != FILE.read_text(encoding="utf-8"):
        sys.exit(f"{FILE.name} is not what the table gives: run without --check.")
