"""Rows of an embedding that stay as they are while they have no gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_lion.optimizers.backend import (
    SparseRows,
    dense,
    is_sparse,
    path_of,
    summed_rows,
)
from keras_lion.optimizers.nonfinite_guard import both

Tensor = Any


class LazyRows:
    """Lazy updates of embeddings, for an optimizer with one momentum per weight.

    A row is touched by a step if its gradient has an element that is not 0. Rows that
    are not touched keep weights and momentum. For each row the step at which it was
    last touched is remembered, and its momentum is multiplied by β₂ for every step
    since then before it is used: it is what the dense update would have made of it.
    """

    built: bool
    lazy_embeddings: bool
    beta_2: float
    gradient_accumulation_steps: int | None
    iterations: Any
    add_variable: Callable[..., Any]
    assign: Callable[[Any, Any], None]
    _get_variable_index: Callable[[Any], int]
    _touched: list[Any]
    _rows: dict[int, SparseRows]

    def _build_lazy_rows(self, variables: Sequence[Any]) -> None:
        """Make a counter per row of each embedding; None for other variables."""
        self._rows = {}
        self._touched = [
            self.add_variable(
                shape=(variable.shape[0], 1),
                dtype="int32",
                name=f"{path_of(variable).replace('/', '_')}_touched",
            )
            if self.lazy_embeddings and is_embedding(variable)
            else None
            for variable in variables
        ]

    def _is_touched(self, gradient: Tensor, applies: Tensor) -> Tensor:
        """Whether this step moves a row, shape (rows, 1)."""
        touched = ops.any(ops.not_equal(gradient, 0), axis=1, keepdims=True)
        return both(applies, touched)

    def _dense_or_rows(
        self, gradients: Sequence[Any], variables: Sequence[Any], *, sparse: bool
    ) -> list[Tensor | None]:
        """Gradients as dense tensors; of lazy embeddings, of the looked-up rows only.

        Args:
            gradients: Tensors, sparse gradients of TensorFlow, or None.
            variables: The variable of each gradient.
            sparse: Whether rows may be used.
        """
        self._rows = {}
        found = []
        for place, gradient in enumerate(gradients):
            index = None
            if sparse and self.built and is_sparse(gradient):
                index = self._get_variable_index(variables[place])
            if index is not None and self._touched[index] is not None:
                self._rows[index], gradient = summed_rows(gradient)
            found.append(dense(gradient))
        return found

    def _read_rows(self, index: int, variable: Any) -> Tensor:
        """The rows of a variable that this step's gradient of `index` is of."""
        rows = self._rows.get(index)
        if rows is None:
            return ops.convert_to_tensor(variable)
        return rows.read(variable)

    def _row_gradient(self, index: int, gradient: Tensor) -> Tensor:
        """The gradient of every row that is read; spare ones repeat the first."""
        rows = self._rows.get(index)
        if rows is None:
            return gradient
        return ops.where(rows.spare, gradient[:1], gradient)

    def _write_rows(self, index: int, variable: Any, values: Tensor) -> None:
        """Assign the rows that `_read_rows` reads."""
        rows = self._rows.get(index)
        if rows is not None:
            values = rows.slices(ops.cast(values, variable.dtype))
        self.assign(variable, values)

    def _places(self, index: int, shape: Sequence[int]) -> Tensor | None:
        """Numbers of the rows' elements in a table of this shape; None for all."""
        rows = self._rows.get(index)
        if rows is None:
            return None
        columns = ops.arange(shape[1], dtype="int32")
        return ops.cast(rows.numbers, "int32")[:, None] * shape[1] + columns

    def _caught_up(self, index: int, momentum: Tensor) -> Tensor:
        """β₂^(idle steps) m, the momentum of a dense update before this step."""
        last = self._read_rows(index, self._touched[index])
        idle = ops.cast(self.iterations, "int32") - last
        factor = ops.power(
            ops.cast(self.beta_2, momentum.dtype), ops.cast(idle, momentum.dtype)
        )
        return factor * momentum

    def _restart_idle_time(self) -> None:
        """Count idle steps from now on: the momentum was replaced by a current one."""
        for touched in self._touched:
            if touched is not None:
                now = ops.cast(self.iterations, touched.dtype)
                touched.assign(ops.broadcast_to(now, touched.shape))


def is_embedding(variable: Any) -> bool:
    """Whether a variable is the table of a `keras.layers.Embedding`."""
    name = path_of(variable).rpartition("/")[2]
    return name == "embeddings" and len(variable.shape) == 2
