"""Which hyperparameters the model of a task reads."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MODELS_IN_MEMORY = 4096  # what they read, not the models


@dataclass(frozen=True)
class Reads:
    """What one model reads of a configuration.

    Attributes:
        active: Names whose values it uses.
        known: Also the names that it declares under a condition that is not met.
    """

    active: frozenset[str]
    known: frozenset[str]


NOTHING = Reads(frozenset(), frozenset())


def takes_hyperparameters(model: Any) -> bool:
    """Whether a task's model is a `HyperModel` or a function of `hp`."""
    parameters = inspect.signature(_function_of(model)).parameters.values()
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def _function_of(model: Any) -> Any:
    if not inspect.isclass(model):
        return getattr(model, "build", model)
    # A class of Keras has a `build` too, but it is called to make a model.
    if not hasattr(model, "declare_hyperparameters"):
        return model
    hyper_model: Any = model
    return hyper_model().build


def build_noting_reads(model: Any, values: Mapping[str, Any]) -> tuple[Any, Reads]:
    """A new model, and what it reads.

    Args:
        model: A function without arguments or of `hp`, a class or a `HyperModel`.
        values: The configuration of the model.
    """
    build = _function_of(model)
    if not takes_hyperparameters(model):
        return build(), NOTHING
    # Imported here: KerasTuner is not needed to train a model of one shape.
    from keras_lion.tuning import kerastuner

    hp = kerastuner.preset_hyperparameters(values)
    made = build(hp)
    return made, Reads(kerastuner.read_names(hp), kerastuner.known_names(hp))


def reads_of(model: Any, values: Mapping[str, Any]) -> Reads | None:
    """What the model of a configuration reads; None if it cannot be built.

    The model is built to find out, once for each configuration.

    Args:
        model: As `Task.model`.
        values: The configuration of the model.
    """
    if not takes_hyperparameters(model):
        return NOTHING
    try:
        return _reads_of(model, tuple(sorted(values.items())))
    except Exception:
        # The run that needs this model reports why.
        return None


@lru_cache(MODELS_IN_MEMORY)
def _reads_of(model: Any, values: tuple[tuple[str, Any], ...]) -> Reads:
    return build_noting_reads(model, dict(values))[1]


def refuse_unread(
    task: str, model: Any, names: Collection[str], reads: Collection[str]
) -> None:
    """Refuse hyperparameters that nothing reads.

    Args:
        task: Name of the task.
        model: As `Task.model`.
        names: What a search space names beyond the options of the optimizer.
        reads: What the model reads.

    Raises:
        ValueError: If one of `names` is not among `reads`.
    """
    unread = [name for name in names if name not in reads]
    if unread and not takes_hyperparameters(model):
        raise ValueError(
            f"The search space of task '{task}' names {', '.join(unread)}, which is no "
            "option of the optimizer, and the task's model is a function without "
            "arguments. Give a function of `hp`, or a keras_tuner.HyperModel."
        )
    if unread:
        raise ValueError(
            f"The search space of task '{task}' names {', '.join(unread)}, which is no "
            "option of the optimizer and which its model does not read. It reads: "
            f"{', '.join(sorted(reads)) or 'none'}."
        )
