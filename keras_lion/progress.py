"""How a sweep shows where it stands: a live bar, or plain lines."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from keras_lion.report.elements.style import Quantity, optimizer_label
from keras_lion.robustness.frames.quantity import quantity_of_record

if TYPE_CHECKING:
    from keras_lion.tuning.sweep.preparation import Progress

PLAIN_LINES = 10  # a sweep, where there is no terminal


class SweepDisplay:
    """Counts, time left, diverged and failed runs, and the best of each optimizer.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.skipped = 0
        self.done = 0
        self.diverged = 0
        self.failures: list[dict[str, Any]] = []
        self.best: dict[str, dict[str, Any]] = {}
        self.bar: Bar | None = None
        self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take note of a run and show it."""
        record = progress.record
        self.skipped, self.done = progress.skipped, progress.done
        if record is None:
            for earlier in progress.earlier:
                self._note(earlier)
            self._begin(progress)
            return
        self._note(record)
        if record["status"] == "failed":
            self.console.print(_failure(record), markup=False, soft_wrap=True)
        if self.bar is not None:
            self.bar.update(
                self.bar.task_ids[0],
                completed=progress.skipped + progress.done,
                status=self._status(progress),
            )
        elif self._due(progress):
            position = f"{progress.skipped + progress.done}/{progress.total}"
            self.console.print(
                f"{position} {self._status(progress)}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    @property
    def failed(self) -> int:
        """Number of runs that failed."""
        return len(self.failures)

    def list_failures(self) -> None:
        """List again, at the end of a sweep, which runs failed, and why."""
        if not self.failures:
            return
        self.console.print(
            f"{self.failed} runs failed and count as missing; the same command tries "
            "them again:",
            highlight=False,
            soft_wrap=True,
        )
        for record in self.failures:
            self.console.print(f"  {_failure(record)}", markup=False, soft_wrap=True)

    def _note(self, record: dict[str, Any]) -> None:
        self.diverged += record["status"] == "diverged"
        if record["status"] == "failed":
            self.failures.append(record)
        if record["status"] == "ok":
            known = self.best.get(record["optimizer"])
            if known is None or record["score"] > known["score"]:
                self.best[record["optimizer"]] = record

    def _begin(self, progress: Progress) -> None:
        waiting = progress.total - progress.skipped
        text = f"{progress.total} runs declared"
        if progress.skipped:
            text += f", {progress.skipped} finished earlier and skipped"
        self.console.print(f"{text}, {waiting} to run", highlight=False)
        if self.bar is not None:
            self.bar.update(
                self.bar.task_ids[0],
                total=progress.total,
                completed=progress.skipped,
            )

    def _due(self, progress: Progress) -> bool:
        waiting = progress.total - progress.skipped
        every = max(1, math.ceil(waiting / PLAIN_LINES))
        return progress.done % every == 0 or progress.done == waiting

    def _status(self, progress: Progress) -> str:
        elapsed = time.monotonic() - self._started
        left = progress.total - progress.skipped - progress.done
        parts = [
            f"{60 * progress.done / elapsed:.0f} runs/min",
            f"{_clock(elapsed / progress.done * left)} left",
            f"{self.diverged} diverged",
        ]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.best:
            parts.append(self._bests())
        return " · ".join(parts)

    def _bests(self) -> str:
        metric = quantity_of_record(next(iter(self.best.values())))
        bests = [
            f"{optimizer_label(name)} {measured(metric, record['score'])} "
            f"(lr {record['learning_rate']:.2g}, wd {record['weight_decay']:.2g})"
            for name, record in sorted(self.best.items())
        ]
        return f"best {metric.name} of a run so far: {', '.join(bests)}"


@contextmanager
def sweep_display(console: Console) -> Iterator[SweepDisplay]:
    """A display that draws a live bar on a terminal and plain lines elsewhere."""
    display = SweepDisplay(console)
    if not console.is_terminal:
        yield display
        return
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[status]}"))
    with Bar(*columns, console=console) as bar:
        bar.add_task("", total=None, status="")
        display.bar = bar
        yield display


def measured(quantity: Quantity, score: float) -> str:
    """A score as what was measured, with its unit: `81.2 %`, `0.523 nats`."""
    return f"{quantity.text(score)} {quantity.unit}".rstrip()


def _failure(record: dict[str, Any]) -> str:
    reason = record["reason"].strip().splitlines()[-1]
    return f"run {record['key']} failed: {reason}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
