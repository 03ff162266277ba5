"""CSV in its dialects and JSON lines, with nested cells, as tables of runs."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_lion.tuning.runs.sources import Table, table_of

SEPARATORS = (",", ";", "\t", "|")
_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_POINT = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
_NOT_FINITE = re.compile(r"(?<![\w'\"])(-?(?:nan|inf))(?![\w'\"])")
_LARGEST_CELL = 2**31 - 1  # a run's whole configuration may be in one


def read_text_file(path: Path) -> Table:
    """Read a CSV file (separated by `,` `;` tab or `|`) or JSON lines.

    Raises:
        ValueError: If it is neither.
    """
    try:
        text = _decoded(path)
        rows = _json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    except (csv.Error, UnicodeError, ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is no CSV file that can be read: {error}. Export the runs again, "
            "as CSV in UTF-8 (also .csv.gz) or as JSON lines."
        ) from error
    cells = table_of(flattened(row) for row in rows)
    is_optuna = {"number", "value", "state"} <= set(cells)
    return Table(cells, result="value" if is_optuna else None)


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _json_rows(text: str) -> list[dict[str, Any]]:
    rows: list[Any]
    if text.lstrip().startswith("["):
        rows = json.loads(text)
    else:
        try:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            rows = [json.loads(text)]  # one object over several lines
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("every line must be a JSON object with the values of one run")
    return rows


def _csv_rows(text: str) -> list[dict[str, str]]:
    if said := re.match(r"sep=(.)\r?\n", text):  # Excel's first line
        text = text[said.end() :]
    separator = said.group(1) if said else _separator(text)
    header, *lines = [line for line in _parsed(text, separator) if any(line)] or [[]]
    if not header:
        raise ValueError("it is empty")
    header = [name.strip() for name in header]
    for number, line in enumerate(lines, start=2):
        if any(line[len(header) :]):
            raise ValueError(
                f"row {number} has {len(line)} cells and the header {len(header)}"
            )
    columns = [[line[i] if i < len(line) else "" for line in lines]
               for i in range(len(header))]  # fmt: skip
    table: dict[str, list[str]] = {}
    for name, cells in zip(header, columns, strict=True):
        if table.get(name, cells) != cells:
            raise ValueError(f"two columns are called '{name}': rename one of them")
        table[name] = cells
    table = with_decimal_points(table)
    return [
        dict(zip(table, row, strict=True))
        for row in zip(*table.values(), strict=True)
    ] or [{}]  # fmt: skip


def _parsed(text: str, separator: str) -> list[list[str]]:
    csv.field_size_limit(_LARGEST_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    return [[cell.strip() for cell in line] for line in lines]


def _separator(text: str) -> str:
    """The separator that splits the header, and every line alike, into most cells."""
    best, most = SEPARATORS[0], 1
    for separator in SEPARATORS:
        try:
            lines = [line for line in _parsed(text, separator) if any(line)]
        except csv.Error:
            continue
        count = len(lines[0]) if lines else 0
        if count > most and all(len(line) == count for line in lines):
            best, most = separator, count
    if most > 1:
        return best
    header = text.partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def with_decimal_points(table: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The cells with numbers such as 0,001 written as 0.001.

    Raises:
        ValueError: If other numbers have a decimal point, so that 1,024 may be either.
    """
    cells = [cell for column in table.values() for cell in column]
    comma = next((cell for cell in cells if _COMMA.fullmatch(cell)), None)
    if comma is None:
        return dict(table)
    if point := next((cell for cell in cells if _POINT.fullmatch(cell)), None):
        raise ValueError(
            f"it has numbers with a comma ({comma}) and with a point ({point}): write "
            "all with a decimal point"
        )
    return {
        name: [
            cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell
            for cell in column
        ]
        for name, column in table.items()
    }


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the entries of its nested cells as cells: `config.lr`.

    Cells may be objects of JSON, or the text of one, or of a Python dict (as pandas
    writes a column of dicts).
    """
    return dict(_entries("", row))


def _entries(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    inner = _mapping(value)
    if inner is None:
        yield prefix, json.dumps(value) if isinstance(value, list) else value
    elif prefix and "value" in inner and inner.keys() <= {"value", "desc"}:
        yield from _entries(prefix, inner["value"])
    else:
        for name, item in inner.items():
            yield from _entries(f"{prefix}.{name}" if prefix else str(name), item)


def _mapping(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if not (isinstance(value, str) and value.startswith("{") and value.endswith("}")):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        try:
            found = ast.literal_eval(_NOT_FINITE.sub(r"'\1'", value))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return found if isinstance(found, dict) else None
