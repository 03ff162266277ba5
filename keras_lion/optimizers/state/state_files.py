"""How the files of Keras hold an optimizer's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from keras_lion.optimizers.state.saved_state import VARIABLES, SavedState

INNER, GROUP = "inner_optimizer", "state_group"  # attributes: groups of a file


class StateGroup(keras.layers.Layer):
    """The group of a Keras file that holds the state of an optimizer.

    Keras's optimizers count the entries of the group `optimizer`, and read them by
    number if the count is theirs: any entry of ours there could be taken for one of
    theirs, or stop the loading of a model. That group stays empty, and Keras's saving
    gives this object a group below it.

    Args:
        state: Returns the optimizer's state.
        load: Loads the entries of this group.
    """

    def __init__(
        self, state: Callable[[], SavedState], load: Callable[[Mapping[str, Any]], None]
    ) -> None:
        super().__init__(name="state_group")
        self._state, self._load = state, load

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the optimizer's state, unless it is in the group above."""
        if not isinstance(store, dict):
            self._state().write(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read the optimizer's state, if it is in this group."""
        self._load(store)


def name_in_file(store: Any) -> str | None:
    """The name of the optimizer that a group of a Keras file was written for."""
    attributes = getattr(getattr(store, "_h5_entry_group", None), "attrs", {})
    name = attributes.get("name")
    return name if isinstance(name, str) else None


def state_below(store: Any) -> dict[str, Any]:
    """The state of the optimizer in a `LossScaleOptimizer` that a file was saved with.

    Args:
        store: The group of the optimizer, which is loaded without that wrapper.

    Returns:
        The entries of the state; empty if there are none.
    """
    return _entries_at(store, lambda path: f"{path}/{INNER}/{GROUP}")


def state_above(store: Any) -> dict[str, Any]:
    """The state of the optimizer of a file that was saved without a wrapper.

    Args:
        store: The `StateGroup` of an optimizer in a `LossScaleOptimizer`.

    Returns:
        The entries of the state; empty if there are none.
    """
    return _entries_at(
        store,
        lambda path: f"{path.removesuffix(f'{INNER}/{GROUP}')}{GROUP}",
    )


def _entries_at(store: Any, other: Callable[[str], str]) -> dict[str, Any]:
    """The entries of another group of the file, whose path follows from this one's."""
    path = getattr(store, "_h5_entry_path", None)
    if path is None:
        return {}
    store.get(other(path))
    entries = {key: np.asarray(store[key]) for key in list(store.keys())}
    store.get(path)
    return entries if VARIABLES in entries else {}


def read_state_of_file(file: str | Path) -> dict[str, Any]:
    """Return the entries of the optimizer's state in a `.keras` or `.weights.h5` file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of neither kind, or holds no such state.
    """
    if not str(file).endswith((".keras", ".weights.h5")):
        raise ValueError(
            "The state of an optimizer is read from a `.keras` or `.weights.h5` file. "
            f"Received: {file}."
        )
    if not Path(file).exists():
        raise FileNotFoundError(f"There is no file {file}.")
    reader = StateReader()
    keras.saving.load_weights(reader, str(file))
    if not reader.entries:
        raise ValueError(
            f"{file} holds no state of an optimizer of keras-lion. Save it from a "
            "model that was compiled with one."
        )
    return reader.entries


class StateReader(keras.Model):
    """A model that loads nothing of a file but the state of an optimizer."""

    def __init__(self) -> None:
        super().__init__()
        self.built = True
        self.entries: dict[str, Any] = {}
        # In an object that Keras does not look into, or it would be one of the layers.
        self._place = SimpleNamespace(optimizer=Place(self._keep, Place(self._keep)))

    @property
    def optimizer(self) -> Place:
        """Where Keras's saving expects an optimizer."""
        return self._place.optimizer  # type: ignore[no-any-return]

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read nothing of the model."""

    def _keep(self, store: Mapping[str, Any]) -> None:
        if VARIABLES in store:
            self.entries = {key: np.asarray(store[key]) for key in list(store.keys())}


class Place(keras.layers.Layer):
    """The place of an optimizer, or of a `LossScaleOptimizer` and the one in it."""

    def __init__(
        self, keep: Callable[[Mapping[str, Any]], None], inner: Place | None = None
    ) -> None:
        super().__init__()
        self.state_group = StateGroup(lambda: SavedState((), {}, {}), keep)
        self.inner_optimizer = inner

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read nothing of what Keras saved by number."""
