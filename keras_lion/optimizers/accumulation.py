"""Gradient accumulation of a Keras optimizer, with a guard against bad gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.optimizers.backend import (
    after,
    in_replicas,
    is_overwritten,
    path_of,
)
from keras_lion.optimizers.nonfinite_guard import (
    NonfiniteGuard,
    all_finite,
    both,
    select,
)
from keras_lion.optimizers.replicas import ReplicatedStep

Tensor = Any


class GradientAccumulation(ReplicatedStep, NonfiniteGuard):
    """Gradient accumulation for a Keras optimizer.

    The optimizer has an `update_step` of one variable that takes a condition, and
    `accumulate_variable` where `accumulates_in_momentum` is true.

    A window of accumulation ends with one step on the mean of its gradients. A variable
    without a gradient in some of its micro-steps counts as having had zeros there; one
    without any in the whole window stays as it is, as it would without accumulation.
    """

    accumulator_dtype: str | None
    gradient_accumulation_steps: int | None
    built: bool
    name: str
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    learning_rate: Any
    iterations: Any
    _trainable_variables: list[Any]
    _model_variables_moving_average: list[Any]
    _clip_gradients: Callable[[list[Tensor]], list[Tensor]]
    _get_variable_index: Callable[[Any], int]
    _weight_decay_of: Callable[[int, str], Any]
    accumulate_variable: Callable[..., None]
    _warned_of_open_window: bool = False

    @property
    def accumulates_in_momentum(self) -> bool:
        """True if the momentum gathers the gradients of a window, without a buffer."""
        return False

    def _written_last(self, variable: Any) -> Any:
        """What the step of a variable writes last, in the shape of the variable."""
        return variable

    def _build_accumulation(self, variables: Sequence[Any]) -> None:
        """Make the accumulators that the options ask for."""
        if not self.gradient_accumulation_steps:
            return
        # For each variable, whether this window has had a gradient of it.
        self._gathered = self.add_variable(
            shape=(len(variables),), dtype="int32", name="gathered"
        )
        self._accumulated_gradients = [
            self._new_accumulator(variable) for variable in variables
        ]

    def _new_accumulator(self, variable: Any) -> Any:
        overwritten = is_overwritten(variable)
        if self.accumulates_in_momentum and not overwritten:
            return None
        return self.add_variable(
            shape=variable.shape,
            dtype=variable.dtype if overwritten else self.accumulator_dtype,
            layout=getattr(variable, "_layout", None),
            name=f"{path_of(variable).replace('/', '_')}_accumulator",
        )

    def _backend_apply_gradients(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any]
    ) -> None:
        plain = not self.skip_nonfinite and not self.gradient_accumulation_steps
        # Keras's averages of the weights do not cross replicas.
        if plain and not (self.use_ema and in_replicas()):
            super()._backend_apply_gradients(grads, trainable_variables)  # type: ignore[misc]
            return
        finite = all_finite(grads) if self.skip_nonfinite else True
        if self.gradient_accumulation_steps:
            gradients: list[Tensor | None] = [None] * len(self._trainable_variables)
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                gradients[self._get_variable_index(variable)] = gradient
            position = ops.mod(
                ops.convert_to_tensor(self._iterations),
                self.gradient_accumulation_steps,
            )
            applies = self._gather(
                gradients,
                first=ops.equal(position, 0),
                last=both(
                    ops.equal(position, self.gradient_accumulation_steps - 1), finite
                ),
                finite=finite,
                count=self.gradient_accumulation_steps,
            )
        else:
            applies = finite
            for gradient, variable in zip(
                self._clip_gradients(list(grads)), trainable_variables, strict=True
            ):
                self.update_step(gradient, variable, self.learning_rate, applies)
        if self.use_ema:
            self._update_average(applies)
        if finite is not True:
            self._count(finite)

    def _gather(
        self,
        gradients: Sequence[Tensor | None],
        *,
        first: Tensor,
        last: Tensor,
        finite: Tensor,
        count: int,
    ) -> Tensor:
        """Take the gradients of one micro-step, and make the step if it is the last.

        Args:
            gradients: One per trainable variable, or None.
            first: Whether a window begins, shape ().
            last: Whether it ends, shape ().
            finite: Whether all gradients are finite, shape ().
            count: Micro-steps that the mean is over.

        Returns:
            `last`.
        """
        gathered = ops.convert_to_tensor(self._gathered)
        before = ops.where(first, ops.zeros_like(gathered), gathered)
        present = [0 if gradient is None else 1 for gradient in gradients]
        now = ops.maximum(before, ops.convert_to_tensor(present, "int32"))
        self.assign(self._gathered, select(finite, now, gathered))
        moves: list[Tensor | None] = [
            last if present[index] else both(last, ops.equal(now[index], 1))
            for index in range(len(gradients))
        ]
        for index, variable in enumerate(self._trainable_variables):
            if is_overwritten(variable):
                moves[index] = None
        if self.accumulates_in_momentum:
            for index, variable in enumerate(self._trainable_variables):
                if moves[index] is not None:
                    self.accumulate_variable(
                        gradients[index],
                        variable,
                        self.learning_rate,
                        ops.equal(before[index], 0),
                        finite,
                        moves[index],
                    )
        else:
            windows = [
                (None, None)
                if move is None
                else self._mean(index, gradients[index], finite, last, count)
                for index, move in enumerate(moves)
            ]
            means = self._clip_gradients([mean for mean, _ in windows])
            for index, (mean, move) in enumerate(zip(means, moves, strict=True)):
                if mean is None:
                    continue
                variable = self._trainable_variables[index]
                self.update_step(mean, variable, self.learning_rate, move)
                # The update reads the accumulator: it is overwritten afterwards.
                self.assign(
                    self._accumulated_gradients[index],
                    after(windows[index][1], self._written_last(variable)),
                )
        for variable, gradient in zip(
            self._trainable_variables, gradients, strict=True
        ):
            # The base class sees to the constraints of variables with a gradient.
            if gradient is None and variable.constraint is not None:
                self.assign(variable, variable.constraint(variable))
        return last

    def _mean(
        self,
        index: int,
        gradient: Tensor | None,
        finite: Tensor,
        last: Tensor,
        count: int,
    ) -> tuple[Tensor, Tensor]:
        """The mean gradient of the window so far, and the accumulator's new value."""
        accumulator = self._accumulated_gradients[index]
        dtype = "float64" if accumulator.dtype == "float64" else "float32"
        before = ops.cast(accumulator, dtype)
        total = before if gradient is None else before + ops.cast(gradient, dtype)
        kept = ops.where(last, ops.zeros_like(total), total)
        kept = ops.cast(select(finite, kept, before), accumulator.dtype)
        return total / count, kept

    def flush(self) -> None:
        """Make the step of an accumulation window that is not complete.

        The step is on the mean of the gradients that were gathered, and the window
        ends: `iterations` counts an update. Where the momentum gathers the gradients
        (`accumulates_in_momentum`), the missing ones count as zeros. Without an open
        window nothing happens. Call it between trainings, not while `fit` runs.

        Example:

        ```python
        model.fit(x, y, batch_size=32)  # 10 batches, 4 per update
        model.optimizer.flush()  # uses the gradients of the last 2
        ```
        """
        position = self._open_window()
        if not position:
            return
        self._gather(
            [None] * len(self._trainable_variables),
            first=False,
            last=True,
            finite=True,
            count=position,
        )
        if self.use_ema:
            self._update_average(True)
        steps = self.gradient_accumulation_steps or 1
        self._iterations.assign_add(steps - position)

    def _open_window(self) -> int:
        """Micro-steps that an incomplete window has gathered."""
        if not self.gradient_accumulation_steps or not self.built:
            return 0
        iterations = int(ops.convert_to_numpy(self._iterations))
        return iterations % self.gradient_accumulation_steps

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
            self.assign(average, select(applies, new, old))
            if self.ema_overwrite_frequency:
                due = ops.equal(
                    ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0
                )
                self.assign(
                    variable,
                    select(
                        both(due, applies),
                        ops.convert_to_tensor(average),
                        ops.convert_to_tensor(variable),
                    ),
                )

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Let the averages replace the weights after training, as Keras asks for."""
        super().finalize_variable_values(var_list)  # type: ignore[misc]
        position = self._open_window()
        if position and not self._warned_of_open_window:
            self._warned_of_open_window = True
            warnings.warn(
                "Training ended inside an accumulation window of optimizer "
                f"'{self.name}': {position} of {self.gradient_accumulation_steps} "
                "gradients are gathered and not used yet. The next training continues "
                "the window, as in Keras; `optimizer.flush()` uses them now.",
                stacklevel=3,
            )
        if self.use_ema and keras.backend.backend() == "jax":
            # Keras leaves each weight in one buffer with its average, and the next
            # `fit` fails because it would donate that buffer twice.
            for variable in var_list:
                variable.assign(ops.copy(variable))
