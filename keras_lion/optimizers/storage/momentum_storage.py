"""How an optimizer stores its momentum: as floats, or as codes with scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_lion.optimizers.backend import compute_dtype, is_overwritten, path_of
from keras_lion.optimizers.state.matching import Match
from keras_lion.optimizers.state.saved_state import MOMENTUM, SCALE, SavedState
from keras_lion.optimizers.storage import int8_code
from keras_lion.optimizers.storage.stochastic_rounding import (
    OF_MOMENTA,
    OF_WEIGHTS,
    stored_as,
)

Tensor = Any


class MomentumStorage:
    """Storage of one momentum per weight, and of weights that are in bfloat16.

    The momentum of a variable is in one variable of the optimizer, or in two: with
    `momentum_dtype="int8"`, codes of the variable's shape and a scale for each block.
    """

    momentum_dtype: str | None
    stochastic_rounding: bool
    add_variable: Callable[..., Any]
    _get_variable_index: Callable[[Any], int]
    _iterations: Any
    _momentums: list[Any]
    _scales: list[Any]

    def _build_momentums(self, variables: Sequence[Any]) -> None:
        """Make a momentum, zero at first, for each variable."""
        self._momentums = [self._new_momentum(variable) for variable in variables]
        self._scales = [
            None
            if momentum is None or momentum.dtype != "int8"
            else self.add_variable(
                shape=(int8_code.number_of_blocks(tuple(momentum.shape)),),
                dtype="float32",
                name=f"{momentum.name}_scale",
            )
            for momentum in self._momentums
        ]

    def _new_momentum(self, variable: Any) -> Any:
        if is_overwritten(variable):
            return None
        dtype = self.momentum_dtype or compute_dtype(variable)
        if dtype == "int8" and np.prod(variable.shape) < int8_code.FEWEST:
            dtype = "float32"
        return self.add_variable(
            shape=variable.shape,
            dtype=dtype,
            layout=getattr(variable, "_layout", None),
            name=f"{path_of(variable).replace('/', '_')}_momentum",
        )

    def _written_last(self, variable: Any) -> Any:
        return self._momentums[self._get_variable_index(variable)]

    def _momentum_parts(self, index: int) -> list[Any]:
        """The variables that hold the momentum of a variable."""
        parts = [self._momentums[index], self._scales[index]]
        return [part for part in parts if part is not None]

    def _decoded(self, parts: Sequence[Tensor], dtype: str) -> Tensor:
        """The momentum that the values of its parts stand for."""
        return ops.cast(
            parts[0] if len(parts) == 1 else int8_code.decode(*parts), dtype
        )

    def _encoded(
        self, index: int, value: Tensor, places: Tensor | None = None
    ) -> Sequence[Tensor]:
        """The values of the parts that stand for a momentum.

        Args:
            index: Number of the variable.
            value: The momentum, or some rows of it.
            places: Numbers of the elements of these rows.
        """
        if self._scales[index] is not None:
            return int8_code.encode(value)
        stored = stored_as(
            value,
            self._momentums[index].dtype,
            stochastic=self.stochastic_rounding,
            stream=OF_MOMENTA,
            step=self._iterations,
            index=index,
            places=places,
        )
        return [stored]

    def _rounded_weight(
        self, index: int, value: Tensor, dtype: str, places: Tensor | None = None
    ) -> Tensor:
        """A new weight in the dtype of its variable."""
        return stored_as(
            value,
            dtype,
            stochastic=self.stochastic_rounding,
            stream=OF_WEIGHTS,
            step=self._iterations,
            index=index,
            places=places,
        )

    def _momentum_values(self) -> list[Tensor]:
        """The momenta as floating-point tensors; none of variables without one."""
        values = []
        for momentum, scale in zip(self._momentums, self._scales, strict=True):
            if scale is not None:
                values.append(int8_code.decode(ops.convert_to_tensor(momentum), scale))
            elif momentum is not None:
                values.append(ops.convert_to_tensor(momentum))
        return values

    def _assign_momentum(self, index: int, value: Tensor) -> None:
        """Replace the momentum of a variable by a floating-point tensor."""
        scale, momentum = self._scales[index], self._momentums[index]
        if scale is None:
            momentum.assign(ops.copy(ops.cast(value, momentum.dtype)))
            return
        for part, new in zip((momentum, scale), int8_code.encode(value), strict=True):
            part.assign(new)

    def _stored_here(self, state: SavedState, matched: Match) -> SavedState:
        """A state whose momenta are stored as those here, from any storage."""
        momenta = list(state.slots.get(MOMENTUM, ()))
        scales = list(state.slots.get(SCALE, [None] * len(momenta)))
        for index, k in enumerate(matched.source):
            if k is None or not momenta or momenta[k] is None:
                continue
            encoded = scales[k] is not None
            if encoded == (self._scales[index] is not None):
                continue
            if encoded:
                momenta[k] = ops.convert_to_numpy(
                    int8_code.decode(
                        *map(ops.convert_to_tensor, (momenta[k], scales[k]))
                    )
                )
            else:
                momenta[k], scales[k] = map(
                    ops.convert_to_numpy,
                    int8_code.encode(ops.convert_to_tensor(momenta[k])),
                )
        return replace(state, slots={**state.slots, MOMENTUM: momenta, SCALE: scales})
