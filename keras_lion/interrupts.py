"""Ctrl-C that does not get lost."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Interrupts:
    """Remembers that Ctrl-C was pressed.

    Python drops a `KeyboardInterrupt` that is raised inside a destructor or a callback
    of the garbage collector, and JAX has one of these. Within this context the signal
    is remembered as well, and `check` raises it again.

    Example:

    ```python
    from keras_lion.interrupts import Interrupts

    with Interrupts() as interrupts:
        for _ in range(3):
            interrupts.check()
    ```
    """

    def __init__(self) -> None:
        self.received = False

    def __enter__(self) -> Interrupts:
        self._previous = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if Ctrl-C was pressed since the context began."""
        if self.received:
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        raise KeyboardInterrupt
