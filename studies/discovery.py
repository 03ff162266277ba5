"""Does program search find Lion's sign, and what makes the search affordable?

Question   Chen et al. (2023) found Lion by a search whose cache saved nine evaluations
           in ten, from programs of which 70 % did nothing. Their baselines, with four
           times the compute, stayed below. What of this holds on problems that train
           in milliseconds?
Command    python studies/discovery.py [PART ...] [--preset smoke|standard|full]
           Parts: screening, search, baselines, planted, rediscovery, meta, speed. Every
           part goes on from where it was stopped; searches are kept in --work.
Duration   standard: hours on 2 cores (search 5 × 100,000 children, baselines 4 times
           the evaluations of 3 of them); smoke: under a minute
Result     studies/results/discovery/

Predictions, written before the first run:
  - The hit rate passes 70 % within the first 20,000 children and still rises at
    100,000; redundancy is above 60 %.
  - On these proxies, on which tuned Lion is better than tuned AdamW, the search ends
    above constant-tuned AdamW, and random programs end below it.
  - Signum is found from AdamW within 20,000 children by most searches, Lion by few.
  - Fewer than half of the searches on proxies end with a sign-like update.
  - Programs that win at the search's size lose part of their lead at 10 and 100 times
    the compute; the later overfitting begins, the better the best of the larger.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
# Matrices are small; the processes are the parallelism.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import claims
import numpy as np
import pandas as pd

from keras_lion.discovery import Program, zoo
from keras_lion.discovery.abstract import functional_hash, live
from keras_lion.discovery.baselines import BUDGET_FACTOR, METHODS, best_after
from keras_lion.discovery.behaviour import is_sign_like, size_variation
from keras_lion.discovery.checkpoint import SearchFolder
from keras_lion.discovery.evaluation import ProxyFitness
from keras_lion.discovery.evolution import Search
from keras_lion.discovery.meta_validation import (
    larger_problems,
    meta_curve,
    overfitting_begins,
)
from keras_lion.discovery.mutation import mutate
from keras_lion.discovery.numpy_execution import step_function
from keras_lion.discovery.parallel import evaluation_pool
from keras_lion.discovery.planted import PlantedFitness, hitting_time, variants
from keras_lion.discovery.proxies import PROXIES
from keras_lion.discovery.screening import screen
from keras_lion.discovery.search_state import Method, SearchSettings
from keras_lion.statistics import t_interval, wilson_interval

OUTPUT = claims.RESULTS / "discovery"
WORK = Path("results") / "discovery"  # not in the repository
# The cheap ones: a search evaluates tens of thousands of programs on each.
SEARCH_PROXIES = ("heavy_tailed_logistic", "embedding_bags")
TARGETS = {"signum": zoo.SIGNUM, "lion": zoo.LION}


@dataclass(frozen=True)
class Preset:
    """Sizes of all parts.

    Attributes:
        seeds: Number of searches.
        children: Programs of each search.
        population: Programs that live at a time.
        baseline_seeds: Searches that the baselines are beside.
        planted_seeds: Searches for each planted target and variant.
        planted_children: When they give up.
        screening_seeds: Seeds that tuned optimizers are compared on.
        factors: Compute of the larger problems, of the search's.
        points: Times at which the best program is tried on them.
        speed_children: Children of the speed measurement.
    """

    seeds: int = 5
    children: int = 100_000
    population: int = 1000
    baseline_seeds: int = 3
    planted_seeds: int = 20
    planted_children: int = 50_000
    screening_seeds: int = 30
    factors: tuple[float, ...] = (10.0, 100.0)
    points: int = 20
    speed_children: int = 5_000


PRESETS = {
    "smoke": Preset(2, 96, 20, 1, 1, 200, 2, (2.0,), 3, 50),
    "standard": Preset(),
    "full": Preset(seeds=20, children=300_000, baseline_seeds=5, planted_seeds=50),
}


class Study:
    """The parts of the study, and where they keep what they find.

    Args:
        preset: Sizes.
        work: Folder of the searches.
        output: Folder of the results.
        workers: Processes that evaluate programs.
    """

    def __init__(
        self,
        preset: Preset,
        work: Path,
        output: Path,
        workers: int = 1,
    ) -> None:
        self.preset = preset
        self.work = work
        self.output = output
        self.workers = workers
        self.fitness = ProxyFitness.named(*SEARCH_PROXIES)

    def settings(self, method: Method, seed: int) -> SearchSettings:
        """The search of one method and seed."""
        return SearchSettings(
            seed=seed, method=method, population=self.preset.population
        )

    def searched(
        self, method: Method, seed: int, *, evaluations: int | None = None
    ) -> Search:
        """A search, run to its end or from where it was stopped.

        Args:
            method: What it does.
            seed: Its seed.
            evaluations: Go on to so many evaluations, not to a number of children.
        """
        folder = SearchFolder(self.work / f"{method}-{seed}")
        with evaluation_pool(self.fitness, self.workers) as evaluate_all:
            search = folder.open(
                self.settings(method, seed),
                self.fitness,
                evaluate_all=evaluate_all,
                description=self.fitness.to_json(),
            )
            started = search.state.num_children
            if evaluations is None:
                search.run(self.preset.children, after_generation=folder.record)
            else:
                while search.state.num_evaluations < evaluations:
                    count = search.state.num_children + 1
                    search.run(count, after_generation=folder.record)
        if search.state.num_children > started:
            folder.save(search)
            print(f"{method} {seed}: {search.progress}", flush=True)
        return search

    def searches(self) -> list[Search]:
        """All searches with evolution."""
        return [self.searched("evolution", seed) for seed in range(self.preset.seeds)]

    def screening(self) -> None:
        """Tuned Lion, AdamW and SGD with momentum on each proxy."""
        found = {}
        seeds = range(100, 100 + self.preset.screening_seeds)
        for name in PROXIES:
            scores = screen(ProxyFitness.named(name), seeds=seeds)
            for optimizer, values in scores.items():
                found[f"{name}.{optimizer}"] = claims.entry(t_interval(values), "score")
            lead = np.subtract(scores["lion"], scores["adamw"])
            found[f"{name}.lion_minus_adamw"] = claims.entry(t_interval(lead), "score")
        self.keep("screening", found)

    def search(self) -> None:
        """Hit rate and redundancy against the number of children."""
        rows = [
            {"seed": seed, **asdict(window)}
            for seed, search in enumerate(self.searches())
            for window in search.state.windows
        ]
        self.table("windows", rows)
        found = {}
        if rows:  # a smoke search ends before its first window
            last = pd.DataFrame(rows).groupby("seed").last()
            for name in ("hit_rate", "redundancy_per_step", "redundancy", "length"):
                unit = "statements" if name == "length" else "share"
                found[f"last.{name}"] = claims.entry(t_interval(last[name]), unit)
        cumulative = [
            1 - (search.state.num_evaluations - 1) / search.state.num_children
            for search in self.searches()
        ]
        found["cumulative.hit_rate"] = claims.entry(t_interval(cumulative), "share")
        self.keep("search", found)

    def baselines(self) -> None:
        """Best fitness against evaluations, beside both baselines at 4 × the budget."""
        rows: list[dict[str, Any]] = []
        final: dict[str, list[float]] = {}
        for seed in range(self.preset.baseline_seeds):
            own = self.searched("evolution", seed)
            budget = BUDGET_FACTOR * own.state.num_evaluations
            for method in METHODS:
                if method == "evolution":
                    search = own
                else:
                    search = self.searched(method, seed, evaluations=budget)
                asked = np.unique(
                    np.geomspace(1, search.state.num_evaluations, 60).astype(int)
                )
                values = best_after(search.state, asked.tolist())
                rows += [
                    {"method": method, "seed": seed, "evaluations": n, "best": value}
                    for n, value in zip(asked, values, strict=True)
                ]
                final.setdefault(method, []).append(search.best.fitness)
        self.table("best_fitness", rows)
        found = {}
        if self.preset.baseline_seeds > 1:
            for name, best in final.items():
                found[f"best.{name}"] = claims.entry(t_interval(best), "score")
            for baseline in ("constants", "random"):
                lead = np.subtract(final["evolution"], final[baseline])
                found[f"lead_over_{baseline}"] = claims.entry(t_interval(lead), "score")
        self.keep("baselines", found)

    def planted(self) -> None:
        """Children and evaluations until Signum and Lion are found from AdamW."""
        file = self.output / "hitting_times.csv"
        rows = pd.read_csv(file).to_dict("records") if file.exists() else []
        done = {(row["target"], row["variant"], row["seed"]) for row in rows}
        preset = self.preset
        for target, program in TARGETS.items():
            for seed in range(preset.planted_seeds):
                settings = SearchSettings(seed=seed, population=preset.population)
                for variant, changed in variants(settings).items():
                    if (target, variant, seed) in done:
                        continue
                    hit = hitting_time(
                        PlantedFitness(program), changed, preset.planted_children
                    )
                    rows.append(
                        {
                            "target": target,
                            "variant": variant,
                            "seed": seed,
                            "found": hit.found,
                            "num_children": hit.num_children,
                            "num_evaluations": hit.num_evaluations,
                            "program": str(hit.program),
                        }
                    )
                    self.table("hitting_times", rows)
        found = {}
        for name, group in pd.DataFrame(rows).groupby(["target", "variant"]):
            key = ".".join(map(str, name)).replace(" ", "_")
            share = wilson_interval(int(group["found"].sum()), len(group))
            found[f"{key}.found"] = claims.entry(share, "share")
        self.keep("planted", found)

    def rediscovery(self) -> None:
        """Whether the best programs update like a sign, by what they do."""
        rows = []
        for seed, search in enumerate(self.searches()):
            best = search.best.program
            rows.append(
                {
                    "seed": seed,
                    "fitness": search.best.fitness,
                    "size_variation": size_variation(best),
                    "sign_like": is_sign_like(best),
                    "num_state_buffers": best.num_state_buffers,
                    "live_statements": len(live(best)),
                    "program": "\n".join(map(str, live(best))),
                }
            )
        self.table("best_programs", rows)
        signs = sum(bool(row["sign_like"]) for row in rows)
        share = claims.entry(wilson_interval(signs, len(rows)), "share")
        self.keep("rediscovery", {"sign_like": share})

    def meta(self) -> None:
        """Best programs in the course of the searches, on larger problems."""
        rows = []
        begins: dict[float, list[float]] = {
            factor: [] for factor in self.preset.factors
        }
        for seed, search in enumerate(self.searches()):
            for factor in self.preset.factors:
                measure = larger_problems(self.fitness, factor)
                points = meta_curve(search.state, measure, self.preset.points)
                begins[factor].append(overfitting_begins(points))
                rows += [
                    {
                        "seed": seed,
                        "factor": factor,
                        "num_children": point.num_children,
                        "fitness": point.fitness,
                        "meta_fitness": point.meta_fitness,
                    }
                    for point in points
                ]
                self.table("meta_validation", rows)
        found = {
            f"overfitting_begins.x{factor:g}": claims.entry(t_interval(values), "share")
            for factor, values in begins.items()
        }
        self.keep("meta", found)

    def speed(self) -> None:
        """Children and evaluations a second on one core; what cache and liveness save.

        All of it is measured in this process, on children of one drift from AdamW.
        """
        generator = np.random.default_rng(0)
        population = [zoo.ADAMW] * 200
        children = []
        started = time.perf_counter()
        for _ in range(self.preset.speed_children):
            child = mutate(population[int(generator.integers(200))], generator)
            functional_hash(child)
            children.append(child)
            population.append(child)
            population.pop(0)
        child_seconds = (time.perf_counter() - started) / len(children)
        sample = children[:: max(1, len(children) // 50)]
        evaluation_seconds = _seconds(self.fitness, sample) / len(sample)
        search = self.searched("evolution", 0).state
        share = search.num_evaluations / search.num_children
        lengths = [len(x.program) for x in search.population]
        kept = [len(live(x.program)) for x in search.population]
        with_cache = child_seconds + share * evaluation_seconds
        saved = (child_seconds + evaluation_seconds) / with_cache
        found = {
            "children_per_second": claims.exact(1 / child_seconds, "1/s"),
            "evaluations_per_second": claims.exact(1 / evaluation_seconds, "1/s"),
            "searched_per_second": claims.exact(1 / with_cache, "1/s"),
            "factor_of_the_cache": claims.exact(saved, "ratio"),
            "statements_to_live_ones": claims.exact(sum(lengths) / sum(kept), "ratio"),
            "step_of_adamw": claims.exact(1e6 * _step_seconds(), "µs"),
        }
        self.keep("speed", found)

    def table(self, name: str, rows: Iterable[dict[Any, Any]]) -> None:
        """Write a table whole."""
        self.output.mkdir(parents=True, exist_ok=True)
        path = self.output / f"{name}.csv"
        temporary = path.with_suffix(".partial")
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
        temporary.replace(path)

    def keep(self, name: str, found: dict[str, claims.Entry]) -> None:
        """Write and print the claims of a part."""
        path = self.output / f"{name}.json"
        claims.keep(path, found, preset=asdict(self.preset))
        if found:
            claims.show(found)


def _seconds(
    function: Callable[[Program], float], programs: Iterable[Program]
) -> float:
    started = time.perf_counter()
    for program in programs:
        function(program)
    return time.perf_counter() - started


def _step_seconds() -> float:
    step, count = step_function(zoo.ADAMW), 2_000
    w = m = v = np.ones(500, np.float32)
    started = time.perf_counter()
    for _ in range(count):
        _, m, v = step(w, w, m, v, 0.5)
    return (time.perf_counter() - started) / count


PARTS = (
    "screening",
    "search",
    "baselines",
    "planted",
    "rediscovery",
    "meta",
    "speed",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts, or what is left of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--preset", choices=PRESETS, default="standard")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    study = Study(
        PRESETS[options.preset],
        options.work / options.preset,
        options.output,
        options.workers,
    )
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {unknown.pop()!r}; parts: {', '.join(PARTS)}")
    for part in options.parts or PARTS:
        getattr(study, part)()


if __name__ == "__main__":
    main()
