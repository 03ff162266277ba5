"""The optimizer's state in a file of a whole model."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_lion.optimizers.saved_state import VARIABLES

WEIGHTS_IN_ARCHIVE = "model.weights.h5"
GROUP = "state_group/vars"


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
