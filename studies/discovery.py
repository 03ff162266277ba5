"""Does program search find Lion's sign, and what makes the search affordable?

Question   Chen et al. (2023) found Lion by a search whose cache saved nine evaluations
           in ten, from programs of which 70 % did nothing. Their baselines, with four
           times the compute, stayed below. What of this holds on problems that train
           in milliseconds?
Command    python studies/discovery.py [PART ...] [--preset smoke|standard|full]
           Every part goes on from where it was stopped, by Ctrl-C or kill -9. What it
           needs for that is in --work, in a folder for each preset; delete that after
           a change of the sizes below. `search` makes the searches that `baselines`,
           `rediscovery`, `meta` and `speed` look at.
Duration   standard, on one core: screening 1 minute, search 15 (5 × 100,000 children),
           baselines 75 (4 times the 14,000 evaluations that every search passes),
           planted 9, rediscovery 4, meta 5, speed 1. smoke: seconds.
Result     studies/results/discovery/ (of `standard`; others: in --work). The ledger,
           studies/README.md, holds it against the paper.

Predictions, written before the first run:
  - The hit rate passes 70 % within the first 20,000 children and still rises at
    100,000; redundancy is above 60 %.
  - On these proxies, on which tuned Lion is better than tuned AdamW, the search ends
    above constant-tuned AdamW, and random programs end below it.
  - Signum is found from AdamW within 20,000 children by most searches, Lion by few.
  - Fewer than half of the searches on proxies end with a sign-like update.
  - Programs that win at the search's size lose part of their lead at 10 and 100 times
    the compute; the later overfitting begins, the better the best of the larger.

Changed after results were seen: baselines were declared with the first 3,000
evaluations of a search (kept as `first.` in baselines.json), and went on to the 14,000
of nearly the whole when the search was behind there; the searches on one proxy alone
and the tuned constants on larger problems were added as controls.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
# Matrices are small; the processes are the parallelism.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from keras_lion.discovery import Program, device_evaluator, step_function, zoo
from keras_lion.discovery.language.abstract import functional_hash, live
from keras_lion.discovery.language.behaviour import is_sign_like, size_variation
from keras_lion.discovery.search.baselines import BUDGET_FACTOR, METHODS, best_after
from keras_lion.discovery.search.checkpoint import SearchFolder
from keras_lion.discovery.search.evaluation import ProxyFitness
from keras_lion.discovery.search.evolution import EvaluateAll, Progress, Search
from keras_lion.discovery.search.meta_validation import larger_problems, meta_curve
from keras_lion.discovery.search.mutation import mutate
from keras_lion.discovery.search.parallel import evaluation_pool
from keras_lion.discovery.search.planted import PlantedFitness, hitting_time, variants
from keras_lion.discovery.search.proxies import PROXIES
from keras_lion.discovery.search.screening import screen
from keras_lion.discovery.search.search_state import Method, SearchSettings, Window
from keras_lion.statistics import wilson_interval
from studies import claims
from studies.discovery_claims import (
    FIRST_BUDGET,
    Claims,
    baseline_claims,
    meta_claims,
    planted_claims,
    screening_claims,
    search_claims,
    speed_claims,
)
from studies.discovery_presets import PRESETS, Preset

OUTPUT = claims.RESULTS / "discovery"
WORK = Path("results") / "discovery"  # not in the repository
# The cheap ones: a search evaluates tens of thousands of programs on each.
SEARCH_PROXIES = ("heavy_tailed_logistic", "embedding_bags")
# Of these, tuned Lion is clearly above tuned AdamW on this one alone.
SIGN_PROXY = "embedding_bags"
TARGETS = {"signum": zoo.SIGNUM, "lion": zoo.LION}
# Where random search begins: AdamW would be the best of its programs for long.
NOTHING = Program.parse("update = g * 0.0")
POINTS_OF_A_CURVE = 50
SECONDS_BETWEEN_NEWS = 20.0

Rows = list[dict[Any, Any]]


class Study:
    """The parts of the study, and where they keep what they find.

    Args:
        preset: Sizes.
        work: Folder of the searches, and of tables that are not complete.
        output: Folder of the results.
        workers: Processes that evaluate programs.
    """

    def __init__(
        self, preset: Preset, work: Path, output: Path, workers: int = 1
    ) -> None:
        self.preset = preset
        self.work = work
        self.output = output
        self.workers = workers
        self.fitness = ProxyFitness.named(*SEARCH_PROXIES)

    def settings(self, method: Method, seed: int) -> SearchSettings:
        """The search of one method and seed."""
        return SearchSettings(
            start=NOTHING if method == "random" else zoo.ADAMW,
            seed=seed,
            method=method,
            population=self.preset.population,
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
        name = f"{method}-{seed}"
        with self._opened(name, self.settings(method, seed), self.fitness) as go_on:
            if evaluations is None:
                return go_on(self.preset.children)
            search = go_on(0)
            while search.state.num_evaluations < evaluations:
                go_on(search.state.num_children + 1)
            return search

    def searches(self) -> list[Search]:
        """All searches with evolution."""
        return [self.searched("evolution", seed) for seed in range(self.preset.seeds)]

    def sign_searches(self) -> list[Search]:
        """Searches with evolution on the proxy on which a sign pays most clearly."""
        fitness, found = ProxyFitness.named(SIGN_PROXY), []
        for seed in range(self.preset.seeds):
            settings = self.settings("evolution", seed)
            with self._opened(f"{SIGN_PROXY}-{seed}", settings, fitness) as go_on:
                found.append(go_on(self.preset.sign_children))
        return found

    @contextmanager
    def _opened(
        self, name: str, settings: SearchSettings, fitness: ProxyFitness
    ) -> Iterator[Callable[[int], Search]]:
        """A search that goes on to a number of children, and is saved at the end."""
        folder, news = SearchFolder(self.work / name), _News(name)
        with evaluation_pool(fitness, self.workers) as evaluate_all:
            search = folder.open(
                settings,
                fitness,
                evaluate_all=evaluate_all,
                description=fitness.to_json(),
            )
            started = search.state.num_children

            def go_on(children: int) -> Search:
                search.run(children, after_generation=folder.record, progress=news)
                return search

            yield go_on
        if search.state.num_children > started:
            folder.save(search)
            print(f"{name} ended: {search.progress}", flush=True)

    def screening(self) -> None:
        """Tuned Lion, AdamW and SGD with momentum on each proxy."""
        rows = self.rows("screening")
        seeds = range(100, 100 + self.preset.screening_seeds)
        for name in PROXIES:
            if any(row["proxy"] == name for row in rows):
                continue
            scores = screen(
                ProxyFitness.named(name),
                tuning_seeds=range(self.preset.tuning_seeds),
                seeds=seeds,
            )
            rows += [
                {"proxy": name, "optimizer": optimizer, "seed": seed, "score": score}
                for optimizer, values in scores.items()
                for seed, score in zip(seeds, values, strict=True)
            ]
            self.table("screening", rows)
            print(f"screened {name}", flush=True)
        self.keep("screening", screening_claims(pd.DataFrame(rows)))

    def search(self) -> None:
        """Hit rate and redundancy against the number of children."""
        rows = [
            {"seed": seed, **row}
            for seed, search in enumerate(self.searches())
            for row in thinned(search.state.windows)
        ]
        if not rows:
            print("The searches ended before their first window of 1000 children.")
            return
        self.table("windows", rows)
        self.keep("search", search_claims(pd.DataFrame(rows)))

    def baselines(self) -> None:
        """Best fitness against evaluations, with both baselines at 4 × the budget."""
        budget = self.preset.baseline_evaluations
        last = BUDGET_FACTOR * budget
        asked = {
            *np.geomspace(1, last, POINTS_OF_A_CURVE).astype(int).tolist(),
            *(budget, FIRST_BUDGET, BUDGET_FACTOR * FIRST_BUDGET),
        } & set(range(last + 1))
        rows: Rows = []
        for seed in range(self.preset.baseline_seeds):
            for method in METHODS:
                own = method == "evolution"
                search = self.searched(method, seed, evaluations=None if own else last)
                counts = sorted(asked)
                rows += [
                    {"method": method, "seed": seed, "evaluations": n, "best": best}
                    for n, best in zip(
                        counts, best_after(search.state, counts), strict=True
                    )
                    if not np.isnan(best)  # after its last evaluation
                ]
                self.table("best_fitness", rows)
        self.keep("baselines", baseline_claims(pd.DataFrame(rows), budget))

    def planted(self) -> None:
        """Children and evaluations until Signum and Lion are found from AdamW."""
        rows = self.rows("hitting_times")
        done = {(row["target"], row["variant"], row["seed"]) for row in rows}
        preset = self.preset
        for seed in range(preset.planted_seeds):
            for target, program in TARGETS.items():
                settings = SearchSettings(seed=seed, population=preset.population)
                for variant, changed in variants(settings).items():
                    if (target, variant, seed) in done or not changed.use_cache:
                        continue  # without a cache: one evaluation for each child
                    hit = hitting_time(
                        PlantedFitness(program), changed, preset.planted_children
                    )
                    row = {
                        "target": target,
                        "variant": variant,
                        "seed": seed,
                        "found": hit.found,
                        "num_children": hit.num_children,
                        "num_evaluations": hit.num_evaluations,
                        "num_evaluations_without_cache": hit.num_children + 1,
                        "live_statements": len(live(hit.program)),
                    }
                    rows.append(row)
                    self.table("hitting_times", rows)
                    print(
                        f"{target}, {variant}, seed {seed}: "
                        f"{'found' if hit.found else 'not found'} after "
                        f"{hit.num_children} children",
                        flush=True,
                    )
        self.keep("planted", planted_claims(pd.DataFrame(rows)))

    def rediscovery(self) -> None:
        """Whether the best programs update like a sign, by what they do."""
        rows: Rows = []
        groups = {"both": self.searches(), SIGN_PROXY: self.sign_searches()}
        found: Claims = {}
        for proxies, searches in groups.items():
            for seed, search in enumerate(searches):
                best = search.best.program.without_dead_code()
                rows.append(
                    {
                        "proxies": proxies,
                        "seed": seed,
                        "fitness": search.best.fitness,
                        "size_variation": size_variation(best),
                        "sign_like": is_sign_like(best),
                        "num_state_buffers": best.num_state_buffers,
                        "statements": len(search.best.program),
                        "live_statements": len(best),
                        "program": str(best),
                    }
                )
            signs = sum(row["sign_like"] for row in rows if row["proxies"] == proxies)
            share = wilson_interval(int(signs), len(searches))
            found[f"{proxies}.sign_like"] = claims.entry(share, "share")
        self.table("best_programs", rows)
        self.keep("rediscovery", found)

    def meta(self) -> None:
        """Best programs in the course of the searches, on larger problems.

        And those of AdamW with its constants tuned on the small ones, since what is
        tuned there need not be right elsewhere, whatever its form.
        """
        last = BUDGET_FACTOR * self.preset.baseline_evaluations
        tuned = [
            self.searched("constants", seed, evaluations=last)
            for seed in range(self.preset.baseline_seeds)
        ]
        of_searches = self._meta_validated("meta_validation", self.searches())
        of_constants = self._meta_validated("meta_validation_of_constants", tuned)
        self.keep("meta", meta_claims(of_searches, of_constants))

    def _meta_validated(self, name: str, searches: Sequence[Search]) -> pd.DataFrame:
        rows = self.rows(name)
        done = {(row["seed"], row["factor"]) for row in rows}
        for seed, search in enumerate(searches):
            for factor in self.preset.factors:
                if (seed, factor) in done:
                    continue
                measure = larger_problems(self.fitness, factor)
                rows += [
                    {
                        "seed": seed,
                        "factor": factor,
                        "num_children": point.num_children,
                        "fitness": point.fitness,
                        "meta_fitness": point.meta_fitness,
                    }
                    for point in meta_curve(search.state, measure, self.preset.points)
                ]
                self.table(name, rows)
                print(f"{name} {seed}, × {factor:g}: measured", flush=True)
        return pd.DataFrame(rows)

    def speed(self) -> None:
        """Children and evaluations a second on one core; what cache and liveness save.

        Measured in this process on the last population of every search; evaluations
        also by the device interpreter, where JAX is the backend.
        """
        rows: Rows = []
        self.fitness(zoo.ADAMW)  # makes the problems, once
        on_device = _device_evaluator(self.fitness)
        for seed, search in enumerate(self.searches()):
            population = [each.program for each in search.state.population]
            generator = np.random.default_rng(seed)
            children: dict[str, Program] = {}
            count = self.preset.speed_children
            started = time.perf_counter()
            for number in generator.choice(len(population), count).tolist():
                child = mutate(population[number], generator)
                children[functional_hash(child)] = child
            child_seconds = (time.perf_counter() - started) / count
            sample = [*children.values()][: self.preset.speed_evaluations]
            started = time.perf_counter()
            for child in sample:
                self.fitness(child)
            evaluation_seconds = (time.perf_counter() - started) / len(sample)
            device_columns: dict[str, Any] = {}
            if on_device is not None:
                device, evaluate_all = on_device
                started = time.perf_counter()
                evaluate_all(sample)
                device_columns = {
                    "device": device,
                    "device_evaluation_seconds": (time.perf_counter() - started)
                    / len(sample),
                }
            rows.append(
                {
                    "seed": seed,
                    "child_seconds": child_seconds,
                    "evaluation_seconds": evaluation_seconds,
                    **device_columns,
                    "adamw_step_seconds": _step_seconds(),
                    "evaluated_share": search.state.num_evaluations
                    / search.state.num_children,
                    "statements": sum(map(len, population)),
                    "live_statements": sum(len(live(each)) for each in population),
                }
            )
        self.table("speed", rows)
        self.keep("speed", speed_claims(pd.DataFrame(rows)))

    def rows(self, name: str) -> Rows:
        """What a stopped run has written of a table."""
        path = self.work / f"{name}.csv"
        return pd.read_csv(path).to_dict("records") if path.exists() else []

    def table(self, name: str, rows: Iterable[dict[Any, Any]]) -> None:
        """Write a whole table, next to the searches and to the results."""
        frame = pd.DataFrame(rows)
        for folder in (self.work, self.output):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f"{name}.partial"
            frame.to_csv(temporary, index=False, float_format="%.7g")
            temporary.replace(folder / f"{name}.csv")

    def keep(self, name: str, found: Claims) -> None:
        """Write and print the claims of a part."""
        path = self.output / f"{name}.json"
        claims.keep(path, found, preset=asdict(self.preset))
        claims.show(found)


def thinned(windows: Sequence[Window], points: int = POINTS_OF_A_CURVE) -> Rows:
    """Windows joined to few longer ones, with the hit rate of all their children."""
    stride = -(-len(windows) // points) if windows else 1
    rows: Rows = []
    children, evaluations = 0, 1  # the start is no child
    for window in windows[stride - 1 :: stride]:
        hits = 1 - (window.num_evaluations - evaluations) / (
            window.num_children - children
        )
        rows.append({**asdict(window), "hit_rate": hits})
        children, evaluations = window.num_children, window.num_evaluations
    return rows


def _device_evaluator(fitness: ProxyFitness) -> tuple[str, EvaluateAll] | None:
    """The device's kind and its interpreter, compiled; None where JAX is not used."""
    from keras_lion.tuning import backend

    if backend.check_backend() != "jax":
        return None
    evaluate_all = device_evaluator(fitness)
    evaluate_all([zoo.ADAMW])
    return backend.device_name(), evaluate_all


class _News:
    """Prints where a search stands, now and then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() - self.last > SECONDS_BETWEEN_NEWS:
            print(f"{self.name}: {progress}", flush=True)
            self.last = time.monotonic()


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
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--preset", choices=PRESETS, default="standard")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    work = options.work / options.preset
    default = OUTPUT if options.preset == "standard" else work / "results"
    study = Study(
        PRESETS[options.preset], work, options.output or default, options.workers
    )
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {unknown.pop()!r}; parts: {', '.join(PARTS)}")
    for part in options.parts or PARTS:
        started = time.monotonic()
        getattr(study, part)()
        print(f"{part}: {(time.monotonic() - started) / 60:.1f} minutes\n", flush=True)


if __name__ == "__main__":
    main()
