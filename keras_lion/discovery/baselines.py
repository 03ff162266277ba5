"""What a search must beat: tuned constants and random programs, at a larger budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keras_lion.discovery.program import Program
from keras_lion.discovery.search_state import (
    Improvement,
    Method,
    SearchSettings,
    SearchState,
)

METHODS: tuple[Method, ...] = ("evolution", "constants", "random")
BUDGET_FACTOR = 4  # the baselines' evaluations for one of the search, as in the paper


def constant_tuning(settings: SearchSettings) -> SearchSettings:
    """The same search with nothing but constants to change: a tuned start."""
    return replace(settings, method="constants")


def random_search(settings: SearchSettings) -> SearchSettings:
    """The same harness with programs of random statements, without parents."""
    return replace(settings, method="random")


def best_after(state: SearchState, evaluations: Sequence[int]) -> np.ndarray:
    """Best fitness of a search after given numbers of evaluations.

    Args:
        state: Where the search stands.
        evaluations: Numbers of evaluations, 1 or more.

    Returns:
        Shape `(len(evaluations),)`; NaN after the search's last evaluation.

    Example:

    ```python
    from keras_lion.discovery.baselines import best_after
    from keras_lion.discovery.evaluation import ProxyFitness
    from keras_lion.discovery.evolution import Search
    from keras_lion.discovery.search_state import SearchSettings

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    search = Search(SearchSettings(population=10), fitness)
    search.run(32)
    assert best_after(search.state, [1])[0] == fitness(search.settings.start)
    ```
    """
    counts = [found.num_evaluations for found in state.improvements]
    values = np.array([found.individual.fitness for found in state.improvements])
    asked = np.asarray(evaluations)
    found = values[np.searchsorted(counts, asked, side="right") - 1]
    return np.where(asked > state.num_evaluations, np.nan, found)


def evaluations_to_reach(improvements: Sequence[Improvement], fitness: float) -> int:
    """Evaluations until a fitness was reached; −1 if it was not."""
    for found in improvements:
        if found.individual.fitness >= fitness:
            return found.num_evaluations
    return -1


def same_but_for_constants(first: Program, second: Program) -> bool:
    """True if two programs differ in nothing but the values of constants."""

    def shape(program: Program) -> list[object]:
        return [
            (
                statement.target,
                statement.function,
                tuple(x if isinstance(x, str) else None for x in statement.arguments),
            )
            for statement in program
        ]

    return shape(first) == shape(second)
