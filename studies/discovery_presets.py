"""Sizes of `studies/discovery.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Sizes of all parts.

    Attributes:
        seeds: Number of searches.
        children: Programs of each search.
        population: Programs that live at a time.
        baseline_seeds: Searches that the baselines are compared with.
        baseline_evaluations: Evaluations of a search that its best program is taken
            after, to be compared with baselines of `BUDGET_FACTOR` as many.
        planted_seeds: Searches for each planted target and variant.
        planted_children: When they give up.
        tuning_seeds: Seeds that optimizers are tuned on, for the screening.
        screening_seeds: Seeds that tuned optimizers are compared on.
        factors: Compute of the larger problems, of the search's.
        points: Times at which the best program is tried on them.
        sign_children: Programs of each search on the proxy that rewards a sign.
        speed_children: Children that are timed, of each search.
        speed_evaluations: Evaluations that are timed, of each search.
    """

    seeds: int = 5
    children: int = 100_000
    population: int = 1000
    baseline_seeds: int = 3
    baseline_evaluations: int = 14_000
    planted_seeds: int = 8
    planted_children: int = 20_000
    tuning_seeds: int = 3
    screening_seeds: int = 30
    factors: tuple[float, ...] = (10.0, 100.0)
    points: int = 20
    sign_children: int = 40_000
    speed_children: int = 2_000
    speed_evaluations: int = 50


PRESETS = {
    "smoke": Preset(
        seeds=2,
        children=320,
        population=20,
        baseline_seeds=2,
        baseline_evaluations=20,
        planted_seeds=2,
        planted_children=200,
        tuning_seeds=1,
        screening_seeds=2,
        factors=(2.0,),
        points=3,
        sign_children=96,
        speed_children=50,
        speed_evaluations=5,
    ),
    "standard": Preset(),
    "full": Preset(
        seeds=20,
        children=300_000,
        baseline_seeds=5,
        baseline_evaluations=30_000,
        planted_seeds=50,
        planted_children=50_000,
    ),
}
