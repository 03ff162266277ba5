"""Which proxies reward what Lion does: tuned optimizers of the zoo on each.

A search finds sign momentum only where sign momentum is better than AdamW. On many
small problems it is not, once both are tuned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_lion.discovery.evaluation import ProxyFitness
from keras_lion.discovery.instruction import Instruction
from keras_lion.discovery.program import Program
from keras_lion.discovery.zoo import ADAMW, LION, SGD_MOMENTUM

LEARNING_RATES = tuple(2.0**power for power in range(-4, 12))
DECAY_FACTORS = (0.0, 1.0, 10.0)
CONTENDERS: Mapping[str, Program] = {
    "lion": LION,
    "adamw": ADAMW,
    "sgd_momentum": SGD_MOMENTUM,
}


@dataclass(frozen=True)
class Tuned:
    """An optimizer at its best learning rate and weight decay.

    Attributes:
        program: With this weight decay.
        learning_rate: Peak of the input `lr`.
        decay_factor: What the program's weight decay was multiplied by.
        fitness: Mean over the seeds that it was tuned on.
        on_edge: True if a learning rate beyond the grid may be better.
    """

    program: Program
    learning_rate: float
    decay_factor: float
    fitness: float
    on_edge: bool


def tune(
    program: Program,
    fitness: ProxyFitness,
    *,
    seeds: Sequence[int] = (0,),
    learning_rates: Sequence[float] = LEARNING_RATES,
    decay_factors: Sequence[float] = DECAY_FACTORS,
) -> Tuned:
    """The best cell of a grid over learning rate and weight decay.

    Args:
        program: An optimizer with `w * constant` as its weight decay, or without one.
        fitness: The proxies.
        seeds: Seeds of the proxies that fitness is averaged over.
        learning_rates: Peaks of the input `lr`, ascending.
        decay_factors: What the weight decay is multiplied by. It is itself multiplied
            by the learning rate.

    Example:

    ```python
    from keras_lion.discovery import zoo
    from keras_lion.discovery.evaluation import ProxyFitness
    from keras_lion.discovery.screening import tune

    fitness = ProxyFitness.named("heavy_tailed_logistic")
    tuned = tune(zoo.SGD, fitness, learning_rates=(0.1, 1.0))
    assert tuned.fitness >= fitness(zoo.SGD)
    ```
    """
    variants: dict[Program, float] = {}
    for factor in decay_factors:
        # An optimizer without weight decay has one variant only.
        variants.setdefault(with_decay_factor(program, factor), factor)
    found = [
        Tuned(
            variant,
            rate,
            factor,
            _mean(replace(fitness, learning_rate=rate), variant, seeds),
            on_edge=rate in (learning_rates[0], learning_rates[-1]),
        )
        for variant, factor in variants.items()
        for rate in learning_rates
    ]
    return max(found, key=lambda tuned: tuned.fitness)


def screen(
    fitness: ProxyFitness,
    *,
    tuning_seeds: Sequence[int] = (0, 1, 2),
    seeds: Sequence[int] = tuple(range(100, 110)),
    contenders: Mapping[str, Program] = CONTENDERS,
) -> dict[str, list[float]]:
    """Fitness of tuned optimizers on seeds that they were not tuned on.

    Args:
        fitness: The proxies, one or several.
        tuning_seeds: Seeds to tune on.
        seeds: Seeds to measure on; runs of two optimizers with one seed are paired.
        contenders: Name → program.

    Returns:
        Name → fitness of each of `seeds`.
    """
    found = {}
    for name, program in contenders.items():
        tuned = tune(program, fitness, seeds=tuning_seeds)
        measured = replace(fitness, learning_rate=tuned.learning_rate)
        found[name] = [measured.with_seed(seed)(tuned.program) for seed in seeds]
    return found


def with_decay_factor(program: Program, factor: float) -> Program:
    """The program with the constant of every `w * constant` multiplied."""

    def changed(statement: Instruction) -> Instruction:
        if statement.function != "multiply" or "w" not in statement.arguments:
            return statement
        arguments = tuple(
            x if isinstance(x, str) else x * factor for x in statement.arguments
        )
        return Instruction(statement.target, statement.function, arguments)

    return Program(tuple(map(changed, program)))


def _mean(fitness: ProxyFitness, program: Program, seeds: Sequence[int]) -> float:
    return float(np.mean([fitness.with_seed(seed)(program) for seed in seeds]))
