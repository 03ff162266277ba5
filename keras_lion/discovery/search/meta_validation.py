"""Does a program that is good on small problems hold on larger ones?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evaluation import ProxyFitness
from keras_lion.discovery.search.screening import tune
from keras_lion.discovery.search.search_state import Individual, SearchState

Measure = Callable[[Program], float]

FACTORS = (10.0, 100.0)  # of compute, from one stage of the funnel to the last
# The search's own seed is among the first; those of a stage are new to the programs.
FIRST_SEED = 1000


@dataclass(frozen=True)
class Stage:
    """One stage of the funnel."""

    factor: float  # compute of its problems, as a multiple of the search's
    baseline: float  # fitness of the baseline, tuned on these problems
    fitness: dict[Program, float]  # of every candidate that came so far
    survivors: tuple[Program, ...]  # candidates above the baseline, the best first


def funnel(
    candidates: Sequence[Program],
    fitness: ProxyFitness,
    baseline: Program,
    *,
    factors: Sequence[float] = FACTORS,
    num_seeds: int = 3,
) -> list[Stage]:
    """Promote programs that beat a baseline on ever larger problems.

    Args:
        candidates: Programs, the best of several searches say.
        fitness: What the search used; every stage has the same proxies, larger and with
            new seeds.
        baseline: The program to beat, AdamW say. It is tuned anew at each stage, on the
            seeds that it is measured on: the gate errs on its side.
        factors: Compute of the stages.
        num_seeds: Seeds that fitness is averaged over.

    Returns:
        The stages, up to the one that none survives.

    Raises:
        ValueError: If a factor is not positive, or there are no seeds.

    Example:

    ```python
    from keras_lion.discovery import ProxyFitness, funnel, zoo

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    stages = funnel([zoo.SIGNUM], fitness, zoo.SGD, factors=[2], num_seeds=1)
    assert stages[0].fitness.keys() == {zoo.SIGNUM}
    ```
    """
    if num_seeds < 1 or not all(factor > 0 for factor in factors):
        raise ValueError(
            "Expected factors above 0, and one seed at least. Received: factors "
            f"{[*factors]}, {num_seeds} seeds."
        )
    stages: list[Stage] = []
    waiting = list(dict.fromkeys(candidates))
    for factor in factors:
        if not waiting:
            break
        gate = tune(baseline, fitness.scaled(factor), seeds=_seeds(num_seeds)).fitness
        measure = larger_problems(fitness, factor, num_seeds)
        found = {program: measure(program) for program in waiting}
        better = [program for program in waiting if found[program] > gate]
        waiting = sorted(better, key=lambda program: -found[program])
        stages.append(Stage(factor, gate, found, tuple(waiting)))
    return stages


@dataclass(frozen=True)
class MetaPoint:
    """The best program at one time of a search."""

    num_children: int  # that had been made
    fitness: float  # in the search
    meta_fitness: float  # on larger problems
    program: Program


def meta_curve(
    state: SearchState, measure: Measure, num_points: int = 20
) -> list[MetaPoint]:
    """Fitness on larger problems of the best programs in the course of a search.

    Args:
        state: Where the search stands.
        measure: Program → fitness on larger problems, see `larger_problems`.
        num_points: Times to look at, evenly spread over the children. A program that is
            the best at several of them is measured once.
    """
    times = np.linspace(0, state.num_children, num_points).round().astype(int)
    known: dict[str, float] = {}
    points = []
    for time in times.tolist():
        best = best_at(state, time)
        if best.functional_hash not in known:
            known[best.functional_hash] = measure(best.program)
        on_larger = known[best.functional_hash]
        points.append(MetaPoint(time, best.fitness, on_larger, best.program))
    return points


def best_at(state: SearchState, num_children: int) -> Individual:
    """The best program when so many children had been made."""
    found = [improvement.individual for improvement in state.improvements]
    return [individual for individual in found if individual.number <= num_children][-1]


def overfitting_begins(points: Sequence[MetaPoint]) -> float:
    """Share of the search after which fitness on larger problems only falls.

    The last time at which it is the highest, as a share of all children: 1 if the
    search ends with its best.
    """
    highest = max(point.meta_fitness for point in points)
    times = [x.num_children for x in points if x.meta_fitness == highest]
    return times[-1] / max(points[-1].num_children, 1)


def larger_problems(
    fitness: ProxyFitness, factor: float, num_seeds: int = 3
) -> Measure:
    """Fitness on the same proxies with more compute, over seeds that are new."""
    larger, seeds = fitness.scaled(factor), _seeds(num_seeds)
    return lambda program: larger.mean(program, seeds)


def _seeds(count: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + count)
