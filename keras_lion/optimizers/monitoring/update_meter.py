"""Measures single updates of a Lion, from snapshots of its state."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_lion.optimizers.backend import compiled, path_of
from keras_lion.optimizers.lion import Lion
from keras_lion.optimizers.monitoring.step_statistics import measure_step
from keras_lion.optimizers.updates import Betas

Tensor = Any


class Snapshot(NamedTuple):
    """Weights and momenta after some updates, as copies."""

    updates: int
    weights: list[Tensor]
    momentums: list[Tensor]
    directions: list[Tensor] | None  # of the last update, where they are known


class Rates(NamedTuple):
    """What an update reads besides weights, momenta and gradients."""

    learning_rate: float
    weight_decays: np.ndarray  # one per variable


class UpdateMeter:
    """Measures updates of an optimizer that is built.

    Args:
        optimizer: The optimizer. On JAX, its variables and the model's must hold the
            current state whenever a method is called.

    Attributes:
        layers: Layer → numbers of its variables. A layer is a path without the last
            part.
        sizes: Weights of each variable.
        dtypes: Their dtypes.
    """

    def __init__(self, optimizer: Lion) -> None:
        self.optimizer = optimizer
        kept = [i for i, m in enumerate(optimizer._momentums) if m is not None]
        self._weights = [optimizer._trainable_variables[i] for i in kept]
        self._decayed = np.array([optimizer._decays[i] for i in kept])
        self.sizes = np.array([math.prod(v.shape) for v in self._weights])
        self.dtypes: list[str] = [v.dtype for v in self._weights]
        self.layers: dict[str, list[int]] = {}
        for index, variable in enumerate(self._weights):
            path = path_of(variable)
            self.layers.setdefault(path.rpartition("/")[0] or path, []).append(index)
        self._unknown = [ops.zeros(v.shape, "int8") for v in self._weights]
        self._copy = compiled(_copies)
        self._measure = compiled(
            partial(
                measure_step,
                betas=Betas.of(optimizer.beta_1, optimizer.beta_2),
                cautious=optimizer.cautious,
                rounds_stochastically=optimizer.stochastic_rounding,
            )
        )

    def rates(self) -> Rates:
        """Learning rate and weight decays of the next update."""
        optimizer = self.optimizer
        weight_decay = number(optimizer._current_weight_decay("float32"))
        return Rates(number(optimizer.learning_rate), weight_decay * self._decayed)

    def snapshot(self, updates: int, directions: list[Tensor] | None) -> Snapshot:
        """The state of now.

        Args:
            updates: Number of updates so far.
            directions: Of the last one, where `measure` has returned them.
        """
        weights, momentums = self._copy(*self._state())
        return Snapshot(updates, weights, momentums, directions)

    def measure(self, before: Snapshot, rates: Rates) -> tuple[Tensor, list[Tensor]]:
        """The sums and directions of the one update since a snapshot.

        Flips of signs are counted where the snapshot knows the directions before.
        """
        return self._measure(  # type: ignore[no-any-return]
            (before.weights, before.momentums),
            self._state(),
            self._unknown if before.directions is None else before.directions,
            np.asarray(rates.learning_rate, np.float32),
            np.asarray(rates.weight_decays, np.float32),
        )

    def _state(self) -> tuple[list[Tensor], list[Tensor]]:
        weights = [ops.convert_to_tensor(variable) for variable in self._weights]
        return weights, self.optimizer._momentum_values()


def number(scalar: Any) -> Any:
    """A scalar tensor or variable as a number of Python."""
    return ops.convert_to_numpy(scalar).item()


def _copies(*lists: list[Tensor]) -> list[list[Tensor]]:
    return [[ops.copy(tensor) for tensor in tensors] for tensors in lists]
