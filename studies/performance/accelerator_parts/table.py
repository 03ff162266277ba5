"""The table of a part, from its journal alone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from studies.performance.accelerator_parts.journal import CUT, FAILED, OK, SKIPPED
from studies.performance.accelerator_parts.names import MODULES, PACKAGE
from studies.performance.accelerator_parts.supervision import Part

WORDS = {
    "of_copy_bandwidth": "of copy bandwidth",
    "adamw_to_it": "AdamW / it",
    "low": "95 % from",
    "high": "to",
    "planned": "bytes planned",
    "peak": "peak bytes",
    "largest_batch": "largest batch",
}


def table(part: Part) -> Iterator[str]:
    """A line for each measurement, then how many are left."""
    if part.path is None:
        yield f"{part.name}: nothing was measured: no device was reached in time."
        return
    rows, environment = part.rows or {}, part.environment or {}
    yield (
        f"{part.name} on {environment['device']}, driver "
        f"{environment['driver'] or 'none'}, jax {environment['packages']['jax']}"
    )
    columns = importlib.import_module(f"{PACKAGE}.{MODULES[part.name]}").COLUMNS
    width = max(map(len, part.keys), default=0)
    heads = [WORDS.get(name, name.replace("_", " ")) for name in columns]
    yield "  ".join([" " * width, *(f"{head:>14}" for head in heads)]).rstrip()
    for key in part.keys:
        yield _line(key, rows.get(key), columns, width)
    done = sum(rows.get(key, {}).get("status") == OK for key in part.keys)
    left = [k for k in part.keys if rows.get(k, {}).get("status") in (None, CUT)]
    yield f"{done} of {len(part.keys)} measured: {part.path}"
    if left:
        yield f"{len(left)} are left: give the command again."


def has_failed(part: Part) -> bool:
    """Whether a measurement, or the whole part, has failed."""
    rows = part.rows or {}
    return part.path is None or any(
        rows.get(key, {}).get("status") == FAILED for key in part.keys
    )


def _line(
    key: str, row: dict[str, Any] | None, columns: tuple[str, ...], width: int
) -> str:
    start = f"{key:{width}}"
    if row is None:
        return f"{start}  not measured yet"
    if row["status"] == OK:
        return "  ".join([start, *(f"{_text(row.get(name)):>14}" for name in columns)])
    if row["status"] == CUT:
        return f"{start}  took longer than {row['seconds']:g} s: more --minutes"
    word = {SKIPPED: "skipped", FAILED: "FAILED"}[row["status"]]
    return f"{start}  {word}: {row['reason']}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
