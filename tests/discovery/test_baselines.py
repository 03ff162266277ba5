"""The baselines: constants only, random programs, and curves to compare with."""

from dataclasses import replace

import numpy as np
import pytest

from keras_lion.discovery import zoo
from keras_lion.discovery.search.baselines import METHODS, best_after
from keras_lion.discovery.search.evolution import RANDOM_LENGTHS, Search
from keras_lion.discovery.search.search_state import SearchSettings
from tests.discovery.counting import HashFitness
from tests.discovery.random_programs import same_but_for_constants

SMALL = SearchSettings(population=30, generation=8)
FITNESS = HashFitness()
CONSTANTS = replace(SMALL, method="constants")
RANDOM = replace(SMALL, method="random")


def programs_of(settings):
    search = Search(settings, FITNESS)
    search.run(30)
    return [x.program for x in search.state.population if x.number]


def test_constant_tuning_changes_constants_only():
    found = programs_of(CONSTANTS)
    for program in found:
        assert same_but_for_constants(program, zoo.ADAMW)
        assert program != zoo.ADAMW
    assert not any(
        same_but_for_constants(program, zoo.ADAMW) and program != zoo.ADAMW
        for program in programs_of(RANDOM)
    )


def test_random_programs_owe_the_start_nothing():
    found = programs_of(RANDOM)
    low, high = RANDOM_LENGTHS
    assert {len(program) for program in found} <= set(range(low, high + 1))
    assert len({len(program) for program in found}) > 5
    other = programs_of(replace(RANDOM, start=zoo.SGD))
    assert other == found


def test_best_fitness_after_evaluations():
    search = Search(SMALL, FITNESS)
    search.run(200)
    state = search.state
    asked = np.arange(1, state.num_evaluations + 2)
    curve = best_after(state, asked)
    assert curve[0] == FITNESS(zoo.ADAMW)
    assert np.isnan(curve[-1])
    assert curve[-2] == search.best.fitness
    assert (np.diff(curve[:-1]) >= 0).all()
    last = state.improvements[-1]
    at = last.num_evaluations - 1
    assert curve[at - 1] < curve[at] == last.individual.fitness


@pytest.mark.parametrize("settings", [CONSTANTS, RANDOM])
def test_baselines_repeat(settings):
    assert settings.method in METHODS
    first, second = (Search(settings, FITNESS) for _ in range(2))
    first.run(60)
    second.run(60)
    assert first.state.to_json() == second.state.to_json()
