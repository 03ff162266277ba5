"""Planted targets: distances, and a search that finds the sign."""

from dataclasses import replace

import pytest

from keras_lion.discovery import Program, zoo
from keras_lion.discovery.language.behaviour import is_sign_like, size_variation
from keras_lion.discovery.search.evaluation import WORST
from keras_lion.discovery.search.planted import PlantedFitness, hitting_time, variants
from keras_lion.discovery.search.search_state import SearchSettings

SIGNUM = PlantedFitness(zoo.SIGNUM)
WITH_SIGN = str(zoo.ADAMW).replace(
    "update = m / s\n", "update = m / s\nupdate = sign(update)\n"
)


@pytest.mark.parametrize("target", ["signum", "lion", "adabelief_like"])
def test_only_the_target_is_at_distance_0(target):
    fitness = PlantedFitness(zoo.ZOO[target])
    for name, program in zoo.ZOO.items():
        if name == target:
            assert fitness(program) == pytest.approx(0, abs=1e-12)
        else:
            assert -2 <= fitness(program) < -1e-3, name


def test_learning_rates_do_not_matter_and_signs_do():
    faster = Program.parse(str(zoo.SIGNUM).replace("0.0001", "0.7"))
    assert SIGNUM(faster) == pytest.approx(0, abs=1e-9)
    upwards = Program.parse(str(zoo.SIGNUM).replace("0.0001", "-0.0001"))
    assert SIGNUM(upwards) == pytest.approx(-2)
    # The schedule is part of the target.
    constant = Program.parse("m = interpolate(g, m, 0.9)\nupdate = sign(m)")
    assert SIGNUM(constant) < -0.05


def test_one_inserted_sign_is_found_by_the_tolerance():
    assert -1e-3 < SIGNUM(Program.parse(WITH_SIGN)) < 0
    assert SIGNUM(zoo.ADAMW) < -0.1


def test_seeds_and_no_updates():
    assert SIGNUM(zoo.ADAMW) != replace(SIGNUM, seed=1)(zoo.ADAMW)
    assert SIGNUM(Program.parse("update = g * 0.0")) == WORST
    assert SIGNUM(Program.parse("update = log(g)\nupdate = exp(update)")) > WORST
    assert SIGNUM(Program.parse("update = g * 1e200\nupdate = cube(update)")) == WORST


def test_the_search_finds_the_sign():
    settings = SearchSettings(population=100, seed=1)
    found = hitting_time(SIGNUM, settings, 5_000)
    assert found.found
    assert is_sign_like(found.program)
    assert not is_sign_like(zoo.ADAMW)
    assert found.num_evaluations < found.num_children < 5_000
    assert SIGNUM(found.program) >= -1e-3
    # The same children without a cache, with an evaluation for each of them.
    if found.num_children < 1_500:
        uncached = hitting_time(SIGNUM, variants(settings)["without cache"], 5_000)
        assert uncached.num_children == found.num_children
        assert uncached.num_evaluations == found.num_children + 1


def test_what_is_not_found_says_so():
    lost = hitting_time(SIGNUM, SearchSettings(population=20), 20)
    assert not lost.found
    assert lost.num_children == 32  # a whole generation


def test_each_variant_takes_one_part_away():
    settings = SearchSettings()
    found = variants(settings)
    assert found.pop("search") == settings
    for changed in found.values():
        differ = [
            name
            for name, value in changed.to_json().items()
            if value != settings.to_json()[name]
        ]
        assert len(differ) == 1


def test_sizes_of_updates():
    assert size_variation(zoo.SIGNUM) == pytest.approx(0, abs=1e-12)
    for name in ("lion", "program_4", "program_8"):
        assert is_sign_like(zoo.ZOO[name]), name
    for name in ("adamw", "adabelief_like", "sgd", "sgd_momentum", "addsign"):
        assert size_variation(zoo.ZOO[name]) > 0.4, name
    assert not is_sign_like(Program.parse("update = g * 0.0"))
