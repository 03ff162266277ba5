"""A process of `--workers N`: a chief or a worker, which ends with its parent.

`python -m keras_lion.tuning.sweep.child ARGUMENTS`, with the arguments as JSON and
KerasTuner's three environment variables.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def main(arguments: dict[str, Any]) -> int:
    """Do this process's part of a sweep; returns its exit status."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.path[:] = arguments["path"]

    from keras_lion.tuning import backend
    from keras_lion.tuning.runs.files import FolderWriteError
    from keras_lion.tuning.study.study_file import load_study_file
    from keras_lion.tuning.sweep.run import run_study
    from keras_lion.tuning.sweep.workers import CANNOT_WRITE, WRONG

    try:
        if arguments["device"] is not None:
            backend.keep_to_device(arguments["device"])
        run_study(
            load_study_file(arguments["file"]),
            task=arguments["task"],
            preset=arguments["preset"],
            output=arguments["output"],
            executor=arguments["executor"],
            population=arguments["population"],
            extend=arguments["extend"],
        )
    except FolderWriteError as error:
        # What is safe, and what to do, the parent says once for all.
        print(error.__cause__ or error, file=sys.stderr)
        return CANNOT_WRITE
    except (ValueError, FileNotFoundError, ImportError) as error:
        print(error, file=sys.stderr)
        return WRONG
    return 0


def _end_with_parent() -> None:
    # The parent holds the other end of the pipe; the system closes it when it dies.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
