"""Children: valid, one statement apart, as often of each kind as is said."""

import os
from collections import Counter

import numpy as np
import pytest

from keras_lion.discovery import Program, step_function, zoo
from keras_lion.discovery.language.abstract import check, functional_hash
from keras_lion.discovery.language.functions import FUNCTIONS
from keras_lion.discovery.search import mutation as mutation_module
from keras_lion.discovery.search.mutation import draw_mutation, mutate, random_program
from tests.discovery.random_programs import same_but_for_constants

SLOW = os.environ.get("KERAS_LION_SLOW_TESTS") == "1"
NUM_CHILDREN = 100_000 if SLOW else 3_000


def children_of(start, count, seed=0, **options):
    """Children of children: a population that drifts without selection."""
    generator = np.random.default_rng(seed)
    population = [start] * 50
    for _ in range(count):
        parent = population[int(generator.integers(len(population)))]
        mutation = draw_mutation(parent, generator, **options)
        yield parent, mutation
        population.append(mutation.program)
        population.pop(0)


def test_every_child_runs_and_parses_back():
    tensors = [np.array([[0.5, -2.0]], np.float32), np.array([3.0], np.float32)]
    zeros = [np.zeros_like(x) for x in tensors]
    executed = set()
    # From the start again and again: what drifts for long repeats itself.
    for seed in range(NUM_CHILDREN // 500):
        for _, mutation in children_of(zoo.ADAMW, 500, seed):
            child = mutation.program
            parsed = Program.parse(str(child))
            assert parsed == child
            key = functional_hash(child)
            assert functional_hash(parsed) == key
            if key in executed:
                continue
            executed.add(key)
            m = v = zeros
            for _ in range(2):
                update, m, v = step_function(child)(tensors, tensors, m, v, 0.5)
            for found in (update, m, v):
                assert [x.shape for x in found] == [x.shape for x in tensors]
    assert len(executed) > NUM_CHILDREN / 10


def edit_distance(first, second):
    """Statements to insert, delete or replace, at most one; else 2."""
    a, b = first.instructions, second.instructions
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return max(len(a), len(b)) - start - end


def test_a_child_is_one_statement_from_its_parent():
    lengths = {"insert": 1, "delete": -1, "modify": 0}
    for parent, mutation in children_of(zoo.ADAMW, 500):
        assert edit_distance(parent, mutation.program) <= 1
        longer = len(mutation.program) - len(parent)
        assert longer == lengths[mutation.kind]


def test_a_modification_changes_one_argument():
    for parent, mutation in children_of(zoo.ADAMW, 500, kinds=("modify",)):
        changed = [
            (a, b) for a, b in zip(parent, mutation.program, strict=True) if a != b
        ]
        for a, b in changed:
            assert (a.target, a.function) == (b.target, b.function)
            differ = [x != y for x, y in zip(a.arguments, b.arguments, strict=True)]
            assert sum(differ) == 1


def test_kinds_are_drawn_equally_often(monkeypatch):
    monkeypatch.setattr(mutation_module, "check", lambda statements: None)
    generator = np.random.default_rng(0)
    counts = Counter(draw_mutation(zoo.ADAMW, generator).kind for _ in range(6_000))
    expected = 2_000
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    assert len(counts) == 3
    assert chi_square < 13.8  # 99.9 % of the distribution with 2 degrees of freedom


def test_every_function_and_both_new_and_old_targets_are_inserted():
    generator = np.random.default_rng(0)
    functions, targets = Counter(), Counter()
    for _ in range(4_000):
        child = draw_mutation(zoo.ADAMW, generator, kinds=("insert",)).program
        (new,) = Counter(child) - Counter(zoo.ADAMW)
        functions[new.function] += 1
        targets[new.target] += 1
    assert set(functions) == {n for n, f in FUNCTIONS.items() if f.undefined is None}
    assert functions["interpolate"] > 40  # the scalar weight makes it no rarity
    assert {"w", "g", "m", "v", "lr", "update", "x0"} <= set(targets)


def test_constants_only():
    ratios = []
    for parent, mutation in children_of(zoo.ADAMW, 1_000, kinds=("constant",)):
        assert same_but_for_constants(parent, mutation.program)
        old = [x for s in parent for x in s.constants]
        new = [x for s in mutation.program for x in s.constants]
        (pair,) = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        ratios.append(np.log2(pair[1] / pair[0]))
    assert np.mean(ratios) == pytest.approx(0, abs=0.15)
    assert np.std(ratios) == pytest.approx(1, abs=0.1)


def test_fresh_constants_are_standard_normal():
    generator = np.random.default_rng(0)
    fresh = []
    old = {x for s in zoo.ADAMW for x in s.constants}
    for _ in range(6_000):
        child = draw_mutation(zoo.ADAMW, generator, kinds=("insert",)).program
        fresh += [x for s in child for x in s.constants if x not in old]
    assert np.mean(fresh) == pytest.approx(0, abs=0.1)
    assert np.std(fresh) == pytest.approx(1, abs=0.1)


def test_the_longest_program_does_not_grow():
    generator = np.random.default_rng(0)
    program = zoo.ADAMW
    for _ in range(200):
        program = mutate(program, generator, max_length=12)
        assert len(program) <= 12
    assert len(program) > 9


def test_a_program_without_constants_cannot_be_tuned():
    generator = np.random.default_rng(0)
    program = Program.parse("update = g * lr")
    with pytest.raises(ValueError, match="No valid child in 10000 tries"):
        draw_mutation(program, generator, kinds=("constant",))


def test_seeds_decide_children():
    def run(seed):
        return [m.program for _, m in children_of(zoo.ADAMW, 100, seed)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_random_programs_are_valid_and_long_enough():
    generator = np.random.default_rng(0)
    found = [random_program(generator, length) for length in (1, 5, 12) * 20]
    assert [len(program) for program in found] == [1, 5, 12] * 20
    for program in found:
        check(program)
    assert len(set(map(functional_hash, found))) > 20
