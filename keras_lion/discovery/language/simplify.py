"""From a raw program of the search to one that can be read.

Dead statements go first, then statements that make no difference, then algebra, then
digits. Every step is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from keras_lion.discovery.language.abstract import check, types_after
from keras_lion.discovery.language.program import Program
from keras_lion.discovery.language.rewriting import Rewrite, rewrites
from keras_lion.discovery.language.single_assignment import SingleAssignment
from keras_lion.statistics import Interval, t_interval

MAX_DIGITS = 4

Evaluate = Callable[[Program, int], float]


@dataclass(frozen=True)
class SimplificationStep:
    """One step of a simplification.

    Attributes:
        before: The program before it.
        after: The program after it.
        what: What was done.
        effect: Fitness after − before, paired by seed; larger is better. None if one
            of the values is not finite.
        taken: Whether the next step goes on from `after`; otherwise it was only tried.
    """

    before: Program
    after: Program
    what: str
    effect: Interval | None
    taken: bool

    def __str__(self) -> str:
        effect = "not finite" if self.effect is None else f"{self.effect}"
        kept = "" if self.taken else "not taken: "
        length = f"{len(self.before)} → {len(self.after)} statements"
        return f"{kept}{self.what} ({length}; fitness {effect})"


class Simplifier:
    """Simplifies programs while their fitness stays.

    A change is taken if it changes fitness by `tolerance` at most: if the paired 95 %
    t-interval of (after − the program without dead statements) lies within
    ±`tolerance`. Losses therefore do not add up over many small steps, and a program
    that is better for doing something else is not taken for the same.

    Args:
        evaluate: (program, seed) → fitness, larger is better, the same at every call.
        seeds: Seeds to evaluate with, two at least.
        tolerance: Change of fitness that counts as none; 0 or more.

    Example:

    ```python
    import numpy as np
    from keras_lion.discovery import Simplifier, step_function, zoo

    goal = np.array([0.02, -0.02, 0.01, -0.01])

    def evaluate(program, seed):
        step, noise = step_function(program), np.random.default_rng(seed)
        w = m = v = np.zeros(4)
        for _ in range(200):
            g = w - goal + 0.02 * noise.normal(size=4)
            update, m, v = step(w, g, m, v, 1.0)
            w = w - update
        return -float(np.sum(np.abs(w - goal)))

    for step in Simplifier(evaluate, range(4), tolerance=0.003).steps(zoo.PROGRAM_4):
        print(step)
    ```
    """

    def __init__(
        self, evaluate: Evaluate, seeds: Sequence[int], *, tolerance: float
    ) -> None:
        if len(seeds) < 2:
            raise ValueError(
                "Expected two seeds at least: one has no spread to compare an effect "
                f"with. Received: {list(seeds)!r}"
            )
        if not tolerance >= 0:
            raise ValueError(f"`tolerance` is 0 or more. Received: {tolerance}.")
        self._evaluate = evaluate
        self._seeds = tuple(seeds)
        self._tolerance = tolerance
        self._fitness: dict[Program, list[float]] = {}

    def steps(self, program: Program) -> list[SimplificationStep]:
        """Simplify a program.

        Args:
            program: A valid program.

        Returns:
            Every step, also those that were tried and not taken. The simplified program
            is `after` of the last step that was taken.

        Raises:
            InvalidProgram: If the program cannot run.
            ValueError: If its own fitness is not finite.
        """
        check(program)
        if not all(map(isfinite, self._values(program))):
            raise ValueError(
                "The fitness of the program itself must be finite, or nothing can be "
                f"compared with it. Received: {self._values(program)}"
            )
        reference = program.without_dead_code()
        dropped = Rewrite(reference, "dead statements dropped")
        steps = [self._step(program, dropped, taken=True)]
        for changes in (_drops, rewrites, _roundings):
            steps += self._phase(changes, simplified(steps), reference)
        return steps

    def _phase(
        self,
        changes: Callable[[Program], Iterator[Rewrite]],
        current: Program,
        reference: Program,
    ) -> list[SimplificationStep]:
        """Changes of one kind until none is left that may be taken."""
        steps: list[SimplificationStep] = []
        while True:
            tried = []
            for change in changes(current):
                if self._acceptable(reference, change.program):
                    break
                tried.append(self._step(current, change, taken=False))
            else:  # what did not fit earlier has been tried again
                return steps + tried
            steps.append(self._step(current, change, taken=True))
            if change.alternative:
                steps.append(self._step(current, change.alternative, taken=False))
            current = change.program

    def _acceptable(self, reference: Program, after: Program) -> bool:
        effect = self._effect(reference, after)
        if effect is None:
            return False
        return max(-effect.low, effect.high) <= self._tolerance

    def _step(
        self, before: Program, change: Rewrite, *, taken: bool
    ) -> SimplificationStep:
        effect = self._effect(before, change.program)
        return SimplificationStep(before, change.program, change.what, effect, taken)

    def _effect(self, before: Program, after: Program) -> Interval | None:
        pairs = zip(self._values(before), self._values(after), strict=True)
        differences = [y - x for x, y in pairs]
        return t_interval(differences) if all(map(isfinite, differences)) else None

    def _values(self, program: Program) -> list[float]:
        if program not in self._fitness:
            self._fitness[program] = [
                float(self._evaluate(program, seed)) for seed in self._seeds
            ]
        return self._fitness[program]


def simplified(steps: Sequence[SimplificationStep]) -> Program:
    """The program that a simplification ends with."""
    return [step for step in steps if step.taken][-1].after


def _drops(program: Program) -> Iterator[Rewrite]:
    """The program with one statement replaced by an argument of the same type."""
    form = SingleAssignment.of(program)
    types = types_after(form.statements.values())
    for name, statement in form.statements.items():
        for argument in dict.fromkeys(statement.variables):
            if types[argument] != types[name]:
                continue
            try:
                after = form.without(name, argument).program()
                check(after)
            except ValueError:  # needs a copy, or has no update
                continue
            yield Rewrite(after, f"`{statement}` dropped, {argument} in its place")


def _roundings(program: Program) -> Iterator[Rewrite]:
    """The program with one constant shorter, the shortest first."""
    for number, statement in enumerate(program):
        for place, value in enumerate(statement.arguments):
            if isinstance(value, str):
                continue
            weight = statement.function == "interpolate" and place == 2
            lengths = range(1, MAX_DIGITS + 1)
            for shorter in dict.fromkeys(rounded(value, n, weight) for n in lengths):
                if shorter == value:
                    break
                instructions = list(program)
                instructions[number] = statement.with_argument(place, shorter)
                after = Program(tuple(instructions))
                yield Rewrite(after, f"{value} rounded to {shorter}")


def rounded(value: float, digits: int, weight: bool) -> float:
    """A constant with fewer significant digits, of 1 − x if it is a weight."""
    if not weight:
        return float(f"{value:.{digits}g}")
    complement = 1 - value
    if complement == 0:
        return value
    decimals = digits - 1 - floor(log10(abs(complement)))
    return round(value, decimals)
