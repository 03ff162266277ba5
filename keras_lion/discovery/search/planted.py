"""Searches with a known answer: how long until a planted optimizer is found.

The gradients are given and do not depend on the updates, so that there is no training
and no noise: fitness says how much a program's updates look like the target's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from keras_lion.discovery.language.execution import step_function
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evaluation import WORST, treats_tensors_alike
from keras_lion.discovery.search.evolution import Search
from keras_lion.discovery.search.search_state import SearchSettings
from keras_lion.discovery.zoo import SGD, SIGNUM

TOLERANCE = 1e-3  # of a distance, to count as found: two signs of a thousand differ


@dataclass(frozen=True)
class PlantedFitness:
    """Minus the distance of a program's updates to those of a target.

    Distance is 1 − cosine similarity of the updates of all steps as one vector: 0 for
    the target, whatever its learning rate, and 1 for unrelated updates.

    Attributes:
        target: The program to be found.
        steps: Steps of the gradients' stream.
        size: Weights in each of two tensors, one with gradients a hundred times as
            large.
        seed: Of the stream.

    Example:

    ```python
    from keras_lion.discovery import PlantedFitness, zoo

    fitness = PlantedFitness(zoo.SIGNUM)
    assert abs(fitness(zoo.SIGNUM)) < 1e-12
    assert fitness(zoo.ADAMW) < -0.01
    ```
    """

    target: Program = SIGNUM
    steps: int = 40
    size: int = 32
    seed: int = 0

    def __call__(self, program: Program) -> float:
        """The fitness of a valid program, at most 0; −inf without finite updates."""
        updates, wanted = _updates(program, self), _target_direction(self)
        with np.errstate(all="ignore"):
            length = np.sqrt(np.sum(np.square(updates)))
            cosine = float(updates @ wanted / length)
        # Rounding may lift the cosine of equal updates above 1.
        return min(cosine, 1.0) - 1.0 if np.isfinite(cosine) else WORST


@dataclass(frozen=True)
class HittingTime:
    """How long a search took to find its target, or until it gave up."""

    found: bool
    num_children: int
    num_evaluations: int
    program: Program  # the best


def hitting_time(
    fitness: PlantedFitness,
    settings: SearchSettings,
    max_children: int,
    tolerance: float = TOLERANCE,
) -> HittingTime:
    """Search for a planted target until it is found, or so many children were made."""
    search = Search(settings, fitness)
    best, state = search.run(max_children, until=-tolerance), search.state
    if best.fitness >= -tolerance:
        evaluations = state.improvements[-1].num_evaluations
        return HittingTime(True, best.number, evaluations, best.program)
    return HittingTime(False, state.num_children, state.num_evaluations, best.program)


def variants(settings: SearchSettings) -> dict[str, SearchSettings]:
    """The search, and the same with one of its parts taken away each."""
    return {
        "search": settings,
        "without cache": replace(settings, use_cache=False),
        "without warm start": replace(settings, start=SGD),
        "without redundant statements": replace(settings, keep_redundant=False),
        "without aging": replace(settings, removal="worst"),
    }


@functools.lru_cache(maxsize=8)
def _stream(fitness: PlantedFitness) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and the gradients of every step: a slowly turning mean under noise."""
    generator = np.random.default_rng(fitness.seed)
    steps, size = fitness.steps, 2 * fitness.size
    weights = generator.normal(size=size)
    phase = generator.uniform(0.0, 2.0 * np.pi, size=size)
    turn = 2.0 * np.pi * np.arange(steps)[:, None] / steps
    gradients = np.sin(phase + turn) + generator.normal(size=(steps, size))
    gradients[:, fitness.size :] *= 100.0
    return weights, gradients


def _updates(program: Program, fitness: PlantedFitness) -> np.ndarray:
    step = step_function(program)
    weights, gradients = _stream(fitness)
    # One vector is faster, and the same for most programs.
    parts = 1 if treats_tensors_alike(program) else 2
    w = np.split(weights, parts)
    m = v = np.split(np.zeros_like(weights), parts)
    found: list[np.ndarray] = []
    for number, gradient in enumerate(gradients):
        lr = 0.5 + 0.5 * float(np.cos(np.pi * number / fitness.steps))
        update, m, v = step(w, np.split(gradient, parts), m, v, lr)
        found += update
    return np.concatenate(found)


@functools.lru_cache(maxsize=8)
def _target_direction(fitness: PlantedFitness) -> np.ndarray:
    updates = _updates(fitness.target, fitness)
    unit: np.ndarray = updates / np.sqrt(np.sum(np.square(updates)))
    return unit
