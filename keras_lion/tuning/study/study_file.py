"""Reading a study from the Python file that declares it."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import traceback
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
        ValueError: If the file declares no study, or raises an error.

    Example:

    ```python
    from keras_lion.tuning import load_study_file

    load_study_file("studies/learning_rate_weight_decay.py").question
    ```
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no study file {file}. A relative path starts from the current "
            "folder, and `studies/` is in the checkout of keras-lion: go there, or "
            "give the whole path. `keras-lion list PATH` names the studies of a folder."
        )
    text = file.read_text(encoding="utf-8", errors="replace")
    if "STUDY" not in text:  # not executed: it is another program
        raise _no_study(file, text, None)
    name = f"keras_lion_study_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"A study is a Python file. Received: {file}.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError:
        raise  # missing packages say what to do
    except (Exception, SystemExit) as error:
        raise _broken(file, error) from error
    study = getattr(module, "STUDY", None)
    if isinstance(study, Study):
        return study
    raise _no_study(file, module.__doc__ or "", study)


def _no_study(file: Path, text: str, study: object) -> ValueError:
    """What to do with a file that declares no study."""
    command = re.search(r"^Command +(.+)$", text, re.MULTILINE)
    if study is None and command:
        return ValueError(
            f"{file} is a study without a sweep: it has no module-level STUDY to run. "
            f"Its own command is: {command[1]}"
        )
    return ValueError(
        f"{file} must have a module-level STUDY, a keras_lion.tuning.Study. Received: "
        f"{'none' if study is None else f'STUDY = {study!r}'}. docs/studies.md shows a "
        "study's file, and `keras-lion list` names the studies of a folder."
    )


def _broken(file: Path, error: BaseException) -> ValueError:
    """What a study's file raised, and where."""
    if isinstance(error, SyntaxError):
        line, what = error.lineno, error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f.lineno for f in frames if Path(f.filename) == file.absolute()]
        line, what = lines[-1] if lines else None, str(error)
    where = f"{file}, line {line}" if line else str(file)
    return ValueError(
        f"{where} cannot be read as a study: {type(error).__name__}: {what}. "
        "Correct the file, then give the command again."
    )


def find_study_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The Python files directly in a folder that assign a `STUDY`."""
    return sorted(
        path
        for path in Path(folder).glob("*.py")
        if path.is_file()
        and any(
            line.startswith(("STUDY =", "STUDY:"))
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        )
    )
