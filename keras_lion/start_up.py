"""Starting a backend without the messages that it prints when it is imported."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_START_UP = re.compile(
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IW]\d{4} \d\d:\d\d:\S+\s+\d+ \S+:\d+\]|[IW]0000 00:00:"
    r"|To enable the following instructions"
    # TensorFlow registers what JAX, or itself, has registered before. Harmless.
    r"|[EW]\d{4} \d\d:\d\d:.*Unable to register cu\w+ (factory|kernel)"
)
# Retracing of `tf.function`, an accelerator that is not used, and the like.
_LOGGERS = ("absl", "jax", "tensorflow", "torch")


@contextmanager
def quiet_start(*, verbose: bool = False) -> Iterator[None]:
    """Within it, the start-up messages of a backend are left out of standard error.

    Everything else that is written there is shown when the context ends.

    Args:
        verbose: Show the start-up messages, too.

    Example:

    ```python
    from keras_lion.start_up import quiet_start

    with quiet_start():
        import keras
    ```
    """
    if verbose:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)  # C++ code writes to the descriptor
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines(keepends=True)
            sys.stderr.write("".join(each for each in lines if not is_start_up(each)))
            log_errors_only()  # what was imported has loggers now


def log_errors_only() -> None:
    """Let backends log errors only, before they are imported and while they run.

    A level that the user has set stays. What TensorFlow logs while it is being imported
    has no level: see `quiet_start`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # also of JAX
    for name in _LOGGERS:
        # absl makes its logger itself, of a class of its own, and at level WARNING.
        if name == "absl" and "absl.logging" not in sys.modules:
            continue
        logger = logging.getLogger(name)
        if logger.level in (logging.NOTSET, logging.WARNING):
            logger.setLevel(logging.ERROR)


def is_start_up(line: str) -> bool:
    """True for a line of information or warning that a backend logs at its start."""
    return _START_UP.match(line) is not None
