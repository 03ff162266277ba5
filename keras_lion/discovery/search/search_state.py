"""What a search is and where it stands, as plain objects that turn into JSON."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from keras_lion.discovery.language.abstract import check
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evaluation import WORST
from keras_lion.discovery.search.mutation import MAX_LENGTH
from keras_lion.discovery.zoo import ADAMW

Method = Literal["evolution", "constants", "random"]
CHOICES = {
    "method": get_args(Method),
    "removal": ("oldest", "worst"),
    "restart_from": ("best", "start"),
}


@dataclass(frozen=True)
class SearchSettings:
    """All that decides, with the fitness, which programs a search visits.

    Attributes:
        start: The program that the population is full of at first.
        seed: Of all random choices.
        population: Number of programs that live at a time.
        tournament: Number of programs of which the best becomes a parent.
        removal: Who leaves for a child: the `"oldest"` (aging), or the `"worst"`.
        method: `"evolution"` with all mutations; `"constants"`, evolution that changes
            constants only; or `"random"`, programs without parents.
        generation: Children that are made from one population before any enters it,
            so that several processes can evaluate them. The number of processes has no
            part in the result.
        max_length: Longest program.
        keep_redundant: Let dead statements live on in children, as stepping stones.
        use_cache: Evaluate programs that compute the same only once.
        restart_after: Children without an improvement after which the population is
            filled anew. None: never.
        restart_from: With the `"best"` program so far, or with the `"start"`.

    Raises:
        ValueError: If the start cannot run, a number is too small, or a choice is none
            of those above.
    """

    start: Program = ADAMW
    seed: int = 0
    population: int = 1000
    tournament: int = 2
    removal: Literal["oldest", "worst"] = "oldest"
    method: Method = "evolution"
    generation: int = 32
    max_length: int = MAX_LENGTH
    keep_redundant: bool = True
    use_cache: bool = True
    restart_after: int | None = None
    restart_from: Literal["best", "start"] = "best"

    def __post_init__(self) -> None:
        check(self.start)
        least = {"population": 1, "tournament": 1, "generation": 1, "restart_after": 1}
        for name, smallest in (least | {"max_length": len(self.start)}).items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ValueError(
                    f"`{name}` must be at least {smallest}. Received: {value}."
                )
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"`{name}` is one of {', '.join(choices)}. Received: "
                    f"{getattr(self, name)!r}."
                )
        if self.seed < 0:
            raise ValueError(f"A seed is 0 or more. Received: {self.seed}.")
        if self.method == "constants" and not any(s.constants for s in self.start):
            raise ValueError(
                "Constants can be tuned only of a program that has some. Received:\n"
                f"{self.start}"
            )

    def to_json(self) -> dict[str, Any]:
        """The fields, the program as text."""
        return {**asdict(self), "start": str(self.start)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SearchSettings:
        """The settings that `to_json` wrote."""
        return cls(**{**value, "start": Program.parse(value["start"])})


@dataclass(frozen=True)
class Individual:
    """A program of the population."""

    number: int  # children up to and including it; the start has 0
    program: Program
    functional_hash: str
    fitness: float  # larger is better; −inf is worst

    def to_json(self) -> list[Any]:
        """Number, program, hash and fitness (None for −inf)."""
        fitness = fitness_to_json(self.fitness)
        return [self.number, self.program.to_json(), self.functional_hash, fitness]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Individual:
        """The individual that `to_json` wrote."""
        number, program, key, fitness = value
        return cls(number, Program.from_json(program), key, fitness_from_json(fitness))


@dataclass(frozen=True)
class Measured:
    """A fitness that was measured, for the log."""

    number: int  # of the child that it was measured for
    functional_hash: str
    fitness: float


@dataclass(frozen=True)
class Window:
    """What a thousand children (or so) looked like.

    Counts are those of the search up to the window's end, shares of redundant
    statements and length those of the population there.
    """

    num_children: int
    num_evaluations: int
    num_tries: int  # proposals, the invalid ones included
    hit_rate: float  # share of the window's children whose fitness was known
    redundancy_per_step: float  # by the paper's analysis
    redundancy: float  # carried through the loop
    length: float  # mean number of statements
    best_fitness: float | None  # None for −inf


@dataclass(frozen=True)
class Improvement:
    """A program that was the best so far when it came."""

    num_evaluations: int  # up to and including it
    individual: Individual


@dataclass
class SearchState:
    """Where a search stands."""

    generator: np.random.Generator  # source of all randomness
    population: deque[Individual]  # from the oldest to the youngest
    improvements: list[Improvement]  # each better than the one before
    windows: list[Window] = field(default_factory=list)
    num_children: int = 0
    num_evaluations: int = 1  # the start's included
    num_tries: int = 0  # proposals that the children took
    quiet_since: int = 0  # number of the child of the last improvement or restart
    num_restarts: int = 0
    # Digest over hash and fitness of every child: two searches with one trail visited
    # the same programs.
    trail: str = ""

    @property
    def best(self) -> Individual:
        """The best program so far."""
        return self.improvements[-1].individual

    def follow(self, child: Individual) -> None:
        """Add a child to the trail."""
        text = f"{self.trail} {child.functional_hash} {child.fitness!r}"
        self.trail = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, every number exact."""
        return {
            **vars(self),
            "generator": self.generator.bit_generator.state,
            "population": [individual.to_json() for individual in self.population],
            "improvements": [
                [found.num_evaluations, found.individual.to_json()]
                for found in self.improvements
            ],
            "windows": [asdict(window) for window in self.windows],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SearchState:
        """The state that `to_json` wrote."""
        generator = np.random.default_rng(0)
        generator.bit_generator.state = value["generator"]
        lists = {
            "population": deque(map(Individual.from_json, value["population"])),
            "improvements": [
                Improvement(count, Individual.from_json(individual))
                for count, individual in value["improvements"]
            ],
            "windows": [Window(**window) for window in value["windows"]],
        }
        return cls(**{**value, **lists, "generator": generator})


def fitness_to_json(fitness: float) -> float | None:
    """The fitness, or None for −inf, which JSON has no number for."""
    return None if fitness == WORST else float(fitness)


def fitness_from_json(fitness: float | None) -> float:
    """The fitness that `fitness_to_json` wrote."""
    return WORST if fitness is None else fitness
