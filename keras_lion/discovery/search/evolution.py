"""Regularized evolution of programs, and the two baselines in the same harness."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from keras_lion.discovery.language.abstract import functional_hash, redundancy
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evaluation import WORST
from keras_lion.discovery.search.mutation import KINDS, draw_mutation, random_program
from keras_lion.discovery.search.search_state import (
    Improvement,
    Individual,
    Measured,
    SearchSettings,
    SearchState,
    Window,
    fitness_to_json,
)

Fitness = Callable[[Program], float]
EvaluateAll = Callable[[Sequence[Program]], Sequence[float]]
Child = tuple[int, str, Program]  # its number, functional hash and program

WINDOW = 1000  # children
RANDOM_LENGTHS = (4, 16)  # of random search, AdamW's nine in the middle


@dataclass(frozen=True)
class Progress:
    """Where a search stands, for those who watch."""

    num_children: int
    num_evaluations: int
    # Share of the latest children whose fitness was known, of 1000 at least where there
    # are as many.
    window_hit_rate: float
    redundancy: float | None  # in the last window's population; None before
    best_fitness: float

    def __str__(self) -> str:
        redundant = "–" if self.redundancy is None else f"{self.redundancy:.0%}"
        return (
            f"{self.num_children} children · {self.num_evaluations} evaluations · "
            f"hit rate {self.window_hit_rate:.0%} · redundant {redundant} · "
            f"best {self.best_fitness:.5g}"
        )


class Search:
    """A program search.

    Every child has one parent, the best of a random tournament, and differs from it by
    one mutation; it enters the population and the oldest program leaves. The result is
    a function of settings and fitness alone: cache, processes, kills and resumption
    change nothing.

    Args:
        settings: What to do.
        fitness: Program → fitness, the same for programs that compute the same.
        evaluate_all: Evaluates several programs in the order given, in several
            processes say. Default: one after the other.
        state: Where to go on from. Default: from the start.
        known: Functional hash → fitness of the children before `state`.
        measured: Number of a child → what was measured for it before the search was
            cut off: those are not evaluated again.

    Example:

    ```python
    from keras_lion.discovery import ProxyFitness, Search, SearchSettings

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    search = Search(SearchSettings(population=10), fitness)
    best = search.run(32)
    assert best.fitness >= fitness(search.settings.start)
    ```

    References:
        - [Chen et al., 2023](https://arxiv.org/abs/2302.06675), section 2
        - [Real et al., 2019](https://arxiv.org/abs/1802.01548), regularized evolution
    """

    def __init__(
        self,
        settings: SearchSettings,
        fitness: Fitness,
        *,
        evaluate_all: EvaluateAll | None = None,
        state: SearchState | None = None,
        known: Mapping[str, float] | None = None,
        measured: Mapping[int, Measured] | None = None,
    ) -> None:
        self.settings = settings
        self._evaluate_all = evaluate_all or (
            lambda programs: [*map(fitness, programs)]
        )
        self._measured = dict(measured or {})
        self._unlogged: list[Measured] = []
        self._known = dict(known or {})
        self.state = state or self._first_state()

    def run(
        self,
        num_children: int,
        *,
        after_generation: Callable[[Search, Sequence[Measured]], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        until: float = np.inf,
    ) -> Individual:
        """Go on until so many children were made in all.

        Generations are whole, so that there may be up to `generation` − 1 more.

        Args:
            num_children: Number of children, those before `state` included.
            after_generation: Is given the search and what was measured since the last
                call.
            progress: Called after every generation with where the search stands.
            until: Stop as soon as the best fitness reaches this.

        Returns:
            The best program so far.
        """
        while self.state.num_children < num_children and self.best.fitness < until:
            self._generation()
            if after_generation is not None:
                after_generation(self, self._unlogged)
            self._unlogged = []
            if progress is not None:
                progress(self.progress)
        return self.best

    @property
    def best(self) -> Individual:
        """The best program so far."""
        return self.state.best

    @property
    def progress(self) -> Progress:
        """Where the search stands."""
        windows = self.state.windows
        return Progress(
            self.state.num_children,
            self.state.num_evaluations,
            self._hit_rate_since(windows[-2] if len(windows) > 1 else None),
            windows[-1].redundancy if windows else None,
            self.best.fitness,
        )

    def _hit_rate_since(self, window: Window | None) -> float:
        children, evaluations = self.state.num_children, self.state.num_evaluations
        if window is None:
            evaluations -= 1  # the start is no child
        else:
            children -= window.num_children
            evaluations -= window.num_evaluations
        return 1 - evaluations / max(children, 1)

    def _first_state(self) -> SearchState:
        start = self.settings.start
        key = functional_hash(start)
        (fitness,) = self._measure([(0, key, start)])
        self._known[key] = fitness
        first = Individual(0, start, key, fitness)
        return SearchState(
            generator=np.random.default_rng(self.settings.seed),
            population=deque([first] * self.settings.population),
            improvements=[Improvement(1, first)],
        )

    def _generation(self) -> None:
        first = self.state.num_children + 1
        numbers = range(first, first + self.settings.generation)
        with self._all_or_nothing():
            programs = [self._child() for _ in numbers]
            keys = map(functional_hash, programs)
            children = [*zip(numbers, keys, programs, strict=True)]
            missing = self._not_known(children)
            values = zip(missing, self._measure(missing), strict=True)
        measured = {number: value for (number, _, _), value in values}
        self._known |= {key: measured[number] for number, key, _ in missing}
        for number, key, program in children:
            self.state.num_evaluations += number in measured
            fitness = measured.get(number, self._known[key])
            self._enter(Individual(number, program, key, fitness))
        if self.state.num_children // WINDOW > (first - 1) // WINDOW:
            self._end_window()
        self._restart_if_quiet()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Take back what was drawn for children that Ctrl-C or an error ends."""
        state = self.state
        drawn, num_tries = state.generator.bit_generator.state, state.num_tries
        try:
            yield
        except BaseException:
            state.generator.bit_generator.state, state.num_tries = drawn, num_tries
            raise

    def _child(self) -> Program:
        state, settings = self.state, self.settings
        generator = state.generator
        if settings.method == "random":
            state.num_tries += 1
            low, high = RANDOM_LENGTHS
            return random_program(generator, int(generator.integers(low, high + 1)))
        mutation = draw_mutation(
            self._parent().program,
            generator,
            max_length=settings.max_length,
            kinds=("constant",) if settings.method == "constants" else KINDS,
        )
        state.num_tries += mutation.tries
        child = mutation.program
        return child if settings.keep_redundant else child.without_dead_code()

    def _parent(self) -> Individual:
        """The best of a tournament; the one drawn first, of equals."""
        population, generator = self.state.population, self.state.generator
        drawn = [
            population[int(generator.random() * len(population))]
            for _ in range(self.settings.tournament)
        ]
        return max(drawn, key=lambda individual: individual.fitness)

    def _enter(self, child: Individual) -> None:
        state = self.state
        state.population.append(child)
        if self.settings.removal == "oldest":
            state.population.popleft()
        else:
            worst = min(state.population, key=lambda individual: individual.fitness)
            state.population.remove(worst)
        state.num_children += 1
        state.follow(child)
        if child.fitness > self.best.fitness:
            state.improvements.append(Improvement(state.num_evaluations, child))
            state.quiet_since = child.number

    def _restart_if_quiet(self) -> None:
        state, settings = self.state, self.settings
        quiet = state.num_children - state.quiet_since
        if settings.restart_after is None or quiet < settings.restart_after:
            return
        from_best = settings.restart_from == "best"
        chosen = state.best if from_best else state.improvements[0].individual
        state.population = deque([chosen] * settings.population)
        state.quiet_since = state.num_children
        state.num_restarts += 1

    def _end_window(self) -> None:
        state = self.state
        shares = [redundancy(found.program) for found in state.population]
        before = state.windows[-1] if state.windows else None
        state.windows.append(
            Window(
                num_children=state.num_children,
                num_evaluations=state.num_evaluations,
                num_tries=state.num_tries,
                hit_rate=self._hit_rate_since(before),
                redundancy_per_step=float(np.mean([x.per_step for x in shares])),
                redundancy=float(np.mean([x.loop_carried for x in shares])),
                length=float(np.mean([len(x.program) for x in state.population])),
                best_fitness=fitness_to_json(self.best.fitness),
            )
        )

    def _not_known(self, children: Sequence[Child]) -> list[Child]:
        """The children to evaluate: of those that compute the same, the first."""
        if not self.settings.use_cache:
            return [*children]
        new: dict[str, Child] = {}
        for child in children:
            if child[1] not in self._known:
                new.setdefault(child[1], child)
        return [*new.values()]

    def _measure(self, children: Sequence[Child]) -> list[float]:
        """Evaluate children, except those measured before the search was cut off."""
        missing = [child for child in children if child[0] not in self._measured]
        values = self._evaluate_all([program for _, _, program in missing])
        for (number, key, _), value in zip(missing, values, strict=True):
            # NaN would win or lose every comparison.
            found = Measured(number, key, WORST if np.isnan(value) else float(value))
            self._measured[number] = found
            self._unlogged.append(found)
        return [
            _of_this_child(self._measured.pop(number), key)
            for number, key, _ in children
        ]


def _of_this_child(found: Measured, key: str) -> float:
    if found.functional_hash != key:
        raise ValueError(
            f"Child {found.number} is not the program that the log has a fitness of: "
            "the log is of another search, or of another version. Begin in an empty "
            "folder."
        )
    return found.fitness
