"""Steps with a NaN or an infinity in a gradient are skipped and counted.

Every path selects between the old and the new value instead of branching: a branch
around the update copies its operands and cannot cross replicas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

Tensor = Any


class NonfiniteGuard:
    """The counter of an optimizer that skips steps which are not finite."""

    skip_nonfinite: bool
    _iterations: Any
    add_variable: Callable[..., Any]

    @property
    def skipped_steps(self) -> int:
        """Steps that were dropped because a gradient was not finite."""
        if not self.skip_nonfinite:
            return 0
        return int(ops.convert_to_numpy(self._skipped_steps))

    def _build_guard(self) -> None:
        if self.skip_nonfinite:
            self._skipped_steps = self.add_variable(
                shape=(),
                dtype="int32",
                aggregation="only_first_replica",
                name="skipped_steps",
            )

    def _count(self, finite: Tensor) -> None:
        """Count a dropped step, and not as an iteration."""
        dropped = ops.cast(ops.logical_not(finite), "int32")
        self._skipped_steps.assign_add(dropped)
        # The base class is about to count this step.
        self._iterations.assign_sub(ops.cast(dropped, self._iterations.dtype))


def all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """True if every element of every tensor is finite, shape ()."""
    return ops.all(ops.stack([ops.all(ops.isfinite(tensor)) for tensor in tensors]))


def select(condition: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` where the condition holds; True selects while tracing."""
    return new if condition is True else ops.where(condition, new, old)


def both(one: Tensor, other: Tensor) -> Tensor:
    """The conjunction, where either may be a plain True."""
    if one is True:
        return other
    return one if other is True else ops.logical_and(one, other)
