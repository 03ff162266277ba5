"""Rows of measurements, appended one at a time to a file that survives `kill -9`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keras_lion.tuning.runs.files import LineWriter

Row = dict[str, Any]

# What a row says of its measurement. Only `OK` is not measured again.
OK, FAILED, SKIPPED, CUT = "ok", "failed", "skipped", "cut"


class Journal:
    """The rows of one part on one device: JSON lines, with the environment first.

    Args:
        path: The file; made with the first row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = LineWriter(path)

    def latest(self) -> dict[str, Row]:
        """The last row of every measurement, by key, in the order of first mention.

        A line that was cut in half by a kill is left out.
        """
        return {row["key"]: row for row in self._lines() if "key" in row}

    def environment(self) -> Row:
        """Device, driver and versions of the last rows; empty where there are none."""
        known = [line["environment"] for line in self._lines() if "environment" in line]
        return known[-1] if known else {}

    def note_environment(self, environment: Mapping[str, Any]) -> None:
        """Say where the rows to come are measured, if that has changed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.environment() != environment:
            self._writer.append({"environment": dict(environment)})

    def append(self, key: str, status: str, **values: Any) -> None:
        """Add a row, unless it repeats why the measurement was skipped."""
        row = {"key": key, "status": status, **values}
        last = self.latest().get(key, {})
        if status == SKIPPED and row == {k: last.get(k) for k in row}:
            return
        self._writer.append({**row, "date": datetime.now(UTC).date().isoformat()})

    def _lines(self) -> list[Row]:
        return read_lines(self.path)


def read_lines(path: Path) -> list[Row]:
    """The JSON objects of a file, without lines that a kill has cut in half."""
    found = []
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]
