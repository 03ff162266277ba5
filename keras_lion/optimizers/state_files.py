"""How the files of Keras hold an optimizer's state."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_lion.optimizers.saved_state import VARIABLES, SavedState

WEIGHTS_IN_ARCHIVE = "model.weights.h5"
GROUP = "state_group/vars"


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


def read_state_of_file(file: str | Path) -> dict[str, Any]:
    """Return the entries of the optimizer's state in a `.keras` or `.weights.h5` file.

    Raises:
        ValueError: If the file is of neither kind, or holds no such state.
    """
    import h5py
    import ml_dtypes

    file = Path(file)
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            content: Any = io.BytesIO(archive.read(WEIGHTS_IN_ARCHIVE))
    elif file.name.endswith(".weights.h5"):
        content = file
    else:
        raise ValueError(
            "The state of an optimizer is read from a `.keras` or `.weights.h5` file. "
            f"Received: {file}."
        )
    found: dict[str, Any] = {}

    def read(name: str, group: Any) -> None:
        if name.endswith(GROUP) and VARIABLES in group:
            for key, entry in group.items():
                value = np.asarray(entry)
                if entry.attrs.get("dtype") == "bfloat16":
                    value = value.view(ml_dtypes.bfloat16)
                found[key] = value

    with h5py.File(content, "r") as weights:
        weights.visititems(read)
    if not found:
        raise ValueError(
            f"{file} holds no state of an optimizer of keras-lion. Save it from a "
            "model that was compiled with one."
        )
    return found
