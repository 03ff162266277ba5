"""How a source was read: which columns were used, as what, and which were ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from keras_lion.tuning.runs.instructions import Instructions
from keras_lion.tuning.runs.names import CONFIGURATION, Direction
from keras_lion.tuning.runs.other_columns import OtherColumns
from keras_lion.tuning.runs.recognized import Found
from keras_lion.tuning.runs.sources import Table

Account = dict[str, Any]
_KEPT, _SHOWN = 20, 6  # first values of an axis


def account_of(
    frame: pd.DataFrame,
    source: str,
    table: Table,
    given: Instructions,
    found: Found,
    others: OtherColumns,
    direction: Direction,
    numbered: bool,
) -> Account:
    """What was made of a source, as JSON values.

    Returns:
        `source`, `columns` (of the records → of the source; a list where each optimizer
        has its own), `constants`, `axes` (of the hyperparameters of the source's own
        that vary, the first values), `ignored` (column → why), `varies` (name → count),
        `statuses` (→ count), `reasons` of the runs without a result, `direction`,
        `seeds` (given, or numbered) and `notes`.
    """
    names = [*(name for name in CONFIGURATION if name in frame), *others.axes, "seed"]
    counts = {name: int(frame[name].nunique()) for name in names}
    failed = frame.loc[frame["status"] == "failed", "reason"]
    return {
        "source": source,
        "columns": {
            name: next(iter(columns)) if len(columns) == 1 else list(columns)
            for name, columns in found.items()
        },
        "constants": dict(given.constants),
        "axes": {
            name: [*dict.fromkeys(values.dropna().tolist())][:_KEPT]
            for name, values in others.axes.items()
            if values.map(repr).nunique() > 1
        },
        "ignored": dict(others.ignored),
        "varies": {name: count for name, count in counts.items() if count > 1},
        "statuses": {str(k): int(v) for k, v in frame["status"].value_counts().items()},
        "reasons": sorted(set(failed)),
        "direction": direction,
        "seeds": "numbered" if numbered else "given",
        "notes": list(table.notes),
    }


def account_lines(account: Mapping[str, Any]) -> Iterator[str]:
    """The account of an import in lines of text."""
    statuses = account["statuses"]
    counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
    yield f"{sum(statuses.values())} runs of {account['source']}: {counts}"
    for name, column in account["columns"].items():
        shown = column if isinstance(column, str) else ", ".join(column)
        better = "larger" if account["direction"] == "max" else "smaller"
        is_score = name == ("score" if "score" in account["columns"] else "final_loss")
        how = f" ({better} is better)" if is_score else ""
        yield f"  read     {name} from {shown}{how}"
    for name, value in account["constants"].items():
        yield f"  set      {name} to {value} where no column gives it"
    for name, values in account["axes"].items():
        shown = ", ".join(map(_text, values[:_SHOWN]))
        yield f"  axis     {name}: {shown}{', …' if len(values) > _SHOWN else ''}"
    reasons: dict[str, list[str]] = {}
    for column, reason in account["ignored"].items():
        reasons.setdefault(reason, []).append(column or "(without a name)")
    for reason, columns in reasons.items():
        yield f"  ignored  {', '.join(columns)} ({reason})"
    varies = ", ".join(f"{name} {count}" for name, count in account["varies"].items())
    yield f"  varies   {varies or 'nothing'}"
    if account["seeds"] == "numbered":
        yield "  seeds    numbered in each cell, in the order of the source: not paired"
    for note in account["notes"]:
        yield f"  note     {note}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
