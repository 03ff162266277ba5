"""Any program as a Keras optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lion.discovery.language.abstract import STATES, kept_states, live_states
from keras_lion.discovery.language.execution import make_step
from keras_lion.discovery.language.functions import Library
from keras_lion.discovery.language.program import Program
from keras_lion.optimizers.backend import (
    compute_dtype,
    dense,
    is_overwritten,
    path_of,
    replica_count,
)
from keras_lion.optimizers.state.checkpoint import (
    ACCUMULATOR,
    AVERAGE,
    StateCheckpoints,
)

Tensor = Any

KERAS = Library(ops, scalar=lambda x: x)


@keras.saving.register_keras_serializable(package="keras_lion")
class ProgramOptimizer(StateCheckpoints, keras.optimizers.Optimizer):
    """A program of the search as an optimizer: w ← w − update.

    Only live statements run, and only the states that updates depend on are kept: 2
    per weight for AdamW, 1 for Lion, 0 for SGD. Functions of whole trees, such as
    `global_norm`, see all trainable variables that have a gradient. Arithmetic is in
    float32, or in float64 if a variable is float64; so are the states.

    Args:
        program: A `Program`, or its text.
        learning_rate: The program's input `lr`: a number, a
            `keras.optimizers.schedules.LearningRateSchedule`, or a callable without
            arguments. Programs of the zoo scale it by a constant of their own, so 1 is
            the default.
        name: Name of the optimizer.
        **base: Keyword arguments of `keras.optimizers.Optimizer`: `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on. `weight_decay` would be
            Keras's, before the step and in addition to what the program does.

    Raises:
        InvalidProgram: If the program cannot run.
        TypeError: If it is neither a program nor a text.
        ValueError: If the text is no program.

    Example:

    ```python
    import keras
    from keras_lion.discovery import ProgramOptimizer, zoo

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=ProgramOptimizer(zoo.LION), loss="mse")
    ```

    References:
        - [Chen et al., 2023](https://arxiv.org/abs/2302.06675), Program 2
    """

    def __init__(
        self,
        program: Program | str,
        learning_rate: Any = 1.0,
        *,
        name: str | None = None,
        **base: Any,
    ) -> None:
        program = Program.parse(program) if isinstance(program, str) else program
        if not isinstance(program, Program):
            raise TypeError(
                f"Expected a Program, or the text of one. Received: {program!r}."
            )
        step = make_step(program, KERAS)
        if isinstance(learning_rate, int):
            learning_rate = float(learning_rate)
        super().__init__(learning_rate, name=name, **base)
        self._set_up_checkpoints()
        self.program = program
        self._run_program = step

    def build(self, variables: list[Any]) -> None:
        """Make the states, zero at first, that the program's updates depend on."""
        if self.built:
            return
        if replica_count() > 1:
            raise ValueError(
                "A program sees all variables and gradients at once and cannot run "
                f"under a tf.distribute strategy of {replica_count()} replicas. Use "
                "one replica, or the JAX backend with keras.distribution."
            )
        super().build(variables)
        states = kept_states(self.program)
        self._m = self._make_state("m", variables) if "m" in states else None
        self._v = self._make_state("v", variables) if "v" in states else None
        self._restore_pending()

    def _make_state(self, name: str, variables: Sequence[Any]) -> list[Any]:
        return [
            None
            if is_overwritten(variable)
            else self.add_variable(
                shape=variable.shape,
                dtype=compute_dtype(variable),
                layout=getattr(variable, "_layout", None),
                name=f"{path_of(variable).replace('/', '_')}_{name}",
            )
            for variable in variables
        ]

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables; sparse gradients are made dense before all else."""
        super().apply([dense(gradient) for gradient in grads], trainable_variables)

    def _backend_update_step(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Any],
        learning_rate: Any,
    ) -> None:
        """One step of all variables, where Keras would go through them one by one."""
        indices = [self._get_variable_index(v) for v in trainable_variables]
        dtypes = {compute_dtype(variable) for variable in trainable_variables}
        dtype = "float64" if "float64" in dtypes else "float32"

        def cast(tensors: Sequence[Any]) -> list[Tensor]:
            return [ops.cast(tensor, dtype) for tensor in tensors]

        kept = [
            None if state is None else [state[index] for index in indices]
            for state in (self._m, self._v)
        ]
        weights = cast(trainable_variables)
        old = [None if state is None else cast(state) for state in kept]
        for number, name in enumerate(STATES):
            if old[number] is None and name in live_states(self.program):
                old[number] = [ops.zeros_like(weight) for weight in weights]
        update, *new = self._run_program(
            weights, cast(grads), *old, ops.cast(learning_rate, dtype)
        )
        for variable, weight, change in zip(
            trainable_variables, weights, update, strict=True
        ):
            self.assign(variable, ops.cast(weight - change, variable.dtype))
        for state, values in zip(kept, new, strict=True):
            if state is None:
                continue
            for variable, value in zip(state, values, strict=True):
                self.assign(variable, ops.cast(value, variable.dtype))

    def _slots(self) -> dict[str, list[Any]]:
        slots = {
            name: state
            for name, state in (("m", self._m), ("v", self._v))
            if state is not None
        }
        if self.gradient_accumulation_steps:
            slots[ACCUMULATOR] = self._accumulated_gradients
        if self.use_ema:
            slots[AVERAGE] = self._model_variables_moving_average
        return slots

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "program": str(self.program)}
