"""A new Keras model from what a task gives: a function, a class or a HyperModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import Sequential

from keras_lion.optimizers.weight_decay import VariableSet, check_mask, is_selected
from keras_lion.tuning.tasks.data import Data
from keras_lion.tuning.tasks.hyperparameters import (
    build_noting_reads,
    refuse_unread,
    takes_hyperparameters,
)
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


def decayed_weights(task: Task, model: Any) -> tuple[bool, ...]:
    """Which trainable weights of a model the task's weight decay acts on.

    Raises:
        ValueError: If the mask is malformed, or names what the model does not have.
    """
    weights = model.trainable_variables
    mask = check_mask(task.weight_decay_mask)
    unmatched = mask.unmatched(weights) if isinstance(mask, VariableSet) else []
    if unmatched:
        paths = ", ".join(weight.path for weight in weights)
        raise ValueError(
            f"`weight_decay_mask` of task '{task.name}' must match paths of the "
            f"model's trainable weights: {paths}. Received: {', '.join(unmatched)}."
        )
    return tuple(is_selected(weight, mask) for weight in weights)


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
    if not takes_hyperparameters(model):
        refuse_unread(task, model, hyperparameters, ())
    made, reads = build_noting_reads(model, hyperparameters)
    refuse_unread(task, model, hyperparameters, reads.active)
    if not hasattr(made, "stateless_call"):
        raise ValueError(
            f"The model function of task '{task}' must return a new Keras model. "
            f"Received: {type(made).__name__}."
        )
    return made
