"""Steps that do not always apply: accumulation, and skipping what is not finite.

Every path selects between the old and the new value instead of branching: a branch
around the update copies its operands and cannot cross replicas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

Tensor = Any


class ConditionalSteps:
    """Gradient accumulation and the non-finite guard for a Keras optimizer.

    The optimizer gives `update_variable` for one variable, and `accumulate_variable`
    where `accumulates_in_momentum` is true.
    """

    skip_nonfinite: bool
    accumulator_dtype: str | None
    gradient_accumulation_steps: int | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    learning_rate: Any
    iterations: Any
    _iterations: Any
    _trainable_variables: list[Any]
    _model_variables_moving_average: list[Any]
    _clip_gradients: Callable[[list[Tensor]], list[Tensor]]
    _get_variable_index: Callable[[Any], int]
    add_variable: Callable[..., Any]
    update_variable: Callable[..., None]
    accumulate_variable: Callable[..., None]

    @property
    def accumulates_in_momentum(self) -> bool:
        """True if the momentum gathers the gradients of a window, without a buffer."""
        return False

    @property
    def skipped_steps(self) -> int:
        """Steps that were dropped because a gradient was not finite."""
        if not self.skip_nonfinite:
            return 0
        return int(ops.convert_to_numpy(self._skipped_steps))

    def _build_conditional_steps(self, variables: Sequence[Any]) -> None:
        """Make the counter and the accumulators that the options ask for."""
        if self.skip_nonfinite:
            self._skipped_steps = self.add_variable(
                shape=(), dtype="int32", name="skipped_steps"
            )
        if self.gradient_accumulation_steps and not self.accumulates_in_momentum:
            self._accumulators = [
                self.add_variable(
                    shape=variable.shape,
                    dtype=self.accumulator_dtype,
                    layout=getattr(variable, "_layout", None),
                    name=f"{variable.path.replace('/', '_')}_accumulator",
                )
                for variable in variables
            ]

    def _backend_apply_gradients(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any]
    ) -> None:
        if not self.skip_nonfinite and not self.gradient_accumulation_steps:
            super()._backend_apply_gradients(grads, trainable_variables)  # type: ignore[misc]
            return
        finite = all_finite(grads) if self.skip_nonfinite else True
        if self.accumulates_in_momentum:
            applies = self._accumulate_in_momentum(grads, trainable_variables, finite)
        else:
            grads, applies = self._accumulate(grads, trainable_variables, finite)
            for gradient, variable in zip(
                self._clip_gradients(list(grads)), trainable_variables, strict=True
            ):
                self.update_variable(gradient, variable, self.learning_rate, applies)
        if self.use_ema:
            self._update_average(applies)
        if finite is not True:
            dropped = ops.cast(ops.logical_not(finite), "int32")
            self._skipped_steps.assign_add(dropped)
            # The base class is about to count this step.
            self._iterations.assign_sub(ops.cast(dropped, self._iterations.dtype))

    def _window(self, finite: Tensor) -> tuple[Tensor, Tensor]:
        """Is this the first step of its window, and does it end it?"""
        steps = self.gradient_accumulation_steps or 1
        position = ops.mod(ops.convert_to_tensor(self._iterations), steps)
        last = ops.equal(position, steps - 1)
        return ops.equal(position, 0), both(last, finite)

    def _accumulate(
        self, grads: Sequence[Tensor], variables: Sequence[Any], finite: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """The mean gradients of the window so far, and whether it ends here."""
        steps = self.gradient_accumulation_steps
        if not steps:
            return list(grads), finite
        _, applies = self._window(finite)
        means = []
        for gradient, variable in zip(grads, variables, strict=True):
            accumulator = self._accumulators[self._get_variable_index(variable)]
            dtype = "float64" if accumulator.dtype == "float64" else "float32"
            before = ops.cast(accumulator, dtype)
            total = before + ops.cast(gradient, dtype)
            means.append(total / steps)
            kept = ops.where(applies, ops.zeros_like(total), total)
            accumulator.assign(
                ops.cast(select(finite, kept, before), accumulator.dtype)
            )
        return means, applies

    def _accumulate_in_momentum(
        self, grads: Sequence[Tensor], variables: Sequence[Any], finite: Tensor
    ) -> Tensor:
        first, applies = self._window(finite)
        for gradient, variable in zip(grads, variables, strict=True):
            self.accumulate_variable(
                gradient, variable, self.learning_rate, first, finite, applies
            )
        return applies

    def _update_average(self, applies: Tensor) -> None:
        """Move the averages of the weights; they count updates, not micro-steps."""
        started = ops.cast(ops.not_equal(self.iterations, 0), "float32")
        momentum = started * self.ema_momentum
        for variable, average in zip(
            self._trainable_variables, self._model_variables_moving_average, strict=True
        ):
            if average is None:
                continue
            weight = ops.cast(momentum, average.dtype)
            old = ops.convert_to_tensor(average)
            new = weight * old + (1 - weight) * ops.convert_to_tensor(variable)
            average.assign(select(applies, new, old))
            if self.ema_overwrite_frequency:
                due = ops.equal(
                    ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0
                )
                variable.assign(
                    select(
                        both(due, applies),
                        ops.convert_to_tensor(average),
                        ops.convert_to_tensor(variable),
                    )
                )

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Let the averages replace the weights after training."""
        super().finalize_variable_values(var_list)  # type: ignore[misc]
        if self.use_ema and keras.backend.backend() == "jax":
            # Keras leaves each weight in one buffer with its average, and the next
            # `fit` fails because it would donate that buffer twice.
            for variable in var_list:
                variable.assign(ops.copy(variable))


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
