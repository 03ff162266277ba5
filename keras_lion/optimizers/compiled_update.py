"""The update of all variables as one compiled call, where nothing else compiles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_lion.optimizers.backend import compiles_here, jitted_step

Tensor = Any


class CompiledSteps:
    """The compiled steps of an optimizer, and what they read while they are traced.

    An object of its own, so that Keras does not track, save or copy what is in it.

    Attributes:
        steps: By the numbers of the variables that have a gradient, and the options.
        rates: Learning rate and weight decay of the step that is being traced.
    """

    def __init__(self) -> None:
        self.steps: dict[Any, Callable[..., None]] = {}
        self.rates: tuple[Tensor, Tensor] | None = None


class CompiledUpdate:
    """One compiled call for the step of all variables, outside of compiled programs.

    In a compiled training step, as of `fit`, the update is a part of that program. In
    an eager `apply`, with `run_eagerly=True` or in a plain `tf.function` each operation
    would be a pass over every tensor.

    Schedules and callables are evaluated outside of the compiled call, as without it.
    """

    compile_update: str | bool
    variables: list[Any]
    learning_rate: Any
    _rows: dict[int, Any]
    _trainable_variables: list[Any]
    _get_variable_index: Callable[[Any], int]
    _weight_decay_number: Callable[[], Any]
    _compiled: CompiledSteps

    def _set_up_compilation(self, compile_update: Any) -> None:
        """Check and keep the argument."""
        if compile_update is not False and compile_update != "auto":
            raise ValueError(
                "`compile_update` must be 'auto' (compiled wherever it can be) or "
                f"False. Received: compile_update={compile_update!r}."
            )
        self.compile_update = compile_update
        self._compiled = CompiledSteps()

    def _backend_apply_gradients(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any]
    ) -> None:
        """The step of all variables, compiled or not."""
        held = [*self._trainable_variables, *self.variables]
        if (
            self.compile_update is False
            or self._compiled.rates is not None
            or self._rows
            or not compiles_here(grads, held)
        ):
            super()._backend_apply_gradients(grads, trainable_variables)  # type: ignore[misc]
            return
        key = (
            tuple(self._get_variable_index(v) for v in trainable_variables),
            self._options(),
        )
        step = self._compiled.steps.get(key)
        if step is None:
            step = jitted_step(self._step_of(list(trainable_variables)), held)
            self._compiled.steps[key] = step
        step(list(grads), *self._rates())

    def _options(self) -> tuple[Any, ...]:
        """What a compiled step keeps as it was when it was traced: plain attributes."""
        return tuple(
            (name, value)
            for name, value in vars(self).items()
            if not name.startswith("_") and isinstance(value, bool | int | float | str)
        )

    def _rates(self) -> tuple[Tensor, Tensor]:
        """Learning rate and weight decay of the next step."""
        rates = self.learning_rate, self._weight_decay_number()
        # Values: of a variable, `convert_to_tensor` would return the variable.
        one, other = (ops.cast(ops.reshape(rate, ()), "float32") for rate in rates)
        return one, other

    def _step_of(self, trainable_variables: list[Any]) -> Callable[..., None]:
        update = super()._backend_apply_gradients  # type: ignore[misc]

        def step(gradients: list[Tensor], *rates: Tensor) -> None:
            self._compiled.rates = (rates[0], rates[1])
            try:
                update(gradients, trainable_variables)
            finally:
                self._compiled.rates = None

        return step
