"""Keras callbacks of a task, called from outside the compiled program."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_lion.tuning.engine.program import TaskProgram
from keras_lion.tuning.engine.training import TrainingState
from keras_lion.tuning.tasks.task import Task

# The learning rate of every step is declared, and is an input of the program.
REFUSED = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


class RunCallbacks:
    """The callbacks of one run; without any, it costs nothing.

    `on_train_begin`, `on_epoch_begin`, `on_epoch_end` and `on_train_end` are called;
    an epoch is the time between two evaluations. There are no calls per batch, since
    the compiled program takes many steps at once. `model.stop_training` ends a run.

    Args:
        task: Makes the callbacks.
        program: Its model is handed to them, with the run's weights.

    Raises:
        ValueError: If a callback changes the learning rate.
    """

    def __init__(self, task: Task, program: TaskProgram) -> None:
        self._model = program.model
        self._callbacks: keras.callbacks.CallbackList | None = None
        self._evaluations = 0
        if task.callbacks is None:
            return
        made = list(task.callbacks())
        for callback in made:
            if isinstance(callback, REFUSED):
                raise ValueError(
                    f"{type(callback).__name__} cannot be used in a study: the "
                    "learning rate of every step is declared, in the plan's schedule."
                )
        self._callbacks = keras.callbacks.CallbackList(made, model=self._model)

    def begin(self, state: TrainingState) -> None:
        """Training begins."""
        if self._callbacks is None:
            return
        self._model.stop_training = False
        self._show(state)
        self._callbacks.on_train_begin()
        self._callbacks.on_epoch_begin(0)

    def evaluated(self, state: TrainingState, history: dict[str, list[Any]]) -> bool:
        """The model was evaluated; returns True if training shall stop."""
        if self._callbacks is None:
            return False
        self._show(state)
        names = {"train_loss": "loss", "epoch": None}
        logs = {
            names.get(name, f"val_{name}"): values[-1]
            for name, values in history.items()
            if names.get(name, name) is not None and values[-1] is not None
        }
        self._callbacks.on_epoch_end(self._evaluations, logs)
        self._evaluations += 1
        stop = bool(self._model.stop_training)
        if not stop and all(math.isfinite(value) for value in logs.values()):
            self._callbacks.on_epoch_begin(self._evaluations)
        return stop

    def end(self, state: TrainingState) -> None:
        """Training is over."""
        if self._callbacks is None:
            return
        self._show(state)
        self._callbacks.on_train_end()

    def _show(self, state: TrainingState) -> None:
        for variables, values in (
            (self._model.trainable_variables, state.weights),
            (self._model.non_trainable_variables, state.others),
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
