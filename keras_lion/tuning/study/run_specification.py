"""The specification of one run, and its key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from keras_lion.tuning.study.schedule import Schedule
from keras_lion.tuning.study.search_space import Value


@dataclass(frozen=True)
class RunSpecification:
    """All that identifies the result of one run, except the data themselves.

    `extra` holds the hyperparameters that have no field: options of the optimizer and
    those hyperparameters of the task's model that the model of this run reads.
    """

    study: str
    preset: str
    task: str
    optimizer: str
    learning_rate: float
    weight_decay: float
    beta_1: float | None
    beta_2: float | None
    batch_size: int
    seed: int
    epochs: int | None
    evaluate_every: int
    schedule: Schedule
    train_examples: int | None
    validation_examples: int | None
    metric: str
    target: float
    backend: str
    steps: int | None = None
    extra: tuple[tuple[str, Value], ...] = ()

    @cached_property
    def key(self) -> str:
        """Hash of what decides the result, and not of when or where it is computed.

        The preset is left out: a run that two presets share is one run.
        """
        identity = asdict(self)
        del identity["preset"]
        # As the first recorded keys have it, booleans as 1 and 0.
        identity["model"] = [
            (name, int(value) if isinstance(value, bool) else value)
            for name, value in identity.pop("extra")
        ]
        for name in ("steps", "model"):  # younger than the first recorded keys
            if not identity[name]:
                del identity[name]
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def columns(self) -> dict[str, Any]:
        """The specification as columns of a record."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in (
            "evaluate_every",
            "train_examples",
            "validation_examples",
            "target",
            "steps",
            "extra",
        ):
            del columns[name]
        return {
            "key": self.key,
            **columns,
            **dict(self.extra),
            "schedule": str(self.schedule),
        }
