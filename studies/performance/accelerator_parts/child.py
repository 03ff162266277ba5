"""The process that measures: one part, until it is done or its time is over.

It ends with the process that has started it, and may be killed at any moment: what it
has measured is on the disk.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from studies.performance.accelerator_parts.journal import (
    CUT,
    FAILED,
    OK,
    SKIPPED,
    Journal,
)
from studies.performance.accelerator_parts.measurement import (
    FULL,
    SMALL,
    Measurement,
    SkippedError,
)
from studies.performance.accelerator_parts.names import DONE, MODULES, MORE, PACKAGE


def main(arguments: dict[str, Any]) -> int:
    """Measure what is left of a part.

    Args:
        arguments: `part`; `output`, the folder above the device's; `small`;
            `only`, text that is in the keys that are measured; `deadline`, in seconds
            since 1970; `notes`, a file that says what is measured now; `failed`, keys
            that have failed and are not tried again.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["KERAS_BACKEND"] = "jax"
    # Keras imports it to seed it, where it is installed; nothing here may need it.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    from studies.performance.accelerator_parts import device

    part, deadline = arguments["part"], arguments["deadline"]
    here = device.environment()
    folder = Path(arguments["output"]) / device.folder_name(here["device"])
    journal = Journal(folder / f"{part}.jsonl")
    journal.note_environment(here)
    notes = Path(arguments["notes"])
    all_of_them = [
        each
        for each in measurements_of(part, small=arguments["small"], folder=folder)
        if arguments["only"] in each.key
    ]
    keys = [each.key for each in all_of_them]
    _note(notes, path=str(journal.path), keys=keys)
    latest = journal.latest()
    waiting = [
        each
        for each in all_of_them
        if is_waiting(latest.get(each.key, {}), deadline - time.time())
        and each.key not in arguments["failed"]
    ]
    for number, each in enumerate(waiting):
        if time.time() >= deadline:
            break
        _note(notes, path=str(journal.path), keys=keys, now=each.key, keeps=each.keeps)
        measure(each, journal)
        if not each.light:
            device.forget()
        if each.alone and number + 1 < len(waiting):
            _note(notes, path=str(journal.path), keys=keys, seen=each.key)
            return MORE
    _note(notes, path=str(journal.path), keys=keys)
    return DONE


def measurements_of(part: str, *, small: bool, folder: Path) -> list[Measurement]:
    """The measurements of a part."""
    sizes = SMALL if small else FULL
    module = importlib.import_module(f"{PACKAGE}.{MODULES[part]}")
    if part == "studies":
        return module.measurements(sizes, folder)  # type: ignore[no-any-return]
    return module.measurements(sizes)  # type: ignore[no-any-return]


def is_waiting(row: dict[str, Any], seconds: float) -> bool:
    """Whether a measurement with this last row is to be made.

    Args:
        row: Its last row; empty if there is none.
        seconds: How much time is left. What has run out of time is tried again where
            there is more than it had.
    """
    if row.get("status") == CUT:
        return seconds > float(row["seconds"])
    return row.get("status") != OK


def measure(each: Measurement, journal: Journal) -> None:
    """Make one measurement and add its row, whatever becomes of it."""
    started = time.perf_counter()
    try:
        values = each.run()
    except SkippedError as why:
        journal.append(each.key, SKIPPED, reason=str(why))
        return
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        traceback.print_exc(limit=-3)
        journal.append(each.key, FAILED, reason=reason)
        return
    seconds = round(time.perf_counter() - started, 2)
    journal.append(each.key, OK, **values, seconds=seconds)


def _note(file: Path, **values: Any) -> None:
    """Tell the parent, by a file that is whole at any moment."""
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps({**values, "since": time.time()}), encoding="utf-8")
    temporary.replace(file)


def _end_with_parent() -> None:
    # The parent holds the other end of the pipe; the system closes it when it dies.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
