"""Which proxies reward what Lion does: tuned optimizers of the zoo on each.

A search finds sign momentum only where sign momentum is better than AdamW. On many
small problems it is not, once both are tuned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from keras_lion.discovery.language.instruction import Instruction
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.search.evaluation import ProxyFitness
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
    """An optimizer at its best learning rate and weight decay."""

    program: Program  # with this weight decay
    learning_rate: float  # peak of the input `lr`
    fitness: float  # mean over the seeds that it was tuned on


def tune(
    program: Program,
    fitness: ProxyFitness,
    *,
    seeds: Sequence[int] = (0,),
    learning_rates: Sequence[float] = LEARNING_RATES,
    decay_factors: Sequence[float] = DECAY_FACTORS,
) -> Tuned:
    """The best cell of a grid over learning rate and weight decay.

    Weight decay is what the program has as `w * constant`, multiplied by the factors;
    it is itself multiplied by the learning rate.
    """
    # An optimizer without weight decay has one variant only.
    variants = dict.fromkeys(with_decay_factor(program, x) for x in decay_factors)
    cells = [
        Tuned(variant, rate, replace(fitness, learning_rate=rate).mean(variant, seeds))
        for variant in variants
        for rate in learning_rates
    ]
    return max(cells, key=lambda cell: cell.fitness)


def screen(
    fitness: ProxyFitness,
    *,
    tuning_seeds: Sequence[int] = (0, 1, 2),
    seeds: Sequence[int] = tuple(range(100, 110)),
    contenders: Mapping[str, Program] = CONTENDERS,
) -> dict[str, list[float]]:
    """Fitness of tuned optimizers on each of seeds that they were not tuned on.

    Runs of two optimizers with one seed are paired.
    """
    found = {}
    for name, program in contenders.items():
        tuned = tune(program, fitness, seeds=tuning_seeds)
        measured = replace(fitness, learning_rate=tuned.learning_rate)
        found[name] = [measured.with_seed(seed)(tuned.program) for seed in seeds]
    return found


def with_decay_factor(program: Program, factor: float) -> Program:
    """The program with the constant of every `w * constant` multiplied."""
    statements = list(program)
    for number, statement in enumerate(program):
        match statement:
            case Instruction(_, "multiply", ("w", float(decay))):
                statements[number] = statement.with_argument(1, decay * factor)
            case Instruction(_, "multiply", (float(decay), "w")):
                statements[number] = statement.with_argument(0, decay * factor)
    return Program(tuple(statements))
