"""Regularized evolution: who becomes a parent, who leaves, what is counted."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from keras_lion.discovery import Program, zoo
from keras_lion.discovery.language.abstract import (
    InvalidProgram,
    functional_hash,
    live,
    redundancy,
)
from keras_lion.discovery.search.evaluation import WORST, ProxyFitness
from keras_lion.discovery.search.evolution import Search
from keras_lion.discovery.search.proxies import PROXIES
from keras_lion.discovery.search.search_state import (
    Individual,
    SearchSettings,
    SearchState,
)
from tests.discovery.counting import HashFitness

FITNESS = HashFitness()
SMALL = SearchSettings(population=30, generation=8)


def run(settings, count, fitness=FITNESS, **options):
    search = Search(settings, fitness, **options)
    search.run(count)
    return search


def children_of(search):
    """Every child of a search, in order, through its population."""
    found = []
    while search.state.num_children < 400:
        before = search.state.num_children
        search.run(before + 1)
        new = search.state.num_children - before
        found += list(search.state.population)[-new:]
    return found


def test_cache_changes_neither_programs_nor_fitness():
    proxy = replace(PROXIES["embedding_bags"], steps=20, train_examples=100)
    fitness = ProxyFitness((proxy,))
    cached = run(SMALL, 150, fitness)
    uncached = run(replace(SMALL, use_cache=False), 150, fitness)
    assert cached.state.trail == uncached.state.trail
    assert list(cached.state.population) == list(uncached.state.population)
    assert cached.best == uncached.best
    children = cached.state.num_children
    assert uncached.state.num_evaluations == children + 1
    assert cached.state.num_evaluations < 0.8 * children


def test_what_ctrl_c_ends_is_done_again():
    calls = []

    def interrupted(programs):
        calls.append(programs)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return [*map(FITNESS, programs)]

    search = Search(SMALL, FITNESS, evaluate_all=interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.run(150)
    search.run(150)
    undisturbed = run(SMALL, 150)
    assert search.state.trail == undisturbed.state.trail
    assert search.state.to_json() == undisturbed.state.to_json()


def test_what_is_cached_is_right():
    search = Search(SMALL, FITNESS)
    children = children_of(search)
    assert [child.number for child in children] == list(range(1, 401))
    for child in children:
        assert child.fitness == FITNESS(child.program)
        assert child.functional_hash == functional_hash(child.program)
    hashes = {child.functional_hash for child in children}
    hashes.add(functional_hash(zoo.ADAMW))
    assert search.state.num_evaluations == len(hashes)


class Listing:
    """A fitness that writes down what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, program):
        self.asked.append(functional_hash(program))
        return FITNESS(program)


def test_only_the_first_of_equal_programs_is_measured():
    fitness = Listing()
    search = run(replace(SMALL, generation=50), 400, fitness)
    assert len(fitness.asked) == len(set(fitness.asked))
    assert len(fitness.asked) == search.state.num_evaluations < 400
    # What is known need not be measured, be it the worst.
    known = dict.fromkeys(fitness.asked, WORST)
    fitness = Listing()
    assert run(SMALL, 8, fitness, known=known).best.number == 0
    assert not set(fitness.asked[1:]) & set(known)


def test_without_the_cache_everything_is_measured():
    fitness = Listing()
    uncached = replace(SMALL, use_cache=False)
    known = {functional_hash(zoo.ADAMW): 0.5}
    search = run(uncached, 80, fitness, known=known)
    assert len(fitness.asked) == search.state.num_evaluations == 81
    assert search.state.trail == run(SMALL, 80).state.trail


def test_the_trail_tells_searches_apart():
    trails = {
        run(settings, 40).state.trail
        for settings in (SMALL, replace(SMALL, seed=1), replace(SMALL, tournament=3))
    }
    assert len(trails) == 3
    assert run(SMALL, 40).state.trail in trails


def test_the_oldest_leaves_not_the_worst():
    search = run(SMALL, 96)
    numbers = [individual.number for individual in search.state.population]
    assert numbers == list(range(67, 97))
    # The best program is remembered though it has left.
    best = search.best
    assert best.number not in numbers or best.number > 66
    assert best.fitness >= max(x.fitness for x in search.state.population)


def test_the_worst_may_leave_instead():
    search = run(replace(SMALL, removal="worst"), 400)
    numbers = [individual.number for individual in search.state.population]
    assert len(numbers) == 30
    assert min(numbers) < 370
    assert WORST not in [individual.fitness for individual in search.state.population]
    assert max(x.fitness for x in search.state.population) == search.best.fitness


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tournaments(size):
    search = Search(replace(SMALL, population=10, tournament=size), FITNESS)
    search.state.population.clear()
    search.state.population.extend(
        Individual(rank, zoo.ADAMW, "", float(rank)) for rank in range(10)
    )
    draws = 4_000
    counts = Counter(search._parent().number for _ in range(draws))
    for rank in range(10):
        chance = ((rank + 1) / 10) ** size - (rank / 10) ** size
        error = 4 * np.sqrt(chance * (1 - chance) / draws) + 2 / draws
        assert counts[rank] / draws == pytest.approx(chance, abs=error)


def test_everything_begins_with_the_start():
    search = Search(SMALL, FITNESS)
    assert {x.program for x in search.state.population} == {zoo.ADAMW}
    assert len(search.state.population) == 30
    assert search.best.fitness == FITNESS(zoo.ADAMW)
    assert search.state.num_evaluations == 1


def test_improvements_rise_and_know_their_cost():
    search = run(SMALL, 400)
    found = search.state.improvements
    fitness = [x.individual.fitness for x in found]
    assert fitness == sorted(set(fitness))
    assert len(found) > 2
    counts = [x.num_evaluations for x in found]
    assert counts == sorted(counts)
    assert counts[0] == 1
    # Every evaluation before the last improvement's child, and its own.
    replay = Search(SMALL, FITNESS)
    hashes = [functional_hash(zoo.ADAMW)]
    for child in children_of(replay):
        if child.functional_hash not in hashes:
            hashes.append(child.functional_hash)
        if child.number == found[-1].individual.number:
            break
    assert counts[-1] == len(hashes)


def test_worst_and_nan_are_never_best():
    def fitness(program):
        return {9: 0.5, 8: float("nan")}.get(len(program), WORST)

    search = run(SMALL, 100, fitness)
    assert search.best.number == 0
    assert {x.fitness for x in search.state.population} <= {0.5, WORST}


def test_run_counts_what_was_there_and_stops_early():
    parts = Search(SMALL, FITNESS)
    for count in (3, 11, 64):
        parts.run(count)
    assert parts.state.num_children == 64
    assert parts.state.trail == run(SMALL, 64).state.trail
    search = Search(SMALL, FITNESS)
    wanted = run(SMALL, 400).best.fitness
    search.run(400, until=wanted)
    assert search.best.fitness == wanted
    assert search.state.num_children < search.best.number + SMALL.generation


def test_windows_and_progress():
    settings = replace(SMALL, generation=50)
    search = run(settings, 2_500)
    first, second = search.state.windows
    assert (first.num_children, second.num_children) == (1_000, 2_000)
    new = second.num_evaluations - first.num_evaluations
    assert second.hit_rate == pytest.approx(1 - new / 1_000)
    assert first.hit_rate == pytest.approx(1 - (first.num_evaluations - 1) / 1_000)
    assert 1_000 <= first.num_tries < second.num_tries < 3_000
    again = run(settings, 2_000)
    programs = [x.program for x in again.state.population]
    shares = [redundancy(program).loop_carried for program in programs]
    assert second.redundancy == pytest.approx(np.mean(shares))
    assert second.redundancy >= second.redundancy_per_step
    assert second.length == np.mean([len(program) for program in programs])
    line = str(search.progress)
    for part in ("2500 children", "evaluations", "hit rate", "redundant", "best"):
        assert part in line
    since = search.state.num_evaluations - first.num_evaluations
    assert search.progress.window_hit_rate == pytest.approx(1 - since / 1_500)
    assert run(SMALL, 8).progress.redundancy is None


@pytest.mark.parametrize("origin", ["best", "start"])
def test_restarts(origin):
    settings = replace(SMALL, restart_after=40, restart_from=origin)
    search = Search(settings, lambda program: -abs(len(live(program)) - 8.0))
    best = search.run(400, until=0.0)
    assert best.fitness == 0
    before = search.state.num_restarts
    while search.state.num_restarts == before:
        search.run(search.state.num_children + 1)
    assert 40 <= search.state.num_children - best.number < 48
    assert search.state.quiet_since == search.state.num_children
    expected = zoo.ADAMW if origin == "start" else best.program
    assert [x.program for x in search.state.population] == [expected] * 30


def test_without_redundant_statements():
    search = run(replace(SMALL, keep_redundant=False), 400)
    shares = [redundancy(x.program).loop_carried for x in search.state.population]
    kept = run(SMALL, 400)
    of_kept = [redundancy(x.program).loop_carried for x in kept.state.population]
    # Only where a state's name served for a scalar can a dead statement be needed.
    assert np.mean(shares) < 0.1 < np.mean(of_kept)


def test_state_as_json():
    search = run(SMALL, 80)
    state = SearchState.from_json(search.state.to_json())
    assert state.to_json() == search.state.to_json()
    assert SearchSettings.from_json(SMALL.to_json()) == SMALL


def test_settings_are_checked():
    with pytest.raises(ValueError, match="`population` must be at least 1. Received"):
        SearchSettings(population=0)
    with pytest.raises(ValueError, match="A seed is 0 or more. Received: -1"):
        SearchSettings(seed=-1)
    with pytest.raises(ValueError, match="`restart_after` must be at least 1"):
        SearchSettings(restart_after=0)
    with pytest.raises(ValueError, match="`max_length` must be at least 9. Received"):
        SearchSettings(max_length=8)
    with pytest.raises(ValueError, match="`removal` is one of oldest, worst. Received"):
        SearchSettings(removal="youngest")
    with pytest.raises(InvalidProgram, match="`update` is an output"):
        SearchSettings(start=Program.parse("update = lr * 2.0"))
    with pytest.raises(ValueError, match="Constants can be tuned only"):
        SearchSettings(method="constants", start=Program.parse("update = g * lr"))
