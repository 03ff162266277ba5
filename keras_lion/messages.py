"""Errors and warnings of the `keras-lion` command, each in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from keras_lion._lazy import missing_package

TRACEBACK = "KERAS_LION_TRACEBACK"  # set it, and an error shows where it was raised


def error_text(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, ModuleNotFoundError):
        advice = missing_package("this command", error)
        error = advice or ImportError(f"{error}. Install it, or check its name.")
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if isinstance(error, ValueError | OSError | ImportError) and text:
        return text
    return (
        f"unexpected {type(error).__name__}: {text or 'no message'}. This is a fault "
        f"of keras-lion: please report it with what the same command prints with the "
        f"environment variable {TRACEBACK}=1."
    )


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Within it, warnings are shown without the place in the code that raised them."""
    formatted = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: (
        f"warning: {' '.join(str(message).split())}\n"
    )
    try:
        yield
    finally:
        warnings.formatwarning = formatted


def duration(seconds: float) -> str:
    """A time as it is estimated: seconds below two minutes, then minutes, then hours.

    Two digits are more than an estimate knows.
    """
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} seconds"
