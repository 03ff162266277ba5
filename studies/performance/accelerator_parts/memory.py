"""`memory`: what a training step keeps on the device, by optimizer and batch size.

The step is that of a language model. `planned` is what XLA has allocated for it: its
arguments (weights, state, examples) and its temporary values. `peak` is the device's
own account, and needs a process for each measurement.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from studies.performance.accelerator_parts import device
from studies.performance.accelerator_parts.measurement import (
    Measurement,
    Sizes,
    SkippedError,
    largest_that_fits,
)

COLUMNS = ("parameters", "weights", "state", "planned", "peak", "largest_batch")
OPTIMIZERS = (
    "keras AdamW",
    "Lion",
    "Lion, bfloat16 momentum",
    "Lion, int8 momentum",
)
MOST = 2**16


def measurements(sizes: Sizes) -> list[Measurement]:
    """Every optimizer with every batch size, then with the largest that fits."""
    model = f"language model {sizes.width} x {sizes.blocks}"
    found = []
    names = OPTIMIZERS[:2] if sizes.small else OPTIMIZERS
    for size in sizes.batches:
        for name in names:
            key = f"{model}, batch of {size} / {name}"
            found.append(Measurement(key, partial(of_step, name, size, sizes), True))
    for name in names:
        key = f"{model}, largest batch / {name}"
        found.append(Measurement(key, partial(of_largest, name, sizes), True))
    return found


def of_step(name: str, batch_size: int, sizes: Sizes) -> dict[str, Any]:
    """Bytes of weights, of the state, and of one step."""
    step = Step(name, sizes)
    planned = step.planned(batch_size)
    before = device.memory("peak_bytes_in_use")
    step.take(batch_size)
    return {
        "parameters": step.parameters,
        "weights": step.weight_bytes,
        "state": step.state_bytes,
        "planned": planned,
        "peak": None if before is None else device.memory("peak_bytes_in_use"),
    }


def of_largest(name: str, sizes: Sizes) -> dict[str, Any]:
    """The largest batch, of powers of two, with which a step fits."""
    if device.memory("bytes_limit") is None:
        raise SkippedError("this device does not say how much memory it has")
    step = Step(name, sizes)
    largest = largest_that_fits(step.fits, first=1, most=MOST)
    return {"parameters": step.parameters, "largest_batch": largest}


class Step:
    """A training step of the language model with one optimizer.

    Args:
        name: The optimizer, as in `steps`.
        sizes: Width and blocks of the model.
    """

    def __init__(self, name: str, sizes: Sizes) -> None:
        import jax
        import keras

        from keras_lion.tuning.tasks import models
        from studies.performance.accelerator_parts.steps import make
        from studies.performance.accelerator_parts.workloads import LENGTH

        keras.utils.set_random_seed(0)
        model = models.language_model(
            length=LENGTH, width=sizes.width, blocks=sizes.blocks
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = make(name)
        optimizer.build(model.trainable_variables)
        others = [v.value for v in model.non_trainable_variables]

        def loss_of(weights: Any, x: Any, y: Any) -> Any:
            return loss(y, model.stateless_call(weights, others, x, training=True)[0])

        def step(weights: Any, state: Any, x: Any, y: Any) -> Any:
            gradients = jax.grad(loss_of)(weights, x, y)
            return optimizer.stateless_apply(state, gradients, weights)

        self._program = jax.jit(step, donate_argnums=(0, 1))
        variables = model.trainable_variables
        # Copied: donated buffers are gone. Those of the model are then let go.
        self._held = [
            [jax.numpy.array(v.value) for v in kept]
            for kept in (variables, optimizer.variables)
        ]
        self.parameters = sum(int(v.size) for v in self._held[0])
        self.weight_bytes, self.state_bytes = (
            sum(int(v.nbytes) for v in kept) for kept in self._held
        )
        for variable in (*variables, *optimizer.variables):
            variable.value.delete()

    def planned(self, batch_size: int) -> int:
        """Bytes that XLA allocates: arguments, results that are new, and the rest."""
        from studies.performance.accelerator_parts.workloads import batch_of

        batch = batch_of("language_model", batch_size)
        found = self._program.lower(*self._held, *batch).compile().memory_analysis()
        return int(
            found.argument_size_in_bytes
            + found.output_size_in_bytes
            - found.alias_size_in_bytes
            + found.temp_size_in_bytes
        )

    def take(self, batch_size: int, steps: int = 2) -> None:
        """Train for some steps."""
        import jax

        from studies.performance.accelerator_parts.workloads import batch_of

        batch = batch_of("language_model", batch_size)
        for _ in range(steps):
            self._held = list(self._program(*self._held, *batch))
        jax.block_until_ready(self._held)

    def fits(self, batch_size: int) -> bool:
        """Whether a step of so many examples fits into the device's memory."""
        from keras_lion.tuning import backend

        limit = device.memory("bytes_limit")
        if limit is not None and self.planned(batch_size) > limit:
            return False
        try:
            self.take(batch_size, steps=1)
        except Exception as error:
            if not backend.is_out_of_memory(error):
                raise
            return False
        return True
