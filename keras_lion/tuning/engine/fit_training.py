"""Training of one run at a time by the model's own `fit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_lion.tuning.engine.compiled_model import CompiledModel
from keras_lion.tuning.engine.fit_optimizer import PlannedOptimizer, planned_optimizer
from keras_lion.tuning.engine.run import Run
from keras_lion.tuning.tasks.structure import rows

# The learning rate of every step is declared; and a run starts from its beginning.
REFUSED = {
    keras.callbacks.LearningRateScheduler: "the learning rate of every step is "
    "declared, in the plan's schedule",
    keras.callbacks.ReduceLROnPlateau: "the learning rate of every step is declared, "
    "in the plan's schedule",
    keras.callbacks.BackupAndRestore: "it would restore the state of another run; a "
    "sweep resumes by itself",
}


class FitTraining:
    """Trains the runs of one task with one optimizer through `fit`.

    The model is compiled once; weights, learning rates and decay of each run are
    assigned to its variables.

    Args:
        compiled: The task's compiled model.
        make: Function without arguments that returns a new optimizer.
        steps: Steps of a run.
    """

    def __init__(
        self, compiled: CompiledModel, make: Callable[[], Any], steps: int
    ) -> None:
        self.compiled = compiled
        self._make, self._steps = make, steps
        self._scaled = compiled.model.optimizer if compiled.has_scaled_loss else None
        self._optimizer = self._new_optimizer()
        compiled.model.optimizer = self._optimizer.outer

    def _new_optimizer(self) -> PlannedOptimizer:
        return planned_optimizer(
            self._make,
            self.compiled.model.trainable_variables,
            self.compiled.decayed,
            self._steps,
            self._scaled,
        )

    def check(self, run: Run) -> None:
        """Make the first update of a run, and refuse what `fit` cannot do.

        Raises:
            ValueError: If the step fails, `train_step` returns no loss, or a callback
                cannot be used.
        """
        self._new_callbacks()
        self._start(run)
        logs: dict[str, Any] = {}
        record = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda _, found: logs.update(found)
        )
        steps = self._optimizer.inner.gradient_accumulation_steps or 1
        part = slice(0, min(steps, run.parts()[0].stop))
        self.compiled.tried(lambda: self._fit(run, [part], [record], validation=False))
        if "loss" not in logs:
            raise ValueError(
                f"`train_step` of the model of task '{self.compiled.task.name}' must "
                f"return a 'loss'. It returned: {', '.join(logs) or 'nothing'}."
            )

    def train(self, run: Run) -> None:
        """Train a run to its end, and note what was seen and what is left."""
        callbacks = self._new_callbacks()
        self._start(run)
        seen = _Seen(run, self.compiled)
        self._fit(run, run.parts(), [seen, *callbacks])
        if callbacks or getattr(self._optimizer.inner, "use_ema", False):
            # They may have replaced the weights after the last evaluation.
            run.returned = self.compiled.evaluate(run.split.validation)
            run.finite = run.returned.finite

    def _start(self, run: Run) -> None:
        optimizer = self._optimizer
        self.compiled.set_weights(self.compiled.initial_weights(run.seeds.model_seed))
        optimizer.copy_from(self._new_optimizer())
        optimizer.plan(run.rates, run.weight_decay)

    def _new_callbacks(self) -> list[Any]:
        task = self.compiled.task
        made = [] if task.callbacks is None else list(task.callbacks())
        for callback in made:
            for kind, reason in REFUSED.items():
                if isinstance(callback, kind):
                    raise ValueError(
                        f"{type(callback).__name__} cannot be used in a study: "
                        f"{reason}."
                    )
        return made

    def _fit(
        self,
        run: Run,
        parts: Sequence[slice],
        callbacks: Sequence[Any],
        *,
        validation: bool = True,
    ) -> None:
        compiled = self.compiled
        data, task = compiled.data, compiled.task
        given = tuple(
            array for array in (data.x, data.y, data.sample_weight) if array is not None
        )
        held_out = tuple(rows(array, run.split.validation) for array in given)
        batches = Batches(given, [run.order[part] for part in parts])
        turn = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: setattr(batches, "epoch", epoch)
        )
        compiled.model.fit(
            batches,
            epochs=len(parts),
            shuffle=False,
            class_weight=_weights_of_classes(task.class_weight),
            validation_data=held_out if validation else None,
            validation_batch_size=task.batch_size,
            callbacks=[turn, *callbacks],
            verbose=0,
        )


class Batches(keras.utils.PyDataset):
    """The batches of a run in their declared order.

    Args:
        arrays: Inputs, labels and perhaps sample weights of the pool.
        parts: Indices of each epoch's batches, each of shape `(steps, batch_size)`.
    """

    def __init__(self, arrays: tuple[Any, ...], parts: Sequence[np.ndarray]) -> None:
        super().__init__()
        self.epoch = 0  # set from outside: Keras also ends epochs that it has not begun
        self._arrays, self._parts = arrays, parts

    def __len__(self) -> int:
        return len(self._parts[self.epoch])

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        indices = self._parts[self.epoch][index]
        return tuple(rows(array, indices) for array in self._arrays)


class _Seen(keras.callbacks.Callback):
    """Notes every evaluation of a run, and ends it where it is not finite."""

    def __init__(self, run: Run, compiled: CompiledModel) -> None:
        super().__init__()
        self._run, self._compiled = run, compiled

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note what `fit` reports of an epoch."""
        logs = logs or {}
        held_out = {
            name.removeprefix("val_"): value
            for name, value in logs.items()
            if name.startswith("val_")
        }
        found = self._compiled.evaluation_of(held_out)
        loss = float(logs.get("loss", math.nan))
        self._run.note(self._run.parts()[epoch].stop, loss, found)
        if not self._run.finite:
            self.model.stop_training = True


def _weights_of_classes(
    class_weight: Mapping[int, float] | None,
) -> dict[int, float] | None:
    return None if class_weight is None else dict(class_weight)
