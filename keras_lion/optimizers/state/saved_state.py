"""An optimizer's state outside of the optimizer, and as the entries of a store."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_lion.optimizers.state.matching import Described

VARIABLES = "variables"
MOMENTUM, SCALE = "momentum", "momentum_scale"


@dataclass(frozen=True)
class SavedState:
    """The state of an optimizer.

    Attributes:
        variables: The trainable variables that the slots belong to; none if the
            optimizer was not built.
        slots: Name of a slot (`"momentum"`) → its value for each variable, None where
            a variable has none.
        scalars: Name of any other optimizer variable (`"iteration"`) → its value.
    """

    variables: tuple[Described, ...]
    slots: Mapping[str, Sequence[np.ndarray | None]]
    scalars: Mapping[str, np.ndarray]

    def write(self, store: MutableMapping[str, Any]) -> None:
        """Write the entries `variables`, `<slot>:<number>` and `<scalar>`."""
        described = json.dumps([variable._asdict() for variable in self.variables])
        store[VARIABLES] = np.frombuffer(described.encode(), dtype="uint8")
        for slot, values in self.slots.items():
            for number, value in enumerate(values):
                if value is not None:
                    store[f"{slot}:{number}"] = value
        for name, value in self.scalars.items():
            store[name] = value

    @classmethod
    def read(cls, store: Mapping[str, Any]) -> SavedState:
        """Read entries that `write` wrote."""
        entries = {key: np.asarray(store[key]) for key in list(store.keys())}
        described = json.loads(entries.pop(VARIABLES).tobytes().decode())
        variables = tuple(
            Described(**{**each, "shape": tuple(each["shape"])}) for each in described
        )
        scalars = {key: entries.pop(key) for key in list(entries) if ":" not in key}
        slots: dict[str, list[np.ndarray | None]] = {}
        for key, value in entries.items():
            slot, _, number = key.partition(":")
            slots.setdefault(slot, [None] * len(variables))[int(number)] = value
        return cls(variables, slots, scalars)

    def to_bytes(self) -> bytes:
        """Return the entries as a NumPy archive."""
        entries: dict[str, Any] = {}
        self.write(entries)
        # NumPy's files have no bfloat16, every value of which is a float32 too.
        native = {
            key: value.astype("float32") if value.dtype.kind == "V" else value
            for key, value in ((k, np.asarray(v)) for k, v in entries.items())
        }
        file = io.BytesIO()
        np.savez(file, **native)  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> SavedState:
        """Read what `to_bytes` returned."""
        with np.load(io.BytesIO(content)) as entries:
            return cls.read(entries)


def read_keras_lion(
    store: Mapping[str, Any], here: Sequence[Described], *, with_learning_rate: bool
) -> SavedState | None:
    """Read a state that `keras.optimizers.Lion` saved, by number.

    The numbers are those of iterations, of the learning rate unless it was a schedule,
    of averages and accumulators if there were any, and of the momenta.

    Args:
        store: The entries `"0"`, `"1"`, and so on.
        here: The variables that it is read for, which a file of Keras does not name.
        with_learning_rate: Whether a learning rate is expected.

    Returns:
        The state; None if number, order and shapes do not agree with the variables.
    """
    values = [np.asarray(store[str(number)]) for number in range(len(store.keys()))]
    scalars = ["iteration", "learning_rate"] if with_learning_rate else ["iteration"]
    momenta = values[len(values) - len(here) :]
    rest = len(values) - len(scalars)
    if (
        not here
        or rest < len(here)
        or rest % len(here)
        or [m.shape for m in momenta] != [v.shape for v in here]
        or any(value.shape for value in values[: len(scalars)])
    ):
        return None
    named = dict(zip(scalars, values, strict=False))
    return SavedState(tuple(here), {MOMENTUM: momenta}, named)


def checksum(variable: Any) -> int | None:
    """Return a checksum of a variable's values; None where all of them are equal."""
    value = np.ascontiguousarray(variable.numpy())
    if value.size == 0 or (value == value.flat[0]).all():
        return None
    return zlib.crc32(value.tobytes())
