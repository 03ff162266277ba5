"""A new Keras model from what a task gives: a function, a class or a HyperModel."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


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
    build = getattr(model, "build", model)
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
