"""A new Keras model from what a task gives: a function, a class or a HyperModel."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from keras import Sequential

from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.structure import rows
from keras_lion.tuning.tasks.task import Task


def new_model(task: Task, data: Data, hyperparameters: Mapping[str, Any]) -> Any:
    """A new Keras model of a task, with all of its weights."""
    model = build_model(task.name, task.model, hyperparameters)
    if not model.built:  # a Sequential without an Input, or a class of the user's
        if isinstance(data.x, dict | tuple | list) or type(model) is not Sequential:
            model(rows(data.x, slice(0, 1)))
        else:
            model.build((None, *data.x.shape[1:]))
    return model


def build_model(task: str, model: Any, hyperparameters: Mapping[str, Any]) -> Any:
    """A new Keras model.

    Args:
        task: Name of the task, for errors.
        model: A function without arguments; or a `keras_tuner.HyperModel`, or a
            function of `hp`, whose model depends on the configuration.
        hyperparameters: What the configuration says of the model.

    Raises:
        ValueError: If the configuration names what the model does not read, or the
            function returns no Keras model.
    """
    is_class = inspect.isclass(model)
    if is_class and hasattr(model, "declare_hyperparameters"):  # of HyperModels
        model, is_class = model(), False
    build = model if is_class else getattr(model, "build", model)
    required = [
        p
        for p in inspect.signature(build).parameters.values()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if not required:
        if hyperparameters:
            raise ValueError(
                f"The search space of task '{task}' names "
                f"{', '.join(hyperparameters)}, which is no option of the optimizer, "
                "and the task's model is a function without arguments. Give a function "
                "of `hp`, or a keras_tuner.HyperModel."
            )
        made = build()
    else:
        # Imported here: KerasTuner is not needed to train a model of one shape.
        from keras_lion.tuning.kerastuner import preset_hyperparameters

        hp = preset_hyperparameters(hyperparameters)
        made = build(hp)
        read = {parameter.name for parameter in hp.space}
        unread = [name for name in hyperparameters if name not in read]
        if unread:
            raise ValueError(
                f"The search space of task '{task}' names {', '.join(unread)}, which "
                "is no option of the optimizer and which its model does not read. It "
                f"reads: {', '.join(sorted(read))}."
            )
    if not hasattr(made, "stateless_call"):
        raise ValueError(
            f"The model function of task '{task}' must return a new Keras model. "
            f"Received: {type(made).__name__}."
        )
    return made
