"""One part within its minutes: the process that measures is started and ended here.

This process never loads JAX, so that it can end the other one whatever that does: on
time, out of memory, or in a driver that hangs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.performance.accelerator_parts.journal import CUT, FAILED, Journal, Row
from studies.performance.accelerator_parts.names import DONE, MORE, PACKAGE

FAREWELL = 1.0  # seconds before the end of the time, for the table
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Part:
    """What is known of a part after its time.

    Attributes:
        name: Its name.
        path: Its journal; None if no device was reached.
        keys: Keys of all its measurements.
        rows: The last row of those that have one, by key.
        environment: Where they were measured.
    """

    name: str
    path: Path | None
    keys: tuple[str, ...] = ()
    rows: dict[str, Row] | None = None
    environment: Row | None = None


def run_part(
    name: str, *, minutes: float, output: Path, small: bool, only: str = ""
) -> Part:
    """Measure what is left of a part, for so many minutes at most.

    Args:
        name: The part.
        minutes: How long.
        output: The folder above that of the device.
        small: Whether with the small sizes.
        only: Text that is in the keys of the measurements that are made.
    """
    deadline = time.time() + 60 * minutes - FAREWELL
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.json"
        while time.time() < deadline:
            arguments = {
                "part": name,
                "output": str(output),
                "small": small,
                "only": only,
                "deadline": deadline,
                "notes": str(notes),
                "failed": failed,
            }
            known = _read(notes)
            if known:  # of the process before: nothing is measured now
                notes.write_text(json.dumps({**known, "now": None}), encoding="utf-8")
            status = _child(arguments, deadline)
            known = _read(notes)
            if status == DONE or not known:
                break
            journal = Journal(Path(known["path"]))
            if status == MORE:
                failed.append(known["seen"])  # not twice, if it has failed
            elif status is None:
                if known.get("now") and not known["keeps"]:
                    had = round(deadline - known["since"], 1)
                    journal.append(known["now"], CUT, seconds=had)
                break
            elif known.get("now"):
                reason = f"its process ended with status {status}"
                journal.append(known["now"], FAILED, reason=reason)
                failed.append(known["now"])
            else:
                break
        known = _read(notes)
    if not known:
        return Part(name, None)
    journal = Journal(Path(known["path"]))
    return Part(
        name,
        journal.path,
        tuple(known["keys"]),
        journal.latest(),
        journal.environment(),
    )


def _child(arguments: dict[str, Any], deadline: float) -> int | None:
    """The exit status of a process that measures; None if its time ran out."""
    path = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
    process = subprocess.Popen(
        [sys.executable, "-m", f"{PACKAGE}.child", json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        # Nothing is written to it: it closes when this process ends, and the
        # child then ends too.
        stdin=subprocess.PIPE,
    )
    try:
        return process.wait(timeout=max(deadline - time.time(), 0))
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
