"""How long is the memory of gradients, of Lion and of AdamW?

Question   "Lion remembers the history ten times as long" (β₂ = 0.99 against AdamW's
           β₁ = 0.9), but its step gives the newest gradient a weight of its own. How
           much of a step comes from how long ago?
Command    python studies/memory.py
Duration   half a minute
Result     studies/results/memory/memory.json, weights.csv (2026-11-21). The mean age
           of a gradient in a step is 90 steps, AdamW's 9: ten times, as claimed. Half
           of a step comes from the last 60 gradients, AdamW's from the last 7. But a
           tenth of it is the newest gradient, in both, so that Lion averages noise
           like a mean of 71 gradients, AdamW like one of 19: 3.7 times.

The weights are measured on the optimizers themselves, from their steps. Both move a
weight against the sign of Σ w_k g_{t−k}. With a gradient 1 that is k steps old, a
newest gradient −x and nothing between them, the step turns round at x = w_k / w_0,
which bisection finds. A tensor has one element for every k, so that one run serves all.

What AdamW divides by, the root of its second moment, is no direction; its memory is
measured on the variable itself. All of it is exact, in float64.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from keras_lion import Lion
from studies import claims

OUTPUT = claims.RESULTS / "memory"
STEPS = 2000  # 0.99²⁰⁰⁰ = 2e-9
BISECTIONS = 60
LONGEST_LOGARITHM = 700.0  # of a ratio of weights, in float64
OPTIMIZERS = {
    "lion": (Lion, {"beta_1": 0.9, "beta_2": 0.99}),
    "adamw": (keras.optimizers.AdamW, {"beta_1": 0.9, "beta_2": 0.999}),
}


@dataclass(frozen=True)
class Memory:
    """What the weights w_k of the gradient k steps ago say.

    Attributes:
        newest: w_0, the share of the newest gradient.
        half: Fewest newest gradients that hold half of the weight.
        time_constant: Likewise 1 − 1/e of it.
        mean_age: Σ k w_k, in steps.
        effective_number: 1 / Σ w_k², gradients in a plain mean of the same variance.
    """

    newest: float
    half: int
    time_constant: int
    mean_age: float
    effective_number: float


def memory_of(shares: np.ndarray) -> Memory:
    """Describe the shares of the gradients in a step, the newest first; their sum is 1.

    Of a memory that is longer than the array only the first three hold.

    Raises:
        ValueError: If all of them hold less than 1 − 1/e.
    """
    held = np.cumsum(shares)
    if held[-1] < 1 - np.exp(-1):
        raise ValueError(
            "The shares must hold 1 − 1/e of the weight at least: measure more steps. "
            f"Received: {len(shares)} steps that hold {held[-1]:.2g}."
        )

    def newest_with(share: float) -> int:
        # Half of the weight is half of it, also when rounding says 0.49999999.
        return int(np.argmax(held >= share - 1e-9)) + 1

    return Memory(
        newest=float(shares[0]),
        half=newest_with(0.5),
        time_constant=newest_with(1 - np.exp(-1)),
        mean_age=float(shares @ np.arange(len(shares))),
        effective_number=float(1 / (shares @ shares)),
    )


def value_of(variable: Any) -> np.ndarray:
    """A copy of a variable's value."""
    return np.array(keras.ops.convert_to_numpy(variable))


class Probe:
    """An optimizer of one tensor, whose element k gets a gradient k steps ago.

    Args:
        name: Of the optimizer.
        steps: Number of elements, and steps.
    """

    def __init__(self, name: str, steps: int = STEPS) -> None:
        make, betas = OPTIMIZERS[name]
        self.steps = steps
        self.weight = keras.Variable(np.zeros(steps), dtype="float64")
        self.optimizer = make(learning_rate=1.0, weight_decay=0.0, **betas)
        self.optimizer.build([self.weight])
        # Before step t = steps − 1, element k has seen 1 at step t − k, for k ≥ 1.
        for step in range(steps - 1):
            self._step((np.arange(steps) == steps - 1 - step).astype(float))
        self._before = [value_of(variable) for variable in self._variables]

    @property
    def _variables(self) -> list[Any]:
        return [self.weight, *self.optimizer.variables]

    def _step(self, gradient: np.ndarray) -> None:
        self.optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")])

    def step(self, newest: np.ndarray) -> np.ndarray:
        """The last step, with these newest gradients: how far each element moves."""
        for variable, value in zip(self._variables, self._before, strict=True):
            variable.assign(value)
        self._step(newest)
        return np.asarray(value_of(self.weight) - self._before[0])

    def weights(self) -> np.ndarray:
        """w_k of the step's direction, as shares: the newest gradient first."""
        lowest = np.full(self.steps, -LONGEST_LOGARITHM)
        highest = np.full(self.steps, LONGEST_LOGARITHM / 10)
        for _ in range(BISECTIONS):
            middle = (lowest + highest) / 2
            # The old gradient wins while the weight moves down.
            wins = self.step(-np.exp(middle)) < 0
            lowest, highest = (
                np.where(wins, middle, lowest),
                np.where(wins, highest, middle),
            )
        ratios = np.exp((lowest + highest) / 2)
        ratios[0] = 1  # the newest gradient, to itself
        return np.asarray(ratios / ratios.sum())

    def stored(self, kind: str) -> np.ndarray:
        """Weights in the optimizer's own variable: the newest first.

        Args:
            kind: End of the variable's name: `"momentum"` or `"velocity"`.
        """
        newest = np.zeros(self.steps)
        newest[0] = 1
        self.step(newest)
        (variable,) = (v for v in self.optimizer.variables if v.name.endswith(kind))
        return value_of(variable)


UNITS = {
    "newest": "share",
    "half": "steps",
    "time_constant": "steps",
    "mean_age": "steps",
    "effective_number": "gradients",
}


# The others sum over the whole memory, and β₂ = 0.999 outlasts the measurement.
OF_LONG_MEMORIES = ("newest", "half", "time_constant")


def summarize(weights: dict[str, np.ndarray]) -> dict[str, claims.Entry]:
    """The claims: every memory, and Lion's over AdamW's."""
    memories = {name: memory_of(values) for name, values in weights.items()}
    found = {
        f"{name}.{measure}": claims.exact(getattr(memory, measure), unit)
        for name, memory in memories.items()
        for measure, unit in UNITS.items()
        if name != "adamw_second_moment" or measure in OF_LONG_MEMORIES
    }
    adamw = memories["adamw_direction"]
    for name in ("lion_direction", "lion_momentum"):
        for measure in UNITS:
            ratio = getattr(memories[name], measure) / getattr(adamw, measure)
            found[f"{name}_to_adamw_direction.{measure}"] = claims.exact(ratio, "ratio")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(arguments)
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    lion, adamw = Probe("lion", options.steps), Probe("adamw", options.steps)
    weights = {
        "lion_direction": lion.weights(),
        "lion_momentum": lion.stored("momentum"),
        "adamw_direction": adamw.weights(),
        "adamw_second_moment": adamw.stored("velocity"),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"steps_ago": np.arange(options.steps), **weights})
    frame.head(500).to_csv(
        options.output / "weights.csv", index=False, float_format="%.4g"
    )
    found = summarize(weights)
    claims.keep(options.output / "memory.json", found, steps=options.steps)
    claims.show(found)


if __name__ == "__main__":
    main()
