"""The fitness of programs on proxies, guarded against all that goes wrong."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from keras_lion.discovery.language.abstract import live
from keras_lion.discovery.language.execution import Step, step_function
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.proxies import PROXIES, Problem, Proxy, problem_of

WORST = -np.inf  # of a program that diverged, or did not end in time
LARGEST_WEIGHT = 1e6
GUARD_INTERVAL = 20  # steps between looks at weights and clock
TIME_LIMIT = 60.0  # seconds on one proxy: thousands of times what a program takes
MAX_STATEMENTS = 60


@dataclass(frozen=True)
class ProxyFitness:
    """A program's fitness: the mean of its scores on several proxies.

    The score on a proxy is the share of the initial validation loss that training takes
    away: 1 for a loss of zero, 0 for what training has left as it was. Fitness depends
    on nothing but what the program computes.

    Attributes:
        proxies: The training problems.
        learning_rate: Peak of the program's input `lr`.
        max_statements: Programs with more live statements are worst.
        time_limit: Seconds after which a program on one proxy is worst. It is far
            above what any program of that length takes, or fitness would depend on
            the machine.

    Example:

    ```python
    from keras_lion.discovery import ProxyFitness, zoo

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    assert fitness(zoo.ADAMW) == fitness(zoo.ADAMW)
    ```
    """

    proxies: tuple[Proxy, ...]
    learning_rate: float = 1.0
    max_statements: int = MAX_STATEMENTS
    time_limit: float = TIME_LIMIT

    @classmethod
    def named(cls, *names: str, seed: int = 0) -> ProxyFitness:
        """Fitness on proxies of `PROXIES`.

        Args:
            names: Their names; none: all.
            seed: Of examples, initial weights and order.

        Raises:
            ValueError: If there is no proxy of that name.
        """
        unknown = [name for name in names if name not in PROXIES]
        if unknown:
            raise ValueError(
                f"There is no proxy {unknown[0]!r}. Choose among: {', '.join(PROXIES)}."
            )
        return cls(tuple(PROXIES[name].with_seed(seed) for name in names or PROXIES))

    def __call__(self, program: Program) -> float:
        """The fitness of a valid program; larger is better, −inf is worst."""
        if len(live(program)) > self.max_statements:
            return WORST
        step = step_function(program)
        total = 0.0
        for proxy in self.proxies:
            score = evaluate(
                step,
                proxy,
                learning_rate=self.learning_rate,
                one_vector=treats_tensors_alike(program),
                time_limit=self.time_limit,
            )
            if score == WORST:
                return WORST
            total += score
        return total / len(self.proxies)

    def mean(self, program: Program, seeds: Sequence[int]) -> float:
        """The mean fitness of a valid program over seeds."""
        return float(np.mean([self.with_seed(seed)(program) for seed in seeds]))

    def to_json(self) -> dict[str, Any]:
        """The fields, as a value that `json.dumps` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ProxyFitness:
        """The fitness that `to_json` wrote."""
        proxies = tuple(map(Proxy.from_json, value["proxies"]))
        return cls(**{**value, "proxies": proxies})

    def with_seed(self, seed: int) -> ProxyFitness:
        """The same proxies with other examples, weights and order."""
        return replace(self, proxies=tuple(x.with_seed(seed) for x in self.proxies))

    def scaled(self, factor: float) -> ProxyFitness:
        """The same proxies with `factor` times the compute."""
        return replace(self, proxies=tuple(x.scaled(factor) for x in self.proxies))


def treats_tensors_alike(program: Program) -> bool:
    """True if all tensors may be given as one: if no live statement calls `norm`."""
    return all(statement.function != "norm" for statement in live(program))


def evaluate(
    step: Step,
    proxy: Proxy,
    *,
    learning_rate: float = 1.0,
    one_vector: bool = False,
    time_limit: float = TIME_LIMIT,
) -> float:
    """The score of a step function on one proxy.

    1 − loss / initial loss on the validation examples; −inf if a weight is not finite
    or above 1e6, or time is up, which are both looked at every 20 steps. All weights
    are given as `one_vector` where tensors are treated alike: that is faster.
    """
    problem = problem_of(proxy)
    with np.errstate(all="ignore"):
        weights = _train(step, problem, learning_rate, one_vector, time_limit)
        if weights is None:
            return WORST
        network = problem.network
        loss = network.loss(
            network.tensors(weights), problem.x_validation, problem.y_validation
        )
    score = 1.0 - loss / problem.initial_loss
    return score if np.isfinite(score) else WORST


def _train(
    step: Step,
    problem: Problem,
    learning_rate: float,
    one_vector: bool,
    time_limit: float,
) -> np.ndarray | None:
    network = problem.network
    weights = problem.weights.copy()
    gradient = np.empty_like(weights)
    matrices, gradients = network.tensors(weights), network.tensors(gradient)
    w, g = ([weights], [gradient]) if one_vector else (matrices, gradients)
    m = v = [np.zeros_like(tensor) for tensor in w]
    steps = len(problem.x)
    end = time.monotonic() + time_limit
    for number, lr in enumerate(cosine(steps)):
        network.gradient(matrices, problem.x[number], problem.y[number], gradients)
        update, m, v = step(w, g, m, v, learning_rate * lr)
        for tensor, change in zip(w, update, strict=True):
            tensor -= change
        last = number == steps - 1
        if last or number % GUARD_INTERVAL == GUARD_INTERVAL - 1:
            # Written so that NaN, which no comparison holds for, is caught as well.
            if not np.abs(weights).max() <= LARGEST_WEIGHT:
                return None
            if not last and time.monotonic() > end:
                return None
    return weights


@functools.cache
def cosine(steps: int) -> tuple[float, ...]:
    """The learning rate of every step: from 1 to 0 along a cosine."""
    rates = 0.5 + 0.5 * np.cos(np.pi * np.arange(steps) / steps)
    return tuple(rates.tolist())
