"""Reading a study from the Python file that declares it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from keras_lion.tuning.study.study import Study


def load_study_file(path: str | os.PathLike[str]) -> Study:
    """The module-level `STUDY` of a Python file.

    Args:
        path: The file.

    Returns:
        The study.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file declares no study.

    Example:

    ```python
    from keras_lion.tuning import load_study_file

    load_study_file("studies/learning_rate_weight_decay.py").question
    ```
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no study file {file}. `keras-lion list` names those that it "
            "finds."
        )
    name = f"keras_lion_study_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"A study is a Python file. Received: {file}.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise ValueError(
            f"{file} must have a module-level STUDY, a keras_lion.tuning.Study. "
            f"Received: STUDY = {study!r}."
        )
    return study


def find_study_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The Python files directly in a folder that assign a `STUDY`."""
    return sorted(
        path
        for path in Path(folder).glob("*.py")
        if any(
            line.startswith(("STUDY =", "STUDY:"))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    )
