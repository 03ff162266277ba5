"""Screening, funnel and meta-validation curve, on problems of milliseconds."""

from dataclasses import replace

import numpy as np
import pytest

from keras_lion.discovery import Program, zoo
from keras_lion.discovery.search.evaluation import WORST, ProxyFitness
from keras_lion.discovery.search.evolution import Search
from keras_lion.discovery.search.meta_validation import (
    FIRST_SEED,
    MetaPoint,
    best_at,
    funnel,
    larger_problems,
    meta_curve,
    overfitting_begins,
)
from keras_lion.discovery.search.proxies import PROXIES
from keras_lion.discovery.search.screening import screen, tune, with_decay_factor
from keras_lion.discovery.search.search_state import SearchSettings
from tests.discovery.counting import HashFitness

PROXY = replace(PROXIES["embedding_bags"], steps=10, train_examples=100)
FITNESS = ProxyFitness((PROXY,))
RATES = (1.0, 4.0, 16.0)


def test_tuning_is_the_best_cell():
    tuned = tune(zoo.ADAMW, FITNESS, learning_rates=RATES, decay_factors=(0.0, 1.0))
    values = [
        replace(FITNESS, learning_rate=rate)(with_decay_factor(zoo.ADAMW, factor))
        for rate in RATES
        for factor in (0.0, 1.0)
    ]
    assert tuned.fitness == max(values) > FITNESS(zoo.ADAMW)
    again = replace(FITNESS, learning_rate=tuned.learning_rate)(tuned.program)
    assert again == tuned.fitness


def test_tuning_averages_seeds():
    tuned = tune(zoo.SGD, FITNESS, seeds=(4, 5), learning_rates=(8.0,))
    measured = replace(FITNESS, learning_rate=8.0)
    values = [measured.with_seed(seed)(zoo.SGD) for seed in (4, 5)]
    assert tuned.fitness == pytest.approx(np.mean(values), rel=1e-12)


def test_decay_factor():
    assert with_decay_factor(zoo.ADAMW, 1.0) == zoo.ADAMW
    assert "wd = w * 0.1\n" in str(with_decay_factor(zoo.ADAMW, 10.0))
    assert with_decay_factor(zoo.SGD_MOMENTUM, 10.0) == zoo.SGD_MOMENTUM
    turned = Program.parse("update = 0.5 * w\nupdate = w * lr")
    assert str(with_decay_factor(turned, 2.0)) == "update = 1.0 * w\nupdate = w * lr"


def test_screening_measures_on_new_seeds():
    found = screen(
        FITNESS, tuning_seeds=(0,), seeds=(7, 8), contenders={"sgd": zoo.SGD}
    )
    tuned = tune(zoo.SGD, FITNESS)
    measured = replace(FITNESS, learning_rate=tuned.learning_rate)
    expected = [measured.with_seed(seed)(tuned.program) for seed in (7, 8)]
    assert found == {"sgd": expected}


def test_funnel():
    still = Program.parse("update = g * 0.0")
    slow = Program.parse("update = g * 0.1")
    candidates = [still, zoo.SGD, slow, still]
    stages = funnel(candidates, FITNESS, still, factors=[2, 4], num_seeds=2)
    first, second = stages
    assert list(first.fitness) == [still, zoo.SGD, slow]
    assert first.baseline == first.fitness[still] == 0  # a tie is no victory
    larger = FITNESS.scaled(2)
    seeds = (FIRST_SEED, FIRST_SEED + 1)
    expected = np.mean([larger.with_seed(seed)(slow) for seed in seeds])
    assert first.fitness[slow] == pytest.approx(expected, rel=1e-12)
    assert first.survivors == (slow, zoo.SGD)
    assert set(second.fitness) == {slow, zoo.SGD}
    assert second.fitness[slow] != first.fitness[slow]


def test_the_funnel_ends_where_nobody_is_left():
    still = Program.parse("update = g * 0.0")
    stages = funnel([still], FITNESS, zoo.ADAMW, factors=[1, 2], num_seeds=1)
    assert [len(stage.survivors) for stage in stages] == [0]


def test_larger_problems_have_new_seeds_and_more_compute():
    measure = larger_problems(FITNESS, 4, num_seeds=1)
    assert measure(zoo.ADAMW) == FITNESS.scaled(4).with_seed(FIRST_SEED)(zoo.ADAMW)
    assert measure(Program.parse("update = g * 1e30")) == WORST


def test_meta_curve_measures_each_program_once():
    search = Search(SearchSettings(population=30, generation=8), HashFitness())
    search.run(400)
    asked = []

    def measure(program):
        asked.append(program)
        return -float(len(asked))

    points = meta_curve(search.state, measure, num_points=9)
    assert [point.num_children for point in points] == list(range(0, 401, 50))
    assert points[0].program == zoo.ADAMW
    assert points[-1].program == search.best.program
    assert len(asked) == len(set(asked)) == len({p.meta_fitness for p in points})
    for point in points:
        assert point.fitness == best_at(search.state, point.num_children).fitness
    assert [p.fitness for p in points] == sorted(p.fitness for p in points)


def test_overfitting_begins_after_the_last_best():
    def curve(*values):
        return [
            MetaPoint(10 * i, float(i), float(value), zoo.ADAMW)
            for i, value in enumerate(values)
        ]

    assert overfitting_begins(curve(0, 1, 2, 3, 4)) == 1
    assert overfitting_begins(curve(0, 3, 2, 3, 1)) == 0.75
    assert overfitting_begins(curve(5, 3, 2, 1, 0)) == 0
