"""Turns of what is timed, and ratios of their medians."""

from __future__ import annotations

import time

import numpy as np
import pytest

from studies.performance.turns import ratio_of_medians, turns_of


def test_every_optimizer_has_every_place_in_a_turn():
    taken = []
    steps = {
        name: lambda count, name=name: taken.append((name, count)) for name in "abc"
    }
    times = turns_of(steps, turns=6, seconds=0.0)
    assert times.shape == (6, 3)
    turns = taken[6:]  # after compiling and the trial of each
    assert {count for _, count in turns} == {1}
    orders = [[name for name, _ in turns[k : k + 3]] for k in range(0, 18, 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert {order[0] for order in orders} == {"a", "b", "c"}


def test_a_turn_is_as_long_for_what_is_slower():
    taken = {"fast": [], "slow": []}

    def step(name, seconds):
        def take(count):
            taken[name].append(count)
            end = time.perf_counter() + count * seconds
            while time.perf_counter() < end:
                pass

        return take

    steps = {"fast": step("fast", 1e-4), "slow": step("slow", 4e-3)}
    times = turns_of(steps, turns=3, seconds=0.02)
    assert taken["fast"][-1] > 5 * taken["slow"][-1] > 5
    assert np.all(times[:, 1] >= 4e-3)


def test_turns_are_paired():
    """A machine that slows both down leaves their ratio as it is."""
    seconds = np.geomspace(1, 100, 21)
    found = ratio_of_medians(2 * seconds, seconds)
    assert (found.estimate, found.low, found.high) == pytest.approx((2, 2, 2))
    assert found.n == 21
    noise = np.random.default_rng(1).uniform(0.9, 1.1, size=21)
    noisy = ratio_of_medians(2 * noise, np.ones(21))
    assert noisy.low < 2 * np.median(noise) < noisy.high
