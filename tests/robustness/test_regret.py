"""Regret and its profiles."""

import numpy as np
import pytest

from keras_lion.robustness import common_best, tolerance_fraction
from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.regret import (
    regret_profiles,
    regret_range,
)
from keras_lion.statistics import t_interval
from tests.robustness.made_up import DECAYS, MEANS, RATES, noisy


def test_regret_profiles_are_tolerance_fractions_within_their_bands():
    pair = {"lion": noisy(), "adamw": noisy(seed=1)}
    epsilons = np.linspace(0, 0.7, 30)
    profiles = regret_profiles(pair, epsilons)
    best = common_best(pair.values())
    for name, landscape in pair.items():
        assert [each.estimate for each in profiles[name]] == [
            tolerance_fraction(landscape, epsilon, best) for epsilon in epsilons
        ]
        assert all(
            0 <= each.low <= each.estimate <= each.high <= 1 for each in profiles[name]
        )
        assert any(each.low < each.high for each in profiles[name])


def test_bands_are_the_profiles_at_the_ends_of_each_cells_interval():
    landscape = noisy()
    leader = landscape.scores[landscape.best.cell]
    ends = [t_interval(leader - cell) for cell in landscape.scores.reshape(9, 4)]
    for epsilon in (0.05, 0.2, 0.4):
        (found,) = regret_profiles({"lion": landscape}, epsilon)["lion"]
        assert found.low == np.mean([each.high <= epsilon for each in ends])
        assert found.high == np.mean([each.low <= epsilon for each in ends])


def test_noise_that_all_cells_of_a_seed_share_gives_no_band():
    shared = MEANS[..., None] + np.array([-0.1, 0.0, 0.1])
    profile = regret_profiles(
        {"lion": Landscape(RATES, DECAYS, shared)}, np.linspace(0.01, 0.7, 20)
    )["lion"]
    assert all(each.low == each.high for each in profile)


def test_optimizers_of_other_seeds_meet_the_common_best_as_it_is():
    fewer = noisy(2)
    found = regret_profiles({"lion": noisy(), "adamw": fewer}, [0.3])["adamw"][0]
    best = common_best([noisy(), fewer])
    ends = [t_interval(best - cell) for cell in fewer.scores.reshape(9, 2)]
    assert found.high == np.mean([each.low <= 0.3 for each in ends])


def test_profiles_of_what_did_not_train():
    dead = Landscape(RATES, DECAYS, MEANS, floor=0.1, diverged=MEANS > 0)
    empty = Landscape(RATES, DECAYS, np.full((3, 3), np.nan))
    profiles = regret_profiles({"a": dead, "b": empty, "c": noisy()}, [0.1, 0.9])
    assert set(profiles) == {"a", "c"}
    assert [each.estimate for each in profiles["a"]] == [0, 0]
    assert regret_profiles({"b": empty}, [0.1]) == {}
    with pytest.raises(ValueError, match="`epsilon` must be"):
        regret_profiles({"c": noisy()}, [-0.1])


def test_regret_range():
    landscape = Landscape([1, 2, 4], [1], [[0.80, 0.90, 0.85]])
    assert regret_range({"lion": landscape}) == pytest.approx((0.05, 0.1))
    close = Landscape([1, 2, 4], [1], [[0.0, 0.9, 0.9 - 1e-6]])
    assert regret_range({"lion": close}) == pytest.approx((0.9e-3, 0.9))
    assert regret_range({"lion": Landscape([1], [1], [[0.9]])}) == (0.1, 1.0)
    assert regret_range({"lion": Landscape([1], [1], [[np.nan]])}) == (0.1, 1.0)
